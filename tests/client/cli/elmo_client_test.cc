// elmo-client as its users meet it: a process, its files, pipes and terminals,
// against a real server in this process.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <future>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/client/cli/temp_dir.h"
#include "tests/client/fake_server.h"

namespace elmo {
namespace {

using ::elmo::testing::FakeServer;
using ::elmo::testing::TempDir;
using ::nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

struct Result {
  int exit_code = -1;
  std::string out;
  std::string err;
};

class ElmoClientTest : public ::testing::Test {
 protected:
  // Runs a shell command in a folder of its own, with the program's folder in
  // PATH and the test's server as ELMO_SERVER.
  Result Shell(const std::string& command) {
    dir_.Write("command", "cd " + dir_.Path("work") +
                              " && export ELMO_SERVER=" + server_.address() +
                              " PATH=" ELMO_CLIENT_DIR ":$PATH\n" + command);
    const int status =
        std::system(("sh " + dir_.Path("command") + " >" + dir_.Path("out") +
                     " 2>" + dir_.Path("err") + " </dev/null")
                        .c_str());
    return {WEXITSTATUS(status), dir_.Read("out"), dir_.Read("err")};
  }
  void SetUp() override {
    std::filesystem::create_directory(dir_.Path("work"));
  }
  std::string Work(const std::string& name) { return "work/" + name; }
  std::vector<std::string> WorkFiles() {
    std::vector<std::string> names;
    for (const auto& entry :
         std::filesystem::directory_iterator(dir_.Path("work"))) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  TempDir dir_;
  FakeServer server_;
};

std::vector<json> JsonLines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(json::parse(line));
  }
  return lines;
}

TEST_F(ElmoClientTest, EmbedsLinesFromStandardInput) {
  const Result result =
      Shell(R"(printf 'It works\n\nyes\n' | elmo-client embed)");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  const auto lines = JsonLines(result.out);
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_EQ(lines[0]["tokens"], json::parse(R"(["It", "works"])"));
  EXPECT_EQ(lines[0]["offsets"], json::parse("[[0, 2], [3, 8]]"));
  EXPECT_EQ(lines[0]["vectors"],
            json::parse("[[1, 0, 2, 73], [1, 1, 5, 119]]"));
  EXPECT_EQ(lines[1]["shape"], json::parse("[0, 4]"));  // The empty line.
  EXPECT_EQ(lines[2]["sentence"], 2);
}

TEST_F(ElmoClientTest, EmbedsFilesIntoAFile) {
  dir_.Write(Work("a.txt"), "one two\n");
  dir_.Write(Work("b.jsonl"), "{\"tokens\": [\"three\"], \"id\": \"x\"}\n");
  const Result result = Shell(
      "elmo-client embed a.txt b.jsonl --format npy --layers all "
      "--output v.npy --index i.jsonl");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out + result.err, "");
  EXPECT_THAT(dir_.Read(Work("v.npy")), HasSubstr("'shape': (3, 3, 4), }"));
  EXPECT_EQ(dir_.Read(Work("v.npy")).size(), 128u + 3 * 3 * 4 * 4);
  const auto index = JsonLines(dir_.Read(Work("i.jsonl")));
  ASSERT_THAT(index, SizeIs(2));
  EXPECT_EQ(index[1]["id"], "x");
  EXPECT_EQ(index[1]["row"], 2);
  EXPECT_THAT(WorkFiles(), SizeIs(4));
}

TEST_F(ElmoClientTest, NpyThroughAPipeIsTheSameAsToAFile) {
  EXPECT_EQ(Shell("printf 'a b\\nc\\n' > in; elmo-client embed in -f npy | "
                  "cat > piped; elmo-client embed in -f npy -o direct; "
                  "cmp piped direct")
                .exit_code,
            0);
}

TEST_F(ElmoClientTest, ThousandsOfLinesKeepTheirOrder) {
  const Result result = Shell(
      "seq 1 5000 | elmo-client embed --format tsv --concurrency 8 | cut -f 3");
  std::string expected = "token\n";
  for (int i = 1; i <= 5000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, expected);
}

TEST_F(ElmoClientTest, LineThatIsNotUtf8IsNamedAndNoFileIsLeft) {
  dir_.Write(Work("a.txt"), "one\ntwo\n\xff\n");
  const Result result = Shell("elmo-client embed a.txt --output out.jsonl");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "elmo-client: a.txt:3: not valid UTF-8\n");
  EXPECT_THAT(WorkFiles(), ElementsAre("a.txt"));
}

TEST_F(ElmoClientTest, SentenceThatTheServerRefusesIsNamedByFileAndLine) {
  std::string text;
  for (int i = 1; i < 30; ++i) text += "fine\n";
  for (int i = 0; i < 65; ++i) text += "x ";
  dir_.Write(Work("a.txt"), text + "\n");
  const Result result = Shell("elmo-client embed a.txt");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("a.txt:30: sentences[29] tokens is "
                                          "65; the limit is 64"),
                                HasSubstr("INVALID_ARGUMENT")));
  EXPECT_THAT(JsonLines(result.out), SizeIs(29));
}

TEST_F(ElmoClientTest, MissingFileIsNamed) {
  const Result result = Shell("elmo-client embed none.txt");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err,
            "elmo-client: cannot read none.txt: No such file or "
            "directory\n");
}

TEST_F(ElmoClientTest, ReaderThatGoesEndsItQuietly) {
  const Result result =
      Shell("(seq 1 100000 | elmo-client embed; echo code $? >&2) | head -n 1");
  EXPECT_THAT(JsonLines(result.out), SizeIs(1));
  EXPECT_EQ(result.err, "code 1\n");
}

TEST_F(ElmoClientTest, FullDiskIsTold) {
  const Result result = Shell("echo a | elmo-client embed > /dev/full");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err,
            "elmo-client: cannot write standard output: No space "
            "left on device\n");
}

TEST_F(ElmoClientTest, AnswersALineBeforeTheNextIsTyped) {
  // The second line is written when the first answer has been read.
  const Result result = Shell(
      "mkfifo in out; elmo-client embed < in > out & exec 3> in 4< out; "
      "echo one >&3; read -r first <&4; echo two >&3; read -r second <&4; "
      "exec 3>&-; wait; echo \"$first\"; echo \"$second\"");
  const auto lines = JsonLines(result.out);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[1]["tokens"][0], "two");
}

TEST_F(ElmoClientTest, ComparesAWordAcrossSentences) {
  const Result result = Shell(
      "elmo-client compare '!' 'a !' 'a b c d e f g h i j k l m n !' '! b'");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  // In layer 0, {0, 1, 1, 33}, {0, 14, 1, 33} and {0, 0, 1, 33}.
  EXPECT_THAT(
      result.out,
      AllOf(HasSubstr("3 uses in 3 sentences"), HasSubstr("   1  a [!]\n"),
            HasSubstr("   3  [!] b\n"), HasSubstr("\nLayer 2\n"),
            HasSubstr("   1  1.000  0.932  1.000\n"
                      "   2  0.932  1.000  0.921\n")));
}

TEST_F(ElmoClientTest, CompareIgnoresCaseWhereTheWordIsMissing) {
  const Result result = Shell("elmo-client compare bank 'Bank it' 'a bank'");
  EXPECT_THAT(result.out, HasSubstr("   1  [Bank] it\n"));
}

TEST_F(ElmoClientTest, CompareJsonHoldsTheExactCosines) {
  const Result result = Shell(
      "printf 'the bank\\na river bank\\n' | "
      "elmo-client compare bank --file - --layer 2 --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json parsed = json::parse(result.out);
  // {2,1,4,98} and {2,2,4,98}.
  EXPECT_NEAR(parsed["layers"][0]["cosine"][0][1].get<double>(),
              9626 / std::sqrt(9625.0 * 9628.0), 1e-12);
  EXPECT_EQ(parsed["layers"][0]["layer"], 2);
}

TEST_F(ElmoClientTest, CompareSaysWhichSentencesLackTheWord) {
  const Result result =
      Shell("elmo-client compare bank 'a bank' 'the banks are' 'bank it'");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err,
            "Sentence 2 has no token \"bank\". Its tokens: the "
            "banks are\n");
  EXPECT_THAT(result.out, HasSubstr("2 uses in 2 sentences"));
}

TEST_F(ElmoClientTest, CompareSaysThatItsInputIsEmpty) {
  const Result result = Shell("printf '' | elmo-client compare bank --file -");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("the input is empty"));
}

TEST_F(ElmoClientTest, CompareNeedsTwoUses) {
  const Result result = Shell("elmo-client compare bank 'a bank'");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err,
              HasSubstr("\"bank\" was found once; it takes two uses"));
}

TEST_F(ElmoClientTest, InfoShowsStateModelAndLimits) {
  const Result result = Shell("elmo-client info");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out,
              AllOf(StartsWith("Server " + server_.address() + ": ready\n"),
                    HasSubstr("Model tiny (the default)"),
                    HasSubstr("tokens a request      64\n")));
  server_.SetReady(false);
  EXPECT_THAT(Shell("elmo-client info").out, HasSubstr("not ready"));
}

TEST_F(ElmoClientTest, InfoJsonHoldsTheSame) {
  const json info = json::parse(Shell("elmo-client info --json").out);
  EXPECT_EQ(info["server"], server_.address());
  EXPECT_EQ(info["ready"], true);
  EXPECT_EQ(info["models"][0]["dim"], 4);
  EXPECT_EQ(info["models"][0]["limits"]["response_bytes"], 4096);
}

TEST_F(ElmoClientTest, InfoWaitsUntilTheServerIsReady) {
  server_.SetReady(false);
  std::promise<Result> done;
  std::thread waiting(
      [&] { done.set_value(Shell("elmo-client info --wait")); });
  server_.SetReady(true);
  EXPECT_THAT(done.get_future().get().out, HasSubstr(": ready\n"));
  waiting.join();
  server_.SetReady(false);
  const Result late = Shell("elmo-client info --wait --timeout 0.3");
  EXPECT_EQ(late.exit_code, 1);
  EXPECT_THAT(late.err, HasSubstr("within 0.3 seconds"));
}

TEST_F(ElmoClientTest, NoServerIsToldWithItsAddress) {
  const Result result = Shell("elmo-client info --server 127.0.0.1:1");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(HasSubstr("no server at 127.0.0.1:1"),
                                HasSubstr("scripts/run")));
}

TEST_F(ElmoClientTest, DeadlineIsTold) {
  server_.on_embed = [](grpc::ServerContext* context, const v1::EmbedRequest*,
                        v1::EmbedResponse*) {
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  };
  const Result result =
      Shell("echo a | elmo-client embed --timeout 0.2 --output out");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("within 0.2 seconds"));
  EXPECT_THAT(WorkFiles(), IsEmpty());
}

TEST_F(ElmoClientTest, UnknownModelIsTold) {
  const Result result = Shell("echo a | elmo-client embed --model other");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("NOT_FOUND"));
}

TEST_F(ElmoClientTest, HealthIsZeroWhereTheServiceIsServing) {
  const Result ready = Shell("elmo-client health");
  EXPECT_EQ(ready.exit_code, 0) << ready.err;
  EXPECT_EQ(ready.out, "readiness SERVING\n");
  EXPECT_EQ(Shell("elmo-client health no-such-service").exit_code, 1);
}

TEST_F(ElmoClientTest, WrongUsageEndsWithTwo) {
  EXPECT_EQ(Shell("elmo-client").exit_code, 2);
  EXPECT_EQ(Shell("elmo-client embed --format csv").exit_code, 2);
}

// Every line of every help text that is an example does what it says.
TEST_F(ElmoClientTest, ExamplesOfTheHelpWorkAsPrinted) {
  int examples = 0;
  for (const std::string command : {"", "embed", "compare", "info", "health"}) {
    const Result help = Shell("elmo-client " + command + " --help");
    ASSERT_EQ(help.exit_code, 0);
    const size_t begin = help.out.find("Examples:\n");
    ASSERT_NE(begin, std::string::npos);
    std::istringstream lines(help.out.substr(begin));
    for (std::string line; std::getline(lines, line);) {
      if (line.substr(0, 2) != "  ") continue;
      const Result result = Shell(line);
      EXPECT_EQ(result.exit_code, 0) << line << "\n" << result.err;
      EXPECT_EQ(result.err, "") << line;
      ++examples;
    }
  }
  EXPECT_GE(examples, 8);
}

// A process of its own, so that it can be sent signals and given a terminal.
class Process {
 public:
  // `terminal` < 0: output goes nowhere.
  Process(const std::vector<std::string>& arguments, int terminal) {
    std::vector<char*> argv;
    static std::string program = ELMO_CLIENT_DIR "/elmo-client";
    argv.push_back(program.data());
    std::vector<std::string> copies = arguments;
    for (std::string& argument : copies) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (terminal >= 0) posix_spawn_file_actions_adddup2(&actions, terminal, 2);
    EXPECT_EQ(
        posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ),
        0);
    posix_spawn_file_actions_destroy(&actions);
  }
  void Signal(int number) { kill(pid_, number); }
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    return status;
  }

 private:
  pid_t pid_ = 0;
};

TEST_F(ElmoClientTest, InterruptLeavesNoFile) {
  dir_.Write(Work("a.txt"), "one\n");
  std::promise<void> arrived;
  server_.on_embed = [&](grpc::ServerContext* context, const v1::EmbedRequest*,
                         v1::EmbedResponse*) {
    arrived.set_value();
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  };
  Process process(
      {"embed", dir_.Path(Work("a.txt")), "--server", server_.address(),
       "--format", "npy", "--output", dir_.Path(Work("v.npy")), "--index",
       dir_.Path(Work("index"))},
      -1);
  arrived.get_future().wait();
  EXPECT_THAT(WorkFiles(), SizeIs(3));  // Two of them temporary.
  process.Signal(SIGINT);
  const int status = process.Wait();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
  EXPECT_THAT(WorkFiles(), ElementsAre("a.txt"));
}

// What a terminal shows of a run whose errors go to it.
std::string OnTerminal(const std::vector<std::string>& arguments) {
  int screen = -1;
  int terminal = -1;
  EXPECT_EQ(openpty(&screen, &terminal, nullptr, nullptr, nullptr), 0);
  Process process(arguments, terminal);
  close(terminal);
  std::string shown;
  char bytes[4096];
  ssize_t got;
  while ((got = read(screen, bytes, sizeof(bytes))) > 0) {
    shown.append(bytes, static_cast<size_t>(got));
  }
  close(screen);
  EXPECT_EQ(process.Wait(), 0);
  return shown;
}

TEST_F(ElmoClientTest, TerminalGetsAProgressBarAndPipesDoNot) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "a b\n";
  const std::string input = dir_.Write("in.txt", text);
  const std::vector<std::string> arguments = {"embed", input, "--server",
                                              server_.address()};
  EXPECT_THAT(
      OnTerminal(arguments),
      AllOf(HasSubstr("%  "), HasSubstr(" tokens/s"), HasSubstr("\r\x1b[K"),
            HasSubstr("100 sentences, 200 tokens in 0:00")));
  std::vector<std::string> quiet = arguments;
  quiet.push_back("--quiet");
  EXPECT_EQ(OnTerminal(quiet), "");
  EXPECT_EQ(Shell("elmo-client embed " + input).err, "");
}

}  // namespace
}  // namespace elmo

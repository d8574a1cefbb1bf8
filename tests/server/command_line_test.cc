#include "server/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/core/model/temporary_directory.h"

namespace elmo {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CommandLineTest : public ::testing::Test {
 protected:
  std::variant<CommandLine, int> Parse(std::vector<const char*> flags) {
    flags.insert(flags.begin(), "elmo-server");
    return ParseCommandLine(static_cast<int>(flags.size()), flags.data(),
                            /*workers=*/3, out_, err_);
  }
  // With a model, which is all that has to be given.
  CommandLine Options(std::vector<const char*> flags) {
    flags.insert(flags.begin(), {"--model", "/m"});
    const auto parsed = Parse(std::move(flags));
    EXPECT_EQ(err_.str(), "");
    return std::holds_alternative<CommandLine>(parsed)
               ? std::get<CommandLine>(parsed)
               : CommandLine();
  }
  // The exit code, and what was said on stderr.
  std::pair<int, std::string> Refusal(std::vector<const char*> flags) {
    err_.str("");
    const auto parsed = Parse(std::move(flags));
    const int* code = std::get_if<int>(&parsed);
    return {code == nullptr ? -1 : *code, err_.str()};
  }

  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(CommandLineTest, DefaultsAreValidAndLocal) {
  const CommandLine options = Options({});
  EXPECT_TRUE(options.server.Validate().ok());
  EXPECT_EQ(options.server.listen, "127.0.0.1:50051");
  EXPECT_EQ(options.server.scheduler.workers, 3);
  EXPECT_EQ(options.server.limits.max_sentences_per_request, 64);
  EXPECT_EQ(options.server.limits.max_tokens_per_sentence, 512);
  EXPECT_EQ(options.server.limits.max_tokens_per_request, 4096);
  EXPECT_EQ(options.server.limits.max_request_bytes, 4 << 20);
  EXPECT_TRUE(options.server.reflection);
  EXPECT_FALSE(options.server.channelz);
}

TEST_F(CommandLineTest, ModelMayBeNamed) {
  EXPECT_EQ(Options({}).models.at(0).directory, "/m");
  EXPECT_EQ(Options({}).models.at(0).name, "");
  const auto named = std::get<CommandLine>(Parse({"--model=news=models/a=b"}));
  EXPECT_EQ(named.models.at(0).name, "news");
  EXPECT_EQ(named.models.at(0).directory, "models/a=b");
  const auto folder = std::get<CommandLine>(Parse({"--model=./a=b"}));
  EXPECT_EQ(folder.models.at(0).name, "");
  EXPECT_EQ(folder.models.at(0).directory, "./a=b");
}

TEST_F(CommandLineTest, SizesAndTimesHaveUnits) {
  const CommandLine options =
      Options({"--max-request-bytes", "2mb", "--max-response-bytes=1048576",
               "--drain-delay=250ms", "--default-deadline", "2m"});
  EXPECT_EQ(options.server.limits.max_request_bytes, 2 << 20);
  EXPECT_EQ(options.server.limits.max_response_bytes, 1 << 20);
  EXPECT_EQ(options.server.drain_delay, milliseconds(250));
  EXPECT_EQ(options.server.default_deadline, milliseconds(120000));
}

TEST_F(CommandLineTest, SwitchesGoBothWays) {
  EXPECT_FALSE(Options({"--no-reflection"}).server.reflection);
  EXPECT_TRUE(Options({"--channelz"}).server.channelz);
  EXPECT_FALSE(Options({}).server.access_log.all_requests);
  EXPECT_TRUE(Options({"--log-requests"}).server.access_log.all_requests);
}

TEST_F(CommandLineTest, EnvironmentIsReadAndFlagsGoFirst) {
  setenv("ELMO_MODEL", "/from/environment", 1);
  setenv("ELMO_MAX_BATCH_ROWS", "7", 1);
  setenv("ELMO_REFLECTION", "false", 1);
  setenv("ELMO_DRAIN_DELAY", "5s", 1);
  const auto from_environment = std::get<CommandLine>(Parse({}));
  const auto from_flags =
      std::get<CommandLine>(Parse({"--max-batch-rows=8", "--model=/m"}));
  for (const char* name : {"ELMO_MODEL", "ELMO_MAX_BATCH_ROWS",
                           "ELMO_REFLECTION", "ELMO_DRAIN_DELAY"}) {
    unsetenv(name);
  }
  EXPECT_EQ(from_environment.models.at(0).directory, "/from/environment");
  EXPECT_EQ(from_environment.server.scheduler.queue.max_batch_rows, 7);
  EXPECT_FALSE(from_environment.server.reflection);
  EXPECT_EQ(from_environment.server.drain_delay, milliseconds(5000));
  EXPECT_EQ(from_flags.models.at(0).directory, "/m");
  EXPECT_EQ(from_flags.server.scheduler.queue.max_batch_rows, 8);
}

TEST_F(CommandLineTest, VariablesThatAreNoOptionsAreTold) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"ELMO_WORKRES", "1"}, {"ELMO_METRICS_PORT", "9464"}, {"ELMO_CHECK", ""}};
  // For one of each form: kubernetes.io, "Accessing the Service".
  const std::pair<const char*, const char*> others[] = {
      {"ELMO_SERVICE_HOST", "10.0.0.1"},
      {"ELMO_SERVICE_PORT", "50051"},
      {"ELMO_SERVICE_PORT_GRPC", "50051"},
      {"ELMO_PORT", "tcp://10.0.0.1:50051"},
      {"ELMO_PORT_50051_TCP", "tcp://10.0.0.1:50051"},
      {"ELMO_PORT_50051_TCP_ADDR", "10.0.0.1"},
      {"ELMO_ELMO_SERVING_SERVICE_HOST", "10.0.0.1"},
      {"ELMO_ELMO_SERVING_PORT_50051_TCP_PROTO", "tcp"},
      {"ELMO_SERVER", "localhost:50051"},  // elmo-client's.
      {"ELMO_MAX_BATCH_ROWS", "7"},
      {"ELMO_CONFIG", ""},
  };
  for (const auto& [name, value] : mistakes) setenv(name, value, 1);
  for (const auto& [name, value] : others) setenv(name, value, 1);
  const std::vector<std::string> unknown = Options({}).unknown_variables;
  for (const auto& [name, value] : mistakes) {
    EXPECT_THAT(unknown, Contains(name));
    unsetenv(name);
  }
  for (const auto& [name, value] : others) {
    EXPECT_THAT(unknown, Not(Contains(name)));
    unsetenv(name);
  }
}

class ConfigFileTest : public CommandLineTest {
 protected:
  // The flags that name a file of these lines.
  std::vector<const char*> With(const std::string& text,
                                std::vector<const char*> flags = {}) {
    testing::WriteFile(path_, text);
    flags.insert(flags.begin(), {"--config", path_.c_str()});
    return flags;
  }

  const testing::TemporaryDirectory directory_;
  const std::string path_ = directory_ / "server.toml";
};

TEST_F(ConfigFileTest, FlagsGoBeforeEnvironmentBeforeFileBeforeDefault) {
  const char* text =
      "model = '/from/file'\nmax-batch-rows = 5\nmax-batch-tokens = 500\n"
      "max-queued-tokens = 70000\nreflection = false\ndrain-delay = 7s\n";
  setenv("ELMO_MAX_BATCH_ROWS", "6", 1);
  setenv("ELMO_MAX_BATCH_TOKENS", "600", 1);
  const auto parsed = Parse(With(text, {"--max-batch-rows=7"}));
  unsetenv("ELMO_MAX_BATCH_ROWS");
  unsetenv("ELMO_MAX_BATCH_TOKENS");
  ASSERT_TRUE(std::holds_alternative<CommandLine>(parsed)) << err_.str();
  const auto& options = std::get<CommandLine>(parsed);
  EXPECT_EQ(options.models[0].directory, "/from/file");
  EXPECT_EQ(options.server.scheduler.queue.max_batch_rows, 7);
  EXPECT_EQ(options.server.scheduler.queue.max_batch_tokens, 600);
  EXPECT_EQ(options.server.scheduler.queue.max_queued_tokens, 70000);
  EXPECT_EQ(options.server.connection.max_concurrent_streams, 1000);
  EXPECT_FALSE(options.server.reflection);
  EXPECT_EQ(options.server.drain_delay, milliseconds(7000));
  for (const char* part :
       {"model=/from/file", "max-batch-rows=7", "max-batch-tokens=600",
        "reflection=off", "drain-delay=7s", "max-concurrent-streams=1000"}) {
    EXPECT_THAT(options.effective, HasSubstr(part));
  }
  EXPECT_EQ(options.effective.find('\n'), std::string::npos);
}

TEST_F(ConfigFileTest, MayBeNamedInTheEnvironment) {
  With("model = \"/from/file\"  # quoted\n");
  setenv("ELMO_CONFIG", path_.c_str(), 1);
  const auto parsed = Parse({});
  setenv("ELMO_CONFIG", "/no/such/file", 1);
  const auto [code, message] = Refusal({"--model=/m"});
  unsetenv("ELMO_CONFIG");
  ASSERT_TRUE(std::holds_alternative<CommandLine>(parsed)) << err_.str();
  EXPECT_EQ(std::get<CommandLine>(parsed).models[0].directory, "/from/file");
  EXPECT_EQ(code, 2);
  EXPECT_THAT(message, HasSubstr("/no/such/file"));
}

TEST_F(ConfigFileTest, MistakesNameKeyAndLine) {
  const struct {
    const char* text;
    std::vector<const char*> named;
  } mistakes[] = {
      {"model = /m\n\nmax-batch-row = 3\n", {"line 3", "max-batch-row"}},
      {"model = /m\nmodel = /n\n", {"line 2", "line 1"}},
      {"[server]\nmodel = /m\n", {"line 1", "sections"}},
      {"model\n", {"line 1", "model"}},
      {"# c\nmodel =\n", {"line 2", "model"}},
      {"model = [\n'/m']\n", {"line 1", "model"}},
      {"config = other\nmodel = /m\n", {"line 1", "config"}},
      {"check = true\nmodel = /m\n", {"line 1", "check"}},
      {"help = true\n", {"line 1", "help"}},
      {"model = /m\nworkers = many\n", {"workers"}},
      {"model = /m\nworkers = [1, 2]\n", {"workers"}},
      {"model = /m\nhardened = perhaps\n", {"hardened"}},
      {"model = /m\nworkers = 0\n", {"--workers is 0"}},
  };
  for (const auto& mistake : mistakes) {
    const auto [code, message] = Refusal(With(mistake.text));
    EXPECT_EQ(code, 2) << mistake.text;
    for (const char* named : mistake.named) {
      EXPECT_THAT(message, HasSubstr(named)) << mistake.text;
    }
  }
  EXPECT_EQ(Refusal({"--model=/m", "--config=/no/such"}).first, 2);
  EXPECT_EQ(Refusal({"--model=/m", "--config=/"}).first, 2);
}

TEST_F(ConfigFileTest, ExampleIsValidAndItsCommentedLinesAre) {
  const std::string path = ELMO_SOURCE_DIR "/deploy/elmo-server.toml";
  const auto parsed = Parse({"--config", path.c_str()});
  ASSERT_TRUE(std::holds_alternative<CommandLine>(parsed)) << err_.str();
  EXPECT_EQ(std::get<CommandLine>(parsed).server.listen, "[::]:50051");
  // "#name = value" is an option to switch on, "# text" a comment.
  std::string all = testing::ReadFile(path);
  const size_t lines = all.size();
  all = std::regex_replace(all, std::regex("(^|\n)#([a-z])"), "$1$2");
  ASSERT_LT(all.size(), lines);
  const auto everything = Parse(With(all));
  ASSERT_TRUE(std::holds_alternative<CommandLine>(everything)) << err_.str();
  EXPECT_TRUE(std::get<CommandLine>(everything).server.security.hardened);
}

TEST_F(CommandLineTest, HardenedSwitchesOffWhatTells) {
  const CommandLine options = Options({"--hardened"});
  EXPECT_FALSE(options.server.reflection);
  EXPECT_FALSE(options.server.channelz);
  EXPECT_THAT(options.effective, HasSubstr("reflection=off"));
  EXPECT_FALSE(Options({"--hardened", "--no-reflection"}).server.reflection);
}

TEST_F(CommandLineTest, HardenedContradictedIsAMistake) {
  const struct {
    std::vector<const char*> flags;
    const char* named;
  } mistakes[] = {
      {{"--reflection"}, "reflection"},
      {{"--channelz"}, "channelz"},
      {{"--listen=[::]:1"}, "--tls-cert"},
      {{"--listen=[::]:1", "--tls-cert=c", "--tls-key=k"}, "--tls-client-ca"},
      {{"--auth-tokens-file=t", "--allow-plaintext-tokens"},
       "--allow-plaintext-tokens"},
  };
  for (auto mistake : mistakes) {
    mistake.flags.insert(mistake.flags.end(), {"--model=/m", "--hardened"});
    const auto [code, message] = Refusal(mistake.flags);
    EXPECT_EQ(code, 2) << mistake.named;
    EXPECT_THAT(message, HasSubstr("hardened"));
    EXPECT_THAT(message, HasSubstr(mistake.named));
  }
  setenv("ELMO_CHANNELZ", "true", 1);
  const auto [code, message] = Refusal({"--model=/m", "--hardened"});
  unsetenv("ELMO_CHANNELZ");
  EXPECT_EQ(code, 2);
  EXPECT_THAT(message, HasSubstr("channelz"));
}

TEST_F(CommandLineTest, HelpAndVersionEndWellAndSayNothingOnStderr) {
  EXPECT_EQ(std::get<int>(Parse({"--help"})), 0);
  EXPECT_THAT(out_.str(), HasSubstr("ELMO_MAX_QUEUED_TOKENS"));
  EXPECT_EQ(std::get<int>(Parse({"--version"})), 0);
  EXPECT_THAT(out_.str(), HasSubstr("elmo-server "));
  EXPECT_THAT(err_.str(), IsEmpty());
}

// Who changes a default should know what it costs.
TEST_F(CommandLineTest, HelpSaysWhatIsTradedForWhat) {
  EXPECT_EQ(std::get<int>(Parse({"--help"})), 0);
  std::istringstream lines(out_.str());
  std::map<std::string, std::string> help;
  std::string flag;
  const std::regex name("^ *--([a-z-]+)");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, name)) flag = match[1];
    help[flag] += line + " ";
  }
  const std::pair<const char*, const char*> trades[] = {
      {"workers", "workspace"},        {"max-batch-rows", "latency"},
      {"max-batch-tokens", "memory"},  {"max-queued-tokens", "longer"},
      {"word-cache-mb", "anew"},       {"max-connection-age", "streams"},
      {"default-deadline", "refused"}, {"drain-delay", "refused"},
  };
  for (const auto& [traded, word] : trades) {
    EXPECT_THAT(help[traded], HasSubstr(word)) << traded;
  }
}

// The flags "--name" in a text.
std::set<std::string> FlagsIn(const std::string& text) {
  std::set<std::string> flags;
  const std::regex flag("--([a-z]+(-[a-z]+)*)");
  for (std::sregex_iterator it(text.begin(), text.end(), flag), end; it != end;
       ++it) {
    flags.insert((*it)[1]);
  }
  return flags;
}

TEST_F(CommandLineTest, OperationsPageDescribesEveryFlagAndNoOther) {
  ASSERT_EQ(std::get<int>(Parse({"--help"})), 0);
  std::ifstream file(ELMO_SOURCE_DIR "/docs/operations.md");
  std::string documented((std::istreambuf_iterator<char>(file)), {});
  // The page's own example of how variables are named.
  const std::string example = "`--some-flag`";
  ASSERT_THAT(documented, HasSubstr(example));
  documented.erase(documented.find(example), example.size());
  std::set<std::string> known = FlagsIn(out_.str());
  for (const char* flag : {"no-channelz", "no-hardened",
                           "no-allow-plaintext-tokens", "no-log-requests"}) {
    known.erase(flag);  // Goes without saying.
  }
  EXPECT_EQ(FlagsIn(documented), known);
}

TEST_F(CommandLineTest, MistakesExitWith2AndNameTheFlag) {
  const struct {
    std::vector<const char*> flags;
    const char* named;
  } mistakes[] = {
      {{}, "--model"},
      {{"--model="}, "--model"},
      {{"--model=bad name=/m"}, "name"},
      {{"--model=/m", "--no-such-flag"}, "--no-such-flag"},
      {{"--model=/m", "stray"}, "stray"},
      {{"--modell=/m"}, "--modell=/m: no such flag"},
      {{"--model=/m", "--workers=0"}, "--workers is 0"},
      {{"--model=/m", "--workers=many"}, "--workers"},
      {{"--model=/m", "--workers=99999999999"}, "--workers"},
      {{"--model=/m", "--lstm=fast"}, "--lstm"},
      {{"--model=/m", "--precision=fp16"}, "--precision"},
      {{"--model=/m", "--lstm=primitive", "--precision=bf16"},
       "--precision is bf16"},
      {{"--model=/m", "--word-cache-mb=-1"}, "--word-cache-mb"},
      {{"--model=/m", "--listen=50051"}, "listen"},
      {{"--model=/m", "--listen=host:"}, "listen"},
      {{"--model=/m", "--listen=host:65536"}, "listen"},
      {{"--model=/m", "--max-batch-rows=-1"}, "--max-batch-rows is -1"},
      {{"--model=/m", "--max-tokens-per-request=0"},
       "--max-tokens-per-request"},
      {{"--model=/m", "--max-request-bytes=4tons"}, "--max-request-bytes"},
      {{"--model=/m", "--max-request-bytes=5gb"}, "--max-request-bytes"},
      {{"--model=/m", "--max-request-bytes=99999999999gb"},
       "--max-request-bytes"},
      {{"--model=/m", "--drain-delay=5"}, "--drain-delay"},
      {{"--model=/m", "--drain-delay=-5s"}, "--drain-delay is -5000 ms"},
      {{"--model=/m", "--default-deadline=0s"}, "--default-deadline is 0 ms"},
      {{"--model=/m", "--keepalive-time=9999h"}, "--keepalive-time"},
      {{"--model=/m", "--log-level=loud"}, "--log-level"},
      {{"--model=/m", "--log-format=xml"}, "--log-format"},
      {{"--model=/m", "--slow-request=-1s"}, "--slow-request is -1000 ms"},
      {{"--model=/m", "--metrics-listen=9464"}, "--metrics-listen"},
      {{"--model=/m", "--metrics-listen=unix:/tmp/m"}, "--metrics-listen"},
      {{"--model=/m", "--metrics-listen=a:1,b:2"}, "--metrics-listen"},
      {{"--model=/m", "--max-concurrent-streams=0"},
       "--max-concurrent-streams"},
  };
  for (const auto& mistake : mistakes) {
    const auto [code, message] = Refusal(mistake.flags);
    EXPECT_EQ(code, 2) << mistake.named;
    EXPECT_THAT(message, HasSubstr(mistake.named));
  }
}

TEST_F(CommandLineTest, LargestRequestMustFitIntoTheQueue) {
  // 4096 tokens and the boundaries of 64 sentences.
  EXPECT_EQ(Options({"--max-queued-tokens=4224"})
                .server.scheduler.queue.max_queued_tokens,
            4224);
  const auto [code, message] =
      Refusal({"--model=/m", "--max-queued-tokens=4223"});
  EXPECT_EQ(code, 2);
  EXPECT_THAT(message, HasSubstr("at least 4224"));
}

TEST_F(CommandLineTest, LargestCallMustFitIntoMemory) {
  // 4 MiB and three times 64 MiB in seven parts of eight.
  EXPECT_EQ(Options({"--max-bytes-in-flight=224mb"}).server.max_bytes_in_flight,
            224 << 20);
  const auto [code, message] =
      Refusal({"--model=/m", "--max-bytes-in-flight=223mb"});
  EXPECT_EQ(code, 2);
  EXPECT_THAT(message, HasSubstr("--max-bytes-in-flight"));
}

TEST_F(CommandLineTest, LargestRequestMustHaveRoomToWait) {
  // Eight times 4 MiB.
  EXPECT_EQ(Options({"--max-response-bytes=1mb", "--max-bytes-in-flight=32mb"})
                .server.max_bytes_in_flight,
            32 << 20);
  const auto [code, message] =
      Refusal({"--model=/m", "--max-response-bytes=1mb",
               "--max-bytes-in-flight-per-connection=31mb"});
  EXPECT_EQ(code, 2);
  EXPECT_THAT(message, HasSubstr("must hold --max-request-bytes"));
}

}  // namespace
}  // namespace elmo

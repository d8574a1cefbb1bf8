#include "client/cli/cli_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"

namespace elmo::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CliOptionsTest : public ::testing::Test {
 protected:
  std::variant<CommandLine, int> Parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "elmo-client");
    out_.str("");
    err_.str("");
    return ParseCommandLine(arguments, default_server_, out_, err_);
  }
  template <typename Command>
  Command Get(const std::vector<std::string>& arguments) {
    const auto line = Parse(arguments);
    if (const auto* parsed = std::get_if<CommandLine>(&line)) {
      return std::get<Command>(parsed->command);
    }
    ADD_FAILURE() << err_.str();
    return {};
  }
  EmbedCommand Embed(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "embed");
    return Get<EmbedCommand>(arguments);
  }
  void ExpectUsageError(const std::vector<std::string>& arguments,
                        const std::string& message) {
    const auto line = Parse(arguments);
    ASSERT_TRUE(std::holds_alternative<int>(line)) << arguments.back();
    EXPECT_EQ(std::get<int>(line), kExitUsage);
    EXPECT_THAT(err_.str(), HasSubstr(message));
    EXPECT_EQ(out_.str(), "");
  }

  std::string default_server_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(CliOptionsTest, EmbedDefaultsSuitAFirstTry) {
  const EmbedCommand embed = Embed({});
  EXPECT_THAT(embed.inputs, ElementsAre("-"));
  EXPECT_EQ(embed.output, "-");
  EXPECT_EQ(embed.format, OutputFormat::kJsonl);
  EXPECT_EQ(embed.spec.ShortDebugString(), "return_tokens: true");
}

TEST_F(CliOptionsTest, LayersAreNumbersOrAll) {
  EXPECT_THAT(Embed({"--layers", "2,0"}).spec.layers().indices(),
              ElementsAre(2, 0));
  const EmbedCommand all = Embed({"--layers", "all"});
  EXPECT_TRUE(all.spec.has_layers());
  EXPECT_THAT(all.spec.layers().indices(), IsEmpty());
  ExpectUsageError({"embed", "--layers", "1,x"}, "--layers");
  ExpectUsageError({"embed", "--layers", "1,"}, "--layers");
}

TEST_F(CliOptionsTest, MixTakesNegativeWeights) {
  const v1::Mix mix =
      Embed({"--mix", "-1,0.5,2", "--gamma", "-0.5", "--layer-norm"})
          .spec.mix();
  EXPECT_THAT(mix.weights(), ElementsAre(-1, 0.5f, 2));
  EXPECT_EQ(mix.gamma(), -0.5f);
  EXPECT_TRUE(mix.layer_norm());
  EXPECT_THAT(Embed({"--mix", "1,1,1", "a.txt"}).inputs, ElementsAre("a.txt"));
  EXPECT_THAT(Embed({"--layers", "1,2", "7"}).inputs, ElementsAre("7"));
  ExpectUsageError({"embed", "--mix", "1,,2"}, "--mix");
}

TEST_F(CliOptionsTest, AverageMayBeScaledAndNormalised) {
  EXPECT_TRUE(Embed({"--layer-norm"}).spec.has_mix());
  EXPECT_TRUE(Embed({"--average", "--gamma", "2"}).spec.mix().has_gamma());
  EXPECT_FALSE(Embed({"--average"}).spec.has_mix());
}

TEST_F(CliOptionsTest, LayersAndMixExcludeEachOther) {
  ExpectUsageError({"embed", "--layers", "0", "--mix", "1,1,1"}, "excludes");
  ExpectUsageError({"embed", "--layers", "0", "--average"}, "excludes");
  ExpectUsageError({"embed", "--layers", "0", "--gamma", "2"}, "excludes");
}

TEST_F(CliOptionsTest, EveryOtherEmbedOptionArrives) {
  const EmbedCommand embed = Embed({"a.txt",
                                    "-",
                                    "b.jsonl",
                                    "-i",
                                    "tokens",
                                    "-f",
                                    "npy",
                                    "-o",
                                    "v.npy",
                                    "--index",
                                    "[i]",
                                    "--pooling",
                                    "max",
                                    "--normalize",
                                    "--keep-boundaries",
                                    "--encoding",
                                    "bfloat16",
                                    "--start-state",
                                    "warm",
                                    "--concurrency",
                                    "9",
                                    "-q"});
  EXPECT_THAT(embed.inputs, ElementsAre("a.txt", "-", "b.jsonl"));
  EXPECT_EQ(embed.input_format, InputFormat::kTokens);
  EXPECT_EQ(embed.format, OutputFormat::kNpy);
  EXPECT_EQ(embed.output, "v.npy");
  EXPECT_EQ(embed.index, "[i]");
  EXPECT_EQ(embed.spec.pooling(), v1::OutputSpec::MAX);
  EXPECT_TRUE(embed.spec.normalize());
  EXPECT_TRUE(embed.spec.keep_boundaries());
  EXPECT_EQ(embed.spec.encoding(), v1::BFLOAT16);
  EXPECT_EQ(embed.start_state, v1::WARM);
  EXPECT_EQ(embed.concurrency, 9);
  EXPECT_TRUE(embed.quiet);
}

TEST_F(CliOptionsTest, IndexGoesWithNpyAlone) {
  ExpectUsageError({"embed", "--index", "i"}, "--index needs --format npy");
  ExpectUsageError({"embed", "-f", "npy", "--index", "-"}, "of its own");
  ExpectUsageError({"embed", "-f", "npy", "-o", "x", "--index", "x"},
                   "of its own");
}

TEST_F(CliOptionsTest, ServerOptionsMayStandBeforeTheCommand) {
  for (const char* command : {"info", "embed"}) {
    const auto line = Parse({"--server", "far:1", "--timeout", "2", command});
    ASSERT_TRUE(std::holds_alternative<CommandLine>(line)) << err_.str();
    EXPECT_EQ(std::get<CommandLine>(line).server.server, "far:1");
    EXPECT_EQ(std::get<CommandLine>(line).server.timeout,
              std::chrono::seconds(2));
  }
}

TEST_F(CliOptionsTest, ServerOptionsAreTheSameForAllCommands) {
  for (const std::string command : {"embed", "info"}) {
    const auto line =
        std::get<CommandLine>(Parse({command, "--server", "elmo:1", "--model",
                                     "m", "--timeout", "2.5", "--wait"}));
    EXPECT_EQ(line.server.server, "elmo:1");
    EXPECT_EQ(line.server.model, "m");
    EXPECT_EQ(line.server.timeout, std::chrono::milliseconds(2500));
    EXPECT_TRUE(line.server.wait);
  }
}

TEST_F(CliOptionsTest, ServerComesFromOptionElseEnvironmentElseLocalhost) {
  EXPECT_EQ(std::get<CommandLine>(Parse({"info"})).server.server,
            "localhost:50051");
  EXPECT_EQ(std::get<CommandLine>(Parse({"info", "-s", "h"})).server.server,
            "h:50051");
  default_server_ = "elmo:2";
  EXPECT_EQ(std::get<CommandLine>(Parse({"info"})).server.server, "elmo:2");
  EXPECT_EQ(
      std::get<CommandLine>(Parse({"info", "-s", "elmo:3"})).server.server,
      "elmo:3");
}

TEST_F(CliOptionsTest, CompareTakesWordAndSentences) {
  const auto compare =
      Get<CompareCommand>({"compare", "bank", "a bank", "[the, bank]", "",
                           "--layer", "0", "--json"});
  EXPECT_EQ(compare.word, "bank");
  EXPECT_EQ(Get<CompareCommand>({"compare", "info", "embed"}).word, "info");
  EXPECT_THAT(compare.sentences, ElementsAre("a bank", "[the, bank]", ""));
  EXPECT_EQ(compare.layer, 0);
  EXPECT_TRUE(compare.json);
  EXPECT_EQ(compare.file, "");
}

TEST_F(CliOptionsTest, CompareReadsStandardInputWhereNoSentencesAreGiven) {
  EXPECT_EQ(Get<CompareCommand>({"compare", "bank"}).file, "-");
  EXPECT_EQ(Get<CompareCommand>({"compare", "bank"}).layer, std::nullopt);
  EXPECT_EQ(Get<CompareCommand>({"compare", "bank", "--file", "x"}).file, "x");
  ExpectUsageError({"compare", "bank", "a", "--file", "x"}, "excludes");
  ExpectUsageError({"compare"}, "WORD");
}

TEST_F(CliOptionsTest, ArgumentsThatAreNotUtf8AreRefused) {
  ExpectUsageError({"compare", "\xff", "a"}, "WORD is not valid UTF-8");
  ExpectUsageError({"compare", "a", "b", "\xff"}, "SENTENCE 2");
  ExpectUsageError({"info", "--model", "\xff"}, "--model");
}

TEST_F(CliOptionsTest, WrongUsageIsToldAndEndsWithTwo) {
  ExpectUsageError({}, "subcommand");
  ExpectUsageError({"train"}, "train: no such command");
  ExpectUsageError({"embed", "--no-such-option"}, "--no-such-option");
  ExpectUsageError({"embed", "--format", "csv"}, "csv");
  ExpectUsageError({"embed", "--timeout", "0"}, "--timeout");
  ExpectUsageError({"embed", "--timeout", "soon"}, "--timeout");
  ExpectUsageError({"embed", "--concurrency", "0"}, "--concurrency");
  ExpectUsageError({"embed", "--gamma", "x"}, "--gamma");
}

TEST_F(CliOptionsTest, HealthAsksForReadinessUnlessToldOtherwise) {
  EXPECT_EQ(Get<HealthCommand>({"health"}).service, "readiness");
  EXPECT_EQ(Get<HealthCommand>({"health", "liveness"}).service, "liveness");
}

TEST_F(CliOptionsTest, HelpGoesToStandardOutputAndEndsWithZero) {
  for (const std::string command : {"embed", "compare", "info", "health"}) {
    const auto line = Parse({command, "--help"});
    EXPECT_EQ(std::get<int>(line), kExitOk);
    EXPECT_THAT(out_.str(), AllOf(HasSubstr("Examples:\n"),
                                  HasSubstr("elmo-client " + command),
                                  HasSubstr("--server"), Not(HasSubstr("$0"))));
    EXPECT_EQ(err_.str(), "");
  }
}

TEST_F(CliOptionsTest, CredentialsAreOptionsOfEveryCommand) {
  for (const char* command : {"info", "embed", "bench"}) {
    const auto line = Parse({command, "--server", "elmo.example", "--tls-ca",
                             "ca", "--tls-cert", "crt", "--tls-key", "key",
                             "--tls-name", "elmo", "--token-file", "token"});
    ASSERT_TRUE(std::holds_alternative<CommandLine>(line)) << err_.str();
    const ServerChoice& server = std::get<CommandLine>(line).server;
    EXPECT_EQ(server.credentials.tls_ca, "ca");
    EXPECT_EQ(server.credentials.tls_cert, "crt");
    EXPECT_EQ(server.credentials.tls_key, "key");
    EXPECT_EQ(server.credentials.token, "token");
    EXPECT_EQ(server.tls_name, "elmo");
  }
}

TEST_F(CliOptionsTest, TokensGoToOtherMachinesOnlyWithTls) {
  ExpectUsageError({"info", "--server", "elmo:1", "--token-file", "t"},
                   "--token-file needs TLS");
  for (const char* server : {"localhost", "127.0.0.1:1", "unix:/run/elmo"}) {
    EXPECT_TRUE(std::holds_alternative<CommandLine>(
        Parse({"info", "--server", server, "--token-file", "t"})));
  }
  EXPECT_TRUE(std::holds_alternative<CommandLine>(
      Parse({"info", "--server", "elmo:1", "--token-file", "t", "--tls"})));
}

TEST_F(CliOptionsTest, HalfACertificateAndANameWithoutTlsAreErrors) {
  ExpectUsageError({"info", "--tls-cert", "crt"}, "--tls-key");
  ExpectUsageError({"info", "--tls-name", "elmo"}, "--tls-name needs TLS");
}

TEST_F(CliOptionsTest, UrlsAreNotServersAndTheMessageSaysWhatIs) {
  ExpectUsageError({"info", "--server", "http://elmo:50051"},
                   "--server (or ELMO_SERVER) takes HOST:PORT, not a URL");
  ExpectUsageError({"info", "--server", "https://elmo:50051"}, "--tls-ca");
}

TEST_F(CliOptionsTest, UnknownCommandIsNamedWithTheKnownOnes) {
  ExpectUsageError({"frob"},
                   "frob: no such command; the commands are embed, "
                   "compare, bench, info");
  ExpectUsageError({"--frob"}, "--frob: no such option");
  ExpectUsageError({"compare", "--frob"}, "--frob: no such option");
}

class ErrorTextTest : public ::testing::Test {
 protected:
  std::string Text(const absl::Status& status) {
    ServerChoice server;
    server.server = "elmo:1";
    server.timeout = std::chrono::milliseconds(2500);
    return ErrorText(status, server);
  }
};

TEST_F(ErrorTextTest, NoConnectionNamesTheAddressAndWhatToTry) {
  EXPECT_THAT(
      Text(absl::UnavailableError("failed to connect to all addresses")),
      AllOf(HasSubstr("no server at elmo:1"), HasSubstr("--server"),
            HasSubstr("--wait")));
}

TEST_F(ErrorTextTest, BusyServerIsNotCalledAbsent) {
  EXPECT_THAT(Text(absl::UnavailableError("queue is full")),
              AllOf(HasSubstr("queue is full"), HasSubstr("Try again"),
                    Not(HasSubstr("no server"))));
}

TEST_F(ErrorTextTest, DeadlineSaysHowLongAndHowToAllowMore) {
  EXPECT_THAT(Text(absl::DeadlineExceededError("Deadline Exceeded")),
              AllOf(HasSubstr("within 2.5 seconds"), HasSubstr("--timeout")));
}

TEST_F(ErrorTextTest, OtherServersAreCalledSo) {
  EXPECT_THAT(Text(absl::UnimplementedError("")),
              HasSubstr("not an elmo-server"));
}

TEST_F(ErrorTextTest, RefusalsComeInTheServersWords) {
  EXPECT_THAT(
      Text(absl::InvalidArgumentError("output.layers is bad")),
      AllOf(HasSubstr("output.layers is bad"), HasSubstr("INVALID_ARGUMENT")));
}

}  // namespace
}  // namespace elmo::cli

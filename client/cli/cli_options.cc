#include "client/cli/cli_options.h"

#include <CLI/CLI.hpp>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/cli/help_text.h"
#include "client/cli/text_width.h"
#include "core/base/status_macros.h"

namespace elmo::cli {
namespace {

// What the options are read into before they make a CommandLine.
struct Raw {
  ServerChoice server;
  double timeout_seconds = 60;
  EmbedCommand embed;
  CompareCommand compare;
  InfoCommand info;
  HealthCommand health;
  RawBench bench;

  std::string layers;  // Not lists: CLI11 would take what follows as well.
  std::string mix;
  std::optional<float> gamma;
  bool layer_norm = false;
  v1::OutputSpec::Pooling pooling = v1::OutputSpec::NONE;
  bool normalize = false;
  bool keep_boundaries = false;
  v1::Encoding encoding = v1::FLOAT32;
  int layer = 0;
  CLI::Option* layer_option = nullptr;
};

const std::map<std::string, InputFormat> kInputFormats = {
    {"auto", InputFormat::kAuto},
    {"text", InputFormat::kText},
    {"tokens", InputFormat::kTokens},
    {"jsonl", InputFormat::kJsonl}};
const std::map<std::string, OutputFormat> kOutputFormats = {
    {"jsonl", OutputFormat::kJsonl},
    {"npy", OutputFormat::kNpy},
    {"tsv", OutputFormat::kTsv}};
const std::map<std::string, v1::OutputSpec::Pooling> kPoolings = {
    {"none", v1::OutputSpec::NONE},
    {"mean", v1::OutputSpec::MEAN},
    {"max", v1::OutputSpec::MAX}};
const std::map<std::string, v1::Encoding> kEncodings = {
    {"float32", v1::FLOAT32},
    {"float16", v1::FLOAT16},
    {"bfloat16", v1::BFLOAT16},
    {"list", v1::FLOAT_LIST}};
const std::map<std::string, v1::StartState> kStartStates = {
    {"default", v1::DEFAULT}, {"zero", v1::ZERO}, {"warm", v1::WARM}};

// CLI11 takes an argument in brackets for a list: "[Laughter.]" would lose
// them,
// "[a, b]" would be two. A guard in front keeps it from looking.
constexpr char kGuard = '\x01';

std::string Guarded(const std::string& argument) {
  const bool bracketed =
      argument.size() > 1 && argument.front() == '[' && argument.back() == ']';
  return bracketed ? kGuard + argument : argument;
}

// An option or positional of one or more texts, any at all.
template <typename T>
CLI::Option* AddText(CLI::App* app, const std::string& name, T* value,
                     const std::string& help, const std::string& type_name) {
  return app->add_option(name, *value, help)
      ->transform(CLI::Validator(
          [](std::string& text) {
            if (!text.empty() && text.front() == kGuard) text.erase(0, 1);
            return std::string();
          },
          ""))
      ->type_name(type_name);
}

// An option whose value is one of the names.
template <typename T>
void AddChoice(CLI::App* app, const std::string& name,
               const std::map<std::string, T>& names, T* value,
               const std::string& help) {
  std::vector<std::string> keys;
  for (const auto& [key, unused] : names) keys.push_back(key);
  app->add_option_function<std::string>(
         name,
         [&names, value](const std::string& key) { *value = names.at(key); },
         help)
      ->check(CLI::IsMember(keys).description(""))
      ->type_name(absl::StrJoin(keys, "|"));
}

void AddCredentials(CLI::App* app, ServerChoice* server) {
  CredentialFiles& files = server->credentials;
  app->add_flag("--tls", files.tls,
                "Speak TLS and trust the authorities of this system");
  AddText(app, "--tls-ca", &files.tls_ca,
          "Speak TLS and trust these authorities (PEM)", "FILE");
  auto* cert = AddText(app, "--tls-cert", &files.tls_cert,
                       "Own certificate, for servers that ask for one", "FILE");
  auto* key = AddText(app, "--tls-key", &files.tls_key, "Its key", "FILE");
  cert->needs(key);
  key->needs(cert);
  AddText(app, "--tls-name", &server->tls_name,
          "Name in the server's certificate; else that of --server", "NAME");
  AddText(app, "--token-file", &files.token,
          "The token for servers that ask for one: its first line", "FILE");
}

void AddServerOptions(CLI::App* app, Raw* raw) {
  AddText(app, "-s,--server", &raw->server.server,
          "Where the server listens; else $ELMO_SERVER", "HOST[:PORT]")
      ->capture_default_str();
  AddText(app, "-m,--model", &raw->server.model,
          "Name of the model; else the server's default", "NAME");
  app->add_option("--timeout", raw->timeout_seconds,
                  "For each request to be answered, retries included")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 86400.0).description(""))
      ->capture_default_str();
  app->add_flag("--wait", raw->server.wait,
                "Wait for a server that is not up yet, as long as --timeout");
  AddCredentials(app, &raw->server);
}

void AddStartState(CLI::App* app, v1::StartState* start_state) {
  AddChoice(app, "--start-state", kStartStates, start_state,
            "Where the LSTMs start each sentence; else as the model says");
}

void AddVectorOptions(CLI::App* app, Raw* raw) {
  auto* layers =
      app->add_option("--layers", raw->layers,
                      "These layers apart; 0 is the word without context")
          ->type_name("N,N,...|all");
  auto* mix = app->add_option("--mix", raw->mix,
                              "Weighted average of the layers: one weight for "
                              "each, before softmax")
                  ->type_name("W,W,...");
  auto* average = app->add_flag("--average", "Plain average (the default)");
  auto* gamma =
      app->add_option("--gamma", raw->gamma, "Factor of the average; else 1")
          ->type_name("X");
  auto* norm = app->add_flag("--layer-norm", raw->layer_norm,
                             "Normalise each layer before averaging");
  mix->excludes(layers)->excludes(average);
  average->excludes(layers);
  gamma->excludes(layers);
  norm->excludes(layers);
  AddChoice(app, "--pooling", kPoolings, &raw->pooling,
            "One vector a sentence instead of one a word; else none");
  app->add_flag("--normalize", raw->normalize, "Scale vectors to length 1");
  app->add_flag("--keep-boundaries", raw->keep_boundaries,
                "Also the vectors of <S> and </S>");
  AddChoice(app, "--encoding", kEncodings, &raw->encoding,
            "Of the numbers on the wire; else float32");
  AddStartState(app, &raw->embed.start_state);
}

void AddEmbed(CLI::App* app, Raw* raw) {
  EmbedCommand& embed = raw->embed;
  AddText(app, "FILE", &embed.inputs, "Sentences; none or -: standard input",
          "");
  AddChoice(app, "-i,--input-format", kInputFormats, &embed.input_format,
            "Else auto: jsonl for *.jsonl and *.ndjson, text for others");
  AddChoice(app, "-f,--format", kOutputFormats, &embed.format,
            "Of the output; else jsonl");
  AddText(app, "-o,--output", &embed.output, "Else standard output", "FILE");
  AddText(app, "--index", &embed.index,
          "With npy: which rows are whose, as JSON lines", "FILE");
  AddVectorOptions(app, raw);
  app->add_option("--concurrency", embed.concurrency,
                  "Requests under way at a time")
      ->type_name("N")
      ->check(CLI::Range(1, 256).description(""))
      ->capture_default_str();
  app->add_flag("-q,--quiet", embed.quiet, "No progress bar on a terminal");
}

void AddCompare(CLI::App* app, Raw* raw) {
  CompareCommand& compare = raw->compare;
  AddText(app, "WORD", &compare.word, "One token", "")->required();
  auto* sentences =
      AddText(app, "SENTENCE", &compare.sentences,
              "Sentences with the word; none: standard input, one a line", "");
  AddText(app, "--file", &compare.file,
          "Sentences, one a line; - is standard input", "FILE")
      ->excludes(sentences);
  raw->layer_option = app->add_option("--layer", raw->layer, "This layer alone")
                          ->type_name("N");
  AddStartState(app, &compare.start_state);
  app->add_flag("--json", compare.json, "For programs");
}

void AddBench(CLI::App* app, Raw* raw) {
  AddBenchOptions(app, &raw->bench);
  AddVectorOptions(app, raw);
}

void AddInfo(CLI::App* app, Raw* raw) {
  app->add_flag("--json", raw->info.json, "For programs");
}

void AddHealth(CLI::App* app, Raw* raw) {
  AddText(app, "SERVICE", &raw->health.service,
          "readiness (the default), liveness, or a gRPC service", "");
}

// "all" or "0,2".
absl::Status ReadLayers(const std::string& text, v1::Layers* layers) {
  if (text == "all") return absl::OkStatus();
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    int32_t layer;
    if (!absl::SimpleAtoi(part, &layer)) {
      return absl::InvalidArgumentError(
          "--layers takes numbers with commas between them, or all");
    }
    layers->add_indices(layer);
  }
  return absl::OkStatus();
}

// "0.5,-1,2".
absl::Status ReadWeights(const std::string& text, v1::Mix* mix) {
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    float weight;
    if (!absl::SimpleAtof(part, &weight)) {
      return absl::InvalidArgumentError(
          "--mix takes numbers with commas between them");
    }
    mix->add_weights(weight);
  }
  return absl::OkStatus();
}

absl::Status ReadSpec(const Raw& raw, v1::OutputSpec* spec) {
  if (!raw.layers.empty()) {
    ELMO_RETURN_IF_ERROR(ReadLayers(raw.layers, spec->mutable_layers()));
  }
  if (!raw.mix.empty()) {
    ELMO_RETURN_IF_ERROR(ReadWeights(raw.mix, spec->mutable_mix()));
  }
  if (raw.gamma) spec->mutable_mix()->set_gamma(*raw.gamma);
  if (raw.layer_norm) spec->mutable_mix()->set_layer_norm(true);
  spec->set_pooling(raw.pooling);
  spec->set_normalize(raw.normalize);
  spec->set_keep_boundaries(raw.keep_boundaries);
  spec->set_encoding(raw.encoding);
  spec->set_return_tokens(true);
  return absl::OkStatus();
}

absl::StatusOr<EmbedCommand> FinishEmbed(const Raw& raw) {
  EmbedCommand embed = raw.embed;
  ELMO_RETURN_IF_ERROR(ReadSpec(raw, &embed.spec));
  if (embed.inputs.empty()) embed.inputs = {"-"};
  if (!embed.index.empty() && embed.format != OutputFormat::kNpy) {
    return absl::InvalidArgumentError("--index needs --format npy");
  }
  if (embed.index == "-" || (embed.index == embed.output)) {
    return absl::InvalidArgumentError("--index needs a file of its own");
  }
  return embed;
}

absl::StatusOr<CompareCommand> FinishCompare(const Raw& raw) {
  CompareCommand compare = raw.compare;
  if (raw.layer_option->count() > 0) compare.layer = raw.layer;
  if (compare.sentences.empty() && compare.file.empty()) compare.file = "-";
  if (!IsUtf8(compare.word)) {
    return absl::InvalidArgumentError("WORD is not valid UTF-8");
  }
  for (size_t i = 0; i < compare.sentences.size(); ++i) {
    if (IsUtf8(compare.sentences[i])) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("SENTENCE ", i + 1, " is not valid UTF-8"));
  }
  return compare;
}

absl::StatusOr<BenchCommand> FinishBench(const Raw& raw,
                                         std::chrono::milliseconds timeout) {
  ELMO_ASSIGN_OR_RETURN(BenchCommand bench, FinishBench(raw.bench, timeout));
  ELMO_RETURN_IF_ERROR(ReadSpec(raw, &bench.spec));
  bench.spec.set_return_tokens(false);
  bench.start_state = raw.embed.start_state;
  return bench;
}

// A host alone would get gRPC's own default, which is 443.
std::string WithPort(const std::string& server) {
  return server.find(':') == std::string::npos ? server + ":50051" : server;
}

// A token in plain text is for everybody on the way.
bool StaysHere(const std::string& server) {
  for (const char* local : {"localhost:", "127.", "[::1]", "unix:"}) {
    if (absl::StartsWith(server, local)) return true;
  }
  return false;
}

absl::Status CheckServer(const ServerChoice& server) {
  // gRPC would look for a machine of the name "http".
  for (const char* scheme : {"http://", "https://"}) {
    if (!absl::StartsWithIgnoreCase(server.server, scheme)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "--server (or ELMO_SERVER) takes HOST:PORT, not a URL: leave out ",
        scheme,
        scheme == absl::string_view("https://")
            ? "; --tls or --tls-ca FILE is what speaks TLS"
            : ""));
  }
  const CredentialFiles& files = server.credentials;
  const bool tls =
      files.tls || !files.tls_ca.empty() || !files.tls_cert.empty();
  if (!files.token.empty() && !tls && !StaysHere(server.server)) {
    return absl::InvalidArgumentError(
        "--token-file needs TLS (--tls or --tls-ca FILE) where the server is "
        "another machine: everybody on the way could read the token");
  }
  if (!server.tls_name.empty() && !tls) {
    return absl::InvalidArgumentError(
        "--tls-name needs TLS: --tls or --tls-ca FILE");
  }
  return absl::OkStatus();
}

absl::StatusOr<CommandLine> Finish(const CLI::App& app, const Raw& raw) {
  CommandLine line{raw.server, {}};
  line.server.server = WithPort(raw.server.server);
  line.server.timeout = std::chrono::milliseconds(
      static_cast<int64_t>(raw.timeout_seconds * 1000));
  ELMO_RETURN_IF_ERROR(CheckServer(line.server));
  if (!IsUtf8(line.server.model)) {
    return absl::InvalidArgumentError("--model is not valid UTF-8");
  }
  if (app.got_subcommand("embed")) {
    ELMO_ASSIGN_OR_RETURN(line.command, FinishEmbed(raw));
  } else if (app.got_subcommand("compare")) {
    ELMO_ASSIGN_OR_RETURN(line.command, FinishCompare(raw));
  } else if (app.got_subcommand("bench")) {
    ELMO_ASSIGN_OR_RETURN(line.command, FinishBench(raw, line.server.timeout));
  } else if (app.got_subcommand("health")) {
    if (!IsUtf8(raw.health.service)) {
      return absl::InvalidArgumentError("SERVICE is not valid UTF-8");
    }
    line.command = raw.health;
  } else {
    line.command = raw.info;
  }
  return line;
}

struct Subcommand {
  const char* name;
  const char* about;
  const char* examples;
  void (*add_options)(CLI::App*, Raw*);
};
constexpr Subcommand kSubcommands[] = {
    {"embed", "Vectors for the words of many sentences", kEmbedExamples,
     AddEmbed},
    {"compare", "How alike the uses of a word are", kCompareExamples,
     AddCompare},
    {"bench", "What the server does under load", kBenchExamples, AddBench},
    {"info", "The server's state, models and limits", kInfoExamples, AddInfo},
    {"health", "Whether the server is ready, for probes", kHealthExamples,
     AddHealth},
};

std::string CommandsText(const std::string& word) {
  std::vector<std::string> names;
  for (const Subcommand& subcommand : kSubcommands) {
    names.emplace_back(subcommand.name);
  }
  return absl::StrCat(
      word,
      absl::StartsWith(word, "-") ? ": no such option" : ": no such command",
      "; the commands are ", absl::StrJoin(names, ", "), ". --help says more.");
}

}  // namespace

std::variant<CommandLine, int> ParseCommandLine(
    const std::vector<std::string>& argv, const std::string& default_server,
    std::ostream& out, std::ostream& err) {
  const std::string program = argv.empty() ? "elmo-client" : argv[0];
  const auto footer = [&program](const char* text) {
    return absl::StrReplaceAll(text, {{"$0", program}});
  };
  Raw raw;
  if (!default_server.empty()) raw.server.server = default_server;
  CLI::App app(kAbout, program);
  app.require_subcommand(1);
  app.footer(footer(kExamples));
  AddServerOptions(&app, &raw);  // They may stand before the command too.
  for (const Subcommand& subcommand : kSubcommands) {
    CLI::App* sub = app.add_subcommand(subcommand.name, subcommand.about);
    sub->footer(footer(subcommand.examples));
    subcommand.add_options(sub, &raw);
    AddServerOptions(sub, &raw);
  }
  try {
    // CLI11 wants them without the program's name, the last one first.
    std::vector<std::string> arguments;
    for (size_t i = argv.size(); i > 1; --i) {
      arguments.push_back(Guarded(argv[i - 1]));
    }
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    // CLI11 would say that a command is missing.
    const std::vector<std::string> unknown = app.remaining();
    if (app.get_subcommands().empty() && !unknown.empty()) {
      err << CommandsText(unknown.front()) << "\n";
      return kExitUsage;
    }
    const std::vector<std::string> beside = app.remaining(/*recurse=*/true);
    if (error.get_name() == "RequiredError" && !beside.empty()) {
      err << beside.front() << ": no such option; --help lists them\n";
      return kExitUsage;
    }
    return app.exit(error, out, err) == 0 ? kExitOk : kExitUsage;
  }
  absl::StatusOr<CommandLine> line = Finish(app, raw);
  if (line.ok()) return *std::move(line);
  err << line.status().message() << "\n";
  return kExitUsage;
}

}  // namespace elmo::cli

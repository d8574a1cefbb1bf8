#include "server/command_line.h"

#include <CLI/CLI.hpp>
#include <cctype>
#include <map>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/package_format.h"

namespace elmo {
namespace {

constexpr int kBadFlags = 2;

// --max-batch-rows -> ELMO_MAX_BATCH_ROWS
std::string EnvironmentName(const std::string& flag) {
  std::string name = "ELMO_";
  for (const char c : flag) {
    name +=
        c == '-'
            ? '_'
            : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

CLI::Validator Time() {
  return CLI::AsNumberWithUnit(
             std::map<std::string, int64_t>{
                 {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}},
             CLI::AsNumberWithUnit::UNIT_REQUIRED)
      .description("");
}

// "1m", "1500ms": how a default is shown.
std::string TimeText(std::chrono::milliseconds time) {
  const int64_t ms = time.count();
  if (ms != 0 && ms % 60000 == 0) return absl::StrCat(ms / 60000, "m");
  if (ms % 1000 == 0) return absl::StrCat(ms / 1000, "s");
  return absl::StrCat(ms, "ms");
}

// "4mb", "1500": likewise.
std::string SizeText(int64_t bytes) {
  if (bytes % (1 << 20) == 0) return absl::StrCat(bytes >> 20, "mb");
  if (bytes % (1 << 10) == 0) return absl::StrCat(bytes >> 10, "kb");
  return absl::StrCat(bytes);
}

// Adds flags with their environment names, defaults and groups.
class Flags {
 public:
  explicit Flags(CLI::App* app) : app_(app) {}

  void Group(const std::string& group) { group_ = group; }

  template <typename T>
  CLI::Option* Value(const std::string& flag, T* value,
                     const std::string& help) {
    return Common(flag, app_->add_option("--" + flag, *value, help))
        ->capture_default_str();
  }

  // A size in bytes: 1500, 64kb, 4mb, 1gb.
  void Size(const std::string& flag, int64_t* bytes, const std::string& help) {
    Common(flag, app_->add_option("--" + flag, *bytes, help))
        ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false).description(""))
        ->type_name("SIZE")
        ->default_str(SizeText(*bytes));
  }

  // A time with its unit: 200ms, 30s, 5m, 1h.
  void Time(const std::string& flag, std::chrono::milliseconds* time,
            const std::string& help) {
    const auto set = [time](const int64_t& ms) {
      *time = std::chrono::milliseconds(ms);
    };
    Common(flag, app_->add_option_function<int64_t>("--" + flag, set, help))
        ->transform(elmo::Time())
        ->type_name("TIME")
        ->default_str(TimeText(*time));
  }

  // --flag and --no-flag.
  void Switch(const std::string& flag, bool* value, const std::string& help) {
    Common(flag, app_->add_flag("--" + flag + ",!--no-" + flag, *value, help))
        ->default_str(*value ? "on" : "off");
  }

 private:
  CLI::Option* Common(const std::string& flag, CLI::Option* option) {
    return option->envname(EnvironmentName(flag))->group(group_);
  }

  CLI::App* const app_;
  std::string group_ = "Options";
};

void AddModelFlags(CommandLine* options, std::vector<std::string>* models,
                   Flags* flags) {
  flags->Group("Model");
  flags
      ->Value("model", models,
              "A model package: DIR, or NAME=DIR to serve it by another name "
              "than its own. Repeat it for several, or separate them by "
              "commas; the first is the default one")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->required();
  flags
      ->Value("lstm", &options->lstm,
              "How LSTM steps are computed; auto chooses the faster")
      ->check(CLI::IsMember({"auto", "primitive", "merged"}));
  flags
      ->Value("word-cache-mb", &options->word_cache_mb,
              "Memory for the vectors of words seen lately, in MB; 0: no cache")
      ->check(CLI::Range(0, 1 << 20));
}

void AddServerFlags(CommandLine* options, Flags* flags) {
  ServerOptions& server = options->server;
  flags->Group("Server");
  flags->Value("listen", &server.listen,
               "HOST:PORT, [HOST]:PORT or unix:PATH; port 0: one that is free. "
               "[::]:50051 is every interface; there is no authentication");
  flags->Value("port-file", &options->port_file,
               "Write the port to this file once the server is ready");
  flags->Switch("reflection", &server.reflection,
                "Let clients such as grpcurl ask for the protocol");
  flags->Switch("channelz", &server.channelz,
                "Show gRPC's connections and calls through grpc.channelz.v1");
  flags->Time("drain-delay", &server.drain_delay,
              "On SIGTERM or SIGINT: be not ready, yet serve, for this long; "
              "for Kubernetes, until its endpoints are up to date");
  flags->Time("drain-timeout", &server.drain_timeout,
              "After that: finish accepted calls for at most this long");
}

void AddObservationFlags(CommandLine* options, Flags* flags) {
  ServerOptions& server = options->server;
  flags->Group("Metrics and log");
  flags->Value("metrics-listen", &server.metrics_listen,
               "ADDRESS:PORT for Prometheus metrics at /metrics, plain HTTP; "
               "0.0.0.0:9464 in a container; port 0: one that is free; empty: "
               "none");
  flags->Value("metrics-port-file", &options->metrics_port_file,
               "Write the port of the metrics to this file");
  flags->Value("log-level", &options->log_level, "What to log, to stderr")
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}));
  flags
      ->Value("log-format", &options->log_format,
              "Lines of text, or one JSON object a line")
      ->check(CLI::IsMember({"text", "json"}));
  flags->Switch("log-requests", &server.access_log.all_requests,
                "Log every call; otherwise those that fail or are slow, at "
                "most 10 a second, and all at level debug");
  flags->Time("slow-request", &server.access_log.slow_request,
              "Time from which a call counts as slow");
}

void AddLimitFlags(ServerOptions* options, Flags* flags) {
  RequestLimits& limits = options->limits;
  flags->Group("Limits of a request (GetModel tells them)");
  flags->Value("max-sentences-per-request", &limits.max_sentences_per_request,
               "Sentences in a request");
  flags->Value("max-tokens-per-sentence", &limits.max_tokens_per_sentence,
               "Tokens in a sentence");
  flags->Value("max-tokens-per-request", &limits.max_tokens_per_request,
               "Tokens in a request");
  flags->Size("max-bytes-per-sentence", &limits.max_bytes_per_sentence,
              "Bytes of a sentence: its text, or its tokens together");
  flags->Size("max-request-bytes", &limits.max_request_bytes,
              "Bytes of a serialised request");
  flags->Size("max-response-bytes", &limits.max_response_bytes,
              "Bytes of the vectors in an answer, found before computing. "
              "Clients must allow as much and some more: gRPC's own default "
              "for them is 4mb");
  flags->Time("default-deadline", &options->default_deadline,
              "For calls without a deadline of their own");
}

void AddLoadFlags(ServerOptions* options, Flags* flags) {
  SentenceQueue::Options& queue = options->scheduler.queue;
  flags->Group("Load");
  flags->Value("workers", &options->scheduler.workers,
               "Compute threads; default: the CPUs that affinity and cgroup "
               "quota give");
  flags->Value("max-batch-rows", &queue.max_batch_rows,
               "Sentences computed together");
  flags->Value("max-batch-tokens", &queue.max_batch_tokens,
               "Tokens computed together, two boundaries per sentence "
               "included; a longer sentence runs alone");
  flags->Value("max-queued-tokens", &queue.max_queued_tokens,
               "Tokens that may wait, boundaries included; more is refused "
               "with UNAVAILABLE");
  flags->Size("max-bytes-in-flight", &options->max_bytes_in_flight,
              "Memory of requests and answers until they are sent; more is "
              "refused with UNAVAILABLE");
  flags->Size("max-bytes-in-flight-per-connection",
              &options->max_bytes_in_flight_per_connection,
              "The same for one connection, so that a slow reader does not "
              "take the memory of others");
  flags->Time("stall-timeout", &options->stall_timeout,
              "An answer that a client does not read for so long ends its "
              "call");
}

void AddConnectionFlags(ConnectionOptions* options, Flags* flags) {
  flags->Group("Connections");
  flags->Time("max-connection-age", &options->max_connection_age,
              "Age at which a connection is closed gently");
  flags->Time("max-connection-age-grace", &options->max_connection_age_grace,
              "For calls that run then");
  flags->Time("keepalive-time", &options->keepalive_time,
              "Silence after which a client is asked whether it is there");
  flags->Time("keepalive-timeout", &options->keepalive_timeout,
              "For its answer");
  flags->Time("min-ping-interval", &options->min_ping_interval,
              "Clients that ping more often are told to go away");
  flags->Time("handshake-timeout", &options->handshake_timeout,
              "For a new connection to begin with HTTP/2");
  flags->Value("max-concurrent-streams", &options->max_concurrent_streams,
               "Calls at a time on one connection");
  flags->Size("max-buffer-bytes", &options->max_buffer_bytes,
              "Memory for gRPC's own buffers");
}

// NAME=DIR or DIR; a folder's name may hold a "=" after a "/".
absl::Status SplitModel(const std::string& model, CommandLine* options) {
  const size_t equals = model.find('=');
  const bool named = equals != std::string::npos && model.find('/') > equals;
  CommandLine::Model split;
  if (named) {
    split.name = model.substr(0, equals);
    ELMO_RETURN_IF_ERROR(ValidateModelName(split.name));
  }
  split.directory = named ? model.substr(equals + 1) : model;
  if (split.directory.empty()) {
    return absl::InvalidArgumentError(
        "--model names no folder; it must be DIR or NAME=DIR");
  }
  options->models.push_back(std::move(split));
  return absl::OkStatus();
}

}  // namespace

std::variant<CommandLine, int> ParseCommandLine(int argc,
                                                const char* const* argv,
                                                int workers, std::ostream& out,
                                                std::ostream& err) {
  CommandLine options;
  options.server.scheduler.workers = workers;
  std::vector<std::string> models;
  CLI::App app(
      "Serves ELMo embeddings over gRPC (elmo.v1.EmbeddingService).\n"
      "Every flag can also be set in the environment, as shown. A TIME has a\n"
      "unit (ms, s, m, h); a SIZE may have one (kb, mb, gb of 1024).",
      "elmo-server");
  app.set_version_flag("--version", "elmo-server " ELMO_VERSION);
  Flags flags(&app);
  AddModelFlags(&options, &models, &flags);
  AddServerFlags(&options, &flags);
  AddObservationFlags(&options, &flags);
  AddLimitFlags(&options.server, &flags);
  AddLoadFlags(&options.server, &flags);
  AddConnectionFlags(&options.server.connection, &flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e, out, err) == 0 ? 0 : kBadFlags;
  }
  absl::Status status;
  for (const std::string& model : models) {
    if (status.ok()) status = SplitModel(model, &options);
  }
  if (status.ok()) status = options.server.Validate();
  if (!status.ok()) {
    err << "elmo-server: " << status.message() << "\n";
    return kBadFlags;
  }
  return options;
}

}  // namespace elmo

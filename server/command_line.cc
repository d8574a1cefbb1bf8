#include "server/command_line.h"

#include <CLI/CLI.hpp>
#include <cctype>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <map>
#include <ostream>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/model/package_format.h"
#include "server/config_file.h"
#include "server/unknown_variables.h"

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
    CLI::Option* const option =
        Common(flag, app_->add_option("--" + flag, *value, help));
    options_.back().text = [option] {
      return option->count() > 0 ? absl::StrJoin(option->results(), ",")
                                 : option->get_default_str();
    };
    return option->capture_default_str();
  }

  // A size in bytes: 1500, 64kb, 4mb, 1gb.
  void Size(const std::string& flag, int64_t* bytes, const std::string& help) {
    Common(flag, app_->add_option("--" + flag, *bytes, help))
        ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false).description(""))
        ->type_name("SIZE")
        ->default_str(SizeText(*bytes));
    options_.back().text = [bytes] { return SizeText(*bytes); };
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
    options_.back().text = [time] { return TimeText(*time); };
  }

  // --flag and --no-flag.
  void Switch(const std::string& flag, bool* value, const std::string& help) {
    const auto text = [value] { return std::string(*value ? "on" : "off"); };
    Common(flag, app_->add_flag("--" + flag + ",!--no-" + flag, *value, help))
        ->default_str(text());
    options_.back().text = text;
  }

  std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const Known& known : options_) names.insert(known.flag);
    return names;
  }

  // "listen=127.0.0.1:50051 ...": what each option comes to.
  std::string Effective() const {
    std::vector<std::string> parts;
    for (const Known& known : options_) {
      parts.push_back(
          absl::StrCat(known.flag, "=", absl::CHexEscape(known.text())));
    }
    return absl::StrJoin(parts, " ");
  }

  // A switch that a profile decides: off, and an error where it was set on.
  absl::Status ForceOff(const std::string& flag, bool* value,
                        const std::string& profile) {
    for (const Known& known : options_) {
      if (known.flag == flag && known.option->count() > 0 && *value) {
        return absl::InvalidArgumentError(absl::StrCat(
            profile, " switches ", flag, " off; it cannot be on as well"));
      }
    }
    *value = false;
    return absl::OkStatus();
  }

 private:
  struct Known {
    std::string flag;
    CLI::Option* option;
    std::function<std::string()> text;  // The value, for people.
  };

  CLI::Option* Common(const std::string& flag, CLI::Option* option) {
    options_.push_back({flag, option, nullptr});
    return option->envname(EnvironmentName(flag))->group(group_);
  }

  CLI::App* const app_;
  std::string group_ = "Options";
  std::vector<Known> options_;
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
      ->Value("precision", &options->precision,
              "What the LSTMs multiply: f32 is exact; bf16 and int8 are about "
              "two and four times as fast, need less memory, a CPU with "
              "AVX-512 BF16 or VNNI, and cost some accuracy")
      ->check(CLI::IsMember({"f32", "bf16", "int8"}));
  flags
      ->Value("lstm", &options->lstm,
              "How LSTM steps are computed; auto chooses the faster")
      ->check(CLI::IsMember({"auto", "primitive", "merged"}));
  flags
      ->Value(
          "word-cache-mb", &options->word_cache_mb,
          "Memory for the vectors of words seen lately, in MB; too little and "
          "frequent words are computed anew; 0: no cache")
      ->check(CLI::Range(0, 1 << 20));
}

void AddServerFlags(CommandLine* options, Flags* flags) {
  ServerOptions& server = options->server;
  flags->Group("Server");
  flags->Value("listen", &server.listen,
               "HOST:PORT, [HOST]:PORT or unix:PATH; port 0: one that is free. "
               "[::]:50051 is every interface: see Security first");
  flags->Value("port-file", &options->port_file,
               "Write the port to this file once the server is ready");
  flags->Switch("reflection", &server.reflection,
                "Let clients such as grpcurl ask for the protocol");
  flags->Switch("channelz", &server.channelz,
                "Show gRPC's connections and calls through grpc.channelz.v1");
  flags->Time("drain-delay", &server.drain_delay,
              "On SIGTERM or SIGINT: be not ready, yet serve, for this long; "
              "for Kubernetes, until its endpoints are up to date. Too short "
              "and late calls are refused; longer only delays the end");
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
  flags->Time(
      "default-deadline", &options->default_deadline,
      "For calls without a deadline of their own; with a shorter one "
      "they are refused sooner under load, with a longer one they wait");
}

void AddLoadFlags(ServerOptions* options, Flags* flags) {
  SentenceQueue::Options& queue = options->scheduler.queue;
  flags->Group("Load");
  flags->Value("workers", &options->scheduler.workers,
               "Compute threads; default: the CPUs that affinity and cgroup "
               "quota give. More only wait for each other, and each has a "
               "workspace; fewer leave CPU to others");
  flags->Value("max-batch-rows", &queue.max_batch_rows,
               "Sentences computed together; more raise throughput and "
               "latency");
  flags->Value("max-batch-tokens", &queue.max_batch_tokens,
               "Tokens computed together, two boundaries per sentence "
               "included; a longer sentence runs alone. More raise throughput, "
               "a worker's memory, and how long others wait for a batch");
  flags->Value("max-queued-tokens", &queue.max_queued_tokens,
               "Tokens that may wait, boundaries included; more is refused "
               "with UNAVAILABLE. Larger takes in bursts, but everyone waits "
               "longer");
  flags->Size("max-bytes-in-flight", &options->max_bytes_in_flight,
              "Memory of requests and answers until they are sent; more is "
              "refused with UNAVAILABLE");
  flags->Size("max-bytes-in-flight-per-connection",
              &options->max_bytes_in_flight_per_connection,
              "The same for one connection, so that a slow reader does not "
              "take the memory of others");
  flags->Time("stall-timeout", &options->stall_timeout,
              "An answer of which a client takes nothing for so long ends its "
              "call");
}

void AddConnectionFlags(ConnectionOptions* options, Flags* flags) {
  flags->Group("Connections");
  flags->Time("max-connection-age", &options->max_connection_age,
              "Age at which a connection is closed gently; shorter and clients "
              "find new servers sooner, but connect and end their streams more "
              "often");
  flags->Time("max-connection-age-grace", &options->max_connection_age_grace,
              "For calls that run then");
  flags->Time("keepalive-time", &options->keepalive_time,
              "Silence after which a client is asked whether it is there");
  flags->Time("keepalive-timeout", &options->keepalive_timeout,
              "For its answer");
  flags->Time("handshake-timeout", &options->handshake_timeout,
              "For a new connection to begin with HTTP/2");
  flags->Value("max-concurrent-streams", &options->max_concurrent_streams,
               "Calls at a time on one connection");
  flags->Value("max-connections", &options->max_connections,
               "Connections at a time, more are closed at once; fewer where "
               "the process may not have the file descriptors");
  flags->Switch("guard-connections", &options->guard_connections,
                "Close connections that begin calls only to reset them, or "
                "send control frames without end");
  flags->Size("max-buffer-bytes", &options->max_buffer_bytes,
              "Memory for gRPC's own buffers");
}

void AddSecurityFlags(ServerOptions* options, Flags* flags) {
  SecurityOptions& security = options->security;
  flags->Group("Security (docs/security.md)");
  flags->Value("tls-cert", &security.tls_cert,
               "PEM file: the server's certificate and its chain. TLS only "
               "from then on; read again when it changes");
  flags->Value("tls-key", &security.tls_key,
               "PEM file: its private key, unencrypted; keep it from others");
  flags->Value("tls-client-ca", &security.tls_client_ca,
               "PEM file of authorities: every client must show a certificate "
               "of one of them (mutual TLS)");
  flags->Value("auth-tokens-file", &security.auth_tokens_file,
               "One token a line: every call must bring one, but health "
               "checks; read again when it changes");
  flags->Switch("allow-plaintext-tokens", &security.allow_plaintext_tokens,
                "Tokens without TLS on an address that others reach: only "
                "behind something that encrypts");
  flags->Value("probe-listen", &security.probe_listen,
               "HOST:PORT with health checks alone, never encrypted: for "
               "Kubernetes' probes, which know neither TLS nor tokens");
  flags->Size("max-metadata-bytes", &security.max_metadata_bytes,
              "Bytes of a call's metadata; tokens and traces need some");
  flags->Switch("hardened", &security.hardened,
                "Nothing that tells about the server (no reflection, no "
                "channelz), and no start without TLS and known callers where "
                "others than this machine can connect");
}

// Reads the file that --config names. CLI11 lets a file go before the
// environment; here it is the other way round, so what is set there is left
// out.
class ConfigReader final : public CLI::Config {
 public:
  ConfigReader(const Flags& flags, absl::Status* status)
      : names_(flags.Names()), status_(status) {}

  std::string to_config(const CLI::App*, bool, bool,
                        std::string) const override {
    return "";
  }

  // Nothing where `status` gets an error.
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    const std::string text((std::istreambuf_iterator<char>(input)), {});
    auto entries = ParseConfig(text, names_);
    if (!entries.ok()) {
      *status_ = entries.status();
      return {};
    }
    std::vector<CLI::ConfigItem> found;
    for (ConfigEntry& entry : *entries) {
      const char* set = std::getenv(EnvironmentName(entry.key).c_str());
      if (set != nullptr && *set != '\0') continue;
      found.emplace_back();
      found.back().name = std::move(entry.key);
      found.back().inputs = std::move(entry.values);
    }
    return found;
  }

 private:
  const std::set<std::string> names_;
  absl::Status* const status_;
};

void AddConfigFlag(const Flags& flags, absl::Status* status, CLI::App* app) {
  // CLI11 looks into the environment after it has read the file.
  const char* file = std::getenv("ELMO_CONFIG");
  const bool is_set = file != nullptr && *file != '\0';
  app->set_config("--config", is_set ? file : "",
                  "Read options from this file, `name = value` a line, without "
                  "the dashes; flags and the environment go first",
                  /*config_required=*/is_set)
      ->type_name("FILE")
      ->envname("ELMO_CONFIG");
  app->config_formatter(std::make_shared<ConfigReader>(flags, status));
  app->allow_config_extras(CLI::config_extras_mode::error);
}

// What an option decides about others.
absl::Status Settle(CommandLine* options, Flags* flags) {
  if (options->lstm == "primitive" && options->precision != "f32") {
    return absl::InvalidArgumentError(
        absl::StrCat("--lstm is primitive, which computes in f32 alone; "
                     "--precision is ",
                     options->precision));
  }
  ServerOptions* server = &options->server;
  if (server->security.hardened) {
    ELMO_RETURN_IF_ERROR(
        flags->ForceOff("reflection", &server->reflection, "hardened"));
    ELMO_RETURN_IF_ERROR(
        flags->ForceOff("channelz", &server->channelz, "hardened"));
  }
  return server->Validate();
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
  AddSecurityFlags(&options.server, &flags);
  app.add_flag("--check", options.check,
               "Check options, addresses, certificates, tokens and models, say "
               "what was found, and end: 0 where a start would succeed, short "
               "of a port being taken");
  absl::Status config;
  AddConfigFlag(flags, &config, &app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    // CLI11 would say that --model is missing, not what is one too many.
    const std::vector<std::string> unknown = app.remaining();
    if (e.get_name() == "RequiredError" && !unknown.empty()) {
      err << unknown.front() << ": no such flag; --help lists them\n";
      return kBadFlags;
    }
    // What is wrong in the file may be the reason for what is missing.
    if (config.ok()) return app.exit(e, out, err) == 0 ? 0 : kBadFlags;
  }
  if (!config.ok()) {
    err << "elmo-server: the file of --config: " << config.message() << "\n";
    return kBadFlags;
  }
  absl::Status status;
  for (const std::string& model : models) {
    if (status.ok()) status = SplitModel(model, &options);
  }
  if (status.ok()) status = Settle(&options, &flags);
  options.effective = flags.Effective();
  std::set<std::string> variables = {EnvironmentName("config")};
  for (const std::string& flag : flags.Names()) {
    variables.insert(EnvironmentName(flag));
  }
  options.unknown_variables = UnknownVariables(variables);
  if (!status.ok()) {
    err << "elmo-server: " << status.message() << "\n";
    return kBadFlags;
  }
  return options;
}

}  // namespace elmo

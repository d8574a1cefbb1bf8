#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands.h"
#include "client/cli/output_file.h"
#include "client/cli/text_width.h"
#include "client/embed_client.h"
#include "core/base/status_macros.h"

namespace elmo::cli {
namespace {

constexpr char kReadiness[] = "readiness";
constexpr std::chrono::milliseconds kPollInterval{100};

// Whether the server takes requests; nothing where it does not say.
absl::StatusOr<std::optional<bool>> IsReady(EmbedConnection& connection) {
  const absl::StatusOr<bool> serving = connection.IsServing({}, kReadiness);
  if (serving.ok()) return std::optional<bool>(*serving);
  if (absl::IsNotFound(serving.status()) ||
      absl::IsUnimplemented(serving.status())) {
    return std::nullopt;
  }
  return serving.status();
}

absl::StatusOr<std::optional<bool>> AwaitReady(const ServerChoice& server,
                                               EmbedConnection& connection) {
  const auto deadline = std::chrono::steady_clock::now() + server.timeout;
  while (true) {
    ELMO_ASSIGN_OR_RETURN(const std::optional<bool> ready, IsReady(connection));
    if (ready.value_or(true) || !server.wait) return ready;
    if (std::chrono::steady_clock::now() + kPollInterval > deadline) {
      return absl::DeadlineExceededError("the server is up, but not ready");
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

absl::StatusOr<std::vector<v1::Model>> Models(const ServerChoice& server,
                                              EmbedConnection& connection) {
  if (!server.model.empty()) {
    v1::GetModelRequest request;
    request.set_model(server.model);
    ELMO_ASSIGN_OR_RETURN(const v1::Model model,
                          connection.GetModel({}, request));
    return std::vector<v1::Model>{model};
  }
  ELMO_ASSIGN_OR_RETURN(const v1::ListModelsResponse list,
                        connection.ListModels({}));
  return std::vector<v1::Model>(list.models().begin(), list.models().end());
}

struct LimitName {
  const char* key;
  const char* text;
  int64_t (v1::Limits::*get)() const;
};
constexpr LimitName kLimits[] = {
    {"sentences_per_request", "sentences a request",
     &v1::Limits::sentences_per_request},
    {"tokens_per_sentence", "tokens a sentence",
     &v1::Limits::tokens_per_sentence},
    {"tokens_per_request", "tokens a request", &v1::Limits::tokens_per_request},
    {"bytes_per_sentence", "bytes a sentence", &v1::Limits::bytes_per_sentence},
    {"request_bytes", "bytes a request", &v1::Limits::request_bytes},
    {"response_bytes", "bytes an answer", &v1::Limits::response_bytes},
};

std::string Line(const std::string& label, const std::string& value) {
  return absl::StrFormat("  %-13s%s\n", label, Printable(value));
}

std::string ModelText(const v1::Model& model, bool is_default) {
  std::string text = absl::StrCat("\nModel ", Printable(model.name()),
                                  is_default ? " (the default)" : "", "\n");
  text += Line("checksum", model.checksum());
  text += Line("precision", model.precision());
  text += Line("layers",
               absl::StrFormat(
                   "0 to %d: the word alone, then %d LSTM layers of "
                   "2 x %d cells",
                   model.lstm_layers(), model.lstm_layers(), model.cell_dim()));
  text += Line("vector", absl::StrCat(model.dim(), " numbers"));
  text += Line("word", absl::StrCat("its first ", model.max_bytes_per_token(),
                                    " bytes count"));
  text += Line(
      "start state",
      absl::StrCat(model.default_start_state() == v1::WARM ? "warm" : "zero",
                   model.has_warm_state() ? "; warm and zero are there"
                                          : "; there is no warm one"));
  text += "  limits\n";
  for (const LimitName& limit : kLimits) {
    absl::StrAppendFormat(&text, "    %-22s%d\n", limit.text,
                          (model.limits().*limit.get)());
  }
  return text;
}

nlohmann::ordered_json ModelJson(const v1::Model& model) {
  nlohmann::ordered_json limits;
  for (const LimitName& limit : kLimits) {
    limits[limit.key] = (model.limits().*limit.get)();
  }
  return {
      {"name", model.name()},
      {"checksum", model.checksum()},
      {"precision", model.precision()},
      {"lstm_layers", model.lstm_layers()},
      {"dim", model.dim()},
      {"cell_dim", model.cell_dim()},
      {"max_bytes_per_token", model.max_bytes_per_token()},
      {"has_warm_state", model.has_warm_state()},
      {"default_start_state", v1::StartState_Name(model.default_start_state())},
      {"limits", std::move(limits)}};
}

std::string InfoJson(const std::string& address, std::optional<bool> ready,
                     const std::vector<v1::Model>& models) {
  nlohmann::ordered_json json;
  json["server"] = address;
  json["ready"] = ready ? nlohmann::ordered_json(*ready) : nullptr;
  json["models"] = nlohmann::ordered_json::array();
  for (const v1::Model& model : models) {
    json["models"].push_back(ModelJson(model));
  }
  return json.dump(2, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace

absl::Status Print(const std::string& text) {
  ELMO_ASSIGN_OR_RETURN(const auto output, OutputFile::Create("-"));
  ELMO_RETURN_IF_ERROR(output->Write(text));
  return output->Commit();
}

absl::Status RunInfo(const ServerChoice& server, const InfoCommand& command,
                     const std::shared_ptr<EmbedConnection>& connection) {
  ELMO_ASSIGN_OR_RETURN(const std::optional<bool> ready,
                        AwaitReady(server, *connection));
  ELMO_ASSIGN_OR_RETURN(const std::vector<v1::Model> models,
                        Models(server, *connection));
  if (command.json) return Print(InfoJson(server.server, ready, models));
  std::string text = absl::StrCat("Server ", server.server, ": ",
                                  !ready   ? "up"
                                  : *ready ? "ready"
                                           : "up, but not ready",
                                  "\n");
  for (size_t i = 0; i < models.size(); ++i) {
    text += ModelText(models[i], i == 0 && server.model.empty());
  }
  return Print(text);
}

}  // namespace elmo::cli

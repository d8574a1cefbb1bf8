#include "server/server_credentials.h"

#include <chrono>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/base/check.h"
#include "core/base/mutex.h"
#include "grpc/grpc_security.h"
#include "server/batching/time.h"
#include "server/call_report.h"
#include "server/logs/log_event.h"

// gRPC's C interface, which is its own base: the C++ one has neither
// certificates that change in memory nor a gate for plain text.

namespace elmo {
namespace {

// Strangers must not fill the log.
constexpr std::chrono::seconds kTellEvery(1);

// Belongs to gRPC's credentials, which may live a little longer than the
// server: connections end in the background.
struct GateState {
  std::shared_ptr<CallGate> gate;
  std::shared_ptr<const CertificateStore> certificates;

  Mutex mu;
  // What gRPC has got last.
  std::shared_ptr<const CertificateSet> given ABSL_GUARDED_BY(mu);
  TimePoint told ABSL_GUARDED_BY(mu){};
  int64_t untold ABSL_GUARDED_BY(mu) = 0;
};

// gRPC asks at the beginning of each connection. It keeps what it has where it
// gets nothing new.
grpc_ssl_certificate_config_reload_status FetchCertificates(
    void* user_data, grpc_ssl_server_certificate_config** config) {
  auto* state = static_cast<GateState*>(user_data);
  const auto current = state->certificates->current();
  MutexLock lock(&state->mu);
  if (current == state->given)
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  const CertificateTexts& texts = current->texts;
  const grpc_ssl_pem_key_cert_pair pair = {texts.key.c_str(),
                                           texts.chain.c_str()};
  // gRPC insists on authorities also where clients are not asked for a
  // certificate; then they have no effect.
  const std::string& authorities =
      texts.client_ca.empty() ? texts.chain : texts.client_ca;
  *config =
      grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
  state->given = current;
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

absl::string_view View(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)),
          GRPC_SLICE_LENGTH(slice)};
}

absl::Status Admit(CallGate* gate, const grpc_metadata* metadata,
                   size_t count) {
  try {
    std::vector<CallGate::Metadatum> pairs(count);
    for (size_t i = 0; i < count; ++i) {
      pairs[i] = {View(metadata[i].key), View(metadata[i].value)};
    }
    return gate->Admit(pairs);
  } catch (const std::exception&) {
    return absl::ResourceExhaustedError("out of memory");
  }
}

// Of the caller's certificate; empty where none was asked for.
std::string CommonName(const grpc_auth_context* context) {
  grpc_auth_property_iterator names = grpc_auth_context_find_properties_by_name(
      context, GRPC_X509_CN_PROPERTY_NAME);
  const grpc_auth_property* name = grpc_auth_property_iterator_next(&names);
  return name == nullptr ? "" : std::string(name->value, name->value_length);
}

// gRPC refuses the call before it tells anybody of it, so that nothing else
// would be in the log. It does not say here where the call comes from; what is
// in the metadata is the caller's.
void TellOfRefusal(const absl::Status& status, const grpc_auth_context* context,
                   GateState* state) {
  const TimePoint now = std::chrono::steady_clock::now();
  int64_t refused = 0;
  {
    MutexLock lock(&state->mu);
    ++state->untold;
    if (now - state->told < kTellEvery) return;
    state->told = now;
    refused = std::exchange(state->untold, 0);
  }
  LogFields fields = {{"code", CodeName(status.code())},
                      {"error", std::string(status.message())},
                      {"refused", refused}};
  std::string name = CommonName(context);
  if (!name.empty()) fields.emplace_back("certificate", std::move(name));
  LogEvent(LogLevel::kWarn, "calls refused by their metadata", fields);
}

void ProcessMetadata(void* user_data, grpc_auth_context* context,
                     const grpc_metadata* metadata, size_t count,
                     grpc_process_auth_metadata_done_cb done, void* done_data) {
  auto* state = static_cast<GateState*>(user_data);
  const absl::Status status = Admit(state->gate.get(), metadata, count);
  if (!status.ok()) TellOfRefusal(status, context, state);
  const std::string message(status.message());
  done(done_data, /*consumed_md=*/nullptr, 0, /*response_md=*/nullptr, 0,
       static_cast<grpc_status_code>(status.code()),
       status.ok() ? nullptr : message.c_str());
}

grpc_server_credentials* TlsCredentials(GateState* state) {
  const bool mutual = !state->certificates->current()->texts.client_ca.empty();
  return grpc_ssl_server_credentials_create_with_options(
      grpc_ssl_server_credentials_create_options_using_config_fetcher(
          mutual ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                 : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
          &FetchCertificates, state));
}

class GatedCredentials final : public grpc::ServerCredentials {
 public:
  explicit GatedCredentials(std::unique_ptr<GateState> state)
      : credentials_(state->certificates == nullptr
                         ? grpc_insecure_server_credentials_create()
                         : TlsCredentials(state.get())) {
    ELMO_CHECK(credentials_ != nullptr);
    const grpc_auth_metadata_processor gate = {
        &ProcessMetadata,
        [](void* gone) { delete static_cast<GateState*>(gone); },
        state.release()};
    grpc_server_credentials_set_auth_metadata_processor(credentials_, gate);
  }
  ~GatedCredentials() override {
    grpc_server_credentials_release(credentials_);
  }

  // The gate is ours and stays.
  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {
    ELMO_CHECK(false);
  }

 private:
  int AddPortToServer(const std::string& address,
                      grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* const credentials_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(
    const Security& security) {
  auto state = std::make_unique<GateState>();
  state->gate = security.gate();
  state->certificates = security.certificates();
  return std::make_shared<GatedCredentials>(std::move(state));
}

}  // namespace elmo

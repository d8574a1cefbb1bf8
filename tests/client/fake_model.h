#ifndef ELMO_TESTS_CLIENT_FAKE_MODEL_H_
#define ELMO_TESTS_CLIENT_FAKE_MODEL_H_

#include "absl/status/statusor.h"
#include "elmo/v1/embedding.pb.h"

namespace elmo::testing {

// What a server with a tiny made-up model says: two LSTM layers, four numbers a
// vector, text split at blanks and
// before full stops. The vector of a token is
//   {layer, row, length of the token in bytes, its first byte}
// so that a test can tell from a vector where it came from; every value is
// exact in each encoding. A mix gives layer 1, pooling the mean over the rows
// whatever its kind; normalize and start state change nothing.
constexpr int kFakeLayers = 3;
constexpr int kFakeDim = 4;

// Limits: 8 sentences and 64 tokens a request, 4096 bytes of vectors.
v1::Model FakeModel();

// INVALID_ARGUMENT over a limit of FakeModel(), or for no sentences.
absl::StatusOr<v1::EmbedResponse> FakeAnswer(const v1::EmbedRequest& request);

}  // namespace elmo::testing

#endif  // ELMO_TESTS_CLIENT_FAKE_MODEL_H_

#ifndef ELMO_SERVER_EMBED_PLAN_H_
#define ELMO_SERVER_EMBED_PLAN_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/output_spec.h"
#include "core/model/lstm_state.h"
#include "server/served_model.h"

namespace elmo {

// How vectors are written in the answer; as elmo.v1.Encoding.
enum class Encoding { kFloat32, kFloat16, kBfloat16, kFloatList };

// Bytes of one number in the answer.
inline int64_t BytesPerNumber(Encoding encoding) {
  switch (encoding) {
    case Encoding::kFloat16:
    case Encoding::kBfloat16:
      return 2;
    case Encoding::kFloat32:
    case Encoding::kFloatList:
      break;
  }
  return 4;
}

// What a valid request asks for, as plain data: the protobuf message is gone
// while the request waits.
struct EmbedPlan {
  struct Sentence {
    std::vector<std::string> tokens;
    // Bytes [first, second) of the caller's text, one per token; empty where
    // the caller sent tokens.
    std::vector<std::pair<size_t, size_t>> ranges;
  };

  std::shared_ptr<const ServedModel> model;
  const LstmState* start_state = nullptr;  // The model's, or null: zeros.
  // Start where the stream's last session sentence ended, instead.
  bool session = false;
  OutputSpec output;
  Encoding encoding = Encoding::kFloat32;
  bool return_tokens = false;
  std::vector<Sentence> sentences;
  // Of the vectors in the answer.
  int64_t response_bytes = 0;
  // What splitting the texts into tokens took; zero where there was none.
  std::chrono::steady_clock::duration tokenization_time{};
};

}  // namespace elmo

#endif  // ELMO_SERVER_EMBED_PLAN_H_

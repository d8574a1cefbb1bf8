#ifndef ELMO_SERVER_FLOAT_ENCODING_H_
#define ELMO_SERVER_FLOAT_ENCODING_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"

namespace elmo {

// The nearest number in the narrower format, ties to even; beyond its range:
// infinity; NaN stays NaN. Results are bit patterns.
uint16_t ToFloat16(float value);
uint16_t ToBfloat16(float value);

// The values one after the other, little-endian, whatever this machine is.
std::string EncodeFloat32(absl::Span<const float> values);
std::string EncodeFloat16(absl::Span<const float> values);
std::string EncodeBfloat16(absl::Span<const float> values);

}  // namespace elmo

#endif  // ELMO_SERVER_FLOAT_ENCODING_H_

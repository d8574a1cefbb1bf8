#ifndef ELMO_CLIENT_FLOAT_ENCODING_H_
#define ELMO_CLIENT_FLOAT_ENCODING_H_

#include <cstdint>
#include <string_view>
#include <vector>

namespace elmo {

// The float that has the same value; every half and bfloat16 has one. Infinity
// and NaN stay what they are.
float FromFloat16(uint16_t bits);
float FromBfloat16(uint16_t bits);

// Little-endian numbers, as they are in SentenceEmbedding.data. `data` must be
// a whole number of them.
std::vector<float> FloatsFromFloat32(std::string_view data);
std::vector<float> FloatsFromFloat16(std::string_view data);
std::vector<float> FloatsFromBfloat16(std::string_view data);

}  // namespace elmo

#endif  // ELMO_CLIENT_FLOAT_ENCODING_H_

#ifndef ELMO_CORE_MODEL_FLOAT_FORMATS_H_
#define ELMO_CORE_MODEL_FLOAT_FORMATS_H_

#include <cstddef>
#include <cstdint>

namespace elmo {

// Between f32 and the two 16-bit formats that tensors may be stored in.
// Widening is exact. Narrowing rounds to nearest, ties to even; what is too
// large becomes infinite, a NaN stays a NaN.
float HalfToFloat(uint16_t half);
uint16_t FloatToHalf(float value);
float BFloat16ToFloat(uint16_t bits);
uint16_t FloatToBFloat16(float value);

// Index of the first NaN or infinity, or `size`.
size_t FindNonFinite(const float* values, size_t size);

}  // namespace elmo

#endif  // ELMO_CORE_MODEL_FLOAT_FORMATS_H_

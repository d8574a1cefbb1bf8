#ifndef ELMO_CORE_LAYERS_CHAR_CNN_H_
#define ELMO_CORE_LAYERS_CHAR_CNN_H_

#include <cstdint>
#include <vector>

#include "core/base/aligned_buffer.h"
#include "core/base/matrix_view.h"
#include "core/base/team.h"
#include "core/layers/kernels.h"
#include "core/layers/packed_matrix.h"
#include "core/layers/scratch.h"
#include "core/model/model_options.h"
#include "core/model/model_weights.h"

namespace elmo {

struct CharCnnScratch {
  ScratchMatrix features;
  ScratchMatrix carry;
  ScratchMatrix transform;
  ScratchMatrix convolution;  // By member.
  // Shares the work, if not null; not owned.
  Team* team = nullptr;
};

// Words to token vectors (layer 0): character convolutions, maximum over the
// positions, activation, highway layers, projection.
//
// The convolution over characters is a sum of rows of tables computed at
// construction, T_i[k][id] = embedding[id] @ W_i[k], and only over the windows
// that differ: those that begin beyond the end-of-word mark see padding alone
// and are all equal, so one of them stands for all.
//
// A word's vector depends on its ids alone, bit for bit.
//
// Thread-safe: Run() may be called concurrently with distinct scratch.
class CharCnn {
 public:
  // Character ids: 0 (unused) to 261.
  static constexpr int64_t kNumIds = 262;
  static constexpr uint16_t kPaddingId = 261;

  // Copies what it needs of `weights`. `kernels` must outlive this object.
  CharCnn(const ModelOptions& options, const CharCnnWeights& weights,
          const Kernels& kernels);

  // Width of a token vector, filled up to a multiple of kPanel with zeros.
  int64_t padded_dim() const { return padded_dim_; }

  // ids: [words, max_characters_per_token]; out: [words, padded_dim()].
  void Run(MatrixView<const uint16_t> ids, CharCnnScratch* scratch,
           Matrix out) const;

 private:
  struct Convolution {
    int64_t width;
    int64_t count;
    int64_t padded_count;
    AlignedBuffer<float> tables;  // [width, kNumIds, padded_count]
    std::vector<float> bias;      // [count]
  };
  struct HighwayLayer {
    PackedMatrix carry;
    PackedMatrix transform;
  };

  static Convolution MakeConvolution(ConstMatrix embedding,
                                     const ConvolutionWeights& weights);
  // `buffer`: room for any convolution's [padded_count].
  void Convolve(MatrixView<const uint16_t> ids, float* buffer,
                Matrix features) const;

  const Kernels& kernels_;
  const Activation activation_;
  const int64_t num_filters_;
  const int64_t padded_dim_;
  std::vector<Convolution> convolutions_;
  std::vector<HighwayLayer> highways_;
  PackedMatrix projection_;  // Empty where F == P.
};

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_CHAR_CNN_H_

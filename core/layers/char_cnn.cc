#include "core/layers/char_cnn.h"

#include <algorithm>
#include <cstring>

namespace elmo {
namespace {

// Ids up to and with the end-of-word mark.
int64_t UsedIds(const uint16_t* ids, int64_t count) {
  while (count > 0 && ids[count - 1] == CharCnn::kPaddingId) --count;
  return count;
}

}  // namespace

CharCnn::CharCnn(const ModelOptions& options, const CharCnnWeights& weights,
                 const Kernels& kernels)
    : kernels_(kernels),
      activation_(options.char_cnn.activation),
      num_filters_(options.char_cnn.num_filters()),
      padded_dim_(RoundUpToPanel(options.lstm.projection_dim)) {
  for (const ConvolutionWeights& w : weights.convolutions) {
    convolutions_.push_back(MakeConvolution(weights.embedding, w));
  }
  for (const HighwayWeights& w : weights.highways) {
    highways_.push_back({PackedMatrix(w.carry_weight, w.carry_bias),
                         PackedMatrix(w.transform_weight, w.transform_bias)});
  }
  if (options.has_char_projection()) {
    projection_ = PackedMatrix(weights.projection, weights.projection_bias);
  }
}

CharCnn::Convolution CharCnn::MakeConvolution(
    ConstMatrix embedding, const ConvolutionWeights& weights) {
  const int64_t count = weights.weight.cols(), dim = embedding.cols();
  const int64_t padded = RoundUpToPanel(count);
  Convolution result{
      weights.width, count, padded,
      AlignedBuffer<float>(weights.width * kNumIds * padded),
      std::vector<float>(weights.bias.row(0), weights.bias.row(0) + count)};
  std::fill_n(result.tables.data(), result.tables.size(), 0.0f);
  // In double: a table entry then has one rounding, as if it were a weight.
  std::vector<double> sum(count);
  for (int64_t k = 0; k < weights.width; ++k) {
    for (int64_t id = 1; id < kNumIds; ++id) {  // Id 0 is the zero vector.
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int64_t c = 0; c < dim; ++c) {
        const double x = embedding(id - 1, c);
        const float* w = weights.weight.row(k * dim + c);
        for (int64_t f = 0; f < count; ++f) sum[f] += x * w[f];
      }
      float* row = result.tables.data() + (k * kNumIds + id) * padded;
      for (int64_t f = 0; f < count; ++f) row[f] = static_cast<float>(sum[f]);
    }
  }
  return result;
}

void CharCnn::Convolve(MatrixView<const uint16_t> ids, float* buffer,
                       Matrix features) const {
  for (int64_t n = 0; n < ids.rows(); ++n) {
    const uint16_t* word = ids.row(n);
    const int64_t used = UsedIds(word, ids.cols());
    float* out = features.row(n);
    for (const Convolution& convolution : convolutions_) {
      ConvolutionArgs args;
      args.width = convolution.width;
      args.windows = std::min(ids.cols() - convolution.width, used) + 1;
      args.count = convolution.padded_count;
      args.ids = word;
      args.tables = convolution.tables.data();
      args.num_ids = kNumIds;
      args.out = buffer;
      kernels_.convolution_max(args);
      // The bias after the maximum: adding is monotone, rounding included.
      for (int64_t f = 0; f < convolution.count; ++f) {
        out[f] = args.out[f] + convolution.bias[f];
      }
      out += convolution.count;
    }
    std::fill(out, features.row(n) + features.cols(), 0.0f);
  }
  if (activation_ == Activation::kTanh) {
    kernels_.tanh(features.data(), features.size());
  } else {
    kernels_.relu(features.data(), features.size());
  }
}

void CharCnn::Run(MatrixView<const uint16_t> ids, CharCnnScratch* scratch,
                  Matrix out) const {
  const int64_t words = ids.rows();
  const int64_t width = RoundUpToPanel(num_filters_);
  const Matrix features = scratch->features.Get(words, width);
  int64_t widest = 0;
  for (const Convolution& convolution : convolutions_) {
    widest = std::max(widest, convolution.padded_count);
  }
  Team* const team = scratch->team;
  const Matrix buffers = scratch->convolution.Get(MaxMembers(team), widest);
  ParallelFor(team, words, [&](int member, int64_t begin, int64_t end) {
    Convolve(ids.Rows(begin, end - begin), buffers.row(member),
             features.Rows(begin, end - begin));
  });
  for (const HighwayLayer& highway : highways_) {
    const Matrix carry = scratch->carry.Get(words, width);
    const Matrix transform = scratch->transform.Get(words, width);
    const ConstMatrix x = features.Cols(0, num_filters_);
    ParallelFor(
        team, width / kPanel, [&](int member, int64_t begin, int64_t end) {
          highway.carry.MultiplyPanels(kernels_, x, carry, begin, end);
          highway.transform.MultiplyPanels(kernels_, x, transform, begin, end);
        });
    kernels_.highway(carry.data(), transform.data(), features.data(),
                     features.size());
  }
  if (projection_.empty()) {
    for (int64_t n = 0; n < words; ++n) {
      std::memcpy(out.row(n), features.row(n), padded_dim_ * sizeof(float));
    }
  } else {
    projection_.MultiplyTogether(kernels_, features.Cols(0, num_filters_), out,
                                 team);
  }
}

}  // namespace elmo

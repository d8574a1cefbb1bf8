#include "benchmarks/elmo_bench/dnnl_yardstick.h"

#include <cstring>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "core/layers/dnnl_context.h"
#include "tests/testing/tiny_model.h"

namespace elmo::bench {
namespace {

using Memory = dnnl::memory;
using Type = Memory::data_type;
using Tag = Memory::format_tag;

// The next two are where oneDNN 2.6 and 3.x differ.
dnnl::matmul::primitive_desc MatmulDescriptor(const Memory::desc& a,
                                              const Memory::desc& b,
                                              const Memory::desc& c) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::matmul::primitive_desc(CpuEngine(), a, b, c);
#else
  return dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), CpuEngine());
#endif
}

dnnl::convolution_forward::primitive_desc ConvolutionDescriptor(
    const Memory::desc& source, const Memory::desc& weights,
    const Memory::desc& bias, const Memory::desc& result) {
  const auto kind = dnnl::prop_kind::forward_inference;
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const Memory::dims stride = {1}, padding = {0};
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::convolution_forward::primitive_desc(
      CpuEngine(), kind, algorithm, source, weights, bias, result, stride,
      padding, padding);
#else
  return dnnl::convolution_forward::primitive_desc(
      dnnl::convolution_forward::desc(kind, algorithm, source, weights, bias,
                                      result, stride, padding, padding),
      CpuEngine());
#endif
}

// Memory with values in it: zeros would flatter some kernels. Padding, which a
// layout may have, holds values as well; nobody reads the results.
Memory Filled(const Memory::desc& desc, Type type) {
  Memory memory(desc, CpuEngine());
  testing::TestRandom random(/*seed=*/1);
  const size_t bytes = desc.get_size();
  if (type == Type::f32) {
    auto* values = static_cast<float*>(memory.get_data_handle());
    for (size_t i = 0; i < bytes / 4; ++i) values[i] = random.Uniform(1);
  } else if (type == Type::bf16) {
    auto* values = static_cast<uint16_t*>(memory.get_data_handle());
    for (size_t i = 0; i < bytes / 2; ++i) {
      const float value = random.Uniform(1);
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof(bits));
      values[i] = static_cast<uint16_t>(bits >> 16);
    }
  } else {
    auto* values = static_cast<uint8_t*>(memory.get_data_handle());
    for (size_t i = 0; i < bytes; ++i) {
      values[i] = static_cast<uint8_t>(random.Below(256));
    }
  }
  return memory;
}

std::function<void()> Runs(const dnnl::primitive& primitive,
                           std::unordered_map<int, Memory> arguments) {
  auto stream = std::make_shared<dnnl::stream>(CpuEngine());
  return [primitive, stream, arguments = std::move(arguments)] {
    primitive.execute(*stream, arguments);
    stream->wait();
  };
}

}  // namespace

std::function<void()> MakeMatmul(Precision precision,
                                 const MatmulShape& shape) {
  UseOneThread();
  Type source = Type::f32, weights = Type::f32, result = Type::f32;
  if (precision == Precision::kBf16) source = weights = Type::bf16;
  if (precision == Precision::kInt8) {
    source = Type::u8;
    weights = Type::s8;
    result = Type::s32;
  }
  const auto descriptor = MatmulDescriptor(
      Memory::desc({shape.rows, shape.depth}, source, Tag::ab),
      Memory::desc({shape.depth, shape.columns}, weights, Tag::any),
      Memory::desc({shape.rows, shape.columns}, result, Tag::ab));
  return Runs(dnnl::matmul(descriptor),
              {{DNNL_ARG_SRC, Filled(descriptor.src_desc(), source)},
               {DNNL_ARG_WEIGHTS, Filled(descriptor.weights_desc(), weights)},
               {DNNL_ARG_DST, Memory(descriptor.dst_desc(), CpuEngine())}});
}

std::function<void()> MakeConvolution(const ConvolutionShape& shape) {
  UseOneThread();
  const int64_t windows = shape.length - shape.width + 1;
  const auto descriptor = ConvolutionDescriptor(
      Memory::desc({shape.words, shape.channels, shape.length}, Type::f32,
                   Tag::any),
      Memory::desc({shape.filters, shape.channels, shape.width}, Type::f32,
                   Tag::any),
      Memory::desc({shape.filters}, Type::f32, Tag::a),
      Memory::desc({shape.words, shape.filters, windows}, Type::f32, Tag::any));
  return Runs(dnnl::convolution_forward(descriptor),
              {{DNNL_ARG_SRC, Filled(descriptor.src_desc(), Type::f32)},
               {DNNL_ARG_WEIGHTS, Filled(descriptor.weights_desc(), Type::f32)},
               {DNNL_ARG_BIAS, Filled(descriptor.bias_desc(), Type::f32)},
               {DNNL_ARG_DST, Memory(descriptor.dst_desc(), CpuEngine())}});
}

}  // namespace elmo::bench

#include "core/layers/dnnl_context.h"

#include <string_view>

// Of libgomp, which oneDNN links; its header comes with the compiler's OpenMP.
extern "C" void omp_set_num_threads(int num_threads);

namespace elmo {
namespace {

using Memory = dnnl::memory;
using Type = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;

}  // namespace

const dnnl::engine& CpuEngine() {
  // Never destroyed: primitives of other statics may outlive us at exit.
  static const auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

void UseOneThread() { omp_set_num_threads(1); }

dnnl::lstm_forward::primitive_desc LstmStepDescriptor(int64_t rows,
                                                      int64_t input_dim,
                                                      int64_t units) {
  UseOneThread();
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const Memory::desc x({1, rows, input_dim}, Type::f32, Tag::tnc);
  const Memory::desc h({1, 1, rows, input_dim}, Type::f32, Tag::ldnc);
  const Memory::desc c({1, 1, rows, units}, Type::f32, Tag::ldnc);
  const Memory::desc weights({1, 1, input_dim, 4, units}, Type::f32, Tag::any);
  const Memory::desc bias({1, 1, 4, units}, Type::f32, Tag::ldgo);
  const Memory::desc y({1, rows, units}, Type::f32, Tag::tnc);
  const auto kind = dnnl::prop_kind::forward_inference;
  const auto direction = dnnl::rnn_direction::unidirectional_left2right;
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::lstm_forward::primitive_desc(CpuEngine(), kind, direction, x, h,
                                            c, weights, weights, bias, y, c, c,
                                            attributes);
#else
  return dnnl::lstm_forward::primitive_desc(
      dnnl::lstm_forward::desc(kind, direction, x, h, c, weights, weights, bias,
                               y, c, c),
      attributes, CpuEngine());
#endif
}

int64_t LstmRowGroup(const dnnl::lstm_forward::primitive_desc& descriptor) {
  const std::string_view name = descriptor.impl_info_str();
  const bool any_rows =
      name.find("brgemm") != std::string_view::npos &&
      dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core;
  return any_rows ? 0 : 4;
}

}  // namespace elmo

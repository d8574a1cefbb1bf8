#ifndef ELMO_CORE_LAYERS_DNNL_CONTEXT_H_
#define ELMO_CORE_LAYERS_DNNL_CONTEXT_H_

#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>

namespace elmo {

// What differs between oneDNN 2.6 (Debian 12) and 3.x (Debian 13) stands here
// and nowhere else. These may throw dnnl::error; callers turn it into a Status.

// The CPU engine of the process. Thread-safe.
const dnnl::engine& CpuEngine();

// From here on oneDNN runs on the calling thread alone, without an OpenMP team.
// It reads the thread count when a descriptor is made and when a primitive
// runs.
void UseOneThread();

// One step of an LSTM without projection: lstm_forward with T = 1, L = 1, f32,
// `rows` rows, input width `input_dim`, `units` cells; the weight layout is the
// library's choice. The caller gives the scratchpad. Calls UseOneThread().
dnnl::lstm_forward::primitive_desc LstmStepDescriptor(int64_t rows,
                                                      int64_t input_dim,
                                                      int64_t units);

// The rows that lstm_forward must run at a time so that a row's bits do not
// depend on the others: 0 where any number will do (the AVX-512 kernels), else
// a fixed number (the fallback's blocking depends on the number of rows).
int64_t LstmRowGroup(const dnnl::lstm_forward::primitive_desc& descriptor);

}  // namespace elmo

#endif  // ELMO_CORE_LAYERS_DNNL_CONTEXT_H_

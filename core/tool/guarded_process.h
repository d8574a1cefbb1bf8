#ifndef ELMO_CORE_TOOL_GUARDED_PROCESS_H_
#define ELMO_CORE_TOOL_GUARDED_PROCESS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace elmo {

// Zeroed memory that this process shares with the ones it forks. Movable.
class SharedFloats {
 public:
  // RESOURCE_EXHAUSTED where there is not that much memory.
  static absl::StatusOr<SharedFloats> Create(size_t size);
  SharedFloats(SharedFloats&& other) noexcept;
  SharedFloats& operator=(SharedFloats&& other) noexcept;
  ~SharedFloats();

  float* data() { return data_; }
  const float* data() const { return data_; }

 private:
  SharedFloats(float* data, size_t bytes) : data_(data), bytes_(bytes) {}

  float* data_ = nullptr;
  size_t bytes_ = 0;
};

// What the other process may use.
struct ProcessLimits {
  // Address space beyond what this process has already.
  uint64_t memory_bytes = uint64_t{1} << 30;
  // Processor time.
  int cpu_seconds = 60;
};

// Lines for the user, collected by the work.
using Notes = std::vector<std::string>;

// Runs `work` in a forked process and returns its status and notes; what else
// it leaves must be in shared memory. For libraries that may crash, hang or eat
// memory on hostile input: then the result is an INVALID_ARGUMENT error that
// says so, and this process lives on. The other process cannot write files, its
// standard error is closed, and it dies with this one.
//
// To be called while the process has one thread.
absl::Status RunGuarded(const ProcessLimits& limits,
                        const std::function<absl::Status(Notes*)>& work,
                        Notes* notes);

}  // namespace elmo

#endif  // ELMO_CORE_TOOL_GUARDED_PROCESS_H_

#ifndef ELMO_CORE_TEXT_BREAK_ITERATORS_H_
#define ELMO_CORE_TEXT_BREAK_ITERATORS_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace elmo {

// ICU's rules for where one visible character ends and the next begins
// (grapheme clusters, UAX #29), and its dictionaries for where a word ends in
// scripts that write none (Chinese, Japanese, Thai, Lao, Khmer, Burmese).
//
// Single thread only: an iterator keeps its place. Clone() is const and
// thread-safe, so every call clones a shared one.
class BreakIterators {
 public:
  // INTERNAL if ICU's data is missing.
  static absl::StatusOr<std::unique_ptr<BreakIterators>> Create();
  ~BreakIterators();

  std::unique_ptr<BreakIterators> Clone() const;

  // Ends of the pieces of `utf8`, as byte offsets, ascending, the last one
  // its size. `utf8` is valid UTF-8 of less than 2^31 bytes. Where ICU fails,
  // which only a want of memory explains, all of `utf8` is one piece.
  void FindCharacterEnds(std::string_view utf8, std::vector<uint32_t>* ends);
  void FindWordEnds(std::string_view utf8, std::vector<uint32_t>* ends);

 private:
  struct Icu;  // Keeps ICU's headers, and its versioned names, out of here.
  explicit BreakIterators(std::unique_ptr<Icu> icu);

  std::unique_ptr<Icu> icu_;
};

}  // namespace elmo

#endif  // ELMO_CORE_TEXT_BREAK_ITERATORS_H_

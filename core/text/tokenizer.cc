#include "core/text/tokenizer.h"

#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/text/text_units.h"
#include "core/text/utf8.h"
#include "core/text/word_scanner.h"

namespace elmo {

Tokenizer::Tokenizer(std::unique_ptr<BreakIterators> breaks)
    : breaks_(std::move(breaks)) {}

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Create() {
  ELMO_ASSIGN_OR_RETURN(std::unique_ptr<BreakIterators> breaks,
                        BreakIterators::Create());
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(breaks)));
}

absl::StatusOr<std::vector<Token>> Tokenizer::Tokenize(
    std::string_view text) const {
  constexpr size_t kMaxBytes = std::numeric_limits<int32_t>::max();
  if (text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("text has ", text.size(), " bytes; limit is ", kMaxBytes));
  }
  if (const std::optional<size_t> bad = FindInvalidUtf8(text)) {
    return absl::InvalidArgumentError(
        absl::StrCat("text is not valid UTF-8 at byte ", *bad));
  }
  std::unique_ptr<BreakIterators> own;
  const TextUnits units = SplitIntoUnits(text, *breaks_, &own);
  return WordScanner(text, units, *breaks_, &own).Run();
}

}  // namespace elmo

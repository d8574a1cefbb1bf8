#include "core/text/break_iterators.h"

#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/utext.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace elmo {
namespace {

void FindEnds(icu::BreakIterator* iterator, std::string_view utf8,
              std::vector<uint32_t>* ends) {
  ends->clear();
  UErrorCode status = U_ZERO_ERROR;
  UText text = UTEXT_INITIALIZER;
  utext_openUTF8(&text, utf8.data(), static_cast<int64_t>(utf8.size()),
                 &status);
  iterator->setText(&text, status);
  if (U_SUCCESS(status)) {
    iterator->first();
    for (int32_t end = iterator->next(); end != icu::BreakIterator::DONE;
         end = iterator->next()) {
      ends->push_back(static_cast<uint32_t>(end));
    }
  }
  utext_close(&text);
  if (ends->empty() || ends->back() != utf8.size()) {
    ends->push_back(static_cast<uint32_t>(utf8.size()));
  }
}

}  // namespace

struct BreakIterators::Icu {
  std::unique_ptr<icu::BreakIterator> characters;
  std::unique_ptr<icu::BreakIterator> words;
};

BreakIterators::BreakIterators(std::unique_ptr<Icu> icu)
    : icu_(std::move(icu)) {}
BreakIterators::~BreakIterators() = default;

absl::StatusOr<std::unique_ptr<BreakIterators>> BreakIterators::Create() {
  UErrorCode status = U_ZERO_ERROR;
  auto icu = std::make_unique<Icu>();
  // The root locale: the machine's own must not change a token.
  const icu::Locale& root = icu::Locale::getRoot();
  icu->characters.reset(
      icu::BreakIterator::createCharacterInstance(root, status));
  icu->words.reset(icu::BreakIterator::createWordInstance(root, status));
  if (U_FAILURE(status) || !icu->characters || !icu->words) {
    return absl::InternalError(
        absl::StrCat("ICU has no break iterators: ", u_errorName(status)));
  }
  return std::unique_ptr<BreakIterators>(new BreakIterators(std::move(icu)));
}

std::unique_ptr<BreakIterators> BreakIterators::Clone() const {
  auto icu = std::make_unique<Icu>();
  icu->characters.reset(icu_->characters->clone());
  icu->words.reset(icu_->words->clone());
  return std::unique_ptr<BreakIterators>(new BreakIterators(std::move(icu)));
}

void BreakIterators::FindCharacterEnds(std::string_view utf8,
                                       std::vector<uint32_t>* ends) {
  FindEnds(icu_->characters.get(), utf8, ends);
}

void BreakIterators::FindWordEnds(std::string_view utf8,
                                  std::vector<uint32_t>* ends) {
  FindEnds(icu_->words.get(), utf8, ends);
}

}  // namespace elmo

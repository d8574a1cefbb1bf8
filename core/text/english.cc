#include "core/text/english.h"

#include <algorithm>
#include <iterator>

namespace elmo {
namespace {

struct AbbreviationEntry {
  std::string_view word;
  Abbreviation kind;
  bool needs_capital;
};

constexpr Abbreviation kTitle = Abbreviation::kTitle;
constexpr Abbreviation kAny = Abbreviation::kAny;
constexpr Abbreviation kNumber = Abbreviation::kBeforeNumber;

// Sorted by word: found by binary search, which a test holds to.
constexpr AbbreviationEntry kAbbreviations[] = {
    {"adm", kTitle, false},   {"al", kAny, false},
    {"ala", kAny, true},      {"app", kNumber, false},
    {"approx", kAny, false},  {"apr", kAny, true},
    {"apt", kAny, true},      {"ariz", kAny, true},
    {"ark", kAny, true},      {"art", kNumber, false},
    {"assn", kAny, false},    {"asst", kTitle, false},
    {"atty", kTitle, false},  {"aug", kAny, true},
    {"ave", kAny, true},      {"bldg", kAny, false},
    {"blvd", kAny, false},    {"brig", kTitle, true},
    {"bro", kTitle, true},    {"bros", kAny, true},
    {"ca", kNumber, false},   {"cal", kAny, true},
    {"calif", kAny, true},    {"cap", kNumber, false},
    {"capt", kTitle, false},  {"cf", kTitle, false},
    {"ch", kNumber, false},   {"chap", kNumber, false},
    {"cmdr", kTitle, false},  {"co", kAny, true},
    {"col", kTitle, true},    {"colo", kAny, true},
    {"comdr", kTitle, false}, {"conn", kAny, true},
    {"cor", kNumber, true},   {"corp", kAny, true},
    {"cpl", kTitle, false},   {"ct", kAny, true},
    {"dec", kAny, true},      {"deg", kAny, false},
    {"dept", kAny, false},    {"deut", kNumber, true},
    {"dist", kAny, true},     {"div", kAny, true},
    {"dr", kTitle, false},    {"drs", kTitle, false},
    {"ed", kAny, false},      {"eds", kAny, false},
    {"eq", kNumber, false},   {"esp", kAny, false},
    {"esq", kAny, false},     {"est", kAny, false},
    {"etc", kAny, false},     {"ex", kNumber, true},
    {"exod", kNumber, true},  {"ext", kAny, false},
    {"feb", kAny, true},      {"ff", kAny, false},
    {"fig", kNumber, false},  {"figs", kNumber, false},
    {"fla", kAny, true},      {"fr", kTitle, true},
    {"fri", kAny, true},      {"ft", kAny, false},
    {"gal", kNumber, true},   {"gen", kTitle, true},
    {"gov", kTitle, true},    {"govt", kAny, false},
    {"heb", kNumber, true},   {"hon", kTitle, true},
    {"hr", kAny, false},      {"hrs", kAny, false},
    {"ibid", kAny, false},    {"ill", kAny, true},
    {"inc", kAny, true},      {"ind", kAny, true},
    {"insp", kTitle, false},  {"isa", kNumber, true},
    {"jan", kAny, true},      {"jer", kNumber, true},
    {"jr", kAny, true},       {"jul", kAny, true},
    {"jun", kAny, true},      {"kan", kAny, true},
    {"km", kAny, false},      {"ky", kAny, true},
    {"lb", kAny, false},      {"lbs", kAny, false},
    {"lev", kNumber, true},   {"lieut", kTitle, false},
    {"lt", kTitle, false},    {"ltd", kAny, false},
    {"maj", kTitle, false},   {"mar", kAny, true},
    {"mass", kAny, true},     {"matt", kNumber, true},
    {"md", kAny, true},       {"messrs", kTitle, false},
    {"mfg", kAny, false},     {"mgr", kTitle, false},
    {"mich", kAny, true},     {"min", kAny, false},
    {"minn", kAny, true},     {"miss", kAny, true},
    {"mlle", kTitle, false},  {"mme", kTitle, false},
    {"mo", kAny, true},       {"mon", kAny, true},
    {"mont", kAny, true},     {"mr", kTitle, false},
    {"mrs", kTitle, false},   {"ms", kTitle, false},
    {"msgr", kTitle, false},  {"mt", kTitle, false},
    {"neb", kAny, true},      {"nev", kAny, true},
    {"no", kNumber, false},   {"nos", kNumber, false},
    {"nov", kAny, true},      {"nr", kNumber, false},
    {"oct", kAny, true},      {"okla", kAny, true},
    {"op", kNumber, false},   {"ord", kTitle, true},
    {"ore", kAny, true},      {"oz", kAny, false},
    {"pa", kAny, true},       {"para", kNumber, false},
    {"penn", kAny, true},     {"pfc", kTitle, false},
    {"ph", kTitle, true},     {"phil", kNumber, true},
    {"pl", kNumber, false},   {"pp", kNumber, false},
    {"pres", kTitle, true},   {"prof", kTitle, false},
    {"profs", kTitle, false}, {"prov", kNumber, true},
    {"ps", kNumber, true},    {"psa", kNumber, true},
    {"pt", kNumber, false},   {"pvt", kTitle, false},
    {"rd", kAny, true},       {"rep", kTitle, true},
    {"reps", kTitle, true},   {"rev", kTitle, true},
    {"rom", kNumber, true},   {"rt", kTitle, true},
    {"sam", kNumber, true},   {"sat", kAny, true},
    {"sec", kNumber, false},  {"sen", kTitle, true},
    {"sens", kTitle, true},   {"sep", kAny, true},
    {"sept", kAny, true},     {"sgt", kTitle, false},
    {"sq", kAny, false},      {"sr", kAny, true},
    {"st", kTitle, false},    {"ste", kTitle, true},
    {"sun", kAny, true},      {"supt", kTitle, false},
    {"tel", kAny, false},     {"tenn", kAny, true},
    {"tex", kAny, true},      {"thess", kNumber, true},
    {"thur", kAny, true},     {"thurs", kAny, true},
    {"tim", kNumber, true},   {"tue", kAny, true},
    {"tues", kAny, true},     {"univ", kAny, false},
    {"va", kAny, true},       {"viz", kTitle, false},
    {"vol", kNumber, false},  {"vols", kNumber, false},
    {"vs", kTitle, false},    {"vt", kAny, true},
    {"wash", kAny, true},     {"wed", kAny, true},
    {"wis", kAny, true},      {"wm", kTitle, true},
    {"wyo", kAny, true},      {"yd", kAny, false},
    {"yds", kAny, false},     {"yr", kAny, false},
    {"yrs", kAny, false},
};

template <size_t n>
bool IsOneOf(std::string_view word, const std::string_view (&words)[n]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool EndsWith(std::string_view word, std::string_view end) {
  return word.size() >= end.size() &&
         word.substr(word.size() - end.size()) == end;
}

}  // namespace

bool IsContractionSuffix(std::string_view letters) {
  static constexpr std::string_view kSuffixes[] = {"s",  "m",  "d", "ll",
                                                   "re", "ve", "em"};
  return IsOneOf(letters, kSuffixes);
}

bool IsElidedAtStart(std::string_view letters) {
  static constexpr std::string_view kElided[] = {
      "tis",    "tisn",    "twas",   "twasn", "twere", "twill",
      "twould", "twouldn", "em",     "cause", "til",   "bout",
      "neath",  "gainst",  "tween",  "twixt", "fraid", "nuff",
      "cos",    "coz",     "mongst", "pon",   "n"};
  return IsOneOf(letters, kElided);
}

bool IsElidedAtEnd(std::string_view letters) {
  static constexpr std::string_view kElided[] = {"o", "ol", "th", "wi", "d"};
  // goin', nothin'; four letters, for "in'" and "kin'" are more often quoted.
  return IsOneOf(letters, kElided) ||
         (letters.size() >= 4 && EndsWith(letters, "in"));
}

int LeadingContraction(std::string_view word) {
  static constexpr std::string_view kAfterT[] = {"is", "was", "were", "will",
                                                 "would"};
  if (word.substr(0, 2) == "'t" && IsOneOf(word.substr(2), kAfterT)) return 2;
  if (word == "d'ye" || word == "d'you") return 2;
  return 0;
}

Abbreviation FindAbbreviation(std::string_view word, bool capitalised) {
  const auto* found = std::lower_bound(
      std::begin(kAbbreviations), std::end(kAbbreviations), word,
      [](const AbbreviationEntry& entry, std::string_view w) {
        return entry.word < w;
      });
  if (found == std::end(kAbbreviations) || found->word != word ||
      (found->needs_capital && !capitalised)) {
    return Abbreviation::kNone;
  }
  return found->kind;
}

}  // namespace elmo

#ifndef ELMO_CLIENT_CLI_TEXT_WIDTH_H_
#define ELMO_CLIENT_CLI_TEXT_WIDTH_H_

#include <string>
#include <string_view>

namespace elmo::cli {

// Whether `text` is well-formed UTF-8.
bool IsUtf8(std::string_view text);

// The text as it may be shown in a terminal: control characters (which could
// move the cursor or worse) become blanks, ill-formed bytes U+FFFD.
std::string Printable(std::string_view text);

// Columns that printable UTF-8 takes in a terminal: 2 for wide characters (CJK,
// emoji), 0 for combining marks. Counted by user-perceived character, as ICU
// sees them; terminals differ on the newest emoji.
int DisplayWidth(std::string_view text);

// At most `columns` of the text, from its beginning or up to its end, cut
// between user-perceived characters; a cut is shown by "…".
std::string KeepStart(std::string_view text, int columns);
std::string KeepEnd(std::string_view text, int columns);

// Filled up with blanks to `columns`; a longer text stays as it is.
std::string PadLeft(std::string_view text, int columns);
std::string PadRight(std::string_view text, int columns);

// Equal but for upper and lower case, in any script.
bool EqualsIgnoringCase(std::string_view a, std::string_view b);

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_TEXT_WIDTH_H_

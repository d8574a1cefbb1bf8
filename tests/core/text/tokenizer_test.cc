#include "core/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using ::elmo::testing::IsOk;
using ::elmo::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const Tokenizer& TheTokenizer() {
  static const Tokenizer* tokenizer = Tokenizer::Create()->release();
  return *tokenizer;
}

std::vector<Token> Tokenize(std::string_view text) {
  auto tokens = TheTokenizer().Tokenize(text);
  EXPECT_THAT(tokens, IsOk());
  return tokens.ok() ? *std::move(tokens) : std::vector<Token>();
}

// The tokens, joined by blanks. Checks on the way that ranges are in order and
// that what has only ASCII is written as it stands.
std::string Split(std::string_view text) {
  std::string joined;
  size_t last_end = 0;
  for (const Token& token : Tokenize(text)) {
    EXPECT_LE(last_end, token.begin);
    EXPECT_LT(token.begin, token.end);
    EXPECT_LE(token.end, text.size());
    last_end = token.end;
    const std::string_view bytes =
        text.substr(token.begin, token.end - token.begin);
    bool is_ascii = true;
    for (const char c : bytes) is_ascii = is_ascii && (c & 0x80) == 0;
    if (is_ascii) {
      EXPECT_EQ(token.text, bytes);
    }
    if (!joined.empty()) joined += ' ';
    joined += token.text;
  }
  return joined;
}

struct Case {
  const char* text;
  const char* tokens;
};

template <size_t n>
void ExpectSplits(const Case (&cases)[n]) {
  for (const Case& c : cases) EXPECT_EQ(Split(c.text), c.tokens) << c.text;
}

TEST(TokenizerTest, SplitsContractionsAsPennDoes) {
  ExpectSplits({
      {"I don't know", "I do n't know"},
      {"can't won't shan't ain't", "ca n't wo n't sha n't ai n't"},
      {"I'm you're they've", "I 'm you 're they 've"},
      {"she'll he'd it's let's", "she 'll he 'd it 's let 's"},
      {"DON'T I'M THEY'LL JOHN'S", "DO N'T I 'M THEY 'LL JOHN 'S"},
      {"shouldn't've I'd've y'all'd", "should n't 've I 'd 've y'all 'd"},
      {"'tis 'Twas 'tisn't", "'t is 'T was 't is n't"},
      {"d'ye D'you", "d' ye D' you"},
      {"cannot gonna gotta wanna dunno", "cannot gonna gotta wanna dunno"},
      {"get'em", "get 'em"},
  });
}

TEST(TokenizerTest, KeepsApostrophesThatSeparateNothing) {
  ExpectSplits({
      {"O'Brien o'clock ma'am", "O'Brien o'clock ma'am"},
      {"d'Artagnan l'homme Qur'an's", "d'Artagnan l'homme Qur'an 's"},
      {"'em 'cause 'til '90s '98", "'em 'cause 'til '90s '98"},
      {"rock 'n' roll, rock'n'roll", "rock 'n' roll , rock'n'roll"},
      {"goin' home, top o' the morning", "goin' home , top o' the morning"},
      {"will-o'-the-wisp", "will-o'-the-wisp"},
      {"ne'er-do-well e'en", "ne'er-do-well e'en"},
  });
}

TEST(TokenizerTest, SplitsPossessives) {
  ExpectSplits({
      {"the dogs' tails", "the dogs ' tails"},
      {"John's James' boss's", "John 's James ' boss 's"},
      {"the 1990's", "the 1990 's"},
      {"\"Time\"'s cover", "\" Time \" 's cover"},
      {"the U.S.'s", "the U.S. 's"},
      {"son-in-law's", "son-in-law 's"},
  });
}

TEST(TokenizerTest, SingleQuotesAreTokens) {
  ExpectSplits({
      {"'Hello,' he said.", "' Hello , ' he said ."},
      {"'I'll go.'", "' I 'll go . '"},
      {"'he is goin' home'", "' he is goin ' home '"},
      {"('word')", "( ' word ' )"},
      {"\"'nested'\"", "\" ' nested ' \""},
      {"'Votes for Women'--some", "' Votes for Women ' -- some"},
  });
}

TEST(TokenizerTest, SeparatesPunctuation) {
  ExpectSplits({
      {"Hello, world!", "Hello , world !"},
      {"he left;she stayed:why?", "he left ; she stayed : why ?"},
      {"What?! Really!!!", "What ? ! Really ! ! !"},
      {"(a) [b] {c} <d>", "( a ) [ b ] { c } < d >"},
      {"\"quoted\"", "\" quoted \""},
      {"``TeX''", "`` TeX ''"},
      {"and/or w/o", "and / or w / o"},
      {"a=b x<y 5*3 #5", "a = b x < y 5 * 3 # 5"},
      {"C:\\dir\\file.txt", "C : \\ dir \\ file.txt"},
      {"_italics_ snake_case __init__", "_ italics _ snake_case __ init __"},
  });
}

TEST(TokenizerTest, RowsOfOneMarkAreOneToken) {
  ExpectSplits({
      {"so... well....", "so ... well ...."},
      {"----- ===== ***", "----- ===== ***"},
      {"word--word ---", "word -- word ---"},
      {"end\u2026. end.\u2026", "end .... end ...."},
      {"__ ~~ ##", "__ ~~ ##"},
  });
}

TEST(TokenizerTest, KeepsHyphenatedWordsTogether) {
  ExpectSplits({
      {"half-hearted twenty-one", "half-hearted twenty-one"},
      {"pre- and post-war", "pre- and post-war"},
      {"pre-, peri- and post-natal", "pre- , peri- and post-natal"},
      {"\"But I-\" he said", "\" But I - \" he said"},
      {"to him -a man", "to him - a man"},
      {"U.S.-based St.-Simon", "U.S.-based St.-Simon"},
  });
}

TEST(TokenizerTest, KeepsNumbersTogether) {
  ExpectSplits({
      {"1,234.56 3.14 .5 -5 -0.5", "1,234.56 3.14 .5 -5 -0.5"},
      {"10:30 9/11 1/2 2011-03-07", "10:30 9/11 1/2 2011-03-07"},
      {"1990s 1st 20th", "1990s 1st 20th"},
      {"$5 US$5 5$ \xE2\x82\xAC"
       "5 \xC2\xA3"
       "3.50",
       "$ 5 US $ 5 5 $ \xE2\x82\xAC 5 \xC2\xA3 3.50"},
      {"50% 1,2 1, 2", "50 % 1,2 1 , 2"},
      {"192.168.0.1:8080 3.5.2", "192.168.0.1:8080 3.5.2"},
      {"20\xC2\xB0"
       "C x\xC2\xB2 2\xC2\xBD",
       "20 \xC2\xB0 C x\xC2\xB2 2\xC2\xBD"},
      {"5'10\" tall", "5'10 \" tall"},
  });
}

TEST(TokenizerTest, FinalPeriodIsAToken) {
  ExpectSplits({
      {"He left.", "He left ."},
      {"He left. She stayed.", "He left . She stayed ."},
      {"he left. she stayed.", "he left . she stayed ."},
      {"\"He left.\" She stayed.", "\" He left . \" She stayed ."},
      {"(He left.)", "( He left . )"},
      {"It was 1990. He", "It was 1990 . He"},
      {"1. Always", "1 . Always"},
      {"him.--He", "him . -- He"},
      {".", "."},
  });
}

TEST(TokenizerTest, PeriodsOfAbbreviationsStay) {
  ExpectSplits({
      {"Mr. Smith, Dr. No and Mrs. X", "Mr. Smith , Dr. No and Mrs. X"},
      {"mr. smith and prof. x", "mr. smith and prof. x"},
      {"J. R. R. Tolkien", "J. R. R. Tolkien"},
      {"J.R.R. Tolkien, J.-P. Sartre", "J.R.R. Tolkien , J.-P. Sartre"},
      {"the U.S. said", "the U.S. said"},
      {"a Ph.D. student at 5 p.m. today", "a Ph.D. student at 5 p.m. today"},
      {"e.g. this, i.e. that", "e.g. this , i.e. that"},
      {"apples, etc., and pears", "apples , etc. , and pears"},
      {"(apples, etc.) and", "( apples , etc. ) and"},
      {"No. 5, pp. 6-7, vol. II, p. 5", "No. 5 , pp. 6-7 , vol. II , p. 5"},
      {"on Jan. 5 and in Sept. the", "on Jan. 5 and in Sept. the"},
      {"Roe v. Wade", "Roe v. Wade"},
      {"St. Louis... and", "St. Louis ... and"},
  });
}

TEST(TokenizerTest, AbbreviationsThatEndASentenceLoseTheirPeriod) {
  ExpectSplits({
      {"pears, etc. The end", "pears , etc . The end"},
      {"at Apple Inc. He said", "at Apple Inc . He said"},
      {"pears, etc.", "pears , etc ."},
      {"He said no. I went.", "He said no . I went ."},
      {"My friend and I. We", "My friend and I . We"},
      {"He sat. They", "He sat . They"},
      {"Chapter I. The", "Chapter I . The"},
      {"I. M. Pei", "I. M. Pei"},
      {"appendix A.", "appendix A ."},
  });
}

// Nothing tells the two periods of "U.S.." from one; Moses keeps it too.
TEST(TokenizerTest, AcronymsKeepTheirPeriodAtTheEndOfTheText) {
  ExpectSplits({{"in the U.S.", "in the U.S."}, {"at 5 p.m.", "at 5 p.m."}});
}

TEST(TokenizerTest, WebAddressesAreTokens) {
  ExpectSplits({
      {"See http://example.com/a?b=1&c=(d), now",
       "See http://example.com/a?b=1&c=(d) , now"},
      {"(https://example.com/x).", "( https://example.com/x ) ."},
      {"en.wikipedia.org/wiki/A_(b)", "en.wikipedia.org/wiki/A_(b)"},
      {"www.example.com. Then", "www.example.com . Then"},
      {"<joe@example.org>", "< joe@example.org >"},
      {"a.b+c@example.co.uk, foo@bar", "a.b+c@example.co.uk , foo @ bar"},
      {"mailto:joe@example.org", "mailto : joe@example.org"},
      {"@handle #tag #1 (@h)", "@handle #tag # 1 ( @h )"},
      {"example.com file.txt", "example.com file.txt"},
      {"http:// x", "http : // x"},
  });
}

TEST(TokenizerTest, AmpersandsJoinCapitalsOnly) {
  ExpectSplits({
      {"AT&T R&D Q&A", "AT&T R&D Q&A"},
      {"a&b &amp; &", "a & b & amp ; &"},
  });
}

// The names of the boundaries cannot be smuggled in by text.
TEST(TokenizerTest, BoundaryTokensNeverComeFromText) {
  ExpectSplits({{"<S> hi </S>", "< S > hi < / S >"}, {"<S>", "< S >"}});
}

TEST(TokenizerTest, TypographicMarksAreWrittenAsInTheTrainingText) {
  ExpectSplits({
      {"\u201CDon\u2019t,\u201D she said", "\" Do n't , \" she said"},
      {"\u2018low\u2019 \u201Ahigh\u2019", "' low ' ' high '"},
      {"\u2019em \u2018em \u201990s", "'em 'em '90s"},
      {"yes\u2014no\u2013maybe", "yes -- no -- maybe"},
      {"\u2014\u2014 wait\u2026", "---- wait ..."},
      {"co\u00ADoperate non\u2011stop", "cooperate non-stop"},
      {"\u00ABoui\u00BB", "\u00AB oui \u00BB"},
      {"don\u00B4t", "do n't"},
  });
}

TEST(TokenizerTest, OffsetsAreBytesOfTheTextAsGiven) {
  const std::string text = " \u201CI don\u2019t\u2026\u201D";
  const struct {
    const char* token;
    const char* bytes;
  } kExpected[] = {{"\"", "\u201C"},    {"I", "I"},        {"do", "do"},
                   {"n't", "n\u2019t"}, {"...", "\u2026"}, {"\"", "\u201D"}};
  const std::vector<Token> tokens = Tokenize(text);
  ASSERT_EQ(tokens.size(), std::size(kExpected));
  for (size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(tokens[i].text, kExpected[i].token);
    EXPECT_EQ(text.substr(tokens[i].begin, tokens[i].end - tokens[i].begin),
              kExpected[i].bytes);
  }
  EXPECT_EQ(tokens.front().begin, 1u);
  EXPECT_EQ(tokens.back().end, text.size());
}

TEST(TokenizerTest, SeparatorsAndInvisibleMarksAreInNoToken) {
  ExpectSplits({
      {"a\tb\nc\r\nd\fe\vf", "a b c d e f"},
      {"a\u00A0b\u3000c\u2028d\u202Fe\u1680f\u0085g", "a b c d e f g"},
      {"\uFEFFa\u200Bb\u2060c", "a b c"},
      {"\u200Ea\u200F \u2066b\u2069", "a b"},
      {"a\x01"
       "b\x7F"
       "c",
       "a b c"},
      {"\u00AD \u00ADa\u00AD", "a"},
      {"", ""},
      {" \t\n", ""},
  });
  EXPECT_EQ(Split(std::string_view("a\0b", 3)), "a b");
}

TEST(TokenizerTest, EmojiAreOneTokenEach) {
  ExpectSplits({
      {"\U0001F600\U0001F600!", "\U0001F600 \U0001F600 !"},
      // A family of four; a woman astronaut with a skin tone.
      {"\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466"
       "\U0001F469\U0001F3FD\u200D\U0001F680",
       "\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466 "
       "\U0001F469\U0001F3FD\u200D\U0001F680"},
      {"\U0001F1E9\U0001F1EA\U0001F1EB\U0001F1F7",  // Two flags.
       "\U0001F1E9\U0001F1EA \U0001F1EB\U0001F1F7"},
      // England's, made of tags.
      {"\U0001F3F4\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F",
       "\U0001F3F4\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067"
       "\U000E007F"},
      {"1\uFE0F\u20E3 ok\u2764\uFE0F", "1\uFE0F\u20E3 ok \u2764\uFE0F"},
  });
}

TEST(TokenizerTest, CombiningMarksStayWithTheirLetters) {
  ExpectSplits({
      {"cafe\u0301s, nin\u0303o", "cafe\u0301s , nin\u0303o"},
      {"\u0301 x", "\u0301 x"},
      {"\u0939\u093F\u0928\u094D\u0926\u0940 \u0939\u0948\u0964",
       "\u0939\u093F\u0928\u094D\u0926\u0940 \u0939\u0948 \u0964"},
      {"\u1100\u1161\u11A8 \uD55C\uAD6D\uC5B4",  // Hangul, both ways.
       "\u1100\u1161\u11A8 \uD55C\uAD6D\uC5B4"},
      {"-\u0301 .\u0308", "-\u0301 .\u0308"},
  });
  // A mark changes the character, so nothing is rewritten.
  EXPECT_EQ(Split("x \u2014\u0301 y"), "x \u2014\u0301 y");
}

TEST(TokenizerTest, ScriptsWithoutBlanksAreSplitByDictionary) {
  ExpectSplits({
      {"\u4F60\u597D\uFF0C\u4E16\u754C\u3002",
       "\u4F60\u597D \uFF0C "
       "\u4E16\u754C \u3002"},
      {"\u6771\u4EAC\u30BF\u30EF\u30FC\u306B",
       "\u6771\u4EAC\u30BF\u30EF\u30FC \u306B"},
      {"\u4F7F\u7528Python", "\u4F7F\u7528 Python"},
      {"100\u5186", "100 \u5186"},
      {"\u0E2A\u0E27\u0E31\u0E2A\u0E14\u0E35\u0E04\u0E23\u0E31\u0E1A",
       "\u0E2A\u0E27\u0E31\u0E2A\u0E14\u0E35 \u0E04\u0E23\u0E31\u0E1A"},
  });
}

TEST(TokenizerTest, OtherScriptsAreSplitAtBlanksAndPunctuation) {
  ExpectSplits({
      {"\u0414\u043E\u0431\u0440\u044B\u0439 \u0434\u0435\u043D\u044C.",
       "\u0414\u043E\u0431\u0440\u044B\u0439 \u0434\u0435\u043D\u044C ."},
      // Hebrew: gershayim typed as a quotation mark, geresh, a quoted word.
      {"\u05E6\u05D4\"\u05DC \u05D3\u05F3 \"\u05D0\u05D1\"",
       "\u05E6\u05D4\"\u05DC \u05D3\u05F3 \" \u05D0\u05D1 \""},
      {"\u0645\u0631\u062D\u0628\u0627\u060C \u0643\u064A\u0641\u061F",
       "\u0645\u0631\u062D\u0628\u0627 \u060C \u0643\u064A\u0641 \u061F"},
      // Persian with a zero width non-joiner; Arabic digits.
      {"\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645",
       "\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645"},
      {"\u0661\u066C\u0662\u0663\u066B\u0664",
       "\u0661\u066C\u0662\u0663\u066B"
       "\u0664"},
      {"col\u00B7lecci\u00F3 caf\u00E9", "col\u00B7lecci\u00F3 caf\u00E9"},
  });
}

TEST(TokenizerTest, CaseAndCompositionAreKept) {
  ExpectSplits({{"STRASSE Stra\u00DFe e\u0301 \u00E9 \uFB01",
                 "STRASSE Stra\u00DFe e\u0301 \u00E9 \uFB01"}});
}

TEST(TokenizerTest, InvalidUtf8IsRefusedWithItsOffsetAndWithoutTheText) {
  EXPECT_THAT(TheTokenizer().Tokenize("secret \xFF"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("byte 7"), Not(HasSubstr("secret")))));
  EXPECT_THAT(
      TheTokenizer().Tokenize("\xED\xA0\x80"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("byte 0")));
}

// A quadratic rule would need hours for each of these.
TEST(TokenizerTest, TakesLinearTimeOnTextsMadeToBeHard) {
  const char* kPatterns[] = {
      "a",
      ".",
      "'",
      "\"",
      "-",
      "_",
      "a_",
      "a.",
      "a'",
      "a-",
      "a+",
      "a@",
      "a@b",
      "a@b.c ",
      "://",
      "a://",
      "www.",
      "a. ",
      ".)",
      "a.\"'",
      "I. ",
      "p. (((",
      "n't",
      "'s",
      "d'",
      "a'-",
      "@",
      "#a",
      "&A",
      "1,",
      "1:",
      "a/b",
      "\xC2\xAD",
      "a\xC2\xAD",
      "\u4E2D",
      "\u0E01",
      "\u0E2A\u0E27",
      "\u0301",
      "\u200D",
      "\U0001F468\u200D",
      "\U0001F1E9",
      "a\u0301",
      "\u2019",
      "\u2014",
      "x.com/(",
  };
  constexpr size_t kBytes = 200'000;
  for (const char* pattern : kPatterns) {
    std::string text;
    while (text.size() < kBytes) text += pattern;
    std::vector<Token> tokens = Tokenize(text);
    if (std::string_view(pattern) == "\xC2\xAD") {
      EXPECT_THAT(tokens, IsEmpty());
    } else {
      ASSERT_FALSE(tokens.empty()) << pattern;
      EXPECT_GT(tokens.back().end, text.size() - 20) << pattern;
    }
  }
}

TEST(TokenizerTest, IsSafeToCallFromManyThreads) {
  const std::string text =
      "Don't panic: \u4F60\u597D\u4E16\u754C, \u0E2A\u0E27\u0E31\u0E2A "
      "\U0001F469\U0001F3FD\u200D\U0001F680 cafe\u0301.";
  const std::string expected = Split(text);
  std::vector<std::string> results(4);
  std::vector<std::thread> threads;
  for (std::string& result : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) result = Split(text);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(results, ::testing::Each(expected));
}

}  // namespace
}  // namespace elmo

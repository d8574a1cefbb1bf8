#include "client/cli/sentence_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/client/cli/temp_dir.h"
#include "tests/testing/status_matchers.h"

namespace elmo::cli {
namespace {

using ::elmo::testing::IsOk;
using ::elmo::testing::StatusIs;
using ::elmo::testing::TempDir;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kBad = absl::StatusCode::kFailedPrecondition;

std::vector<std::string> Lines(const std::string& path) {
  auto reader = LineReader::Open(path).value();
  std::vector<std::string> lines;
  std::string line;
  while (reader->Next(&line).value()) lines.push_back(line);
  return lines;
}

TEST(LineReaderTest, LinesComeWithoutTheirEnds) {
  TempDir dir;
  EXPECT_THAT(Lines(dir.Write("a", "one\ntwo\r\n\nthree")),
              ElementsAre("one", "two", "", "three"));
  EXPECT_THAT(Lines(dir.Write("b", "one\n")), ElementsAre("one"));
  EXPECT_THAT(Lines(dir.Write("c", "")), IsEmpty());
  EXPECT_THAT(Lines(dir.Write("d", "\n")), ElementsAre(""));
  EXPECT_THAT(Lines(dir.Write("e", "a\rb\n")), ElementsAre("a\rb"));
}

TEST(LineReaderTest, ByteOrderMarkIsSkippedAtTheStartOnly) {
  TempDir dir;
  EXPECT_THAT(Lines(dir.Write("a", "\xEF\xBB\xBFone\n\xEF\xBB\xBFtwo\n")),
              ElementsAre("one", "\xEF\xBB\xBFtwo"));
}

TEST(LineReaderTest, LinesLongerThanTheBufferComeWhole) {
  TempDir dir;
  const std::string long_line(1'000'000, 'x');
  EXPECT_THAT(Lines(dir.Write("a", "a\n" + long_line + "\nb\n")),
              ElementsAre("a", long_line, "b"));
}

TEST(LineReaderTest, FileWithoutLineEndsDoesNotFillTheMemory) {
  auto zeros = LineReader::Open("/dev/zero").value();
  std::string line;
  EXPECT_THAT(zeros->Next(&line),
              StatusIs(kBad, "/dev/zero:1: line is longer than 64 MiB"));
}

TEST(LineReaderTest, WhatCannotBeReadIsNamed) {
  TempDir dir;
  EXPECT_THAT(LineReader::SizeOf(dir.Path("none")),
              StatusIs(kBad, EndsWith("none: No such file or directory")));
  EXPECT_THAT(LineReader::SizeOf(dir.Path("")),
              StatusIs(kBad, EndsWith("Is a directory")));
  EXPECT_EQ(LineReader::SizeOf(dir.Write("a", "12345")).value(), 5);
}

TEST(LineReaderTest, MustWaitForAPipeThatIsEmpty) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  auto reader = LineReader::Open("/dev/fd/" + std::to_string(ends[0])).value();
  EXPECT_TRUE(reader->MustWait());
  ASSERT_EQ(write(ends[1], "one\ntwo\n", 8), 8);
  EXPECT_FALSE(reader->MustWait());
  std::string line;
  EXPECT_TRUE(reader->Next(&line).value());
  EXPECT_FALSE(reader->MustWait());  // "two" has been read already.
  EXPECT_TRUE(reader->Next(&line).value());
  EXPECT_EQ(line, "two");
  EXPECT_TRUE(reader->MustWait());
  close(ends[1]);
  EXPECT_FALSE(reader->MustWait());  // The end need not be waited for.
  EXPECT_FALSE(reader->Next(&line).value());
  close(ends[0]);
}

absl::StatusOr<std::optional<v1::Sentence>> Parse(const std::string& line,
                                                  InputFormat format) {
  std::string id;
  return ParseLine(line, format, &id);
}

TEST(ParseLineTest, TextIsTheLineAsItIs) {
  EXPECT_EQ((*Parse(" It works. ", InputFormat::kText))->text(), " It works. ");
  EXPECT_TRUE((*Parse("", InputFormat::kText)).has_value());
}

TEST(ParseLineTest, TokensAreSplitAtBlanks) {
  EXPECT_THAT((*Parse("It  works\t.", InputFormat::kTokens))->tokens(),
              ElementsAre("It", "works", "."));
  EXPECT_THAT((*Parse("  ", InputFormat::kTokens))->tokens(), IsEmpty());
}

TEST(ParseLineTest, JsonMayBeStringArrayOrObject) {
  constexpr auto kJsonl = InputFormat::kJsonl;
  EXPECT_EQ((*Parse(R"("It \u0077orks")", kJsonl))->text(), "It works");
  EXPECT_THAT((*Parse(R"(["It", "", "a b"])", kJsonl))->tokens(),
              ElementsAre("It", "", "a b"));
  EXPECT_EQ((*Parse(R"({"text": "It", "more": 1})", kJsonl))->text(), "It");
  EXPECT_THAT((*Parse(R"({"tokens": ["It"]})", kJsonl))->tokens(),
              ElementsAre("It"));
  EXPECT_FALSE((*Parse("  ", kJsonl)).has_value());
}

TEST(ParseLineTest, IdIsCarriedAsJson) {
  std::string id;
  ASSERT_THAT(ParseLine(R"({"id": {"a": [1, "x"]}, "text": ""})",
                        InputFormat::kJsonl, &id),
              IsOk());
  EXPECT_EQ(id, R"({"a":[1,"x"]})");
  ASSERT_THAT(ParseLine(R"("no id")", InputFormat::kJsonl, &id), IsOk());
  EXPECT_EQ(id, "");
}

TEST(ParseLineTest, OtherJsonIsRefused) {
  for (const char* line :
       {"{", "7", "null", "{}", R"({"text": 1})", R"({"tokens": "a"})",
        R"({"tokens": [1]})", R"({"text": "a", "tokens": ["a"]})", "[1]",
        R"("\ud800")", "\"a\" \"b\""}) {
    EXPECT_THAT(Parse(line, InputFormat::kJsonl), StatusIs(kBad, _)) << line;
  }
}

TEST(ParseLineTest, InvalidUtf8IsRefusedInEveryFormat) {
  for (const auto format :
       {InputFormat::kText, InputFormat::kTokens, InputFormat::kJsonl}) {
    EXPECT_THAT(Parse("\"a\xff\"", format), StatusIs(kBad, "not valid UTF-8"));
  }
}

TEST(SentenceReaderTest, ReadsInputsOneAfterAnother) {
  TempDir dir;
  const auto reader =
      SentenceReader::Open({dir.Write("a.txt", "one\n\ntwo"),
                            dir.Write("b.jsonl",
                                      "{\"text\":\"x\",\"id\":7}\n"
                                      "\n\"three\"\n")},
                           InputFormat::kAuto)
          .value();
  std::vector<std::string> seen;
  while (true) {
    const auto sentence = reader->Next().value();
    if (!sentence) break;
    seen.push_back(sentence->text());
  }
  EXPECT_THAT(seen, ElementsAre("one", "", "two", "x", "three"));
  EXPECT_EQ(reader->total_bytes(), 8 + 29);
  EXPECT_THAT(reader->PlaceOf(4), EndsWith("b.jsonl:3"));
  EXPECT_EQ(reader->PlaceOf(5), "");

  SentenceOrigin origin = reader->TakeOrigin();
  EXPECT_THAT(origin.place, EndsWith("a.txt:1"));
  EXPECT_EQ(origin.end_bytes, 4);
  EXPECT_EQ(origin.id, "");
  EXPECT_EQ(reader->PlaceOf(0), "");
  EXPECT_THAT(reader->PlaceOf(2), EndsWith("a.txt:3"));
  for (int i = 1; i < 4; ++i) origin = reader->TakeOrigin();
  EXPECT_EQ(origin.id, "7");
  EXPECT_EQ(origin.end_bytes, 8 + 20);
}

TEST(SentenceReaderTest, MissingFileIsToldBeforeAnythingIsRead) {
  TempDir dir;
  EXPECT_THAT(SentenceReader::Open({dir.Write("a", "one\n"), dir.Path("none")},
                                   InputFormat::kAuto),
              StatusIs(kBad, HasSubstr("none: No such file")));
}

TEST(SentenceReaderTest, BadLineIsNamedByFileAndNumber) {
  TempDir dir;
  const auto reader = SentenceReader::Open({dir.Write("a.txt", "one\n\xff\n")},
                                           InputFormat::kAuto)
                          .value();
  EXPECT_THAT(reader->Next(), IsOk());
  EXPECT_THAT(reader->Next(),
              StatusIs(kBad, EndsWith("a.txt:2: not valid UTF-8")));
}

TEST(SentenceReaderTest, InputWithoutASizeHasNoTotal) {
  TempDir dir;
  const auto reader = SentenceReader::Open(
      {dir.Write("a.txt", "one\n"), "/dev/null"}, InputFormat::kAuto);
  EXPECT_EQ((*reader)->total_bytes(), 0);
}

}  // namespace
}  // namespace elmo::cli

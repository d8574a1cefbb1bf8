#include "core/model/model_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "nlohmann/json.hpp"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using elmo::testing::IsOk;
using elmo::testing::StatusIs;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The options of the original model, with what training leaves in them.
json Original() {
  return json::parse(R"({
    "lstm": {"use_skip_connections": true, "projection_dim": 512,
             "cell_clip": 3, "proj_clip": 3, "dim": 4096, "n_layers": 2},
    "char_cnn": {"activation": "relu",
                 "filters": [[1, 32], [2, 32], [3, 64], [4, 128], [5, 256],
                             [6, 512], [7, 1024]],
                 "n_highway": 2, "embedding": {"dim": 16},
                 "n_characters": 262, "max_characters_per_token": 50},
    "bidirectional": true, "dropout": 0.1, "all_clip_norm_val": 10.0,
    "n_epochs": 10, "n_train_tokens": 768648884, "batch_size": 128,
    "n_tokens_vocab": 793471, "unroll_steps": 20,
    "n_negative_samples_batch": 8192})");
}

absl::StatusOr<ModelOptions> Parse(const json& options) {
  return ParseModelOptions(options.dump());
}

absl::StatusOr<ModelOptions> ParseWith(const char* pointer, const json& value) {
  json options = Original();
  options[json::json_pointer(pointer)] = value;
  return Parse(options);
}

absl::StatusOr<ModelOptions> ParseWithout(const std::string& section,
                                          const char* key) {
  json options = Original();
  json& object =
      section.empty() ? options : options[json::json_pointer(section)];
  EXPECT_EQ(object.erase(key), 1u) << key;
  return Parse(options);
}

TEST(ModelOptionsTest, ReadsTheOriginalModel) {
  const auto options = Parse(Original());
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->lstm.dim, 4096);
  EXPECT_EQ(options->lstm.projection_dim, 512);
  EXPECT_EQ(options->lstm.num_layers, 2);
  EXPECT_EQ(options->lstm.cell_clip, 3);
  EXPECT_EQ(options->lstm.proj_clip, 3);
  EXPECT_TRUE(options->lstm.use_skip_connections);
  EXPECT_EQ(options->char_cnn.activation, Activation::kRelu);
  EXPECT_EQ(options->char_cnn.filters.size(), 7u);
  EXPECT_EQ(options->char_cnn.filters[6].width, 7);
  EXPECT_EQ(options->char_cnn.filters[6].count, 1024);
  EXPECT_EQ(options->char_cnn.num_filters(), 2048);
  EXPECT_EQ(options->char_cnn.num_highway, 2);
  EXPECT_EQ(options->char_cnn.embedding_dim, 16);
  EXPECT_EQ(options->char_cnn.max_characters_per_token, 50);
  EXPECT_EQ(NumParameters(*options), 93600848);
}

TEST(ModelOptionsTest, CountsTheParametersOfTheReleasedModels) {
  json small = Original();
  small["lstm"]["dim"] = 1024;
  small["lstm"]["projection_dim"] = 128;
  small["char_cnn"]["n_highway"] = 1;
  EXPECT_EQ(NumParameters(*Parse(small)), 13593296);
  json medium = small;
  medium["lstm"]["dim"] = 2048;
  medium["lstm"]["projection_dim"] = 256;
  EXPECT_EQ(NumParameters(*Parse(medium)), 28027728);
  EXPECT_EQ(NumParameters(*ParseWith("/lstm/n_layers", 1)), 55819344);
}

TEST(ModelOptionsTest, MissingKeysMeanWhatTheyMeanInBilmTf) {
  EXPECT_EQ(ParseWithout("/lstm", "n_layers")->lstm.num_layers, 1);
  EXPECT_EQ(ParseWithout("/lstm", "cell_clip")->lstm.cell_clip, 0);
  EXPECT_EQ(ParseWithout("/lstm", "proj_clip")->lstm.proj_clip, 0);
  EXPECT_EQ(ParseWithout("/char_cnn", "n_highway")->char_cnn.num_highway, 0);
  EXPECT_THAT(ParseWithout("/char_cnn", "n_characters"), IsOk());
  EXPECT_EQ(ParseWithout("/char_cnn", "max_characters_per_token")
                ->char_cnn.max_characters_per_token,
            50);
}

TEST(ModelOptionsTest, KeysWithoutADefaultAreRequired) {
  const struct {
    const char* section;
    const char* key;
    const char* name;
  } kRequired[] = {
      {"/lstm", "dim", "lstm.dim is missing"},
      {"/lstm", "projection_dim", "lstm.projection_dim is missing"},
      {"/lstm", "use_skip_connections", "lstm.use_skip_connections is missing"},
      {"/char_cnn", "activation", "char_cnn.activation is missing"},
      {"/char_cnn", "filters", "char_cnn.filters is missing"},
      {"/char_cnn", "embedding", "char_cnn.embedding is missing"},
      {"/char_cnn/embedding", "dim", "char_cnn.embedding.dim is missing"},
      {"", "lstm", "lstm is missing"},
  };
  for (const auto& required : kRequired) {
    EXPECT_THAT(
        ParseWithout(required.section, required.key),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(required.name)));
  }
}

TEST(ModelOptionsTest, NullAndZeroClipsMeanNoClip) {
  EXPECT_EQ(ParseWith("/lstm/cell_clip", nullptr)->lstm.cell_clip, 0);
  EXPECT_EQ(ParseWith("/lstm/cell_clip", 0)->lstm.cell_clip, 0);
  EXPECT_EQ(ParseWith("/lstm/proj_clip", 0.0)->lstm.proj_clip, 0);
  EXPECT_EQ(ParseWith("/lstm/proj_clip", 2.5)->lstm.proj_clip, 2.5f);
  EXPECT_EQ(ParseWith("/char_cnn/n_highway", nullptr)->char_cnn.num_highway, 0);
}

TEST(ModelOptionsTest, BothNumbersOfCharactersAreAccepted) {
  EXPECT_THAT(ParseWith("/char_cnn/n_characters", 261), IsOk());
  EXPECT_THAT(ParseWith("/char_cnn/n_characters", 262), IsOk());
}

TEST(ModelOptionsTest, ReadsEveryChoice) {
  EXPECT_EQ(ParseWith("/char_cnn/activation", "tanh")->char_cnn.activation,
            Activation::kTanh);
  EXPECT_FALSE(ParseWith("/lstm/use_skip_connections", false)
                   ->lstm.use_skip_connections);
  for (int layers = 1; layers <= 8; ++layers) {
    EXPECT_EQ(ParseWith("/lstm/n_layers", layers)->lstm.num_layers, layers);
  }
}

TEST(ModelOptionsTest, ProjectionsThatDoNotNarrowAreAbsent) {
  EXPECT_TRUE(Parse(Original())->lstm.has_projection());
  EXPECT_FALSE(ParseWith("/lstm/dim", 512)->lstm.has_projection());
  EXPECT_TRUE(Parse(Original())->has_char_projection());
  EXPECT_FALSE(ParseWith("/char_cnn/filters", {{1, 256}, {2, 256}})
                   ->has_char_projection());
}

struct BadValue {
  const char* pointer;
  json value;
  const char* message;  // Key, value and what is accepted.
};

class BadValueTest : public ::testing::TestWithParam<BadValue> {};

TEST_P(BadValueTest, IsRefusedByName) {
  EXPECT_THAT(ParseWith(GetParam().pointer, GetParam().value),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(GetParam().message)));
}

const json kDeep = json::parse(std::string(16, '[') + std::string(16, ']'));

INSTANTIATE_TEST_SUITE_P(
    ModelOptionsTest, BadValueTest,
    ::testing::Values(
        BadValue{"/lstm/dim", 0, "lstm.dim is 0; must be an integer from 1"},
        BadValue{"/lstm/dim", -4, "lstm.dim is -4; must be an integer"},
        BadValue{"/lstm/dim", 40000, "lstm.dim is 40000; must be an integer"},
        BadValue{"/lstm/dim", uint64_t{1} << 63, "lstm.dim is 92233"},
        BadValue{"/lstm/dim", INT64_MIN, "lstm.dim is -92233"},
        BadValue{"/lstm/dim", (int64_t{1} << 32) + 64, "lstm.dim is 4294967"},
        BadValue{"/lstm/dim", 64.5, "lstm.dim is 64.5; must be an integer"},
        BadValue{"/lstm/dim", "64", "lstm.dim is \"64\"; must be an integer"},
        BadValue{"/lstm/dim", nullptr, "lstm.dim is null"},
        BadValue{"/lstm/dim", true, "lstm.dim is true"},
        BadValue{"/lstm/projection_dim", 4097,
                 "lstm.projection_dim is 4097; must not be larger than "
                 "lstm.dim, which is 4096"},
        BadValue{"/lstm/n_layers", 0, "lstm.n_layers is 0; must be an integer"},
        BadValue{"/lstm/n_layers", 9, "lstm.n_layers is 9; must be an integer"},
        BadValue{"/lstm/n_layers", nullptr, "lstm.n_layers is null"},
        BadValue{"/lstm/cell_clip", -1, "lstm.cell_clip is -1; must be a "},
        BadValue{"/lstm/cell_clip", "3", "lstm.cell_clip is \"3\""},
        BadValue{"/lstm/cell_clip", false, "lstm.cell_clip is false"},
        BadValue{"/lstm/proj_clip", 1e-60, "lstm.proj_clip is 1e-60"},
        BadValue{"/lstm/proj_clip", 1e60, "lstm.proj_clip is 1e+60"},
        BadValue{"/lstm/use_skip_connections", 1,
                 "lstm.use_skip_connections is 1; must be true or false"},
        BadValue{"/lstm", 3, "lstm is 3; must be an object"},
        BadValue{"/char_cnn", "x", "char_cnn is \"x\"; must be an object"},
        BadValue{"/char_cnn", nullptr, "word ids"},
        BadValue{"/char_cnn/n_characters", 260,
                 "char_cnn.n_characters is 260; must be 262, or 261"},
        BadValue{"/char_cnn/n_characters", "262", "char_cnn.n_characters"},
        BadValue{"/char_cnn/max_characters_per_token", 2,
                 "char_cnn.max_characters_per_token is 2; must be"},
        BadValue{"/char_cnn/max_characters_per_token", 6,
                 "char_cnn.filters[6][0] (width) is 7; must be an integer "
                 "from 1 to 6"},
        BadValue{"/char_cnn/activation", "gelu",
                 "char_cnn.activation is \"gelu\"; must be \"relu\" or"},
        BadValue{"/char_cnn/embedding", 16, "char_cnn.embedding is 16; must"},
        BadValue{"/char_cnn/embedding/dim", 0, "char_cnn.embedding.dim is 0"},
        BadValue{"/char_cnn/n_highway", -1, "char_cnn.n_highway is -1"},
        BadValue{"/char_cnn/n_highway", 17, "char_cnn.n_highway is 17"},
        BadValue{"/char_cnn/filters", json::array(), "char_cnn.filters is []"},
        BadValue{"/char_cnn/filters", {{1, 32, 3}}, "char_cnn.filters[0] is"},
        BadValue{"/char_cnn/filters", json::parse("[[1,600],7]"),
                 "char_cnn.filters[1] is 7; must be a pair"},
        BadValue{"/char_cnn/filters", json::parse("[[1,0]]"),
                 "char_cnn.filters[0][1] (count) is 0"},
        BadValue{"/char_cnn/filters", json::parse("[[0,600]]"),
                 "char_cnn.filters[0][0] (width) is 0"},
        BadValue{"/char_cnn/filters", json(65, json::parse("[1,600]")),
                 "must be a list of 1 to 64 pairs"},
        BadValue{"/char_cnn/filters", json(3, json::parse("[1,30000]")),
                 "90000 filters in all; limit is 32768"},
        BadValue{"/char_cnn/filters", json::parse("[[50,30000]]"),
                 "the sum of width * count is 1500000; limit is 1048576"},
        BadValue{"/char_cnn/filters", json::parse("[[1,511]]"),
                 "511 filters in all; must be at least lstm.projection_dim, "
                 "which is 512"},
        BadValue{"/extra", kDeep, "nested deeper"},
        BadValue{"/extra", std::string(1 << 20, 'x'), "limit is 1048576"}));

TEST(ModelOptionsTest, TooManyParametersAreRefused) {
  json options = Original();
  options["lstm"]["dim"] = 32768;
  options["lstm"]["projection_dim"] = 2048;
  options["lstm"]["n_layers"] = 8;
  EXPECT_THAT(Parse(options), StatusIs(absl::StatusCode::kInvalidArgument,
                                       HasSubstr("parameters; limit is")));
}

TEST(ModelOptionsTest, WordIdModelsAreRefusedAsSuch) {
  EXPECT_THAT(ParseWithout("", "char_cnn"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("word ids"), HasSubstr("char_cnn"))));
}

TEST(ModelOptionsTest, ElmoForManyLangsIsRefusedAsSuch) {
  EXPECT_THAT(ParseModelOptions(R"({"encoder": {"name": "elmo", "dim": 4096},
                            "token_embedder": {"name": "cnn"}})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("ELMoForManyLangs")));
}

TEST(ModelOptionsTest, TextThatIsNotAnObjectIsRefused) {
  for (const char* text :
       {"", " ", "[]", "3", "null", "\"x\"", "{", "{]", "{\"lstm\":}",
        "{\"a\":NaN}", "{} x", "\xff\xfe", "{\"a\":\"\xc3\"}", "/* */{}"}) {
    EXPECT_THAT(ParseModelOptions(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("JSON")))
        << text;
  }
}

TEST(ModelOptionsTest, AKeyThatStandsTwiceIsRefused) {
  std::string text = Original().dump();
  text.insert(text.find("\"dim\""), "\"dim\": 16, ");
  EXPECT_THAT(ParseModelOptions(text),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("key \"dim\" stands twice")));
}

TEST(ModelOptionsTest, FormatIsReadBackUnchanged) {
  json options = Original();
  options["lstm"]["cell_clip"] = 0.1;
  options["lstm"]["proj_clip"] = nullptr;
  options["char_cnn"]["activation"] = "tanh";
  const auto parsed = Parse(options);
  ASSERT_THAT(parsed, IsOk());
  const auto again = ParseModelOptions(FormatModelOptions(*parsed));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->lstm.cell_clip, 0.1f);
  EXPECT_EQ(again->lstm.proj_clip, 0);
  EXPECT_EQ(again->lstm.dim, 4096);
  EXPECT_EQ(again->char_cnn.activation, Activation::kTanh);
  EXPECT_EQ(again->char_cnn.filters[6].count, 1024);
  EXPECT_EQ(FormatModelOptions(*again), FormatModelOptions(*parsed));
}

}  // namespace
}  // namespace elmo

// random-model: writes a package of random weights with the dimensions of a
// published model, for loads that are to cost what that one costs.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>

#include "core/model/package_writer.h"
#include "tests/testing/tiny_model.h"

namespace elmo {
namespace {

struct Dimensions {
  int cells;
  int projection;
  int highways;
};

// Of the models that AllenNLP published.
const std::map<std::string, Dimensions> kPublished = {
    {"small", {1024, 128, 1}},
    {"medium", {2048, 256, 1}},
    {"original", {4096, 512, 2}},
};

int Main(int argc, char** argv) {
  CLI::App app("Writes an ELMo package of seeded random weights.",
               "random-model");
  std::string dimensions = "original";
  std::string directory;
  app.add_option("--dimensions", dimensions,
                 "small (1024 cells, 128 wide), medium (2048, 256) or original "
                 "(4096, 512)")
      ->check(CLI::IsMember(kPublished));
  app.add_option("DIR", directory, "Folder to write; must not exist")
      ->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  ModelOptions options = testing::ReleasedOptions();
  const Dimensions& chosen = kPublished.at(dimensions);
  options.lstm.dim = chosen.cells;
  options.lstm.projection_dim = chosen.projection;
  options.char_cnn.num_highway = chosen.highways;
  const auto model = testing::RandomModel(options, /*seed=*/1);
  PackageContents contents;
  contents.name = "random-" + dimensions;
  contents.options_json = FormatModelOptions(options);
  contents.weights = model->weights();
  const absl::Status status = WritePackage(contents, directory);
  if (status.ok()) return 0;
  std::fprintf(stderr, "random-model: %s\n",
               std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace elmo

int main(int argc, char** argv) { return elmo::Main(argc, argv); }

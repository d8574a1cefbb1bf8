// elmo-model: makes, shows and checks model packages.
//
// Exit code: 0 done, 1 a file is missing, damaged or not supported, 2 wrong
// command line. Messages go to standard error.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/model_package.h"
#include "core/tool/import_model.h"
#include "core/tool/model_report.h"

namespace elmo {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "elmo-model: error: %s\n",
               std::string(status.message()).c_str());
  return kFailed;
}

int Import(const ImportArguments& arguments) {
  Notes notes;
  const absl::Status status = ImportModel(arguments, &notes);
  for (const std::string& note : notes) {
    std::fprintf(stderr, "elmo-model: note: %s\n", note.c_str());
  }
  if (!status.ok()) return Fail(status);
  // Read back: what was written is what a server will accept.
  const auto package = ModelPackage::Load(arguments.output);
  if (!package.ok()) return Fail(package.status());
  std::fputs(TextReport(**package).c_str(), stdout);
  return 0;
}

int Info(const std::string& directory, bool json) {
  const auto package = ModelPackage::Load(directory);
  if (!package.ok()) return Fail(package.status());
  std::fputs((json ? JsonReport(**package) : TextReport(**package)).c_str(),
             stdout);
  return 0;
}

int Check(const std::string& directory) {
  const auto package = ModelPackage::Load(directory);
  if (!package.ok()) return Fail(package.status());
  std::printf("OK: options.json\nOK: model.safetensors (%s)\n",
              (*package)->checksum().c_str());
  if ((*package)->warm_state().has_value()) std::printf("OK: warm state\n");
  return 0;
}

const std::map<std::string, DType>& Storages() {
  static const auto* const storages = new std::map<std::string, DType>{
      {"f32", DType::kF32}, {"f16", DType::kF16}, {"bf16", DType::kBF16}};
  return *storages;
}

void AddImport(CLI::App* app, ImportArguments* arguments,
               std::string* storage) {
  CLI::App* command = app->add_subcommand(
      "import", "Make a package from the files of AllenNLP or bilm-tf");
  command->add_option("--options", arguments->options_path, "options.json")
      ->required();
  command->add_option("--weights", arguments->weights_path, "HDF5 weights")
      ->required();
  command->add_option("--output", arguments->output, "Folder of the package")
      ->required();
  command->add_option(
      "--name", arguments->name,
      "Name that requests use (default: last part of --output)");
  command
      ->add_option("--storage", *storage,
                   "How weights are stored: f32 (exact), f16 or bf16 (half "
                   "the size)")
      ->check(CLI::IsMember(std::vector<std::string>{"f32", "f16", "bf16"}))
      ->option_text("f32|f16|bf16 (default: f32)");
  command
      ->add_option("--warm-up", arguments->warm_up_path,
                   "Text, one sentence a line, that makes the start state "
                   "of the package")
      ->option_text("TEXT");
  command->add_flag("--force", arguments->replace,
                    "Replace a package that is there already");
}

// CLI11 would say that something is missing, not what is one too many.
bool ReportUnknown(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  if (error.get_name() != "RequiredError" || unknown.empty()) return false;
  const bool option = unknown.front().rfind('-', 0) == 0;
  std::fprintf(stderr,
               "%s: no such %s; the commands are import, info, check. "
               "--help says more.\n",
               unknown.front().c_str(), option ? "option" : "command");
  return true;
}

int Main(int argc, char** argv) {
  CLI::App app("Makes, shows and checks ELMo model packages.", "elmo-model");
  app.require_subcommand(1);
  ImportArguments import;
  std::string storage = "f32";
  AddImport(&app, &import, &storage);
  std::string directory;
  bool json = false;
  CLI::App* info = app.add_subcommand("info", "Print what a package holds");
  info->add_option("directory", directory, "Folder of the package")->required();
  info->add_flag("--json", json, "Print a JSON object");
  CLI::App* check = app.add_subcommand(
      "check", "Verify a package: structure, checksums, values");
  check->add_option("directory", directory, "Folder of the package")
      ->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (ReportUnknown(app, error)) return kWrongUsage;
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  if (info->parsed()) return Info(directory, json);
  if (check->parsed()) return Check(directory);
  import.storage = Storages().at(storage);
  return Import(import);
}

}  // namespace
}  // namespace elmo

int main(int argc, char** argv) { return elmo::Main(argc, argv); }

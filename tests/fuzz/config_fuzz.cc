// Any bytes as a configuration file: an error that names no value, or entries
// with known keys, each once; and the whole command line takes them or says no.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "core/base/check.h"
#include "server/command_line.h"
#include "server/config_file.h"

namespace {

void CheckEntries(std::string_view text) {
  static const std::set<std::string> known = {"a", "model", "max-batch-rows"};
  const auto entries = elmo::ParseConfig({text.data(), text.size()}, known);
  if (!entries.ok()) {
    ELMO_CHECK(!entries.status().message().empty());
    return;
  }
  std::set<std::string> seen;
  for (const elmo::ConfigEntry& entry : *entries) {
    ELMO_CHECK(known.count(entry.key) == 1);
    ELMO_CHECK(seen.insert(entry.key).second);
    ELMO_CHECK(entry.line > 0 && !entry.values.empty());
  }
}

// A file in memory, by a path that every open() starts at its beginning.
std::string PathOf(std::string_view text) {
  static const int file = memfd_create("config", MFD_CLOEXEC);
  ELMO_CHECK(ftruncate(file, 0) == 0);
  ELMO_CHECK(pwrite(file, text.data(), text.size(), 0) ==
             static_cast<ssize_t>(text.size()));
  return "/proc/self/fd/" + std::to_string(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckEntries(text);
  const std::string path = PathOf(text);
  const char* const argv[] = {"elmo-server", "--model=/m", "--config",
                              path.c_str()};
  std::ostringstream out;
  std::ostringstream err;
  const auto parsed = elmo::ParseCommandLine(4, argv, /*workers=*/1, out, err);
  if (const int* code = std::get_if<int>(&parsed)) {
    ELMO_CHECK(*code == 2 && !err.str().empty());
  } else {
    ELMO_CHECK(std::get<elmo::CommandLine>(parsed).server.Validate().ok());
  }
  return 0;
}

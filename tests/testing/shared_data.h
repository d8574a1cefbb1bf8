#ifndef ELMO_TESTS_TESTING_SHARED_DATA_H_
#define ELMO_TESTS_TESTING_SHARED_DATA_H_

#include <cstdlib>
#include <filesystem>
#include <string>

namespace elmo::testing {

// Path of a file or folder of the shared test data, which lies beside the
// project and not in it: $ELMO_SHARED_DIR, or ../shared. Empty where it is
// absent; then the test skips, saying so:
//
//   const std::string dir = SharedData("fixtures/allennlp-elmo");
//   if (dir.empty()) GTEST_SKIP() << "shared fixtures are not here";
inline std::string SharedData(const std::string& relative) {
  const char* set = std::getenv("ELMO_SHARED_DIR");
  const std::filesystem::path path =
      std::filesystem::path(set ? set : ELMO_SOURCE_DIR "/../shared") /
      relative;
  std::error_code error;
  return std::filesystem::exists(path, error) ? path.string() : std::string();
}

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_SHARED_DATA_H_

#ifndef ELMO_TESTS_CORE_MODEL_TEMPORARY_DIRECTORY_H_
#define ELMO_TESTS_CORE_MODEL_TEMPORARY_DIRECTORY_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace elmo::testing {

// A new folder that is removed with all it holds.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = ::testing::TempDir() + "/elmo-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const {
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// Overwrites in place: some file systems wait for the disk when a file is
// emptied and written again, which a test with thousands of files would feel.
inline void WriteFile(const std::string& path, const std::string& content) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  ASSERT_GE(fd, 0) << path;
  const auto size = static_cast<ssize_t>(content.size());
  EXPECT_EQ(::pwrite(fd, content.data(), content.size(), 0), size) << path;
  EXPECT_EQ(::ftruncate(fd, size), 0) << path;
  ::close(fd);
}

}  // namespace elmo::testing

#endif  // ELMO_TESTS_CORE_MODEL_TEMPORARY_DIRECTORY_H_

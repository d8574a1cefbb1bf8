// Weight files that are damaged or made to do harm: an error each time, in
// bounded time, and this process lives on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "core/tool/hdf5_weights.h"
#include "tests/core/model/random_model.h"
#include "tests/core/model/temporary_directory.h"
#include "tests/core/tool/hdf5_file.h"
#include "tests/testing/status_matchers.h"

namespace elmo {
namespace {

using elmo::testing::Find;
using elmo::testing::Hdf5Dataset;
using elmo::testing::Hdf5File;
using elmo::testing::PublishedDatasets;
using elmo::testing::RandomModel;
using elmo::testing::ReadFile;
using elmo::testing::SmallOptions;
using elmo::testing::StatusIs;
using elmo::testing::TemporaryDirectory;
using elmo::testing::WriteFile;
using elmo::testing::WriteHdf5;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// A property list for a dataset of the file under test.
class Properties {
 public:
  Properties() : id_(H5Pcreate(H5P_DATASET_CREATE)) {}
  ~Properties() { H5Pclose(id_); }
  Properties(const Properties&) = delete;
  Properties& operator=(const Properties&) = delete;
  hid_t get() const { return id_; }

 private:
  const hid_t id_;
};

class Hdf5HostileTest : public ::testing::Test {
 protected:
  absl::Status Read() const {
    return ReadHdf5Weights(path_, model_.options).status();
  }
  absl::Status WriteAndRead() const {
    WriteHdf5(path_, datasets_);
    return Read();
  }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "weights.hdf5";
  const RandomModel model_{SmallOptions()};
  std::vector<Hdf5Dataset> datasets_ = PublishedDatasets(model_);
};

TEST_F(Hdf5HostileTest, FilesOfOtherKindsAreRecognised) {
  const struct {
    std::string content;
    const char* message;
  } kFiles[] = {
      {"", "is not an HDF5 file"},
      {"hello", "is not an HDF5 file"},
      {"PK\x03\x04zip", "PyTorch"},
      {std::string("\x80\x02}q\x00", 5), "PyTorch"},
      {"\x1f\x8b\x08", "gzip"},
      {"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"},
      {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>", "web page"},
      {"<!DOCTYPE html>", "web page"},
      {"model_checkpoint_path: \"model.ckpt-1\"", "TensorFlow checkpoint"},
  };
  for (const auto& file : kFiles) {
    WriteFile(path_, file.content);
    EXPECT_THAT(Read(), StatusIs(kInvalid, AllOf(HasSubstr(path_),
                                                 HasSubstr(file.message))));
  }
  const std::string checkpoint =
      directory_ / "model.ckpt-1.data-00000-of-00001";
  WriteFile(checkpoint, "weights");
  EXPECT_THAT(ReadHdf5Weights(checkpoint, model_.options),
              StatusIs(kInvalid, HasSubstr("TensorFlow checkpoint")));
  EXPECT_THAT(ReadHdf5Weights(directory_.path(), model_.options),
              StatusIs(kInvalid, HasSubstr("is a folder")));
  EXPECT_THAT(ReadHdf5Weights(directory_ / "no", model_.options),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no")));
  EXPECT_THAT(ReadHdf5Weights("/dev/zero", model_.options),
              StatusIs(kInvalid, HasSubstr("not a regular file")));
}

TEST_F(Hdf5HostileTest, ATruncatedFileSaysSo) {
  WriteHdf5(path_, datasets_);
  const std::string whole = ReadFile(path_);
  std::filesystem::resize_file(path_, whole.size() / 2);
  EXPECT_THAT(Read(), StatusIs(kInvalid, HasSubstr("truncated file")));
  for (size_t size = 8; size < whole.size(); size += 97 + size / 10) {
    std::filesystem::resize_file(path_, size);
    EXPECT_THAT(Read(), StatusIs(kInvalid, HasSubstr(path_))) << size;
    WriteFile(path_, whole);
  }
}

TEST_F(Hdf5HostileTest, RandomDamageNeverEndsThisProcess) {
  WriteHdf5(path_, datasets_);
  const std::string whole = ReadFile(path_);
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::string mutant = whole;
    const int flips = 1 + static_cast<int>(random() % 8);
    for (int flip = 0; flip < flips; ++flip) {
      mutant[random() % mutant.size()] = static_cast<char>(random());
    }
    WriteFile(path_, mutant);
    // Damage to the values themselves cannot be seen: the format has no
    // checksums. So either outcome is right, as long as there is one.
    const absl::Status status = Read();
    if (status.ok()) continue;
    ++refused;
    EXPECT_TRUE(absl::StrContains(status.message(), path_)) << status;
  }
  EXPECT_GT(refused, 50);
}

TEST_F(Hdf5HostileTest, LinksToOtherPlacesAreRefused) {
  for (const bool external : {false, true}) {
    std::vector<Hdf5Dataset> datasets = datasets_;
    Remove(datasets, "char_embed");
    {
      Hdf5File file(path_);
      for (const Hdf5Dataset& dataset : datasets) file.Add(dataset);
      if (external) {
        H5Lcreate_external("/etc/passwd", "/x", file.get(), "char_embed",
                           H5P_DEFAULT, H5P_DEFAULT);
      } else {
        H5Lcreate_soft("/CNN_proj/W_proj", file.get(), "char_embed",
                       H5P_DEFAULT, H5P_DEFAULT);
      }
    }
    EXPECT_THAT(Read(),
                StatusIs(kInvalid, HasSubstr("dataset \"char_embed\" is "
                                             "a link to another")));
  }
}

TEST_F(Hdf5HostileTest, GroupsInACircleEndTheSearch) {
  WriteHdf5(path_, datasets_);
  {
    const hid_t file = H5Fopen(path_.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    H5Lcreate_hard(file, "/", file, "CNN/loop", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
  }
  // The root is listed once; nothing is left that does not belong.
  EXPECT_THAT(Read(), elmo::testing::IsOk());
}

TEST_F(Hdf5HostileTest, ValuesInOtherFilesAreRefused) {
  Hdf5Dataset& dataset = Find(datasets_, "char_embed");
  {
    const Properties external;
    H5Pset_external(external.get(), "/etc/passwd", 0, 261 * 3 * 4);
    dataset.properties = external.get();
    dataset.write = false;
    EXPECT_THAT(WriteAndRead(),
                StatusIs(kInvalid, HasSubstr("\"char_embed\" keeps its values "
                                             "in other files")));
  }
  const Properties virtual_;
  const hsize_t dims[] = {261, 3};
  const hid_t space = H5Screate_simple(2, dims, nullptr);
  H5Pset_virtual(virtual_.get(), space, "/etc/passwd", "x", space);
  H5Sclose(space);
  dataset.properties = virtual_.get();
  EXPECT_THAT(WriteAndRead(),
              StatusIs(kInvalid, HasSubstr("keeps its values in other files")));
}

TEST_F(Hdf5HostileTest, ValuesThatWereNeverWrittenAreRefused) {
  Find(datasets_, "char_embed").write = false;
  EXPECT_THAT(WriteAndRead(), StatusIs(kInvalid, HasSubstr("\"char_embed\" "
                                                           "lacks a part")));
}

TEST_F(Hdf5HostileTest, ChunksThatWereNeverWrittenAreRefused) {
  const Properties chunked;
  const hsize_t chunk[] = {100, 3};
  H5Pset_chunk(chunked.get(), 2, chunk);
  Hdf5Dataset& dataset = Find(datasets_, "char_embed");
  dataset.properties = chunked.get();
  dataset.write = false;
  WriteHdf5(path_, datasets_);
  const hid_t file = H5Fopen(path_.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t id = H5Dopen2(file, "char_embed", H5P_DEFAULT);
  const hid_t space = H5Dget_space(id);
  const hsize_t start[] = {0, 0};
  const hsize_t count[] = {200, 3};  // Two of three chunks.
  H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, count, nullptr);
  EXPECT_GE(H5Dwrite(id, H5T_NATIVE_FLOAT, H5S_ALL, space, H5P_DEFAULT,
                     dataset.values.data()),
            0);
  H5Sclose(space);
  H5Dclose(id);
  H5Fclose(file);
  EXPECT_THAT(Read(), StatusIs(kInvalid, HasSubstr("\"char_embed\" lacks")));
}

TEST_F(Hdf5HostileTest, FiltersOtherThanGzipAreRefused) {
  const Properties packed;
  const hsize_t chunk[] = {100, 3};
  H5Pset_chunk(packed.get(), 2, chunk);
  H5Pset_scaleoffset(packed.get(), H5Z_SO_FLOAT_DSCALE, 2);
  Find(datasets_, "char_embed").properties = packed.get();
  EXPECT_THAT(WriteAndRead(),
              StatusIs(kInvalid, HasSubstr("\"char_embed\" is packed with "
                                           "filter 6")));
}

TEST_F(Hdf5HostileTest, HugeShapesAreRefusedBeforeAnythingIsRead) {
  const Properties chunked;
  const hsize_t chunk[] = {1 << 20, 1};
  H5Pset_chunk(chunked.get(), 2, chunk);
  Hdf5Dataset& dataset = Find(datasets_, "char_embed");
  dataset.properties = chunked.get();
  dataset.dims = {hsize_t{1} << 40, hsize_t{1} << 20};
  dataset.write = false;
  EXPECT_THAT(WriteAndRead(),
              StatusIs(kInvalid, HasSubstr("has shape 1099511627776x1048576")));
}

TEST_F(Hdf5HostileTest, MoreNamesThanAnyModelHasAreRefused) {
  {
    Hdf5File file(path_);
    for (int i = 0; i < 5000; ++i) {
      H5Gclose(H5Gcreate2(file.get(), std::to_string(i).c_str(), H5P_DEFAULT,
                          H5P_DEFAULT, H5P_DEFAULT));
    }
  }
  EXPECT_THAT(Read(), StatusIs(kInvalid, HasSubstr("more than 4096 groups")));
}

TEST_F(Hdf5HostileTest, NamesFromTheFileAreShownHarmless) {
  datasets_.push_back({"evil\n\x1b[31m\xff" + std::string(300, 'x'), {1}, {0}});
  const absl::Status status = WriteAndRead();
  EXPECT_THAT(status, StatusIs(kInvalid, HasSubstr("evil\\n\\u001b[31m")));
  EXPECT_LT(status.message().size(), 400u);
}

}  // namespace
}  // namespace elmo

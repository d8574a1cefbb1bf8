#ifndef ELMO_CLIENT_CLI_OUTPUT_FILE_H_
#define ELMO_CLIENT_CLI_OUTPUT_FILE_H_

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace elmo::cli {

// A file that appears whole or not at all: written beside its place under
// another name and renamed by Commit(). Without Commit(), also after Ctrl-C,
// nothing is left and what was there before stays. Standard output ("-"),
// devices and pipes are written to directly. For one thread.
//
// Errors are FAILED_PRECONDITION and name the file; IsBrokenPipe() for a reader
// that has gone.
class OutputFile {
 public:
  static absl::StatusOr<std::unique_ptr<OutputFile>> Create(
      const std::string& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  absl::Status Write(std::string_view data);
  // Only where is_replaced_whole(): overwrites the first bytes.
  absl::Status WriteAtStart(std::string_view data);
  // Hands everything on to the reader of a pipe.
  absl::Status Flush();
  // Ends writing and puts the file in its place.
  absl::Status Commit();

  bool is_replaced_whole() const { return !temporary_.empty(); }

 private:
  OutputFile(std::string path, std::string temporary, std::FILE* file);
  absl::Status Error(int error) const;

  const std::string path_;       // Symbolic links resolved.
  const std::string temporary_;  // Empty where written to directly.
  std::FILE* file_;              // Null after Commit().
};

// Whether the error means that nobody reads the output any more, as in
// `elmo-client embed | head -1`: no reason to complain.
bool IsBrokenPipe(const absl::Status& status);

// From now on SIGINT, SIGTERM and SIGHUP remove the temporary files before they
// end the process, and a broken pipe is an error of Write() instead of the end.
// For main().
void InstallSignalHandlers();

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_OUTPUT_FILE_H_

#ifndef ELMO_CLIENT_CLI_LINE_READER_H_
#define ELMO_CLIENT_CLI_LINE_READER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace elmo::cli {

// The lines of a file or of standard input, one at a time, without their "\n"
// or "\r\n"; a last line needs no end. A byte order mark at the start is
// skipped. For one thread.
class LineReader {
 public:
  // "-" is standard input. `name()` is the path, or "standard input".
  static absl::StatusOr<std::unique_ptr<LineReader>> Open(
      const std::string& path);
  // Whether Open() would succeed, without opening (which a named pipe's writer
  // would notice). Its size in bytes; 0 where it has none, as a pipe.
  static absl::StatusOr<int64_t> SizeOf(const std::string& path);

  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // False at the end. FAILED_PRECONDITION, naming file and line, where reading
  // fails or a line is longer than 64 MiB (no limit would let a file without
  // line ends fill the memory).
  absl::StatusOr<bool> Next(std::string* line);

  // True where Next() would wait for another process or a person.
  bool MustWait() const;

  const std::string& name() const { return name_; }
  int64_t line_number() const { return line_number_; }  // Of the last line.
  int64_t bytes_read() const { return bytes_read_; }    // Up to its end.

 private:
  LineReader(int fd, std::string name);
  // Adds what is there to buffer_; sets at_end_ where there is nothing more.
  absl::Status Fill();

  const int fd_;
  const std::string name_;
  std::string buffer_;
  size_t begin_ = 0;  // Of the next line, in buffer_.
  bool at_end_ = false;
  int64_t line_number_ = 0;
  int64_t bytes_read_ = 0;
};

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_LINE_READER_H_

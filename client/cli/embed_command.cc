#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/output_file.h"
#include "client/cli/progress.h"
#include "client/cli/sentence_reader.h"
#include "client/cli/vector_writer.h"
#include "client/embed_client.h"
#include "core/base/status_macros.h"

namespace elmo::cli {
namespace {

using Clock = std::chrono::steady_clock;

VectorLayout LayoutOf(const v1::OutputSpec& spec) {
  VectorLayout layout;
  layout.has_layers = spec.has_layers();
  layout.layers.assign(spec.layers().indices().begin(),
                       spec.layers().indices().end());
  layout.has_rows = spec.pooling() == v1::OutputSpec::NONE;
  layout.boundaries = spec.keep_boundaries();
  return layout;
}

std::unique_ptr<VectorWriter> MakeWriter(const EmbedCommand& command,
                                         OutputFile* output,
                                         OutputFile* index) {
  const VectorLayout layout = LayoutOf(command.spec);
  switch (command.format) {
    case OutputFormat::kNpy:
      return MakeNpyWriter(layout, output, index);
    case OutputFormat::kTsv:
      return MakeTsvWriter(layout, output);
    default:
      return MakeJsonlWriter(output);
  }
}

// Puts the file and line of the sentence in front of an error that names one.
absl::Status WithPlace(const absl::Status& status,
                       const SentenceReader& reader) {
  constexpr absl::string_view kField = "sentences[";
  const absl::string_view message = status.message();
  const size_t at = message.find(kField);
  if (at == absl::string_view::npos) return status;
  const size_t begin = at + kField.size();
  int64_t index;
  if (!absl::SimpleAtoi(message.substr(begin, message.find(']') - begin),
                        &index)) {
    return status;
  }
  const std::string place = reader.PlaceOf(index);
  if (place.empty()) return status;
  return absl::Status(status.code(), absl::StrCat(place, ": ", message));
}

// Files and writer of one run.
struct Outputs {
  std::unique_ptr<OutputFile> output;
  std::unique_ptr<OutputFile> index;  // May be null.
  std::unique_ptr<VectorWriter> writer;

  static absl::StatusOr<Outputs> Create(const EmbedCommand& command) {
    Outputs outputs;
    ELMO_ASSIGN_OR_RETURN(outputs.output, OutputFile::Create(command.output));
    if (!command.index.empty()) {
      ELMO_ASSIGN_OR_RETURN(outputs.index, OutputFile::Create(command.index));
    }
    outputs.writer =
        MakeWriter(command, outputs.output.get(), outputs.index.get());
    return outputs;
  }

  // The index first: who finds the vectors finds it too.
  absl::Status Commit() {
    ELMO_RETURN_IF_ERROR(writer->Finish());
    if (index != nullptr) ELMO_RETURN_IF_ERROR(index->Commit());
    return output->Commit();
  }
};

std::FILE* ProgressTerminal(const EmbedCommand& command,
                            const Terminal& terminal) {
  // Not where the vectors scroll by on the same screen.
  const bool mixed = command.output == "-" && terminal.stdout_is;
  return terminal.stderr_is && !command.quiet && !mixed ? stderr : nullptr;
}

absl::Status EmbedInputs(const ServerChoice& server,
                         const EmbedCommand& command, EmbedClient& client,
                         SentenceReader& reader, Outputs& outputs,
                         ProgressBar& bar) {
  EmbedParams params;
  params.model = server.model;
  params.output = command.spec;
  params.start_state = command.start_state;
  Progress progress;
  progress.total_bytes = reader.total_bytes();
  const auto write = [&](const SentenceVectors& vectors) {
    SentenceOrigin origin = reader.TakeOrigin();
    ELMO_RETURN_IF_ERROR(outputs.writer->Write(
        {progress.sentences, std::move(origin.id), vectors}));
    if (!outputs.output->is_replaced_whole()) {
      ELMO_RETURN_IF_ERROR(outputs.output->Flush());  // Somebody may wait.
    }
    ++progress.sentences;
    progress.tokens += static_cast<int64_t>(vectors.tokens.size());
    progress.bytes = origin.end_bytes;
    bar.Show(progress, Clock::now());
    return absl::OkStatus();
  };
  const absl::Status status = client.EmbedAll(reader, params, write);
  if (!status.ok()) return WithPlace(status, reader);
  bar.Finish(progress, Clock::now());
  return absl::OkStatus();
}

}  // namespace

absl::Status RunEmbed(const ServerChoice& server, const EmbedCommand& command,
                      const std::shared_ptr<EmbedConnection>& connection,
                      const Terminal& terminal) {
  if (command.format == OutputFormat::kNpy && command.output == "-" &&
      terminal.stdout_is) {
    return absl::FailedPreconditionError(
        "npy is not for a terminal; add --output FILE");
  }
  ELMO_ASSIGN_OR_RETURN(
      const auto reader,
      SentenceReader::Open(command.inputs, command.input_format));
  ELMO_ASSIGN_OR_RETURN(Outputs outputs, Outputs::Create(command));
  if (terminal.stdin_is && command.inputs.front() == "-") {
    std::fputs("Type sentences, one a line; Ctrl-D ends.\n", stderr);
  }
  BulkOptions bulk;
  bulk.max_in_flight = command.concurrency;
  EmbedClient client(connection, bulk);
  ProgressBar bar(ProgressTerminal(command, terminal), Clock::now());
  ELMO_RETURN_IF_ERROR(
      EmbedInputs(server, command, client, *reader, outputs, bar));
  return outputs.Commit();
}

}  // namespace elmo::cli

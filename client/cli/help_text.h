#ifndef ELMO_CLIENT_CLI_HELP_TEXT_H_
#define ELMO_CLIENT_CLI_HELP_TEXT_H_

namespace elmo::cli {

// What --help says besides the options. $0 stands for the program as it was
// called, so that every example works as printed (and a test runs them all).
inline constexpr char kAbout[] =
    "ELMo word vectors from an elmo-server: a vector for each word, that "
    "depends on\nthe sentence around it.";

inline constexpr char kExamples[] = R"(
Examples:
  $0 info
  $0 compare bank 'He sat on the bank of the river.' 'She took the money to the bank.' 'They fished from the bank.'
  echo 'He sat on the bank of the river.' | $0 embed --format tsv | cut -f 1-5

$0 COMMAND --help says more about a command.
Exit code: 0 done, 1 failed, 2 wrong usage.)";

inline constexpr char kEmbedExamples[] = R"(
A sentence a line; an empty line is an empty sentence, so that answers and lines
stay in step. JSON lines are "a text", ["its", "tokens"], {"text": ...} or
{"tokens": ...}, the last two with an "id" that comes back in the answer.

jsonl: an object a line: sentence, id, tokens, offsets (bytes), shape, vectors.
tsv:   sentence, layer (with --layers), token_index, token, v0, v1, ...
npy:   float32 [rows, dim], or [rows, layers, dim] with --layers; the rows of all
       sentences one after another; --index says which rows are whose.
A file appears whole when all is done, or not at all.

Examples:
  echo 'He sat on the bank of the river.' | $0 embed
  printf 'One.\nTwo.\n' | $0 embed --pooling mean --format tsv | cut -f 1-4
  printf 'One.\nTwo.\n' | $0 embed --format npy --output vectors.npy --index rows.jsonl
  echo '{"id": 7, "tokens": ["It", "works"]}' | $0 embed --input-format jsonl --layers all)";

inline constexpr char kCompareExamples[] = R"(
Shows, layer by layer, how alike the service finds the uses of a word: cosines
of its vectors, and for each use the nearest other one. Layer 0 does not know
the context; the layers above do. The word is one token, as the server splits
text; upper and lower case may differ where it is not found as given.

Examples:
  $0 compare bank 'He sat on the bank of the river.' 'She took the money to the bank.' 'They fished from the bank.'
  printf 'The bank lends.\nThe bank floods.\n' | $0 compare bank --file - --layer 2)";

inline constexpr char kBenchExamples[] = R"(
Requests go out at times decided beforehand, whether or not the server keeps up,
and their latency counts from those times. A request that the server refuses is
not sent again, unless --attempts is given. Ctrl-C ends the load and shows what
there is so far. Exit code 1 also where an answer differs from the one before the
load.

Examples:
  $0 bench --capacity --duration 2
  $0 bench --rate 50 --duration 2 --deadline 0.5 --plot latency.svg
  $0 bench --rate 50 --requests 100 --deadline 0.05:1 --cancel-share 0.5 --json bench.json)";

inline constexpr char kInfoExamples[] = R"(
Examples:
  $0 info
  $0 info --wait --timeout 30 --json)";

inline constexpr char kHealthExamples[] = R"(
Asks grpc.health.v1, and nothing else. Exit code 0: SERVING.

Examples:
  $0 health
  $0 health --timeout 1)";

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_HELP_TEXT_H_

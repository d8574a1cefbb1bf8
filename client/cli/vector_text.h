#ifndef ELMO_CLIENT_CLI_VECTOR_TEXT_H_
#define ELMO_CLIENT_CLI_VECTOR_TEXT_H_

#include <string>

#include "client/cli/vector_writer.h"

namespace elmo::cli {

// Appends the shortest decimal that reads back as the same float; "null" for
// infinity and NaN, which JSON does not have.
void AppendFloat(float value, std::string* out);

// Appends `"sentence":3,"id":"x"` and, where the tokens are known,
// `,"tokens":[...],"offsets":[[0,2],...]`: what a sentence's JSON object begins
// with, in the output as in the index.
void AppendSentenceFields(const SentenceRecord& record, std::string* out);

}  // namespace elmo::cli

#endif  // ELMO_CLIENT_CLI_VECTOR_TEXT_H_

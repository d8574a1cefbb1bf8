#ifndef ELMO_CORE_TOOL_MODEL_REPORT_H_
#define ELMO_CORE_TOOL_MODEL_REPORT_H_

#include <string>

#include "core/model/model_package.h"

namespace elmo {

// What `elmo-model info` prints: one "key: value" a line, for people.
std::string TextReport(const ModelPackage& package);

// The same as a JSON object, for programs.
std::string JsonReport(const ModelPackage& package);

}  // namespace elmo

#endif  // ELMO_CORE_TOOL_MODEL_REPORT_H_

#ifndef ELMO_CORE_BASE_STATUS_MACROS_H_
#define ELMO_CORE_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function if `expr`, an absl::Status, is an error.
#define ELMO_RETURN_IF_ERROR(expr)                                \
  do {                                                            \
    if (absl::Status elmo_status_ = (expr); !elmo_status_.ok()) { \
      return elmo_status_;                                        \
    }                                                             \
  } while (false)

#define ELMO_MACRO_CONCAT_INNER_(a, b) a##b
#define ELMO_MACRO_CONCAT_(a, b) ELMO_MACRO_CONCAT_INNER_(a, b)
#define ELMO_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                                \
  if (!tmp.ok()) return std::move(tmp).status();    \
  lhs = *std::move(tmp)

// ELMO_ASSIGN_OR_RETURN(auto x, F()): x is F()'s value, or the enclosing
// function returns F()'s error.
#define ELMO_ASSIGN_OR_RETURN(lhs, expr) \
  ELMO_ASSIGN_OR_RETURN_IMPL_(ELMO_MACRO_CONCAT_(elmo_or_, __LINE__), lhs, expr)

#endif  // ELMO_CORE_BASE_STATUS_MACROS_H_

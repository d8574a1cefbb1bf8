#ifndef ELMO_TESTS_TESTING_STATUS_MATCHERS_H_
#define ELMO_TESTS_TESTING_STATUS_MATCHERS_H_

#include <gmock/gmock.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace elmo::testing {

inline const absl::Status& AsStatus(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& AsStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

// EXPECT_THAT(status_or_statusor, IsOk())
MATCHER(IsOk, "is OK") {
  *result_listener << AsStatus(arg).ToString();
  return AsStatus(arg).ok();
}

// EXPECT_THAT(x, StatusIs(absl::StatusCode::kNotFound, HasSubstr("model")))
MATCHER_P2(StatusIs, code, message,
           "has code " + absl::StatusCodeToString(code)) {
  *result_listener << AsStatus(arg).ToString();
  return AsStatus(arg).code() == code &&
         ::testing::ExplainMatchResult(
             message, std::string(AsStatus(arg).message()), result_listener);
}

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_STATUS_MATCHERS_H_

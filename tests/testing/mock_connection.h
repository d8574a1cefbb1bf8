#ifndef ELMO_TESTS_TESTING_MOCK_CONNECTION_H_
#define ELMO_TESTS_TESTING_MOCK_CONNECTION_H_

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "client/embed_connection.h"

namespace elmo::testing {

// An EmbedConnection for tests of code that uses EmbedClient:
//
//   auto connection = std::make_shared<MockConnection>();
//   EXPECT_CALL(*connection, GetModel).WillOnce(Return(FakeModel()));
//   EXPECT_CALL(*connection, AsyncEmbed)
//       .WillRepeatedly(AnswerAtOnce(FakeAnswer));
//   EmbedClient client(connection);
class MockConnection : public EmbedConnection {
 public:
  MOCK_METHOD(Cancel, AsyncEmbed,
              (const CallOptions& options,
               std::shared_ptr<const v1::EmbedRequest> request,
               EmbedCallback done),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::Model>, GetModel,
              (const CallOptions& options, const v1::GetModelRequest& request),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::ListModelsResponse>, ListModels,
              (const CallOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<bool>, IsServing,
              (const CallOptions& options, const std::string& service),
              (override));
};

// An action for AsyncEmbed: answers before it returns, with
// `answer(const v1::EmbedRequest&)` -> StatusOr<EmbedResponse>.
template <typename Answer>
auto AnswerAtOnce(Answer answer) {
  return [answer](const CallOptions&,
                  const std::shared_ptr<const v1::EmbedRequest>& request,
                  const EmbedConnection::EmbedCallback& done)
             -> EmbedConnection::Cancel {
    done(answer(*request));
    return [] {};
  };
}

}  // namespace elmo::testing

#endif  // ELMO_TESTS_TESTING_MOCK_CONNECTION_H_

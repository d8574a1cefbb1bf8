#ifndef ELMO_SERVER_MODEL_INFO_H_
#define ELMO_SERVER_MODEL_INFO_H_

#include "elmo/v1/embedding.pb.h"
#include "server/request_limits.h"
#include "server/served_model.h"

namespace elmo {

// What GetModel and ListModels tell about a model.
v1::Model DescribeModel(const ServedModel& model, const RequestLimits& limits);

}  // namespace elmo

#endif  // ELMO_SERVER_MODEL_INFO_H_

#ifndef ELMO_SERVER_RESPONSE_BUILDER_H_
#define ELMO_SERVER_RESPONSE_BUILDER_H_

#include "elmo/v1/embedding.pb.h"
#include "server/embed_job.h"

namespace elmo {

// The answer to a job that ended OK, as of `now`. Takes the job's values: each
// sentence's are let go of as soon as they are encoded.
v1::EmbedResponse BuildResponse(EmbedJob* job, TimePoint now);

}  // namespace elmo

#endif  // ELMO_SERVER_RESPONSE_BUILDER_H_

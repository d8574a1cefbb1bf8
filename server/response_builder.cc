#include "server/response_builder.h"

#include <vector>

#include "server/float_encoding.h"

namespace elmo {
namespace {

v1::Encoding ToProto(Encoding encoding) {
  switch (encoding) {
    case Encoding::kFloat16:
      return v1::FLOAT16;
    case Encoding::kBfloat16:
      return v1::BFLOAT16;
    case Encoding::kFloatList:
      return v1::FLOAT_LIST;
    case Encoding::kFloat32:
      break;
  }
  return v1::FLOAT32;
}

void SetDuration(Duration duration, google::protobuf::Duration* proto) {
  const int64_t nanos =
      std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
  proto->set_seconds(nanos / 1000000000);
  proto->set_nanos(static_cast<int32_t>(nanos % 1000000000));
}

void WriteValues(const std::vector<float>& values, Encoding encoding,
                 v1::SentenceEmbedding* embedding) {
  switch (encoding) {
    case Encoding::kFloat32:
      embedding->set_data(EncodeFloat32(values));
      break;
    case Encoding::kFloat16:
      embedding->set_data(EncodeFloat16(values));
      break;
    case Encoding::kBfloat16:
      embedding->set_data(EncodeBfloat16(values));
      break;
    case Encoding::kFloatList:
      embedding->mutable_values()->Add(values.begin(), values.end());
      break;
  }
}

void WriteTokens(const EmbedPlan::Sentence& sentence,
                 v1::SentenceEmbedding* embedding) {
  for (size_t i = 0; i < sentence.tokens.size(); ++i) {
    v1::Token* token = embedding->add_tokens();
    token->set_text(sentence.tokens[i]);
    if (sentence.ranges.empty()) continue;
    token->set_begin(static_cast<int64_t>(sentence.ranges[i].first));
    token->set_end(static_cast<int64_t>(sentence.ranges[i].second));
  }
}

}  // namespace

v1::EmbedResponse BuildResponse(EmbedJob* job, TimePoint now) {
  const EmbedPlan& plan = job->plan();
  v1::EmbedResponse response;
  for (size_t i = 0; i < plan.sentences.size(); ++i) {
    const EmbedPlan::Sentence& sentence = plan.sentences[i];
    v1::SentenceEmbedding* embedding = response.add_embeddings();
    for (const int64_t size :
         OutputShape(plan.output, plan.model->engine->options(),
                     static_cast<int64_t>(sentence.tokens.size()))) {
      embedding->add_shape(size);
    }
    WriteValues(job->TakeValues(static_cast<int>(i)), plan.encoding, embedding);
    if (plan.return_tokens) WriteTokens(sentence, embedding);
  }
  response.set_model(plan.model->name);
  response.set_model_checksum(plan.model->checksum);
  response.set_encoding(ToProto(plan.encoding));

  const EmbedJob::Timings timings = job->timings();
  SetDuration(timings.queue, response.mutable_timings()->mutable_queue());
  SetDuration(timings.compute, response.mutable_timings()->mutable_compute());
  SetDuration(now - timings.received,
              response.mutable_timings()->mutable_total());
  return response;
}

}  // namespace elmo

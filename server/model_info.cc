#include "server/model_info.h"

namespace elmo {

v1::Model DescribeModel(const ServedModel& model, const RequestLimits& limits) {
  const ModelOptions& options = model.engine->options();
  const bool has_warm_state = model.warm_state.has_value();
  v1::Model proto;
  proto.set_name(model.name);
  proto.set_checksum(model.checksum);
  proto.set_precision(model.precision);
  proto.set_lstm_layers(options.lstm.num_layers);
  proto.set_dim(options.output_dim());
  proto.set_cell_dim(options.lstm.dim);
  // Two of the characters are the marks of the word's begin and end.
  proto.set_max_bytes_per_token(options.char_cnn.max_characters_per_token - 2);
  proto.set_has_warm_state(has_warm_state);
  proto.set_default_start_state(has_warm_state ? v1::WARM : v1::ZERO);

  v1::Limits* l = proto.mutable_limits();
  l->set_sentences_per_request(limits.max_sentences_per_request);
  l->set_tokens_per_sentence(limits.max_tokens_per_sentence);
  l->set_tokens_per_request(limits.max_tokens_per_request);
  l->set_bytes_per_sentence(limits.max_bytes_per_sentence);
  l->set_request_bytes(limits.max_request_bytes);
  l->set_response_bytes(limits.max_response_bytes);
  return proto;
}

}  // namespace elmo

#include "server/output_options.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/engine/output_spec.h"

namespace elmo {
namespace {

// An enum of proto3 may hold any int32: newer callers may know more values.
absl::Status UnknownValue(const char* field, int value, int last_known) {
  return absl::InvalidArgumentError(absl::StrCat(
      "output.", field, " is ", value, "; known are 0 to ", last_known));
}

absl::Status ReadPooling(int pooling, OutputSpec* output) {
  switch (pooling) {
    case v1::OutputSpec::NONE:
      output->pooling = Pooling::kNone;
      return absl::OkStatus();
    case v1::OutputSpec::MEAN:
      output->pooling = Pooling::kMean;
      return absl::OkStatus();
    case v1::OutputSpec::MAX:
      output->pooling = Pooling::kMax;
      return absl::OkStatus();
    default:
      return UnknownValue("pooling", pooling, v1::OutputSpec::Pooling_MAX);
  }
}

absl::Status ReadEncoding(int encoding, Encoding* result) {
  switch (encoding) {
    case v1::FLOAT32:
      *result = Encoding::kFloat32;
      return absl::OkStatus();
    case v1::FLOAT16:
      *result = Encoding::kFloat16;
      return absl::OkStatus();
    case v1::BFLOAT16:
      *result = Encoding::kBfloat16;
      return absl::OkStatus();
    case v1::FLOAT_LIST:
      *result = Encoding::kFloatList;
      return absl::OkStatus();
    default:
      return UnknownValue("encoding", encoding, v1::Encoding_MAX);
  }
}

}  // namespace

absl::Status ReadOutputOptions(const v1::OutputSpec& proto,
                               const ModelOptions& model, EmbedPlan* plan) {
  OutputSpec& output = plan->output;
  if (proto.has_layers()) {
    output.selection = OutputSpec::Selection::kLayers;
    output.layers.assign(proto.layers().indices().begin(),
                         proto.layers().indices().end());
  } else if (proto.has_mix()) {
    output.mix_weights.assign(proto.mix().weights().begin(),
                              proto.mix().weights().end());
    if (proto.mix().has_gamma()) output.gamma = proto.mix().gamma();
    output.layer_norm = proto.mix().layer_norm();
  }
  output.normalize = proto.normalize();
  output.keep_boundaries = proto.keep_boundaries();
  plan->return_tokens = proto.return_tokens();
  ELMO_RETURN_IF_ERROR(ReadPooling(proto.pooling(), &output));
  ELMO_RETURN_IF_ERROR(ReadEncoding(proto.encoding(), &plan->encoding));
  return ValidateOutputSpec(output, model);
}

}  // namespace elmo

// Any text as options.json: an error or options that keep their promises.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/check.h"
#include "core/model/model_options.h"
#include "core/model/weight_layout.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto options = elmo::ParseModelOptions(text);
  if (!options.ok()) {
    ELMO_CHECK(!options.status().message().empty());
    return 0;
  }
  ELMO_CHECK(options->lstm.projection_dim <= options->lstm.dim);
  ELMO_CHECK(options->lstm.projection_dim <= options->char_cnn.num_filters());
  const elmo::WeightLayout layout(*options);
  ELMO_CHECK(layout.num_parameters() == elmo::NumParameters(*options));
  ELMO_CHECK(layout.buffer_size() <= (size_t{1} << 31) + 16 * 1000);
  const std::string formatted = elmo::FormatModelOptions(*options);
  const auto again = elmo::ParseModelOptions(formatted);
  ELMO_CHECK(again.ok());
  ELMO_CHECK(elmo::FormatModelOptions(*again) == formatted);
  return 0;
}

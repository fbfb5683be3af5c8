// 8-bit resampling, integer-exact with the original's picture library (golden README section 11): separable, horizontal pass first,
// the picture between the passes rounded to u8, a pass skipped when its size does not change.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dimoo {

enum class Filter { box, bicubic, lanczos };
/// request/invalid for another name.
Filter filter_named(const std::string& name);

/// pixels (height, width, channels) u8 -> (to_height, to_width, channels). image/invalid for sizes that do not fit the bytes.
std::vector<uint8_t> resample(std::span<const uint8_t> pixels, int64_t channels, int64_t width, int64_t height, int64_t to_width,
                              int64_t to_height, Filter filter);

}  // namespace dimoo

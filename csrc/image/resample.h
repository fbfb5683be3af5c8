// 8-bit resampling, integer-exact with the original's picture library (docs/model.md#resampling): separable, horizontal pass first,
// the picture between the passes rounded to u8, a pass skipped when its size does not change.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dimoo {

enum class Filter { box, bicubic, lanczos };
/// request/invalid for another name.
Filter filter_named(const std::string& name);

struct Window {
  int64_t left = 0, top = 0, width = 0, height = 0;
};

/// pixels (height, width, channels) u8 -> (to_height, to_width, channels), or a window of that: the work and the memory are the window's.
/// image/invalid for sizes that do not fit the bytes and for a window that does not lie within.
std::vector<uint8_t> resample(std::span<const uint8_t> pixels, int64_t channels, int64_t width, int64_t height, int64_t to_width,
                              int64_t to_height, Filter filter, std::optional<Window> window = {});

}  // namespace dimoo

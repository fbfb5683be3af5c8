// Weights are computed in f64, turned into integers of 22 fraction bits, and summed in 32 bits with rounding.
#include "image/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace dimoo {
namespace {

constexpr int kBits = 22;

double radius_of(Filter filter) {
  switch (filter) {
    case Filter::box: return 0.5;
    case Filter::bicubic: return 2;
    case Filter::lanczos: return 3;
  }
  return 0;
}

double sinc(double x) { return x == 0 ? 1 : std::sin(x * std::numbers::pi) / (x * std::numbers::pi); }

double weight_of(Filter filter, double x) {
  constexpr double a = -0.5;
  switch (filter) {
    case Filter::box: return x > -0.5 && x <= 0.5 ? 1 : 0;
    case Filter::bicubic:
      x = std::fabs(x);
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    case Filter::lanczos: return x > -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
  }
  return 0;
}

/// What one output index sums: source indices from `first`, integer weights.
struct Taps {
  int64_t first;
  std::vector<int32_t> weights;
};

/// Of `count` outputs from `from`.
std::vector<Taps> taps_for(int64_t in, int64_t out, Filter filter, int64_t from, int64_t count) {
  const double ratio = static_cast<double>(in) / static_cast<double>(out), stretch = std::max(ratio, 1.0);
  const double support = radius_of(filter) * stretch;
  std::vector<Taps> all(static_cast<size_t>(count));
  for (int64_t o = from; o < from + count; o++) {
    Taps& taps = all[static_cast<size_t>(o - from)];
    if (in == out) {  // left alone
      taps = {o, {1 << kBits}};
      continue;
    }
    const double centre = (static_cast<double>(o) + 0.5) * ratio;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(centre - support + 0.5));
    const int64_t last = std::min(in, static_cast<int64_t>(centre + support + 0.5));
    std::vector<double> exact;
    double sum = 0;
    for (int64_t i = first; i < last; i++) {
      exact.push_back(weight_of(filter, (static_cast<double>(i) - centre + 0.5) / stretch));
      sum += exact.back();
    }
    taps.first = first;
    for (const double w : exact) taps.weights.push_back(static_cast<int32_t>(std::round((sum != 0 ? w / sum : w) * (1 << kBits))));
  }
  return all;
}

/// One pass along an axis: lines of `in` samples, `step` values apart, become lines of `taps.size()`.
std::vector<uint8_t> pass(std::span<const uint8_t> from, const std::vector<Taps>& taps, int64_t outer, int64_t in, int64_t inner) {
  const auto out = static_cast<int64_t>(taps.size());
  std::vector<uint8_t> to(static_cast<size_t>(outer * out * inner));
  for (int64_t line = 0; line < outer; line++)
    for (int64_t o = 0; o < out; o++) {
      const Taps& tap = taps[static_cast<size_t>(o)];
      for (int64_t c = 0; c < inner; c++) {
        int64_t sum = int64_t{1} << (kBits - 1);
        const uint8_t* at = from.data() + (line * in + tap.first) * inner + c;
        for (const int32_t weight : tap.weights) sum += int64_t{weight} * *at, at += inner;
        to[static_cast<size_t>((line * out + o) * inner + c)] = static_cast<uint8_t>(std::clamp<int64_t>(sum >> kBits, 0, 255));
      }
    }
  return to;
}

}  // namespace

Filter filter_named(const std::string& name) {
  if (name == "box") return Filter::box;
  if (name == "bicubic") return Filter::bicubic;
  if (name == "lanczos") return Filter::lanczos;
  fail(Code::request_invalid, "filter: expected box, bicubic or lanczos, got ", name);
}

std::vector<uint8_t> resample(std::span<const uint8_t> pixels, int64_t channels, int64_t width, int64_t height, int64_t to_width,
                              int64_t to_height, Filter filter, std::optional<Window> window) {
  // A picture is bounded by its bytes; a target that is not cut out of has to be bounded too.
  constexpr int64_t kMost = 1 << 20, kMostOfWindowed = int64_t{1} << 40;
  for (const int64_t side : {width, height, to_width, to_height})
    if (side < 1 || side > (window ? kMostOfWindowed : kMost))
      fail(Code::image_invalid, "resize: sides must lie in 1..", kMost, ", got ", side);
  if (channels < 1 || channels > 4 || static_cast<int64_t>(pixels.size()) / channels / width != height ||
      static_cast<int64_t>(pixels.size()) != width * height * channels)
    fail(Code::image_invalid, "resize: expected ", width, " x ", height, " pixels of ", channels, " bytes, got ", pixels.size(), " bytes");
  const Window w = window.value_or(Window{0, 0, to_width, to_height});
  if (w.left < 0 || w.top < 0 || w.width < 1 || w.height < 1 || w.width > to_width - w.left || w.height > to_height - w.top)
    fail(Code::image_invalid, "resize: expected a window within ", to_width, " x ", to_height, ", got ", w.width, " x ", w.height, " at ",
         w.left, ", ", w.top);
  std::vector<Taps> down = taps_for(height, to_height, filter, w.top, w.height);
  // Lines that no output needs are not resampled.
  const int64_t first = down.front().first, last = down.back().first + static_cast<int64_t>(down.back().weights.size());
  for (Taps& taps : down) taps.first -= first;
  const auto lines = pixels.subspan(static_cast<size_t>(first * width * channels), static_cast<size_t>((last - first) * width * channels));
  std::vector<uint8_t> picture(lines.begin(), lines.end());
  if (to_width != width || w.width != width)
    picture = pass(picture, taps_for(width, to_width, filter, w.left, w.width), last - first, width, channels);
  if (to_height != height || w.height != height) picture = pass(picture, down, 1, last - first, w.width * channels);
  return picture;
}

}  // namespace dimoo

// Directions are told apart at 22.5 and 67.5 degrees by integer products with tan(22.5 degrees) * 2^15.
#include "image/canny.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"

namespace dimoo {
namespace {

constexpr int64_t kShift = 15, kTan22 = 13573;
enum : uint8_t { kNone, kWeak, kStrong };

/// A plane with a frame of one pixel around it.
template <class T>
struct Framed {
  int64_t width, height;
  std::vector<T> data;
  Framed(int64_t w, int64_t h) : width(w), height(h), data(static_cast<size_t>((w + 2) * (h + 2))) {}
  T& at(int64_t x, int64_t y) { return data[static_cast<size_t>((y + 1) * (width + 2) + x + 1)]; }
};

Framed<int32_t> grey_of(std::span<const uint8_t> rgb, int64_t width, int64_t height) {
  Framed<int32_t> grey(width, height);
  for (int64_t y = -1; y <= height; y++)
    for (int64_t x = -1; x <= width; x++) {
      const int64_t from = std::clamp<int64_t>(y, 0, height - 1) * width + std::clamp<int64_t>(x, 0, width - 1);
      const uint8_t* p = rgb.data() + from * 3;
      grey.at(x, y) = (p[0] * 9798 + p[1] * 19235 + p[2] * 3735 + (1 << 14)) >> 15;
    }
  return grey;
}

struct Gradient {
  int64_t dx, dy;
  int64_t size() const { return std::abs(dx) + std::abs(dy); }
};

Gradient gradient(Framed<int32_t>& g, int64_t x, int64_t y) {
  const auto p = [&](int64_t i, int64_t j) { return g.at(x + i, y + j); };
  return {p(1, -1) + 2 * p(1, 0) + p(1, 1) - p(-1, -1) - 2 * p(-1, 0) - p(-1, 1),
          p(-1, 1) + 2 * p(0, 1) + p(1, 1) - p(-1, -1) - 2 * p(0, -1) - p(1, -1)};
}

/// Whether a gradient is a maximum across its edge. `size` is 0 outside the picture.
bool is_maximum(Framed<int32_t>& size, Gradient g, int64_t x, int64_t y) {
  const int64_t here = g.size(), across = std::abs(g.dx) * kTan22, up = std::abs(g.dy) << kShift;
  if (up < across) return here > size.at(x - 1, y) && here >= size.at(x + 1, y);
  if (up > across + (std::abs(g.dx) << (kShift + 1))) return here > size.at(x, y - 1) && here >= size.at(x, y + 1);
  const int64_t s = (g.dx < 0) != (g.dy < 0) ? -1 : 1;
  return here > size.at(x - s, y - 1) && here > size.at(x + s, y + 1);
}

/// Strong pixels, and weak ones that hang together with them.
std::vector<uint8_t> hysteresis(Framed<uint8_t>& marks) {
  std::vector<uint8_t> edges(static_cast<size_t>(marks.width * marks.height));
  std::vector<std::pair<int64_t, int64_t>> open;
  for (int64_t y = 0; y < marks.height; y++)
    for (int64_t x = 0; x < marks.width; x++)
      if (marks.at(x, y) == kStrong) open.emplace_back(x, y);
  while (!open.empty()) {
    const auto [x, y] = open.back();
    open.pop_back();
    edges[static_cast<size_t>(y * marks.width + x)] = 255;
    for (int64_t j = y - 1; j <= y + 1; j++)
      for (int64_t i = x - 1; i <= x + 1; i++)
        if (marks.at(i, j) == kWeak) marks.at(i, j) = kStrong, open.emplace_back(i, j);
  }
  return edges;
}

}  // namespace

std::vector<uint8_t> canny(std::span<const uint8_t> rgb, int64_t width, int64_t height, int64_t low, int64_t high) {
  if (width < 1 || height < 1 || width > 1 << 20 || height > 1 << 20 || static_cast<int64_t>(rgb.size()) != width * height * 3)
    fail(Code::image_invalid, "canny: expected 3 bytes a pixel, got ", width, " x ", height, " in ", rgb.size(), " bytes");
  if (low < 0 || high < low) fail(Code::request_invalid, "canny: expected 0 <= low <= high, got ", low, " and ", high);
  Framed<int32_t> grey = grey_of(rgb, width, height), size(width, height);
  for (int64_t y = 0; y < height; y++)
    for (int64_t x = 0; x < width; x++) size.at(x, y) = static_cast<int32_t>(gradient(grey, x, y).size());
  Framed<uint8_t> marks(width, height);
  for (int64_t y = 0; y < height; y++)
    for (int64_t x = 0; x < width; x++) {
      const Gradient g = gradient(grey, x, y);
      if (g.size() > low && is_maximum(size, g, x, y)) marks.at(x, y) = g.size() > high ? kStrong : kWeak;
    }
  return hysteresis(marks);
}

}  // namespace dimoo

// Squared distances to the painted cells: down the columns first, then along the rows, no further than the seam is wide.
#include "image/composite.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace dimoo {
namespace {

/// Per pixel the distance up or down to the nearest painted one, at most `most`.
std::vector<int64_t> vertical(std::span<const uint8_t> painted, int64_t width, int64_t height, int64_t most) {
  std::vector<int64_t> distance(painted.size());
  const auto at = [&](int64_t x, int64_t y) { return static_cast<size_t>(y * width + x); };
  for (int64_t x = 0; x < width; x++) {
    int64_t far = most;
    for (int64_t y = 0; y < height; y++) distance[at(x, y)] = far = painted[at(x, y)] ? 0 : std::min(most, far + 1);
    far = most;
    for (int64_t y = height; y-- > 0;) {
      far = painted[at(x, y)] ? 0 : std::min(most, far + 1);
      distance[at(x, y)] = std::min(distance[at(x, y)], far);
    }
  }
  return distance;
}

uint8_t blend(uint8_t original, uint8_t painted, double share) {
  return static_cast<uint8_t>(std::lround(original + (painted - original) * share));
}

}  // namespace

std::vector<uint8_t> composite(std::span<const uint8_t> original, std::span<const uint8_t> painted, int64_t width, int64_t height,
                               std::span<const uint8_t> cells, int64_t rows, int64_t columns, int64_t feather) {
  const bool sides = width > 0 && height > 0 && rows > 0 && columns > 0 && width <= 1 << 20 && height <= 1 << 20 && width % columns == 0 &&
                     height % rows == 0;
  if (!sides || static_cast<int64_t>(original.size()) != width * height * 3 || painted.size() != original.size() ||
      static_cast<int64_t>(cells.size()) != rows * columns)
    fail(Code::image_invalid, "composite: expected two pictures of ", width, " x ", height, " and ", columns, " x ", rows, " cells, got ",
         original.size(), " and ", painted.size(), " bytes and ", cells.size(), " cells");
  if (feather < 0 || feather > 4096) fail(Code::request_invalid, "composite: feather must lie in 0..4096, got ", feather);
  std::vector<uint8_t> mask(static_cast<size_t>(width * height));
  for (int64_t y = 0; y < height; y++)
    for (int64_t x = 0; x < width; x++)
      mask[static_cast<size_t>(y * width + x)] = cells[static_cast<size_t>(y * rows / height * columns + x * columns / width)];
  const int64_t reach = feather + 1;  // no weight is left there
  const std::vector<int64_t> column = vertical(mask, width, height, reach);
  std::vector<uint8_t> out(original.begin(), original.end());
  for (int64_t y = 0; y < height; y++)
    for (int64_t x = 0; x < width; x++) {
      int64_t nearest = reach * reach;
      for (int64_t i = std::max<int64_t>(0, x - feather); i <= std::min(width - 1, x + feather); i++) {
        const int64_t down = column[static_cast<size_t>(y * width + i)];
        nearest = std::min(nearest, down * down + (i - x) * (i - x));
      }
      const double share = 1 - std::sqrt(static_cast<double>(nearest)) / static_cast<double>(reach);
      if (share <= 0) continue;
      for (int64_t c = 0; c < 3; c++) {
        const auto at = static_cast<size_t>((y * width + x) * 3 + c);
        out[at] = share >= 1 ? painted[at] : blend(original[at], painted[at], share);
      }
    }
  return out;
}

}  // namespace dimoo

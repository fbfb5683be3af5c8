// Original pixels outside what was painted: their very bytes beyond the seam, a linear fade within it.
#include "image/composite.h"

#include <cmath>

#include "test/native/check.h"

using namespace dimoo;

namespace {

constexpr int64_t kWidth = 24, kHeight = 16, kRows = 4, kColumns = 6, kCell = 4;
using Bytes = std::vector<uint8_t>;

Bytes bytes(int64_t pixels, int factor) {
  Bytes out(static_cast<size_t>(pixels * 3));
  for (size_t i = 0; i < out.size(); i++) out[i] = static_cast<uint8_t>(i * static_cast<size_t>(factor) % 253);
  return out;
}

const Bytes kOriginal = bytes(kWidth * kHeight, 31), kPainted = bytes(kWidth * kHeight, 77);

Bytes with(const Bytes& cells, int64_t feather) { return composite(kOriginal, kPainted, kWidth, kHeight, cells, kRows, kColumns, feather); }

/// By definition: the distance to the nearest painted pixel, looked for everywhere.
double distance(const Bytes& cells, int64_t x, int64_t y) {
  double nearest = INFINITY;
  for (int64_t v = 0; v < kHeight; v++)
    for (int64_t u = 0; u < kWidth; u++)
      if (cells[static_cast<size_t>(v / kCell * kColumns + u / kCell)])
        nearest = std::fmin(nearest, std::hypot(static_cast<double>(u - x), static_cast<double>(v - y)));
  return nearest;
}

Bytes some_cells() {
  Bytes cells(kRows * kColumns);
  cells[1 * kColumns + 2] = cells[2 * kColumns + 2] = cells[3 * kColumns + 5] = 1;
  return cells;
}

}  // namespace

TEST(a_hard_seam_takes_each_byte_from_one_of_them) {
  const Bytes cells = some_cells(), out = with(cells, 0);
  for (int64_t y = 0; y < kHeight; y++)
    for (int64_t x = 0; x < kWidth; x++)
      for (int64_t c = 0; c < 3; c++) {
        const auto at = static_cast<size_t>((y * kWidth + x) * 3 + c);
        CHECK_EQ(int{out[at]}, int{(distance(cells, x, y) == 0 ? kPainted : kOriginal)[at]});
      }
}

TEST(a_seam_fades_linearly_with_the_distance) {
  const Bytes cells = some_cells();
  for (const int64_t feather : {1, 2, 5, 9, 40}) {
    const Bytes out = with(cells, feather);
    for (int64_t y = 0; y < kHeight; y++)
      for (int64_t x = 0; x < kWidth; x++) {
        const double share = std::fmax(0, 1 - distance(cells, x, y) / static_cast<double>(feather + 1));
        for (int64_t c = 0; c < 3; c++) {
          const auto at = static_cast<size_t>((y * kWidth + x) * 3 + c);
          CHECK_EQ(int{out[at]}, static_cast<int>(std::lround(kOriginal[at] + (kPainted[at] - kOriginal[at]) * share)));
        }
      }
  }
}

TEST(nothing_or_everything_painted) {
  for (const int64_t feather : {0, 3}) {
    CHECK(with(Bytes(kRows * kColumns, 0), feather) == kOriginal);
    CHECK(with(Bytes(kRows * kColumns, 1), feather) == kPainted);
  }
}

TEST(what_does_not_fit_is_refused) {
  const Bytes cells = some_cells();
  CHECK_THROWS(composite(kOriginal, bytes(7, 1), kWidth, kHeight, cells, kRows, kColumns, 0), Code::image_invalid, "21 bytes");
  CHECK_THROWS(composite(kOriginal, kPainted, kWidth, kHeight, cells, 5, kColumns, 0), Code::image_invalid, "6 x 5 cells");
  CHECK_THROWS(composite(kOriginal, kPainted, kWidth, kHeight, Bytes(3), kRows, kColumns, 0), Code::image_invalid, "3 cells");
  CHECK_THROWS(composite({}, {}, 0, 0, {}, 0, 0, 0), Code::image_invalid, "0 x 0");
  CHECK_THROWS(with(cells, -1), Code::request_invalid, "got -1");
  CHECK_THROWS(with(cells, 5000), Code::request_invalid, "got 5000");
}

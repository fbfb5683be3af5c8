// Edges that can be worked out by hand, and what is refused; OpenCV's own pictures are compared through the addon
// (test/addon/image.test.ts).
#include "image/canny.h"

#include <algorithm>

#include "test/native/check.h"

using namespace dimoo;

namespace {

/// One grey value a pixel.
std::vector<uint8_t> rgb_of(const std::vector<uint8_t>& grey) {
  std::vector<uint8_t> out;
  for (const uint8_t value : grey) out.insert(out.end(), 3, value);
  return out;
}

}  // namespace

TEST(a_step_is_one_line_on_its_first_side) {
  std::vector<uint8_t> grey, expected;
  for (int y = 0; y < 5; y++)
    for (int x = 0; x < 8; x++) grey.push_back(x < 4 ? 0 : 200), expected.push_back(x == 3 ? 255 : 0);
  CHECK(canny(rgb_of(grey), 8, 5, 100, 200) == expected);
}

TEST(a_gradient_must_exceed_its_thresholds) {
  // A step of 25 has a gradient of 100 everywhere; of 26, 104.
  const std::vector<uint8_t> low{0, 0, 25, 25}, high{0, 0, 26, 26}, edge{0, 255, 0, 0}, none(4);
  CHECK(canny(rgb_of(low), 4, 1, 50, 100) == none);
  CHECK(canny(rgb_of(high), 4, 1, 50, 100) == edge);
  CHECK(canny(rgb_of(high), 4, 1, 100, 104) == none);
}

TEST(a_weak_edge_counts_where_it_hangs_on_a_strong_one) {
  // A step that weakens downwards, and beside it one that is weak from end to end.
  std::vector<uint8_t> grey;
  const int width = 24, height = 16;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) grey.push_back(static_cast<uint8_t>((x >= 6 ? 120 - 5 * y : 0) + (x >= 16 ? 30 : 0)));
  const std::vector<uint8_t> edges = canny(rgb_of(grey), width, height, 100, 200);
  for (int y = 0; y < height; y++) {
    CHECK_EQ(int{edges[static_cast<size_t>(y * width + 6)]}, 255);
    for (int x = 10; x < width; x++) CHECK_EQ(int{edges[static_cast<size_t>(y * width + x)]}, 0);
  }
}

TEST(plain_pictures_have_no_edges) {
  for (const auto& [width, height] : {std::pair{1, 1}, {1, 9}, {9, 1}, {2, 2}, {7, 5}}) {
    const std::vector<uint8_t> edges = canny(std::vector<uint8_t>(static_cast<size_t>(width * height * 3), 90), width, height, 0, 0);
    CHECK_EQ(edges.size(), static_cast<size_t>(width * height));
    CHECK(std::all_of(edges.begin(), edges.end(), [](uint8_t v) { return v == 0; }));
  }
}

TEST(what_does_not_fit_is_refused) {
  const std::vector<uint8_t> bytes(12);
  CHECK_THROWS(canny(bytes, 3, 2, 1, 2), Code::image_invalid, "3 x 2 in 12 bytes");
  CHECK_THROWS(canny(bytes, 0, 2, 1, 2), Code::image_invalid, "0 x 2");
  CHECK_THROWS(canny(bytes, int64_t{1} << 62, 4, 1, 2), Code::image_invalid, "expected 3 bytes a pixel");
  CHECK_THROWS(canny(bytes, 2, 2, 5, 4), Code::request_invalid, "got 5 and 4");
  CHECK_THROWS(canny(bytes, 2, 2, -1, 4), Code::request_invalid, "got -1");
}

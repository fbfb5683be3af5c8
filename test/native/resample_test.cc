// 8-bit resampling where the result can be worked out by hand; the original's pictures are compared through the addon
// (test/addon/files.test.ts).
#include "image/resample.h"

#include <algorithm>

#include "test/native/check.h"

using namespace dimoo;

namespace {

using Bytes = std::vector<uint8_t>;
constexpr Filter kFilters[] = {Filter::box, Filter::bicubic, Filter::lanczos};

}  // namespace

TEST(box_averages_whole_cells_and_rounds_half_up) {
  CHECK(resample(Bytes{10, 20, 30, 41}, 1, 4, 1, 2, 1, Filter::box) == (Bytes{15, 36}));
  CHECK(resample(Bytes{1, 2, 3, 4, 5, 6, 7, 8}, 1, 2, 4, 1, 2, Filter::box) == (Bytes{3, 7}));
}

TEST(box_of_an_odd_side_gives_the_middle_to_one_of_its_neighbours) {
  // 5 -> 2: centres 1.25 and 3.75; the middle sample lies on the edge, at +0.5 of the left one, which is inside.
  CHECK(resample(Bytes{30, 60, 90, 0, 200}, 1, 5, 1, 2, 1, Filter::box) == (Bytes{60, 100}));
}

TEST(horizontal_comes_first_with_bytes_in_between) {
  // Rows average to 0.5 and 0.25, which become 1 and 0, then 0.5, which becomes 1. In one go it would be 0.375, so 0.
  CHECK(resample(Bytes{0, 1, 0, 1, 0, 0, 0, 1}, 1, 4, 2, 1, 1, Filter::box) == (Bytes{1}));
}

TEST(bicubic_doubles_a_step_with_its_own_overshoot) {
  // a = -0.5 at distances 1/4, 3/4, 5/4, 7/4: 111, 29, -9, -3 of 128. Around the step: -9 and -3 (both clamped), 29 - 3, 111 - 9,
  // 111 + 29 - 3, 111 + 29 - 9; at the border the taps that exist are normalised.
  CHECK(resample(Bytes{0, 0, 0, 128, 128, 128}, 1, 6, 1, 12, 1, Filter::bicubic) ==
        (Bytes{0, 0, 0, 0, 0, 26, 102, 137, 131, 128, 128, 128}));
}

TEST(a_plain_picture_stays_plain) {
  for (const Filter filter : kFilters)
    for (const uint8_t value : {0, 1, 127, 254, 255}) {
      const Bytes out = resample(Bytes(7 * 5 * 3, value), 3, 7, 5, 16, 3, filter);
      CHECK_EQ(out.size(), size_t{16 * 3 * 3});
      CHECK(std::all_of(out.begin(), out.end(), [&](uint8_t v) { return v == value; }));
    }
}

TEST(a_side_that_does_not_change_is_left_alone) {
  const Bytes picture{9, 1, 8, 2, 7, 3};
  for (const Filter filter : kFilters) CHECK(resample(picture, 1, 3, 2, 3, 2, filter) == picture);
}

TEST(channels_do_not_mix) {
  for (const Filter filter : kFilters) {
    Bytes picture, red;
    for (int i = 0; i < 35; i++) {
      const auto value = static_cast<uint8_t>(i * 67 % 256);
      picture.insert(picture.end(), {value, 0, 255}), red.push_back(value);
    }
    const Bytes all = resample(picture, 3, 7, 5, 4, 9, filter), one = resample(red, 1, 7, 5, 4, 9, filter);
    for (size_t i = 0; i < one.size(); i++) {
      CHECK_EQ(int{all[3 * i]}, int{one[i]});
      CHECK_EQ(int{all[3 * i + 1]}, 0);
      CHECK_EQ(int{all[3 * i + 2]}, 255);
    }
  }
}

TEST(sizes_that_do_not_fit_are_refused) {
  CHECK_THROWS(resample(Bytes(11), 3, 2, 2, 1, 1, Filter::box), Code::image_invalid, "got 11 bytes");
  CHECK_THROWS(resample(Bytes(12), 3, 2, 2, 0, 1, Filter::box), Code::image_invalid, "got 0");
  CHECK_THROWS(resample(Bytes(12), 3, 2, 2, 1, int64_t{1} << 40, Filter::box), Code::image_invalid, "sides");
  CHECK_THROWS(resample(Bytes(12), 0, 2, 2, 1, 1, Filter::box), Code::image_invalid, "0 bytes");
  CHECK_THROWS(filter_named("nearest"), Code::request_invalid, "got nearest");
}

// Crop sizes and choices against the original's lists, windows and seeds; whole crops are compared through the addon
// (test/addon/image.test.ts).
#include "image/crop.h"

#include <algorithm>
#include <set>

#include "test/native/golden.h"

using namespace dimoo;

namespace {

Size size_of(const Json& json) { return {json.as_array()[0].as_int(), json.as_array()[1].as_int()}; }

std::vector<Size> sizes_of(const Json& list) {
  return crop_sizes(list.find("num_patches")->as_int(), list.find("patch_size")->as_int(), list.find("max_ratio")->as_double());
}

/// Every byte differs from its neighbours.
Pixels picture(int64_t width, int64_t height) {
  Pixels out{std::vector<uint8_t>(static_cast<size_t>(width * height * 3)), {width, height}};
  for (size_t i = 0; i < out.data.size(); i++) out.data[i] = static_cast<uint8_t>(i * 37 + i / 251);
  return out;
}

Pixels cut(const Pixels& from, Size to, int64_t left, int64_t top) {
  Pixels out{{}, to};
  for (int64_t y = top; y < top + to.height; y++) {
    const auto line = from.data.begin() + (y * from.size.width + left) * 3;
    out.data.insert(out.data.end(), line, line + to.width * 3);
  }
  return out;
}

}  // namespace

TEST(lists_of_sizes_are_the_originals_in_its_order) {
  const Json recorded = golden::json("image_pre.json");
  for (const auto& [name, list] : recorded.find("crop_size_lists")->as_object()) {
    std::vector<Size> expected;
    for (const Json& size : list.find("sizes")->as_array()) expected.push_back(size_of(size));
    CHECK(!expected.empty());
    CHECK(sizes_of(list) == expected);
  }
}

TEST(choices_are_the_originals) {
  const Json recorded = golden::json("image_pre.json");
  const Json& lists = *recorded.find("crop_size_lists");
  const auto& choices = recorded.find("choices")->as_array();
  CHECK(choices.size() > 80);
  for (const Json& choice : choices)
    CHECK(choose_crop(size_of(*choice.find("image")), sizes_of(*lists.find(choice.find("list")->as_string()))) ==
          size_of(*choice.find("crop")));
}

TEST(one_patch_is_one_square) { CHECK(crop_sizes(1, 32) == (std::vector<Size>{{32, 32}})); }

TEST(a_seeded_window_lies_within_and_reaches_both_ends) {
  const Pixels from = picture(70, 64);  // covers 64 x 64 without resampling
  const Size to{64, 64};
  std::set<int64_t> lefts;
  for (uint64_t seed = 0; seed < 64; seed++) {
    const Pixels out = crop(from, to, seed);
    CHECK(out.data == crop(from, to, seed).data);
    for (int64_t left = 0; left <= 6; left++)
      if (cut(from, to, left, 0).data == out.data) lefts.insert(left);
  }
  CHECK(lefts == (std::set<int64_t>{0, 1, 2, 3, 4, 5, 6}));
  CHECK(crop(from, to, {}).data == cut(from, to, 3, 0).data);
}

TEST(a_single_pixel_fills_its_crop) {
  const Pixels out = crop({{9, 8, 7}, {1, 1}}, {64, 32}, {});
  CHECK(out.size == (Size{64, 32}));
  for (size_t i = 0; i < out.data.size(); i++) CHECK_EQ(int{out.data[i]}, static_cast<int>(9 - i % 3));
}

TEST(a_strip_costs_no_more_than_its_window) {
  // To cover its crop it would have to become 256 x 256 million pixels.
  const Pixels out = crop(picture(1, 1000000), {256, 1024}, {});
  CHECK(out.size == (Size{256, 1024}));
  CHECK_EQ(out.data.size(), size_t{256 * 1024 * 3});
}

TEST(a_window_is_cut_out_of_the_whole) {
  const Pixels from = picture(40, 31);
  for (const Filter filter : {Filter::box, Filter::bicubic, Filter::lanczos})
    for (const Size to : {Size{40, 31}, Size{40, 17}, Size{90, 31}, Size{25, 70}}) {
      const Pixels whole{resample(from.data, 3, 40, 31, to.width, to.height, filter), to};
      for (const auto& [left, top] : {std::pair<int64_t, int64_t>{0, 0}, {3, 2}, {to.width - 11, to.height - 7}})
        CHECK(resample(from.data, 3, 40, 31, to.width, to.height, filter, Window{left, top, 11, 7}) == cut(whole, {11, 7}, left, top).data);
    }
  for (const Window& window : {Window{30, 0, 11, 7}, Window{0, 25, 11, 7}, Window{-1, 0, 11, 7}, Window{0, 0, 0, 7}})
    CHECK_THROWS(resample(from.data, 3, 40, 31, 40, 31, Filter::box, window), Code::image_invalid, "expected a window within 40 x 31");
}

TEST(colours_without_alpha_do_not_bleed) {
  // Left half opaque red, right half invisible green: weighted by alpha there is no green anywhere that alpha is not 0.
  Pixels from{{}, {64, 64}, 4};
  for (int i = 0; i < 64 * 64; i++)
    from.data.insert(from.data.end(), {uint8_t(i % 64 < 32 ? 200 : 0), uint8_t(i % 64 < 32 ? 0 : 200), 0, uint8_t(i % 64 < 32 ? 255 : 0)});
  const Pixels out = crop(from, {32, 32}, {});
  CHECK_EQ(out.channels, int64_t{3});
  for (size_t i = 0; i < out.data.size(); i += 3) CHECK_EQ(int{out.data[i + 1]}, 0);
  CHECK_EQ(int{out.data[0]}, 200);
}

TEST(nearest_takes_colours_as_they_are) {
  const Pixels from = picture(64, 64), out = crop(from, {32, 32}, {}, Between::nearest);
  for (int64_t y = 0; y < 32; y++)
    for (int64_t x = 0; x < 32; x++)
      for (int64_t c = 0; c < 3; c++)
        CHECK_EQ(int{out.data[static_cast<size_t>((y * 32 + x) * 3 + c)]},
                 int{from.data[static_cast<size_t>(((2 * y + 1) * 64 + 2 * x + 1) * 3 + c)]});
}

TEST(a_mask_loses_no_pixel_and_keeps_edges_that_fit) {
  const auto lit = [](const Pixels& mask) {
    std::set<std::pair<int64_t, int64_t>> out;
    for (int64_t i = 0; i < mask.size.width * mask.size.height; i++)
      if (mask.data[static_cast<size_t>(3 * i)]) out.insert({i % mask.size.width, i / mask.size.width});
    return out;
  };
  const auto mask = [](int64_t side, int64_t from, int64_t size) {
    Pixels out{std::vector<uint8_t>(static_cast<size_t>(side * side * 3)), {side, side}};
    for (int64_t y = from; y < from + size; y++)
      for (int64_t x = from; x < from + size; x++)
        for (int64_t c = 0; c < 3; c++) out.data[static_cast<size_t>((y * side + x) * 3 + c)] = 255;
    return out;
  };
  // One pixel of 1024 x 1024, through five halvings; a mixture would lose it.
  const Pixels small = mask(1024, 640, 1);
  CHECK(lit(crop(small, {32, 32}, {}, Between::greatest)) == (std::set<std::pair<int64_t, int64_t>>{{20, 20}}));
  const Pixels mixture = crop(small, {32, 32}, {});
  CHECK(*std::max_element(mixture.data.begin(), mixture.data.end()) < 128);
  // Four times as large: 8 .. 11 become 32 .. 47, and no more.
  const auto large = lit(crop(mask(16, 8, 4), {64, 64}, {}, Between::greatest));
  CHECK_EQ(large.size(), size_t{16 * 16});
  CHECK(*large.begin() == (std::pair<int64_t, int64_t>{32, 32}) && *large.rbegin() == (std::pair<int64_t, int64_t>{47, 47}));
  CHECK_THROWS(between_named("least"), Code::request_invalid, "got least");
}

TEST(sizes_that_do_not_fit_are_refused) {
  CHECK_THROWS(crop({std::vector<uint8_t>(11), {2, 2}}, {32, 32}, {}), Code::image_invalid, "got 11 bytes");
  CHECK_THROWS(crop({std::vector<uint8_t>(12), {2, 2}, 4}, {32, 32}, {}), Code::image_invalid, "got 12 bytes");
  CHECK_THROWS(crop({std::vector<uint8_t>(8), {2, 2}, 2}, {32, 32}, {}), Code::image_invalid, "of 3 or 4 bytes");
  CHECK_THROWS(crop({{}, {0, 2}}, {32, 32}, {}), Code::image_invalid, "0 x 2");
  CHECK_THROWS(crop({{}, {int64_t{1} << 62, 4}}, {32, 32}, {}), Code::image_invalid, "got 0 bytes");
}

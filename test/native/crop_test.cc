// Crop sizes and choices against the original's lists, windows and seeds; whole crops are compared through the addon
// (test/addon/image.test.ts).
#include "image/crop.h"

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

TEST(sizes_that_do_not_fit_are_refused) {
  CHECK_THROWS(crop({std::vector<uint8_t>(11), {2, 2}}, {32, 32}, {}), Code::image_invalid, "got 11 bytes");
  CHECK_THROWS(cut(picture(4, 4), {3, 3}, 2, 0), Code::image_invalid, "within 4 x 4");
  CHECK_THROWS(cut(picture(4, 4), {3, 3}, 0, -1), Code::image_invalid, "at 0, -1");
}

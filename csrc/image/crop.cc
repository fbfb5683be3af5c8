// Ratios are doubles as in the original; sizes round half to even. Alpha is multiplied in and divided out in whole numbers.
#include "image/crop.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace dimoo {
namespace {

Window all_of(Size size) { return {0, 0, size.width, size.height}; }

/// Colour times alpha / 255, rounded.
void multiply_alpha(std::vector<uint8_t>& rgba) {
  for (size_t i = 0; i < rgba.size(); i += 4)
    for (size_t c = 0; c < 3; c++) {
      const uint32_t product = uint32_t{rgba[i + c]} * rgba[i + 3] + 128;
      rgba[i + c] = static_cast<uint8_t>(((product >> 8) + product) >> 8);
    }
}

void divide_alpha(std::vector<uint8_t>& rgba) {
  for (size_t i = 0; i < rgba.size(); i += 4) {
    const uint32_t alpha = rgba[i + 3];
    for (size_t c = 0; alpha != 0 && c < 3; c++) rgba[i + c] = static_cast<uint8_t>(std::min(255u, rgba[i + c] * 255u / alpha));
  }
}

/// For `count` outputs from `from` the index of the nearest input. The position is summed up, as the original's library does.
std::vector<int64_t> nearest_indices(int64_t in, int64_t out, int64_t from, int64_t count) {
  const double ratio = static_cast<double>(in) / static_cast<double>(out);
  std::vector<int64_t> indices;
  double position = ratio * 0.5;
  for (int64_t o = 0; o < from + count; o++, position += ratio)
    if (o >= from) indices.push_back(std::min(in - 1, static_cast<int64_t>(position)));
  return indices;
}

std::vector<uint8_t> nearest(const Pixels& picture, Size to, Window window) {
  const std::vector<int64_t> xs = nearest_indices(picture.size.width, to.width, window.left, window.width);
  std::vector<uint8_t> out;
  out.reserve(static_cast<size_t>(window.width * window.height * picture.channels));
  for (const int64_t y : nearest_indices(picture.size.height, to.height, window.top, window.height))
    for (const int64_t x : xs) {
      const uint8_t* at = picture.data.data() + (y * picture.size.width + x) * picture.channels;
      out.insert(out.end(), at, at + picture.channels);
    }
  return out;
}

/// Per output the greatest of what it touches, along one axis: `count` outputs from `first` of `out`.
std::vector<uint8_t> greatest(const std::vector<uint8_t>& from, int64_t outer, int64_t in, int64_t inner, int64_t out, int64_t first,
                              int64_t count) {
  std::vector<uint8_t> to(static_cast<size_t>(outer * count * inner));
  for (int64_t line = 0; line < outer; line++)
    for (int64_t o = 0; o < count; o++)
      for (int64_t i = (first + o) * in / out; i * out < (first + o + 1) * in; i++)
        for (int64_t c = 0; c < inner; c++) {
          uint8_t& most = to[static_cast<size_t>((line * count + o) * inner + c)];
          most = std::max(most, from[static_cast<size_t>((line * in + i) * inner + c)]);
        }
  return to;
}

/// A window of the picture resampled to `to`.
Pixels resized(Pixels picture, Size to, Window window, Filter filter, Between between) {
  const auto [width, height] = picture.size;
  Pixels out{{}, {window.width, window.height}, picture.channels};
  if (between == Between::nearest) {
    out.data = nearest(picture, to, window);
    return out;
  }
  if (between == Between::greatest) {
    const std::vector<uint8_t> wide = greatest(picture.data, height, width, picture.channels, to.width, window.left, window.width);
    out.data = greatest(wide, 1, height, window.width * picture.channels, to.height, window.top, window.height);
    return out;
  }
  const bool alpha = picture.channels == 4 && to != picture.size;
  if (alpha) multiply_alpha(picture.data);
  out.data = resample(picture.data, picture.channels, width, height, to.width, to.height, filter, window);
  if (alpha) divide_alpha(out.data);
  return out;
}

int64_t draw(int64_t most, uint64_t seed, uint32_t position) {
  const float u = uniform(seed, 0, position, 0, Stream::crop);
  return std::min(most, static_cast<int64_t>(double{u} * static_cast<double>(most + 1)));
}

Pixels without_alpha(Pixels picture) {
  if (picture.channels == 3) return picture;
  Pixels out{{}, picture.size};
  out.data.reserve(picture.data.size() / 4 * 3);
  for (size_t i = 0; i < picture.data.size(); i += 4)
    out.data.insert(out.data.end(), {picture.data[i], picture.data[i + 1], picture.data[i + 2]});
  return out;
}

}  // namespace

Between between_named(const std::string& name) {
  if (name == "mixture") return Between::mixture;
  if (name == "nearest") return Between::nearest;
  if (name == "greatest") return Between::greatest;
  fail(Code::request_invalid, "between: expected mixture, nearest or greatest, got ", name);
}

std::vector<Size> crop_sizes(int64_t patches, int64_t patch, double aspect) {
  std::vector<Size> sizes;
  for (int64_t wide = patches, high = 1; wide > 0;) {
    if (static_cast<double>(std::max(wide, high)) / static_cast<double>(std::min(wide, high)) <= aspect)
      sizes.push_back({wide * patch, high * patch});
    (high + 1) * wide <= patches ? high++ : wide--;
  }
  return sizes;
}

Size choose_crop(Size picture, const std::vector<Size>& sizes) {
  const auto likeness = [&](Size size) {
    const double x = static_cast<double>(size.width) / static_cast<double>(picture.width);
    const double y = static_cast<double>(size.height) / static_cast<double>(picture.height);
    return std::tuple(std::min(x, y) / std::max(x, y), size.width, size.height);
  };
  return *std::max_element(sizes.begin(), sizes.end(), [&](Size a, Size b) { return likeness(a) < likeness(b); });
}

Pixels crop(Pixels picture, Size to, std::optional<uint64_t> seed, Between between) {
  const auto [channels, side] = std::pair{picture.channels, int64_t{1} << 26};
  const bool sides = std::min({picture.size.width, picture.size.height, to.width, to.height}) > 0 &&
                     std::max({picture.size.width, picture.size.height, to.width, to.height}) <= side;
  if (!sides || (channels != 3 && channels != 4) ||
      static_cast<int64_t>(picture.data.size()) != picture.size.width * picture.size.height * channels)
    fail(Code::image_invalid, "crop: expected ", picture.size.width, " x ", picture.size.height, " pixels of 3 or 4 bytes, got ",
         picture.data.size(), " bytes");
  while (picture.size.width >= 2 * to.width && picture.size.height >= 2 * to.height) {
    const Size half{picture.size.width / 2, picture.size.height / 2};
    picture = resized(std::move(picture), half, all_of(half), Filter::box, between);
  }
  const auto width = static_cast<double>(picture.size.width), height = static_cast<double>(picture.size.height);
  const double scale = std::max(static_cast<double>(to.width) / width, static_cast<double>(to.height) / height);
  const Size covering{std::llrint(width * scale), std::llrint(height * scale)};
  const int64_t x = covering.width - to.width, y = covering.height - to.height;
  const Window window{seed ? draw(x, *seed, 0) : x / 2, seed ? draw(y, *seed, 1) : y / 2, to.width, to.height};
  return without_alpha(resized(std::move(picture), covering, window, Filter::bicubic, between));
}

}  // namespace dimoo

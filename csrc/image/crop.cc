// Ratios are doubles as in the original; sizes round half to even.
#include "image/crop.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace dimoo {
namespace {

Pixels resized(const Pixels& picture, Size to, Filter filter) {
  return {resample(picture.data, 3, picture.size.width, picture.size.height, to.width, to.height, filter), to};
}

int64_t draw(int64_t most, uint64_t seed, uint32_t position) {
  const float u = uniform(seed, 0, position, 0, Stream::crop);
  return std::min(most, static_cast<int64_t>(double{u} * static_cast<double>(most + 1)));
}

}  // namespace

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

Pixels cover(Pixels picture, Size to) {
  while (picture.size.width >= 2 * to.width && picture.size.height >= 2 * to.height)
    picture = resized(picture, {picture.size.width / 2, picture.size.height / 2}, Filter::box);
  const auto width = static_cast<double>(picture.size.width), height = static_cast<double>(picture.size.height);
  const double scale = std::max(static_cast<double>(to.width) / width, static_cast<double>(to.height) / height);
  return resized(picture, {std::llrint(width * scale), std::llrint(height * scale)}, Filter::bicubic);
}

Pixels cut(const Pixels& picture, Size to, int64_t left, int64_t top) {
  if (left < 0 || top < 0 || left + to.width > picture.size.width || top + to.height > picture.size.height)
    fail(Code::image_invalid, "crop: expected a window within ", picture.size.width, " x ", picture.size.height, ", got ", to.width, " x ",
         to.height, " at ", left, ", ", top);
  Pixels out{std::vector<uint8_t>(static_cast<size_t>(to.width * to.height * 3)), to};
  for (int64_t y = 0; y < to.height; y++)
    std::memcpy(out.data.data() + y * to.width * 3, picture.data.data() + ((top + y) * picture.size.width + left) * 3,
                static_cast<size_t>(to.width * 3));
  return out;
}

Pixels crop(Pixels picture, Size to, std::optional<uint64_t> seed) {
  picture = cover(std::move(picture), to);
  const int64_t x = picture.size.width - to.width, y = picture.size.height - to.height;
  return cut(picture, to, seed ? draw(x, *seed, 0) : x / 2, seed ? draw(y, *seed, 1) : y / 2);
}

}  // namespace dimoo

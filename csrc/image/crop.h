// Which size a picture is cropped to, and the crop (docs/model.md#crops): the size of the list whose shape is nearest, halvings,
// one resampling, one window. Integer-exact with the original.
#pragma once
#include <optional>

#include "image/resample.h"

namespace dimoo {

struct Size {
  int64_t width = 0, height = 0;
  bool operator==(const Size&) const = default;
};

/// RGB or RGBA, tightly packed, row by row.
struct Pixels {
  std::vector<uint8_t> data;
  Size size;
  int64_t channels = 3;
};

/// What a pixel of a resampled picture is: a mixture; of a picture with a palette the nearest pixel; of a mask the greatest that its
/// area touches, so that a mask grows outwards and none of it is lost.
enum class Between { mixture, nearest, greatest };
/// request/invalid for another name.
Between between_named(const std::string& name);

/// All shapes of up to `patches` patches of `patch` pixels a side whose sides differ by a factor of at most `aspect`, in the
/// original's order.
std::vector<Size> crop_sizes(int64_t patches, int64_t patch, double aspect = 4);
/// The nearest in shape to `picture`; of equals the widest, then the highest.
Size choose_crop(Size picture, const std::vector<Size>& sizes);

/// Halved with BOX while it is at least twice as large as `to`, then resampled with BICUBIC so that it covers `to`, then a window of
/// that size, as RGB: in the middle, or with a seed at the original's random offset (left and top uniform over what is left, by the
/// counter's stream `crop`, positions 0 and 1). Colours of RGBA are weighted by alpha in each resampling, and alpha is dropped from the
/// end, as the original's understanding script does. Only the window is computed. image/invalid for sizes that do not fit the bytes.
Pixels crop(Pixels picture, Size to, std::optional<uint64_t> seed, Between between = Between::mixture);

}  // namespace dimoo

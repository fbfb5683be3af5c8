// Which size a picture is cropped to, and the crop (golden README section 11): the size of the list whose shape is nearest, halvings,
// one resampling, one window. Integer-exact with the original.
#pragma once
#include <optional>

#include "image/resample.h"

namespace dimoo {

struct Size {
  int64_t width = 0, height = 0;
  bool operator==(const Size&) const = default;
};

/// RGB, tightly packed, row by row.
struct Pixels {
  std::vector<uint8_t> data;
  Size size;
};

/// All shapes of up to `patches` patches of `patch` pixels a side whose sides differ by a factor of at most `aspect`, in the
/// original's order.
std::vector<Size> crop_sizes(int64_t patches, int64_t patch, double aspect = 4);
/// The nearest in shape to `picture`; of equals the widest, then the highest.
Size choose_crop(Size picture, const std::vector<Size>& sizes);

/// Resampled so that it covers `to`: halved with BOX while it is at least twice as large, then BICUBIC. image/invalid for sizes that do
/// not fit the bytes.
Pixels cover(Pixels picture, Size to);
/// A window of it. image/invalid where it does not lie within.
Pixels cut(const Pixels& picture, Size to, int64_t left, int64_t top);
/// Both. The window lies in the middle, or with a seed at the original's random offset: left and top uniform over what is left, by the
/// counter's stream `crop`, positions 0 and 1.
Pixels crop(Pixels picture, Size to, std::optional<uint64_t> seed);

}  // namespace dimoo

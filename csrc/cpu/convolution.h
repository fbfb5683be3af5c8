// Convolutions as products of patches (docs/model.md#image-tokenizer). A task takes a rectangle of output pixels: the input it touches is
// copied once, scaled and activated on the way, so that the taps of a row lie side by side; no picture-sized patch matrix exists.
#pragma once
#include "cpu/product.h"

namespace dimoo::cpu {

struct Convolution {
  Image x;
  ChannelScale in;
  const CpuWeight& kernel;
  Tensor bias;
  Image residual;  // without data: none
  Image out;
};

/// Up to this many output channels a convolution is dot products of pixels, not products with a panel of 64.
inline constexpr int64_t kFewChannels = 4;

/// `panels`: all of the kernel's, packed; null for a kernel of few channels. K is reduced row of taps by row of taps, whatever the
/// rectangles and strips.
void convolve(const Products& products, const Convolution& conv, const std::byte* panels);

/// Reads channel block `tap` of output pixel (y, x): where its input pixel lies, or null for zero padding.
const float* input_pixel(const Image& x, int64_t out_y, int64_t out_x, int64_t tap, const CpuWeight& kernel);

}  // namespace dimoo::cpu

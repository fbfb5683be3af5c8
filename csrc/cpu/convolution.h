// Convolutions as products of patches (golden README section 10). A task takes a rectangle of output pixels: the input it touches is
// copied once, scaled and activated on the way, so that the three taps of a row lie side by side; no picture-sized patch matrix exists.
#pragma once
#include "cpu/product.h"

namespace dimoo::cpu {

struct Convolution {
  Image x;
  ChannelScale in;
  const CpuWeight& kernel;
  Tensor bias;
  Sampling sampling;
  Image residual;  // without data: none
  Image out;
};

/// `panels`: all of the kernel's, packed. K is reduced row of taps by row of taps, whatever the rectangles and strips.
void convolve(const Products& products, const Convolution& conv, const std::byte* panels);

/// Reads channel block `tap` of output pixel (y, x): where its input pixel lies, or null for zero padding.
const float* input_pixel(const Image& x, int64_t out_y, int64_t out_x, int64_t tap, int64_t taps, Sampling sampling);

}  // namespace dimoo::cpu

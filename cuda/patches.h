// Where the taps of a convolution read (docs/model.md#image-tokenizer): the arithmetic of an implicit patch matrix whose row is an output
// pixel and whose column is (tap, channel), channels innermost. For the host's tests too.
#pragma once
#include <cmath>
#include <cstdint>

#include "base/host_device.h"
#include "device/device.h"

namespace dimoo::cuda {

struct Patches {
  const float* x;
  int64_t stride;
  int height, width, channels;  // of the input
  int out_width, taps;          // 1 or 9
  Sampling sampling;
  int first = 0, out_first = 0;                    // rows of pixels above the strips that x and the output are
  const float *scale = nullptr, *shift = nullptr;  // (channels), of the input before anything else
  Activation act = Activation::none;

  /// Row of x under this tap, or -1 for zero padding.
  DIMOO_HD int64_t source(int64_t pixel, int tap) const {
    int y = static_cast<int>(pixel / out_width) + out_first, column = static_cast<int>(pixel % out_width);
    if (sampling == Sampling::half) y *= 2, column *= 2;
    if (taps == 9) {
      const int before = sampling == Sampling::half ? 0 : 1;
      y += tap / 3 - before, column += tap % 3 - before;
    }
    if (y < 0 || column < 0) return -1;
    if (sampling == Sampling::twice) y /= 2, column /= 2;
    return y < height && column < width ? static_cast<int64_t>(y - first) * width + column : -1;
  }

  DIMOO_HD float scaled(float value, int channel) const {
    if (!scale) return value;
    const float v = value * scale[channel] + shift[channel];
    return act == Activation::silu ? v / (1.0f + expf(-v)) : v;
  }

  /// Values k .. k + 7 of the patch of a pixel.
  DIMOO_HD void load(int64_t pixel, int64_t k, float* out) const {
    int tap = static_cast<int>(k / channels), channel = static_cast<int>(k % channels);
    int64_t row = tap < taps ? source(pixel, tap) : -1;
    for (int i = 0; i < 8; i++) {
      out[i] = row < 0 ? 0.0f : scaled(x[row * stride + channel], channel);
      if (++channel < channels) continue;
      channel = 0, tap++;
      row = tap < taps ? source(pixel, tap) : -1;
    }
  }
};

}  // namespace dimoo::cuda

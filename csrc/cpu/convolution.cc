// K runs over (tap, channel), channels innermost: a patch is up to nine contiguous runs of channels.
#include "cpu/convolution.h"

#include <algorithm>
#include <cstring>

namespace dimoo::cpu {
namespace {

constexpr int64_t kStrip = 192;  // output pixels of a task; a multiple of every tile's rows

/// Values [from, from + depth) of the patches of pixels [first, first + count), packed for `tile`.
void pack_patches(const Image& x, const Image& out, int64_t taps, Sampling sampling, int64_t first, int64_t count, int64_t from,
                  int64_t depth, int rows, float* to) {
  const int64_t channels = x.channels();
  for (int64_t i = 0; i < (count + rows - 1) / rows * rows; i++) {
    float* at = to + i / rows * rows * depth + i % rows;
    const int64_t pixel = first + i;
    for (int64_t p = 0; p < depth;) {
      const int64_t tap = (from + p) / channels, channel = (from + p) % channels;
      const int64_t run = std::min(channels - channel, depth - p);
      const float* source = i < count ? input_pixel(x, pixel / out.width, pixel % out.width, tap, taps, sampling) : nullptr;
      if (source) {
        for (int64_t c = 0; c < run; c++) at[(p + c) * rows] = source[channel + c];
      } else {
        for (int64_t c = 0; c < run; c++) at[(p + c) * rows] = 0;
      }
      p += run;
    }
  }
}

}  // namespace

const float* input_pixel(const Image& x, int64_t out_y, int64_t out_x, int64_t tap, int64_t taps, Sampling sampling) {
  int64_t dy = 0, dx = 0;
  if (taps == 9) dy = tap / 3, dx = tap % 3;
  int64_t y = 0, col = 0;
  switch (sampling) {
    case Sampling::same: y = out_y, col = out_x; break;
    case Sampling::half: y = 2 * out_y + dy, col = 2 * out_x + dx; break;  // padded below and on the right only
    case Sampling::twice: y = out_y, col = out_x; break;
  }
  if (sampling != Sampling::half && taps == 9) y += dy - 1, col += dx - 1;
  if (sampling == Sampling::twice) {
    if (y < 0 || col < 0) return nullptr;
    y /= 2, col /= 2;
  }
  if (y < 0 || col < 0 || y >= x.height || col >= x.width) return nullptr;
  return x.pixels.f32_row(y * x.width + col);
}

void convolve(const Products& products, Image x, const CpuWeight& kernel, const std::byte* panels, Sampling sampling, Image out) {
  const Kernels& kernels = products.kernels;
  const int64_t k = kernel.cols(), pixels = out.height * out.width;
  const int rows = kernels.rows;
  products.pool.run((pixels + kStrip - 1) / kStrip, [&](int64_t task, int worker) {
    const int64_t first = task * kStrip, count = std::min(kStrip, pixels - first);
    auto* own = reinterpret_cast<float*>(products.scratch.of(worker, kStrip * kDepth * 4));
    for (int64_t from = 0; from < k; from += kDepth) {
      const int64_t depth = std::min<int64_t>(kDepth, k - from);
      pack_patches(x, out, kernel.taps(), sampling, first, count, from, depth, rows, own);
      for (int64_t panel = 0; panel < kernel.panels(); panel++) {
        const std::byte* weights = panels + panel * kernel.panel_bytes();
        const int columns = static_cast<int>(std::min<int64_t>(kPanel, kernel.rows() - panel * kPanel));
        for (int64_t i = 0; i < count; i += rows)
          kernels.tile(static_cast<int>(std::min<int64_t>(rows, count - i)), columns, depth, own + i * depth,
                       reinterpret_cast<const float*>(weights) + from * kPanel, out.pixels.f32_row(first + i) + panel * kPanel,
                       out.pixels.stride, true);
      }
    }
  });
}

}  // namespace dimoo::cpu

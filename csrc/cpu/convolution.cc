// K runs over (tap, channel), channels innermost: the three taps of one row are one contiguous run of the copied input.
#include "cpu/convolution.h"

#include <algorithm>
#include <cstring>

namespace dimoo::cpu {
namespace {

constexpr int64_t kColumns = 48, kMostRows = 8;  // of a rectangle of output pixels; columns are a multiple of every tile's rows
constexpr int64_t kInputFloats = 128 << 10;      // of a rectangle's input, about: it stays in L2 beside a piece of the kernel

/// How rectangles cut the output, and how the input of one lies in scratch.
struct Tiling {
  const Convolution& conv;
  int64_t span, step;     // taps in a row; input pixels from one output pixel to the next
  int64_t rows, columns;  // of a rectangle
  int64_t across, down;   // rectangles
  int64_t height, pitch;  // of a rectangle's input, pixels

  Tiling(const Convolution& c, int threads) : conv(c), span(c.kernel.taps() == 9 ? 3 : 1), step(c.sampling == Sampling::half ? 2 : 1) {
    const int64_t total = c.out.rows();
    columns = std::min(kColumns, c.out.width);
    across = (c.out.width + columns - 1) / columns;
    pitch = (columns - 1) * step + span;
    rows = std::clamp<int64_t>((kInputFloats / (pitch * c.x.channels()) - span) / step + 1, 1, kMostRows);
    rows = std::min(rows, std::max<int64_t>(1, total * across / (4 * threads)));  // enough rectangles for every thread
    down = (total + rows - 1) / rows;
    height = (rows - 1) * step + span;
  }
  int64_t floats() const { return height * pitch * conv.x.channels(); }
};

struct Rectangle {
  int64_t y, x, rows, columns;  // y within the whole output picture
};

/// The input under a rectangle: scaled, activated, zero outside the picture.
void copy_input(const Kernels& kernels, const Tiling& t, const Rectangle& r, float* to) {
  const Convolution& c = t.conv;
  const int64_t channels = c.x.channels(), pad = t.span == 3 && c.sampling != Sampling::half ? 1 : 0;
  const int64_t factor = c.sampling == Sampling::twice ? 2 : 1;
  const int64_t rows = (r.rows - 1) * t.step + t.span, columns = (r.columns - 1) * t.step + t.span;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) {
      float* at = to + (i * t.pitch + j) * channels;
      const int64_t y = r.y * t.step + i - pad, x = r.x * t.step + j - pad;
      if (y < 0 || x < 0 || y >= c.x.height * factor || x >= c.x.width * factor) {
        std::memset(at, 0, static_cast<size_t>(channels) * 4);
        continue;
      }
      const float* from = c.x.pixels.f32_row((y / factor - c.x.first) * c.x.width + x / factor);
      if (c.in.scale.empty())
        std::memcpy(at, from, static_cast<size_t>(channels) * 4);
      else
        kernels.scale_shift(from, c.in.scale.data(), c.in.shift.data(), channels, c.in.act == Activation::silu, at);
    }
}

/// What the products are added to.
void start_output(const Convolution& c, const Rectangle& r) {
  const float* bias = c.bias.f32();
  for (int64_t y = r.y; y < r.y + r.rows; y++)
    for (int64_t x = r.x; x < r.x + r.columns; x++) {
      float* to = c.out.pixels.f32_row((y - c.out.first) * c.out.width + x);
      const float* add = c.residual.pixels.data ? c.residual.pixels.f32_row((y - c.residual.first) * c.out.width + x) : nullptr;
      for (int64_t i = 0; i < c.out.channels(); i++) to[i] = bias[i] + (add ? add[i] : 0.0f);
    }
}

void multiply(const Kernels& kernels, const Tiling& t, const Rectangle& r, const std::byte* panels, const float* input) {
  const Convolution& c = t.conv;
  const int64_t channels = c.x.channels(), run = t.span * channels, pitch = t.step * channels;
  for (int64_t panel = 0; panel < c.kernel.panels(); panel++) {
    const auto* weights = reinterpret_cast<const float*>(panels + panel * c.kernel.panel_bytes());
    const int columns = static_cast<int>(std::min<int64_t>(kPanel, c.kernel.rows() - panel * kPanel));
    for (int64_t tap_row = 0; tap_row < t.span; tap_row++)
      for (int64_t from = 0; from < run; from += kDepth) {
        const int64_t depth = std::min<int64_t>(kDepth, run - from);
        const float* piece = weights + (tap_row * run + from) * kPanel;
        for (int64_t y = 0; y < r.rows; y++) {
          const float* a = input + (y * t.step + tap_row) * t.pitch * channels + from;
          float* to = c.out.pixels.f32_row((r.y + y - c.out.first) * c.out.width + r.x) + panel * kPanel;
          for (int64_t x = 0; x < r.columns; x += kernels.rows)
            kernels.tile_rows(static_cast<int>(std::min<int64_t>(kernels.rows, r.columns - x)), columns, depth, a + x * pitch, pitch, piece,
                              to + x * c.out.pixels.stride, c.out.pixels.stride, true);
        }
      }
  }
}

}  // namespace

const float* input_pixel(const Image& x, int64_t out_y, int64_t out_x, int64_t tap, int64_t taps, Sampling sampling) {
  int64_t y = out_y, col = out_x;
  if (sampling == Sampling::half) y = 2 * out_y, col = 2 * out_x;
  if (taps == 9) y += tap / 3, col += tap % 3;
  if (sampling != Sampling::half && taps == 9) y--, col--;  // half pads below and on the right only
  if (y < 0 || col < 0) return nullptr;
  if (sampling == Sampling::twice) y /= 2, col /= 2;
  if (y >= x.height || col >= x.width) return nullptr;
  return x.pixels.f32_row((y - x.first) * x.width + col);
}

void convolve(const Products& products, const Convolution& conv, const std::byte* panels) {
  const Tiling t(conv, products.pool.threads());
  products.pool.run(t.across * t.down, [&](int64_t task, int worker) {
    Rectangle r{task / t.across * t.rows, task % t.across * t.columns, t.rows, t.columns};
    r.rows = std::min(r.rows, conv.out.rows() - r.y), r.columns = std::min(r.columns, conv.out.width - r.x);
    r.y += conv.out.first;
    auto* input = reinterpret_cast<float*>(products.scratch.of(worker, t.floats() * 4));
    copy_input(products.kernels, t, r, input);
    start_output(conv, r);
    multiply(products.kernels, t, r, panels, input);
  });
}

}  // namespace dimoo::cpu

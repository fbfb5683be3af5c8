// K runs over (tap, channel), channels innermost: the taps of one row are one contiguous run of the copied input. Behind upsampling
// nothing is upsampled: each input pixel gives four output pixels, by a 2x2 kernel each (cpu/weight.h).
#include "cpu/convolution.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace dimoo::cpu {
namespace {

constexpr int64_t kColumns = 48, kMostRows = 16;  // of a rectangle of points; columns are a multiple of every tile's rows
constexpr int64_t kInputFloats = 192 << 10;       // of a rectangle's input, about: it stays in L2 beside a piece of the kernel

/// How output and input lie to each other. A point is an output pixel or, with upsampling, the 2x2 of one input pixel.
struct Walk {
  int64_t scale, step;  // output pixels of a point and input pixels from one point to the next, each way
  int64_t reach, pad;   // input pixels under a point, and how many of them before its own
  int64_t span;         // taps in a row of one phase's kernel

  explicit Walk(const CpuWeight& kernel) {
    const bool wide = kernel.taps() == 9, half = kernel.sampling() == Sampling::half;
    scale = kernel.sampling() == Sampling::twice ? 2 : 1, step = half ? 2 : 1;
    reach = wide ? 3 : 1, pad = wide && !half ? 1 : 0;
    span = kernel.form() == Taps::phases ? 2 : reach;
  }
};

struct Rectangle {
  int64_t y, x, rows, columns;  // points, y within the whole picture
};

/// How rectangles cut the points of `out`, and how the input of one lies in scratch.
struct Tiling : Walk {
  const Convolution& conv;
  int64_t first, points, width;  // rows of points, from `first` on
  int64_t rows, columns;         // of a rectangle
  int64_t across, down;          // rectangles
  int64_t height, pitch;         // of a rectangle's input, pixels

  Tiling(const Convolution& c, int threads) : Walk(c.kernel), conv(c) {
    const int64_t end = (c.out.first + c.out.rows() + scale - 1) / scale;
    first = c.out.first / scale, points = end - first, width = c.out.width / scale;
    columns = std::min(kColumns, width);
    across = (width + columns - 1) / columns;
    pitch = (columns - 1) * step + reach;
    rows = std::clamp<int64_t>((kInputFloats / (pitch * c.x.channels()) - reach) / step + 1, 1, kMostRows);
    rows = std::min(rows, std::max<int64_t>(1, points * across / (4 * threads)));  // enough rectangles for every thread
    down = (points + rows - 1) / rows;
    height = (rows - 1) * step + reach;
  }
  int64_t floats() const { return height * pitch * conv.x.channels(); }
  Rectangle rectangle(int64_t task) const {
    const int64_t y = task / across * rows, x = task % across * columns;
    return {first + y, x, std::min(rows, points - y), std::min(columns, width - x)};
  }
  bool has_row(int64_t y) const { return y >= conv.out.first && y < conv.out.first + conv.out.rows(); }
  float* out(int64_t y, int64_t x) const { return conv.out.pixels.f32_row((y - conv.out.first) * conv.out.width + x); }
};

/// The input under a rectangle: scaled, activated, zero outside the picture and where no row of out reaches.
void copy_input(const Kernels& kernels, const Tiling& t, const Rectangle& r, float* to) {
  const Convolution& c = t.conv;
  const int64_t channels = c.x.channels(), rows = (r.rows - 1) * t.step + t.reach, columns = (r.columns - 1) * t.step + t.reach;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) {
      float* at = to + (i * t.pitch + j) * channels;
      const int64_t y = r.y * t.step + i - t.pad, x = r.x * t.step + j - t.pad;
      if (y < c.x.first || x < 0 || y >= c.x.first + c.x.rows() || x >= c.x.width) {
        std::memset(at, 0, static_cast<size_t>(channels) * 4);
        continue;
      }
      const float* from = c.x.pixels.f32_row((y - c.x.first) * c.x.width + x);
      if (c.in.scale.empty())
        std::memcpy(at, from, static_cast<size_t>(channels) * 4);
      else
        kernels.scale_shift(from, c.in.scale.data(), c.in.shift.data(), channels, c.in.act == Activation::silu, at);
    }
}

/// What the products are added to; it stays in L2 for them.
void start_output(const Tiling& t, const Rectangle& r) {
  const Convolution& c = t.conv;
  const float* bias = c.bias.f32();
  for (int64_t y = r.y * t.scale; y < (r.y + r.rows) * t.scale; y++)
    for (int64_t x = r.x * t.scale; t.has_row(y) && x < (r.x + r.columns) * t.scale; x++) {
      float* to = t.out(y, x);
      const float* add = c.residual.pixels.data ? c.residual.pixels.f32_row((y - c.residual.first) * c.out.width + x) : nullptr;
      for (int64_t i = 0; i < c.out.channels(); i++) to[i] = bias[i] + (add ? add[i] : 0.0f);
    }
}

/// One phase, row of taps and piece of it: a piece of a panel for all pixels of the rectangle.
struct Piece {
  int64_t phase_y, phase_x, tap_row, from, depth;
  const float* weights;
};

void multiply_piece(const Kernels& kernels, const Tiling& t, const Rectangle& r, const Piece& p, int64_t panel, const float* input) {
  const int64_t channels = t.conv.x.channels(), pitch = t.step * channels, stride = t.scale * t.conv.out.pixels.stride;
  const int columns = static_cast<int>(std::min<int64_t>(kPanel, t.conv.kernel.rows() - panel * kPanel));
  for (int64_t y = 0; y < r.rows; y++) {
    const int64_t out_y = (r.y + y) * t.scale + p.phase_y;
    if (!t.has_row(out_y)) continue;
    const float* a = input + ((y * t.step + p.tap_row + p.phase_y) * t.pitch + p.phase_x) * channels + p.from;
    float* to = t.out(out_y, r.x * t.scale + p.phase_x) + panel * kPanel;
    for (int64_t x = 0; x < r.columns; x += kernels.rows)
      kernels.tile_rows(static_cast<int>(std::min<int64_t>(kernels.rows, r.columns - x)), columns, p.depth, a + x * pitch, pitch, p.weights,
                        to + x * stride, stride, true);
  }
}

void multiply(const Kernels& kernels, const Tiling& t, const Rectangle& r, const std::byte* panels, const float* input) {
  const CpuWeight& kernel = t.conv.kernel;
  const int64_t run = t.span * t.conv.x.channels();
  for (int64_t panel = 0; panel < kernel.panels(); panel++) {
    const auto* weights = reinterpret_cast<const float*>(panels + panel * kernel.panel_bytes());
    for (int64_t phase = 0; phase < t.scale * t.scale; phase++)
      for (int64_t tap_row = 0; tap_row < t.span; tap_row++)
        for (int64_t from = 0; from < run; from += kDepth) {
          const int64_t depth = std::min<int64_t>(kDepth, run - from), at = (phase * t.span + tap_row) * run + from;
          multiply_piece(kernels, t, r, {phase / t.scale, phase % t.scale, tap_row, from, depth, weights + at * kPanel}, panel, input);
        }
  }
}

/// The kernel of a convolution with few output channels, row by row.
std::vector<float> rows_of(const CpuWeight& kernel) {
  std::vector<float> rows(static_cast<size_t>(kernel.rows() * kernel.cols()));
  for (int64_t n = 0; n < kernel.rows(); n++) kernel.row(n, rows.data() + n * kernel.cols());
  return rows;
}

void multiply_few(const Kernels& kernels, const Tiling& t, const Rectangle& r, const float* weights, const float* input) {
  const CpuWeight& kernel = t.conv.kernel;
  const int64_t channels = t.conv.x.channels(), pitch = t.step * channels;
  const Patch patch{t.span, t.span * channels, t.pitch * channels};
  for (int64_t y = 0; y < r.rows; y++)
    for (int64_t x = 0; x < r.columns; x += kPatches)
      for (int64_t n = 0; n < kernel.rows(); n++)
        kernels.dot_patches(static_cast<int>(std::min<int64_t>(kPatches, r.columns - x)), patch,
                            input + (y * t.step * t.pitch + x * t.step) * channels, pitch, weights + n * kernel.cols(),
                            t.out(r.y + y, r.x + x) + n, t.conv.out.pixels.stride);
}

}  // namespace

const float* input_pixel(const Image& x, int64_t out_y, int64_t out_x, int64_t tap, const CpuWeight& kernel) {
  const Sampling sampling = kernel.sampling();
  int64_t y = out_y, col = out_x;
  if (sampling == Sampling::half) y = 2 * out_y, col = 2 * out_x;
  if (kernel.taps() == 9) y += tap / 3, col += tap % 3;
  if (sampling != Sampling::half && kernel.taps() == 9) y--, col--;  // half pads below and on the right only
  if (y < 0 || col < 0) return nullptr;
  if (sampling == Sampling::twice) y /= 2, col /= 2;
  if (y >= x.height || col >= x.width) return nullptr;
  return x.pixels.f32_row((y - x.first) * x.width + col);
}

void convolve(const Products& products, const Convolution& conv, const std::byte* panels) {
  const Tiling t(conv, products.pool.threads());
  const std::vector<float> few = panels ? std::vector<float>() : rows_of(conv.kernel);
  products.pool.run(t.across * t.down, [&](int64_t task, int worker) {
    const Rectangle r = t.rectangle(task);
    auto* input = reinterpret_cast<float*>(products.scratch.of(worker, t.floats() * 4));
    copy_input(products.kernels, t, r, input);
    start_output(t, r);
    panels ? multiply(products.kernels, t, r, panels, input) : multiply_few(products.kernels, t, r, few.data(), input);
  });
}

}  // namespace dimoo::cpu

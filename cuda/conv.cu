// out = conv(x) + bias (+ residual): an f32 product of an implicit patch matrix (pixels, taps * in) with the kernel (out, taps * in);
// zero padding, stride 2 and nearest-neighbour upsampling are folded into where a patch reads, a norm's factors into what it reads. 2
// pixels out taps in operations.
#include <algorithm>

#include "cuda/patches.h"
#include "cuda/tile_f32.cuh"

namespace dimoo::cuda {
namespace {

struct AddBias {
  const float *bias, *residual;
  int64_t residual_stride;
  float* out;
  int64_t stride;
  __device__ void operator()(int64_t row, int64_t col, float value) const {
    const float base = residual ? bias[col] + residual[row * residual_stride + col] : bias[col];
    out[row * stride + col] = base + value;
  }
};

constexpr int64_t kPiecePixels = 4096;

/// A block reads every channel of its pixels and writes a tile's columns, so blocks side by side must not write what the others read: into
/// its own input a wider product goes piece by piece through scratch.
void conv_in_place(Stream& stream, const Image& x, const Scaling& scaling, const Matrix& kernel, Tensor bias, const Image& out) {
  const int64_t step = std::max<int64_t>(1, kPiecePixels / out.width);
  const Buffer memory = stream.scratch(std::min(step, out.rows()) * out.width * kernel.rows * 4);
  for (int64_t y = 0; y < out.rows(); y += step) {
    const int64_t first = y * out.width, count = std::min(step, out.rows() - y) * out.width;
    const Tensor piece(static_cast<float*>(memory.data()), count, kernel.rows);
    conv(stream, {x.pixels.slice(first, count), x.height, x.width, x.first + y}, scaling, kernel, 1, bias, Sampling::same, {},
         {piece, out.height, out.width, out.first + y});
    gather(stream, piece, nullptr, out.pixels.slice(first, count));
  }
}

}  // namespace

void conv(Stream& stream, Image x, const Scaling& scaling, const Matrix& kernel, int64_t taps, Tensor bias, Sampling sampling,
          Image residual, Image out) {
  if (out.pixels.data == x.pixels.data && kernel.rows > TileF32::kCols) return conv_in_place(stream, x, scaling, kernel, bias, out);
  const Patches patches{x.pixels.f32(),
                        x.pixels.stride,
                        static_cast<int>(x.height),
                        static_cast<int>(x.width),
                        static_cast<int>(x.channels()),
                        static_cast<int>(out.width),
                        static_cast<int>(taps),
                        sampling,
                        static_cast<int>(x.first),
                        static_cast<int>(out.first),
                        scaling.scale,
                        scaling.shift,
                        scaling.act};
  const AddBias output{bias.f32(), residual.pixels.f32(), residual.pixels.stride, out.pixels.f32(), out.pixels.stride};
  const unsigned grid = blocks(out.pixels.rows, TileF32::kRows) * blocks(kernel.rows, TileF32::kCols);
  stream.expect(effort_f32(out.pixels.rows, kernel));
  stream.launch("conv", product_f32<DType::f32, Patches, AddBias>, grid, TileF32::kThreads, 0, patches, kernel, out.pixels.rows, output);
}

}  // namespace dimoo::cuda

// out = conv(x) + bias (+ residual): an f32 product of an implicit patch matrix (pixels, taps * in) with the kernel (out, taps * in);
// zero padding, stride 2 and nearest-neighbour upsampling are folded into where a patch reads, a norm's factors into what it reads. 2
// pixels out taps in operations.
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

}  // namespace

void conv_scaled(Stream& stream, Image x, const Scaling& scaling, const Matrix& kernel, int taps, Tensor bias, Sampling sampling,
                 Image residual, Image out) {
  const Patches patches{x.pixels.f32(),
                        x.pixels.stride,
                        static_cast<int>(x.height),
                        static_cast<int>(x.width),
                        static_cast<int>(x.channels()),
                        static_cast<int>(out.width),
                        taps,
                        sampling,
                        static_cast<int>(x.first),
                        static_cast<int>(out.first),
                        scaling.scale,
                        scaling.shift,
                        scaling.act};
  const AddBias output{bias.f32(), residual.pixels.f32(), residual.pixels.stride, out.pixels.f32(), out.pixels.stride};
  const unsigned grid = blocks(out.pixels.rows, TileF32::kRows) * blocks(kernel.rows, TileF32::kCols);
  stream.launch("conv", product_f32<DType::f32, Patches, AddBias>, grid, TileF32::kThreads, 0, patches, kernel, out.pixels.rows, output);
}

void conv(Stream& stream, Image x, const Matrix& kernel, int taps, Tensor bias, Sampling sampling, Image residual, Image out) {
  conv_scaled(stream, x, {nullptr, nullptr, Activation::none}, kernel, taps, bias, sampling, residual, out);
}

}  // namespace dimoo::cuda

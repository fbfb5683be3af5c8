// p (r, n) = x (r, k) w (n, k)^T in f32 multiply-adds, for rows that an `Input` reads (of a matrix, or patches of a picture) and results
// that an `Output` takes. A thread owns 8 x 4 results and adds along K in order, so a result depends on its row and column alone.
// 2 r n k operations; x is read n / 64 times and w r / 128 times.
#pragma once
#include "cuda/dequantize.h"
#include "cuda/kernels.h"

namespace dimoo::cuda {

struct TileF32 {
  static constexpr int kRows = 128, kCols = 64, kDepth = 16, kThreads = 256;
  static constexpr int kPad = 4;  // keeps rows of shared memory aligned to 16 bytes and their banks apart
};

/// Input: load(row, k, float out[8]) gives values k .. k + 7 of a row, zeros behind K. Output: operator()(row, col, value).
template <DType kType, class Input, class Output>
__global__ void __launch_bounds__(TileF32::kThreads) product_f32(Input x, Matrix w, int64_t rows, Output out) {
  using T = TileF32;
  __shared__ __align__(16) float a[T::kDepth][T::kRows + T::kPad];
  __shared__ __align__(16) float b[T::kDepth][T::kCols + T::kPad];
  const int64_t row_tiles = (rows + T::kRows - 1) / T::kRows;
  const int64_t row0 = blockIdx.x % row_tiles * T::kRows, col0 = blockIdx.x / row_tiles * T::kCols;
  const int at = threadIdx.x / 2, part = threadIdx.x % 2 * kEight;  // what this thread loads
  const int first_row = threadIdx.x / 16 * 8, first_col = threadIdx.x % 16 * 4;
  const bool loads_x = row0 + at < rows, loads_w = at < T::kCols && col0 + at < w.rows;
  float sum[8][4] = {};
  for (int64_t k0 = 0; k0 < w.cols; k0 += T::kDepth) {
    float from_x[kEight] = {}, from_w[kEight] = {};
    if (loads_x) x.load(row0 + at, k0 + part, from_x);
    if (loads_w) load_eight<kType>(w.data + (col0 + at) * w.pitch, k0 + part, w.cols, from_w);
    __syncthreads();  // the tile before is used up
    for (int i = 0; i < kEight; i++) a[part + i][at] = from_x[i];
    if (at < T::kCols)
      for (int i = 0; i < kEight; i++) b[part + i][at] = from_w[i];
    __syncthreads();
#pragma unroll
    for (int k = 0; k < T::kDepth; k++) {
      const float4 low = *reinterpret_cast<const float4*>(&a[k][first_row]), high = *reinterpret_cast<const float4*>(&a[k][first_row + 4]);
      const float4 right = *reinterpret_cast<const float4*>(&b[k][first_col]);
      const float left[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
      const float top[4] = {right.x, right.y, right.z, right.w};
#pragma unroll
      for (int i = 0; i < 8; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) sum[i][j] = __fmaf_rn(left[i], top[j], sum[i][j]);
    }
  }
#pragma unroll
  for (int i = 0; i < 8; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
      if (row0 + first_row + i < rows && col0 + first_col + j < w.rows) out(row0 + first_row + i, col0 + first_col + j, sum[i][j]);
}

inline Effort effort_f32(int64_t rows, const Matrix& w) {
  const double values = static_cast<double>(w.rows) * static_cast<double>(w.cols);
  return {.plain = 2 * static_cast<double>(rows) * values, .bytes = static_cast<double>(w.rows) * static_cast<double>(w.pitch)};
}

template <class Input, class Output>
void launch_product_f32(Stream& stream, const char* name, Input x, const Matrix& w, int64_t rows, Output out) {
  const unsigned grid = blocks(rows, TileF32::kRows) * blocks(w.rows, TileF32::kCols);
  stream.expect(effort_f32(rows, w));
  with_type(w.type,
            [&]<DType kType>() { stream.launch(name, product_f32<kType, Input, Output>, grid, TileF32::kThreads, 0, x, w, rows, out); });
}

}  // namespace dimoo::cuda

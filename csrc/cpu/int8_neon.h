// Int8 tiles of 4 lanes, written once over how four bytes are multiplied and added (D); included by one file per instruction set,
// inside its own anonymous namespace. Activations are taken as q = u - 128 (a flip of the top bit), so every dot product is exact
// and needs no offsets. Tiles of 4 rows x 2 vectors: dots, sums and operands stay in registers.
// D offers: Dot, zero(), step<quad>(dot, x, w) with x sixteen values of a row, w four columns' quads; and sum(dot).
#include "cpu/kernels.h"
#include "cpu/neon.h"

namespace dimoo::cpu {
namespace {

constexpr int kInt8Rows = 4, kInt8Vectors = 2, kInt8Columns = kInt8Vectors * 4;

/// dot[i][j] += sixteen values of K: rows of u `pitch` apart, q the quads of the columns' first row of quads.
template <class D, int M>
inline void add_sixteen(const uint8_t* u, int64_t pitch, const int8_t* q, typename D::Dot (&dot)[M][kInt8Vectors]) {
  int8x16_t x[M];
#pragma GCC unroll 4
  for (int i = 0; i < M; i++) x[i] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(u + i * pitch), vdupq_n_u8(128)));
#pragma GCC unroll 2
  for (int j = 0; j < kInt8Vectors; j++) {
    const int8_t* w = q + j * 16;
#pragma GCC unroll 4
    for (int i = 0; i < M; i++) dot[i][j] = D::template step<0>(dot[i][j], x[i], vld1q_s8(w));
#pragma GCC unroll 4
    for (int i = 0; i < M; i++) dot[i][j] = D::template step<1>(dot[i][j], x[i], vld1q_s8(w + kPanel * 4));
#pragma GCC unroll 4
    for (int i = 0; i < M; i++) dot[i][j] = D::template step<2>(dot[i][j], x[i], vld1q_s8(w + kPanel * 8));
#pragma GCC unroll 4
    for (int i = 0; i < M; i++) dot[i][j] = D::template step<3>(dot[i][j], x[i], vld1q_s8(w + kPanel * 12));
  }
}

/// Columns [column, column + 8) of M rows over all groups; `columns` of them exist.
template <class D, int M>
inline void int8_columns(int64_t first, int column, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride,
                         bool add) {
  float32x4_t sum[M][kInt8Vectors];
#pragma GCC unroll 4
  for (int i = 0; i < M; i++)
    for (int j = 0; j < kInt8Vectors; j++) sum[i][j] = vdupq_n_f32(0);
  for (int64_t g = 0; g < b.groups; g++) {
    typename D::Dot dot[M][kInt8Vectors];
#pragma GCC unroll 4
    for (int i = 0; i < M; i++)
      for (int j = 0; j < kInt8Vectors; j++) dot[i][j] = D::zero();
    for (int64_t p = g * b.group; p < (g + 1) * b.group; p += 16)
      add_sixteen<D, M>(a.u + first * a.k + p, a.k, b.q + p * kPanel + column * 4, dot);
#pragma GCC unroll 4
    for (int i = 0; i < M; i++) {
      const int64_t at = (first + i) * (a.k / kGroup) + g * b.group / kGroup;
#pragma GCC unroll 2
      for (int j = 0; j < kInt8Vectors; j++) {
        const int64_t w = g * kPanel + column + j * 4;
        sum[i][j] = vfmaq_f32(sum[i][j], vcvtq_f32_s32(D::sum(dot[i][j])), vmulq_n_f32(vld1q_f32(b.scale + w), a.scale[at]));
        if (b.minimum) sum[i][j] = vfmaq_n_f32(sum[i][j], vld1q_f32(b.minimum + w), a.sum[at]);
      }
    }
  }
  for (int i = 0; i < M; i++)
    for (int j = 0; j < kInt8Vectors; j++) {
      const int left = columns - column - j * 4;
      float* at = c + i * stride + column + j * 4;
      if (left >= 4)
        vst1q_f32(at, add ? vaddq_f32(vld1q_f32(at), sum[i][j]) : sum[i][j]);
      else if (left > 0)
        Neon::store_part(at, add ? vaddq_f32(Neon::load_part(at, left), sum[i][j]) : sum[i][j], left);
    }
}

/// Eight columns' piece of K stays in L1 while all rows pass by.
template <class D>
void tile_int8(int64_t first, int64_t m, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  for (int column = 0; column < columns; column += kInt8Columns) {
    int64_t i = 0;
    for (; i + kInt8Rows <= m; i += kInt8Rows) int8_columns<D, kInt8Rows>(first + i, column, columns, a, b, c + i * stride, stride, add);
    switch (m - i) {
      case 1: int8_columns<D, 1>(first + i, column, columns, a, b, c + i * stride, stride, add); break;
      case 2: int8_columns<D, 2>(first + i, column, columns, a, b, c + i * stride, stride, add); break;
      case 3: int8_columns<D, 3>(first + i, column, columns, a, b, c + i * stride, stride, add); break;
      default: break;
    }
  }
}

}  // namespace
}  // namespace dimoo::cpu

// Int8 tiles of 8 lanes, written once over how four bytes are multiplied and added (D); included by one file per instruction
// set, inside its own anonymous namespace. Sixteen columns of four rows stay in registers over one group; their scaled sums lie
// in a small array in L1.
// D offers: start(offsets), step(sum, x, w) with x four bytes of u = q + 128 repeated.
#include <immintrin.h>

#include "cpu/kernels.h"

namespace dimoo::cpu {
namespace {

constexpr int kInt8Rows = 4;

inline __m256i repeat_four(const uint8_t* u) {
  int32_t four;
  __builtin_memcpy(&four, u, 4);
  return _mm256_set1_epi32(four);
}

/// sums (M, 64) += group g of rows first.. and columns [column, column + 16).
template <class D, int M>
inline void add_group(int64_t first, int64_t g, int column, const Int8Rows& a, const Int8Panel& b, float* sums) {
  const int quads = b.group / 4;
  const int8_t* q = b.q + (g * quads * kPanel + column) * 4;
  const __m256i lo = D::start(b.offset + g * kPanel + column), hi = D::start(b.offset + g * kPanel + column + 8);
  __m256i dot[M][2];
#pragma GCC unroll 4
  for (int i = 0; i < M; i++) dot[i][0] = lo, dot[i][1] = hi;
  for (int p = 0; p < quads; p++, q += kPanel * 4) {
    const __m256i w0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q));
    const __m256i w1 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + 32));
#pragma GCC unroll 4
    for (int i = 0; i < M; i++) {
      const __m256i x = repeat_four(a.u + (first + i) * a.k + g * b.group + p * 4);
      dot[i][0] = D::step(dot[i][0], x, w0);
      dot[i][1] = D::step(dot[i][1], x, w1);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < M; i++) {
    const int64_t at = (first + i) * (a.k / kGroup) + g * b.group / kGroup;
    const __m256 scale = _mm256_set1_ps(a.scale[at]);
#pragma GCC unroll 2
    for (int j = 0; j < 2; j++) {
      const int64_t w = g * kPanel + column + j * 8;
      float* to = sums + i * kPanel + column + j * 8;
      __m256 sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot[i][j]), _mm256_mul_ps(scale, _mm256_loadu_ps(b.scale + w)), _mm256_load_ps(to));
      if (b.minimum) sum = _mm256_fmadd_ps(_mm256_set1_ps(a.sum[at]), _mm256_loadu_ps(b.minimum + w), sum);
      _mm256_store_ps(to, sum);
    }
  }
}

template <class D, int M>
inline void int8_rows(int64_t first, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  alignas(32) float sums[M * kPanel] = {};
  for (int column = 0; column < columns; column += 16)
    for (int64_t g = 0; g < b.groups; g++) add_group<D, M>(first, g, column, a, b, sums);
  for (int i = 0; i < M; i++)
    for (int j = 0; j < columns; j++) c[i * stride + j] = add ? c[i * stride + j] + sums[i * kPanel + j] : sums[i * kPanel + j];
}

template <class D>
void tile_int8(int64_t first, int m, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  switch (m) {
    case 1: return int8_rows<D, 1>(first, columns, a, b, c, stride, add);
    case 2: return int8_rows<D, 2>(first, columns, a, b, c, stride, add);
    case 3: return int8_rows<D, 3>(first, columns, a, b, c, stride, add);
    default: return int8_rows<D, 4>(first, columns, a, b, c, stride, add);
  }
}

}  // namespace
}  // namespace dimoo::cpu

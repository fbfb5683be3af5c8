// Int8 tiles of 8 lanes, written once over how a group is multiplied (D); included by one file per instruction set, inside its own
// anonymous namespace. Columns go in blocks of 16 whose values lie together, so that a block's piece of K stays in L1 while all rows
// of the task pass by: 4 rows x 2 vectors of dot products in registers, their scaled sums in a small array.
// D offers: kCount, values of a group; kBytes of a weight; dot<M>(group, sum), the exact products of M rows and 16 columns.
#include <immintrin.h>

#include "cpu/kernels.h"

namespace dimoo::cpu {
namespace {

constexpr int kBlock = 16;  // columns
constexpr int kInt8Rows = 4;

inline __m256i repeat_four_bytes(const void* from) {
  int32_t four;
  __builtin_memcpy(&four, from, 4);
  return _mm256_set1_epi32(four);
}

/// Keeps a sum where it is: the compiler neither reorders integer sums nor spills them to begin later products early.
inline void settle(__m256i& sum) { asm("" : "+x"(sum)); }

/// One group of a block: a tile of rows and 16 columns' weights.
struct Group {
  const uint8_t* x;
  const int8_t* q;
  const int32_t* offset;

  /// The p-th four bytes of a row: four values, or two words.
  __m256i row(int i, int p) const { return repeat_four_bytes(x + (p * kInt8Rows + i) * 4); }
  __m256i weights(int p, int j) const { return _mm256_load_si256(reinterpret_cast<const __m256i*>(q + p * 64 + j * 32)); }
  __m256i start(int j) const { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(offset + j * 8)); }
};

/// sums (M, 16) += the block's products, group by group.
template <class D, int M, bool Minima>
inline void multiply_block(const Int8Rows& a, int64_t first, const Int8Panel& b, int block, float (*sums)[kBlock]) {
  const int column = block * kBlock;
  const int64_t groups = b.groups;
  const uint8_t* x = a.u + first * a.k * D::kBytes;
  const int8_t* q = b.q + block * groups * D::kCount * kBlock * D::kBytes;
  const float *x_scale = a.scale + first * (a.k / kGroup), *x_sum = a.sum + first * (a.k / kGroup);
  const float *w_scale = b.scale + column, *w_minimum = Minima ? b.minimum + column : nullptr;
  const int32_t* offset = b.offset + column;
  for (int64_t g = 0; g < groups; g++) {
    __m256i dot[M][2];
    D::template dot<M>(Group{x, q, offset}, dot);
    const int64_t at = g * D::kCount / kGroup * kInt8Rows;
#pragma GCC unroll 2
    for (int j = 0; j < 2; j++) {
      const __m256 scale = _mm256_loadu_ps(w_scale + j * 8);
      const __m256 minimum = Minima ? _mm256_loadu_ps(w_minimum + j * 8) : _mm256_setzero_ps();
#pragma GCC unroll 4
      for (int i = 0; i < M; i++) {
        const __m256 both = _mm256_mul_ps(_mm256_set1_ps(x_scale[at + i]), scale);
        __m256 sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot[i][j]), both, _mm256_load_ps(sums[i] + j * 8));
        if (Minima) sum = _mm256_fmadd_ps(_mm256_set1_ps(x_sum[at + i]), minimum, sum);
        _mm256_store_ps(sums[i] + j * 8, sum);
      }
    }
    x += D::kCount * D::kBytes * kInt8Rows, q += D::kCount * kBlock * D::kBytes;
    w_scale += kPanel, offset += kPanel;
    if (Minima) w_minimum += kPanel;
  }
}

template <class D, int M>
inline void int8_rows(const Int8Rows& a, int64_t first, const Int8Panel& b, int block, int columns, float* c, int64_t stride, bool add) {
  alignas(32) float sums[M][kBlock] = {};
  b.minimum ? multiply_block<D, M, true>(a, first, b, block, sums) : multiply_block<D, M, false>(a, first, b, block, sums);
  for (int i = 0; i < M; i++, c += stride)
    for (int j = 0; j < columns; j++) c[j] = add ? c[j] + sums[i][j] : sums[i][j];
}

template <class D>
void tile_int8(int64_t first, int64_t m, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  for (int block = 0; block * kBlock < columns; block++, c += kBlock) {
    const int here = columns - block * kBlock < kBlock ? columns - block * kBlock : kBlock;
    int64_t i = 0;
    for (; i + kInt8Rows <= m; i += kInt8Rows) int8_rows<D, kInt8Rows>(a, first + i, b, block, here, c + i * stride, stride, add);
    switch (m - i) {
      case 1: int8_rows<D, 1>(a, first + i, b, block, here, c + i * stride, stride, add); break;
      case 2: int8_rows<D, 2>(a, first + i, b, block, here, c + i * stride, stride, add); break;
      case 3: int8_rows<D, 3>(a, first + i, b, block, here, c + i * stride, stride, add); break;
      default: break;
    }
  }
}

inline void interleave_rows(const Int8Rows& rows, int m, bool words, uint8_t* u, float* scale, float* sum) {
  const int64_t groups = rows.k / kGroup;
  for (int i = 0; i < kInt8Rows; i++) {
    for (int64_t g = 0; g < groups; g++) {
      scale[g * kInt8Rows + i] = i < m ? rows.scale[i * groups + g] : 0;
      sum[g * kInt8Rows + i] = i < m ? rows.sum[i * groups + g] : 0;
    }
    const uint8_t* from = rows.u + i * rows.k;
    if (!words) {
      for (int64_t p = 0; p < rows.k; p += 4)
        i < m ? __builtin_memcpy(u + (p * kInt8Rows + i * 4), from + p, 4) : __builtin_memset(u + (p * kInt8Rows + i * 4), 128, 4);
      continue;
    }
    auto* pairs = reinterpret_cast<uint32_t*>(u) + i;
    for (int64_t p = 0; p < rows.k / 2; p++) {
      const auto low = static_cast<uint16_t>(from[2 * p] - 128), high = static_cast<uint16_t>(from[2 * p + 1] - 128);
      pairs[p * kInt8Rows] = i < m ? low | static_cast<uint32_t>(high) << 16 : 0;
    }
  }
}

}  // namespace
}  // namespace dimoo::cpu

// Int8 products for AVX512_VNNI: dpbusd adds four u8 x s8 products per lane. Activations are stored as q + 128; the sums start
// at -128 times the weights' sum of the group, so every dot product is exact. Tiles of 3 rows x 4 vectors.
#include <immintrin.h>

#include "cpu/kernels.h"

namespace dimoo::cpu {
namespace {

constexpr int kTile = 3;

template <int M, int N, int Quads>
inline void tile_body(int64_t first, int tail, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  __m512 sum[M][N];
#pragma GCC unroll 4
  for (int i = 0; i < M; i++)
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) sum[i][j] = _mm512_setzero_ps();
  const int8_t* q = b.q;
  for (int64_t g = 0; g < b.groups; g++) {
    __m512i dot[M][N];
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) {
      const __m512i start = _mm512_loadu_si512(b.offset + g * kPanel + j * 16);
#pragma GCC unroll 4
      for (int i = 0; i < M; i++) dot[i][j] = start;
    }
#pragma GCC unroll 8
    for (int p = 0; p < Quads; p++, q += kPanel * 4) {
      __m512i w[N];
#pragma GCC unroll 4
      for (int j = 0; j < N; j++) w[j] = _mm512_loadu_si512(q + j * 64);
#pragma GCC unroll 4
      for (int i = 0; i < M; i++) {
        int four;
        __builtin_memcpy(&four, a.u + (first + i) * a.k + (g * Quads + p) * 4, 4);
        const __m512i x = _mm512_set1_epi32(four);
#pragma GCC unroll 4
        for (int j = 0; j < N; j++) dot[i][j] = _mm512_dpbusd_epi32(dot[i][j], x, w[j]);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < M; i++) {
      const int64_t at = (first + i) * (a.k / kGroup) + g * (Quads * 4) / kGroup;
      const __m512 scale = _mm512_set1_ps(a.scale[at]);
#pragma GCC unroll 4
      for (int j = 0; j < N; j++) {
        const __m512 both = _mm512_mul_ps(scale, _mm512_loadu_ps(b.scale + g * kPanel + j * 16));
        sum[i][j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[i][j]), both, sum[i][j]);
      }
      if (b.minimum) {
        const __m512 part = _mm512_set1_ps(a.sum[at]);
#pragma GCC unroll 4
        for (int j = 0; j < N; j++) sum[i][j] = _mm512_fmadd_ps(part, _mm512_loadu_ps(b.minimum + g * kPanel + j * 16), sum[i][j]);
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < M; i++)
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) {
      const __mmask16 lanes = j == N - 1 ? static_cast<__mmask16>((1u << tail) - 1u) : static_cast<__mmask16>(0xffff);
      float* at = c + i * stride + j * 16;
      _mm512_mask_storeu_ps(at, lanes, add ? _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, at), sum[i][j]) : sum[i][j]);
    }
}

template <int N, int Quads>
inline void tile_rows(int64_t first, int m, int tail, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  switch (m) {
    case 1: return tile_body<1, N, Quads>(first, tail, a, b, c, stride, add);
    case 2: return tile_body<2, N, Quads>(first, tail, a, b, c, stride, add);
    default: return tile_body<3, N, Quads>(first, tail, a, b, c, stride, add);
  }
}

template <int Quads>
inline void tile_columns(int64_t first, int m, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  const int vectors = (columns + 15) / 16;
  const int tail = columns - (vectors - 1) * 16;
  switch (vectors) {
    case 1: return tile_rows<1, Quads>(first, m, tail, a, b, c, stride, add);
    case 2: return tile_rows<2, Quads>(first, m, tail, a, b, c, stride, add);
    case 3: return tile_rows<3, Quads>(first, m, tail, a, b, c, stride, add);
    default: return tile_rows<4, Quads>(first, m, tail, a, b, c, stride, add);
  }
}

void tile_int8(int64_t first, int64_t m, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  for (int64_t i = 0; i < m; i += kTile, c += kTile * stride) {
    const int rows = m - i < kTile ? static_cast<int>(m - i) : kTile;
    if (b.group == kGroup)
      tile_columns<kGroup / 4>(first + i, rows, columns, a, b, c, stride, add);
    else
      tile_columns<4>(first + i, rows, columns, a, b, c, stride, add);  // Q6_K: groups of 16
  }
}

}  // namespace

void add_avx512vnni(Kernels& table) {
  table.tile_int8 = tile_int8;
  table.interleave = 1;
}

}  // namespace dimoo::cpu

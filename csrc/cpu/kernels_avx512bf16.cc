// bf16 products for AVX512_BF16: each dpbf16 adds two products per lane into f32.
#include <immintrin.h>

#include "cpu/kernels.h"

namespace dimoo::cpu {
namespace {

constexpr int kTile = 6;

template <int M, int N>
inline void tile_body(int64_t pairs, int tail, const uint32_t* a, const uint32_t* b, float* c, int64_t stride, bool add) {
  __m512 sum[M][N];
#pragma GCC unroll 8
  for (int i = 0; i < M; i++)
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) sum[i][j] = _mm512_setzero_ps();
  for (int64_t p = 0; p < pairs; p++, a += kTile, b += kPanel) {
    __m512i w[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) w[j] = _mm512_loadu_si512(b + j * 16);
#pragma GCC unroll 8
    for (int i = 0; i < M; i++) {
      const __m512i x = _mm512_set1_epi32(static_cast<int>(a[i]));
#pragma GCC unroll 4
      for (int j = 0; j < N; j++) sum[i][j] = _mm512_dpbf16_ps(sum[i][j], (__m512bh)x, (__m512bh)w[j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; i++)
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) {
      const __mmask16 lanes = j == N - 1 ? static_cast<__mmask16>((1u << tail) - 1u) : static_cast<__mmask16>(0xffff);
      float* at = c + i * stride + j * 16;
      _mm512_mask_storeu_ps(at, lanes, add ? _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, at), sum[i][j]) : sum[i][j]);
    }
}

template <int N>
inline void tile_rows(int m, int64_t pairs, int tail, const uint32_t* a, const uint32_t* b, float* c, int64_t stride, bool add) {
  switch (m) {
    case 1: return tile_body<1, N>(pairs, tail, a, b, c, stride, add);
    case 2: return tile_body<2, N>(pairs, tail, a, b, c, stride, add);
    case 3: return tile_body<3, N>(pairs, tail, a, b, c, stride, add);
    case 4: return tile_body<4, N>(pairs, tail, a, b, c, stride, add);
    case 5: return tile_body<5, N>(pairs, tail, a, b, c, stride, add);
    default: return tile_body<6, N>(pairs, tail, a, b, c, stride, add);
  }
}

void tile_bf16(int m, int columns, int64_t k, const uint16_t* a, const uint16_t* b, float* c, int64_t stride, bool add) {
  const auto* x = reinterpret_cast<const uint32_t*>(a);
  const auto* w = reinterpret_cast<const uint32_t*>(b);
  const int vectors = (columns + 15) / 16;
  const int tail = columns - (vectors - 1) * 16;
  switch (vectors) {
    case 1: return tile_rows<1>(m, k / 2, tail, x, w, c, stride, add);
    case 2: return tile_rows<2>(m, k / 2, tail, x, w, c, stride, add);
    case 3: return tile_rows<3>(m, k / 2, tail, x, w, c, stride, add);
    default: return tile_rows<4>(m, k / 2, tail, x, w, c, stride, add);
  }
}

}  // namespace

void add_avx512bf16(Kernels& table) { table.tile_bf16 = tile_bf16; }

}  // namespace dimoo::cpu

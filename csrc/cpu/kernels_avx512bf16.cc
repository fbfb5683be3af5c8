// bf16 products for AVX512_BF16: each dpbf16 adds two products per lane into f32.
#include <immintrin.h>

#include "cpu/kernels.h"

namespace dimoo::cpu {
namespace {

constexpr int kTile = 6;

/// Pair p of row i of packed activations, and of rows that lie `pitch` apart.
struct PackedRows {
  const uint32_t* a;
  uint32_t at(int i, int64_t p) const { return a[p * kTile + i]; }
};
struct PlainRows {
  const uint32_t* a;
  int64_t pitch;
  uint32_t at(int i, int64_t p) const { return a[i * pitch + p]; }
};

template <int M, int N, class A>
inline void tile_body(int64_t pairs, int tail, A a, const uint32_t* b, float* c, int64_t stride, bool add) {
  __m512 sum[M][N];
#pragma GCC unroll 8
  for (int i = 0; i < M; i++)
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) sum[i][j] = _mm512_setzero_ps();
  for (int64_t p = 0; p < pairs; p++, b += kPanel) {
    __m512i w[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) w[j] = _mm512_loadu_si512(b + j * 16);
#pragma GCC unroll 8
    for (int i = 0; i < M; i++) {
      const __m512i x = _mm512_set1_epi32(static_cast<int>(a.at(i, p)));
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

template <int N, class A>
inline void tile_vectors(int m, int64_t pairs, int tail, A a, const uint32_t* b, float* c, int64_t stride, bool add) {
  switch (m) {
    case 1: return tile_body<1, N>(pairs, tail, a, b, c, stride, add);
    case 2: return tile_body<2, N>(pairs, tail, a, b, c, stride, add);
    case 3: return tile_body<3, N>(pairs, tail, a, b, c, stride, add);
    case 4: return tile_body<4, N>(pairs, tail, a, b, c, stride, add);
    case 5: return tile_body<5, N>(pairs, tail, a, b, c, stride, add);
    default: return tile_body<6, N>(pairs, tail, a, b, c, stride, add);
  }
}

template <class A>
inline void tile_columns(int m, int columns, int64_t pairs, A a, const uint32_t* b, float* c, int64_t stride, bool add) {
  const int vectors = (columns + 15) / 16;
  const int tail = columns - (vectors - 1) * 16;
  switch (vectors) {
    case 1: return tile_vectors<1>(m, pairs, tail, a, b, c, stride, add);
    case 2: return tile_vectors<2>(m, pairs, tail, a, b, c, stride, add);
    case 3: return tile_vectors<3>(m, pairs, tail, a, b, c, stride, add);
    default: return tile_vectors<4>(m, pairs, tail, a, b, c, stride, add);
  }
}

void tile_bf16(int m, int columns, int64_t k, const uint16_t* a, const uint16_t* b, float* c, int64_t stride, bool add) {
  tile_columns(m, columns, k / 2, PackedRows{reinterpret_cast<const uint32_t*>(a)}, reinterpret_cast<const uint32_t*>(b), c, stride, add);
}

void tile_rows_bf16(int m, int columns, int64_t pairs, const uint32_t* a, int64_t pitch, const uint32_t* b, float* c, int64_t stride,
                    bool add) {
  tile_columns(m, columns, pairs, PlainRows{a, pitch}, b, c, stride, add);
}

void round_bf16(const float* x, int64_t count, uint16_t* out) {
  for (int64_t i = 0; i < count; i += 16) {
    const int64_t left = count - i;
    const __mmask16 lanes = left >= 16 ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1u << left) - 1u);
    _mm256_mask_storeu_epi16(out + i, lanes, (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(lanes, x + i)));
  }
}

}  // namespace

void add_avx512bf16(Kernels& table) {
  table.tile_bf16 = tile_bf16;
  table.tile_rows_bf16 = tile_rows_bf16;
  table.round_bf16 = round_bf16;
}

}  // namespace dimoo::cpu

// The kernels for AVX2 with FMA: 8 lanes, tiles of 6 rows x 2 vectors (12 sums, 2 weights, 1 activation: 15 of 16 registers).
#include <immintrin.h>

#include "cpu/simd_kernels.h"

namespace dimoo::cpu {
namespace {

struct Avx2 {
  using F = __m256;
  static constexpr int kWidth = 8, kTile = 6, kVectors = 2;
  static __m256i lanes(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static F load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, F v) { _mm256_storeu_ps(p, v); }
  static F load_part(const float* p, int count) { return _mm256_maskload_ps(p, lanes(count)); }
  static void store_part(float* p, F v, int count) { _mm256_maskstore_ps(p, lanes(count), v); }
  static F set(float v) { return _mm256_set1_ps(v); }
  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F div(F a, F b) { return _mm256_div_ps(a, b); }
  static F fmadd(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static F max(F a, F b) { return _mm256_max_ps(a, b); }
  static F min(F a, F b) { return _mm256_min_ps(a, b); }
  static F round(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static F scale_by_exp2(F a, F n) {
    const __m256i bits = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(a, _mm256_castsi256_ps(bits));
  }
  static float reduce_add(F v) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_shuffle_ps(half, half, 1)));
  }
  static float reduce_max(F v) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_shuffle_ps(half, half, 1)));
  }
};

/// Without VNNI: bytes widen to 16 bits, pairs multiply into 32 (pmaddwd), exact. Two columns' quads per 128-bit lane.
void tile_int8(int64_t first, int m, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  const int64_t groups = a.k / b.group;
  alignas(32) float sums[kPanel];
  alignas(32) int32_t dots[kPanel];
  for (int i = 0; i < m; i++) {
    const uint8_t* u = a.u + (first + i) * a.k;
    for (int j = 0; j < kPanel; j++) sums[j] = 0;
    for (int64_t g = 0; g < groups; g++) {
      const int8_t* q = b.q + g * b.group * kPanel;
      for (int j = 0; j < kPanel; j += 8) {
        __m256i lo = _mm256_setzero_si256(), hi = _mm256_setzero_si256();
        for (int p = 0; p < b.group; p += 4) {
          int32_t four;
          __builtin_memcpy(&four, u + g * b.group + p, 4);
          const __m256i x = _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
          const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + (p / 4 * kPanel + j) * 4));
          lo = _mm256_add_epi32(lo, _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm256_castsi256_si128(w)), x));
          hi = _mm256_add_epi32(hi, _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm256_extracti128_si256(w, 1)), x));
        }
        // hadd interleaves the 128-bit halves: columns 0 1 4 5 | 2 3 6 7
        const __m256i mixed = _mm256_permute4x64_epi64(_mm256_hadd_epi32(lo, hi), 0xD8);
        _mm256_store_si256(reinterpret_cast<__m256i*>(dots + j), mixed);
      }
      const float scale = a.scale[(first + i) * (a.k / kGroup) + g * b.group / kGroup];
      const float sum = b.minimum ? scale * static_cast<float>(a.sum[(first + i) * (a.k / 16) + g * b.group / 16] +
                                                               (b.group == 32 ? a.sum[(first + i) * (a.k / 16) + g * 2 + 1] : 0))
                                  : 0;
      for (int j = 0; j < kPanel; j++) {
        const float dot = static_cast<float>(dots[j] + b.offset[g * kPanel + j]);
        sums[j] = __builtin_fmaf(dot, scale * b.scale[g * kPanel + j], sums[j]);
        if (b.minimum) sums[j] = __builtin_fmaf(sum, b.minimum[g * kPanel + j], sums[j]);
      }
    }
    for (int j = 0; j < columns; j++) c[i * stride + j] = add ? c[i * stride + j] + sums[j] : sums[j];
  }
}

}  // namespace

const Kernels& avx2_kernels() {
  static const Kernels table = [] {
    Kernels made = make_table<Avx2>("avx2");
    made.tile_int8 = tile_int8;
    made.rows_int8 = 4;
    return made;
  }();
  return table;
}

}  // namespace dimoo::cpu

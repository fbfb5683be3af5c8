// The kernels for AVX-512: 16 lanes, tiles of 6 rows x 4 vectors (24 sums, 4 weights, 1 activation: 29 of 32 registers).
#include <immintrin.h>

#include "cpu/widen.h"

namespace dimoo::cpu {
namespace {

struct Avx512 {
  using F = __m512;
  static constexpr int kWidth = 16, kTile = 6, kVectors = 4;
  static constexpr bool kBlocks = false;
  static __mmask16 lanes(int count) { return static_cast<__mmask16>((1u << count) - 1u); }
  static F load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, F v) { _mm512_storeu_ps(p, v); }
  static F load_part(const float* p, int count) { return _mm512_maskz_loadu_ps(lanes(count), p); }
  static void store_part(float* p, F v, int count) { _mm512_mask_storeu_ps(p, lanes(count), v); }
  static F set(float v) { return _mm512_set1_ps(v); }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static F fmadd(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F max(F a, F b) { return _mm512_max_ps(a, b); }
  static F min(F a, F b) { return _mm512_min_ps(a, b); }
  static F round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static F scale_by_exp2(F a, F n) { return _mm512_scalef_ps(a, n); }
  static void store_bytes(uint8_t* p, F v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v))); }
  static F load_halves(const uint16_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  static F load_bytes(const uint8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  static F load_signed_bytes(const uint8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  static void sum_quads(const int8_t* q, int count, int step, int factor, int32_t* to) {
    __m512i sum = _mm512_setzero_si512();
    for (int i = 0; i < count; i++) {
      const __m512i pairs = _mm512_maddubs_epi16(_mm512_set1_epi8(1), _mm512_loadu_si512(q + i * step));
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
    }
    _mm512_storeu_si512(to, _mm512_mullo_epi32(sum, _mm512_set1_epi32(factor)));
  }
  static float reduce_add(F v) { return _mm512_reduce_add_ps(v); }
  static float reduce_max(F v) { return _mm512_reduce_max_ps(v); }
};

}  // namespace

const Kernels& avx512_kernels() {
  static const Kernels table = [] {
    Kernels made = make_table<Avx512>("avx512");
    made.widen = widen<Avx512>;
    return made;
  }();
  return table;
}

}  // namespace dimoo::cpu

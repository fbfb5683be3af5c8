// The kernels for AVX2 with FMA: 8 lanes, tiles of 6 rows x 2 vectors (12 sums, 2 weights, 1 activation: 15 of 16 registers).
#include <immintrin.h>

#include "cpu/int8_avx.h"
#include "cpu/widen.h"

namespace dimoo::cpu {
namespace {

struct Avx2 {
  using F = __m256;
  static constexpr int kWidth = 8, kTile = 6, kVectors = 2;
  static __m256i lanes(int count) { return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
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
  static void store_bytes(uint8_t* p, F v) {
    const __m256i n = _mm256_cvtps_epi32(v);
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(n), _mm256_extracti128_si256(n, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
  }
  static F load_halves(const uint16_t* p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  static F load_bytes(const uint8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  static F load_signed_bytes(const uint8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  static void sum_quads(const int8_t* q, int count, int step, int factor, int32_t* to) {
    __m256i sum = _mm256_setzero_si256();
    for (int i = 0; i < count; i++) {
      const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + i * step)));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_mullo_epi32(sum, _mm256_set1_epi32(factor)));
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

/// Without VNNI: |w| * (q with w's sign) in pairs, at most 2 * 128 * 127 and so within 16 bits, then pairs of pairs; exact.
struct Avx2Int8 {
  static __m256i start(const int32_t*) { return _mm256_setzero_si256(); }
  static __m256i step(__m256i sum, __m256i x, __m256i w) {
    const __m256i q = _mm256_xor_si256(x, _mm256_set1_epi8(-128));  // u - 128
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(q, w));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
};

}  // namespace

const Kernels& avx2_kernels() {
  static const Kernels table = [] {
    Kernels made = make_table<Avx2>("avx2");
    made.tile_int8 = tile_int8<Avx2Int8>;
    made.rows_int8 = kInt8Rows;
    made.widen = widen<Avx2>;
    return made;
  }();
  return table;
}

}  // namespace dimoo::cpu

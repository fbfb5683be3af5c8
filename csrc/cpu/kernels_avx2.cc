// The kernels for AVX2 with FMA: 8 lanes, tiles of 6 rows x 2 vectors (12 sums, 2 weights, 1 activation: 15 of 16 registers).
#include <immintrin.h>

#include "cpu/int8_avx.h"
#include "cpu/widen.h"

namespace dimoo::cpu {
namespace {

struct Avx2 {
  using F = __m256;
  static constexpr int kWidth = 8, kTile = 6, kVectors = 2;
  static constexpr bool kBlocks = true;
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
  /// Quads [k / 4][64][4] to pairs of words [4][k / 2][16][2].
  static void widen_words(const uint8_t* quads, int64_t count, int16_t* to) {
    const auto bytes_to_high = [](int first) {  // of the words of each quad's first or second pair
      const int d = 0x01800080 + first * 0x01000100;
      return _mm256_setr_epi32(d, d + 0x04000400, d + 0x08000800, d + 0x0c000c00, d, d + 0x04000400, d + 0x08000800, d + 0x0c000c00);
    };
    const __m256i first = bytes_to_high(0), second = bytes_to_high(2);
    for (int64_t r = 0; r < count / 4; r++)
      for (int j = 0; j < kPanel; j += 8, quads += 32) {
        const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(quads));
        int16_t* at = to + j / 16 * count * 16 + r * 64 + j % 16 * 2;
        _mm256_store_si256(reinterpret_cast<__m256i*>(at), _mm256_srai_epi16(_mm256_shuffle_epi8(q, first), 8));
        _mm256_store_si256(reinterpret_cast<__m256i*>(at + 32), _mm256_srai_epi16(_mm256_shuffle_epi8(q, second), 8));
      }
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

/// Without VNNI: weights of eight bits and activations as words, multiplied in pairs; exact.
struct Words {
  static constexpr int kCount = kGroup, kBytes = 2;

  template <int M>
  static void dot(const Group& g, __m256i (*sum)[2]) {
#pragma GCC unroll 16
    for (int p = 0; p < kGroup / 2; p++) {
      const __m256i w0 = g.weights(p, 0), w1 = g.weights(p, 1);
#pragma GCC unroll 4
      for (int i = 0; i < M; i++) {
        const __m256i x = g.row(i, p);
        const __m256i y0 = _mm256_madd_epi16(x, w0), y1 = _mm256_madd_epi16(x, w1);
        sum[i][0] = p ? _mm256_add_epi32(sum[i][0], y0) : y0;
        sum[i][1] = p ? _mm256_add_epi32(sum[i][1], y1) : y1;
        settle(sum[i][0]), settle(sum[i][1]);
      }
    }
  }
};

/// Narrower weights stay bytes: their products with u = q + 128 add up within 16 bits over Quads fours; exact too.
template <int Count, int Quads>
struct Bytes {
  static constexpr int kCount = Count, kBytes = 1;

  template <int M>
  static void dot(const Group& g, __m256i (*sum)[2]) {
    const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 4
    for (int p = 0; p < Count / 4; p += Quads) {
      __m256i pairs[M][2];
#pragma GCC unroll 8
      for (int s = 0; s < Quads; s++) {
        const __m256i w0 = g.weights(p + s, 0), w1 = g.weights(p + s, 1);
#pragma GCC unroll 4
        for (int i = 0; i < M; i++) {
          const __m256i x = g.row(i, p + s);
          const __m256i y0 = _mm256_maddubs_epi16(x, w0), y1 = _mm256_maddubs_epi16(x, w1);
          pairs[i][0] = s ? _mm256_add_epi16(pairs[i][0], y0) : y0;
          pairs[i][1] = s ? _mm256_add_epi16(pairs[i][1], y1) : y1;
          settle(pairs[i][0]), settle(pairs[i][1]);
        }
      }
#pragma GCC unroll 4
      for (int i = 0; i < M; i++) {
        sum[i][0] = _mm256_add_epi32(p ? sum[i][0] : g.start(0), _mm256_madd_epi16(pairs[i][0], ones));
        sum[i][1] = _mm256_add_epi32(p ? sum[i][1] : g.start(1), _mm256_madd_epi16(pairs[i][1], ones));
        settle(sum[i][0]), settle(sum[i][1]);
      }
    }
  }
};

void tile_any_int8(int64_t first, int64_t m, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  if (b.words) return tile_int8<Words>(first, m, columns, a, b, c, stride, add);
  if (b.group == 16) return tile_int8<Bytes<16, 2>>(first, m, columns, a, b, c, stride, add);  // Q6_K
  switch (b.quads) {
    case 8: return tile_int8<Bytes<kGroup, 8>>(first, m, columns, a, b, c, stride, add);
    case 4: return tile_int8<Bytes<kGroup, 4>>(first, m, columns, a, b, c, stride, add);
    default: return tile_int8<Bytes<kGroup, 2>>(first, m, columns, a, b, c, stride, add);
  }
}

}  // namespace

const Kernels& avx2_kernels() {
  static const Kernels table = [] {
    Kernels made = make_table<Avx2>("avx2");
    made.tile_int8 = tile_any_int8;
    made.interleave = kInt8Rows;
    made.interleave_rows = interleave_rows;
    made.words = true;
    made.widen = widen<Avx2>;
    return made;
  }();
  return table;
}

}  // namespace dimoo::cpu

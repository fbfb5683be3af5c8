// The instructions that the AVX-512 kernels use, in plain C++, so that machines without them run the very sources: this file stands in
// for the compiler's own <immintrin.h>. One function per instruction, lane by lane as the manual says; fused where the machine fuses.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/dtype.h"

typedef float __m512 __attribute__((vector_size(64)));
typedef long long __m512i __attribute__((vector_size(64)));
typedef short __m512bh __attribute__((vector_size(64)));
typedef long long __m256i __attribute__((vector_size(32)));
typedef short __m256bh __attribute__((vector_size(32)));
typedef long long __m128i __attribute__((vector_size(16)));
typedef uint16_t __mmask16;

inline constexpr int _MM_FROUND_TO_NEAREST_INT = 0, _MM_FROUND_NO_EXC = 8;

namespace avx512_model {

template <class Lane, class Vector>
struct Lanes {
  static constexpr int kCount = sizeof(Vector) / sizeof(Lane);
  Lane at[kCount];

  explicit Lanes(Vector v) { std::memcpy(at, &v, sizeof v); }
  Lanes() : at{} {}
  operator Vector() const {
    Vector v;
    std::memcpy(&v, at, sizeof v);
    return v;
  }
};
using Floats = Lanes<float, __m512>;
using Ints = Lanes<int32_t, __m512i>;

template <class To, class Body>
To each(Body body) {
  To out;
  for (int i = 0; i < To::kCount; i++) out.at[i] = body(i);
  return out;
}
template <class Vector>
Vector load(const void* p) {
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

}  // namespace avx512_model

#define DIMOO_MODEL inline __attribute__((unused))

DIMOO_MODEL __m512 _mm512_loadu_ps(const void* p) { return avx512_model::load<__m512>(p); }
DIMOO_MODEL __m512i _mm512_loadu_si512(const void* p) { return avx512_model::load<__m512i>(p); }
DIMOO_MODEL __m256i _mm256_loadu_si256(const __m256i* p) { return avx512_model::load<__m256i>(p); }
DIMOO_MODEL __m128i _mm_loadu_si128(const __m128i* p) { return avx512_model::load<__m128i>(p); }
DIMOO_MODEL void _mm512_storeu_ps(void* p, __m512 v) { std::memcpy(p, &v, sizeof v); }
DIMOO_MODEL void _mm512_storeu_si512(void* p, __m512i v) { std::memcpy(p, &v, sizeof v); }
DIMOO_MODEL void _mm_storeu_si128(__m128i* p, __m128i v) { std::memcpy(p, &v, sizeof v); }

/// Masked lanes are neither read nor written.
DIMOO_MODEL __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const float* p) {
  return avx512_model::each<avx512_model::Floats>([&](int i) { return mask >> i & 1 ? p[i] : 0.0f; });
}
DIMOO_MODEL void _mm512_mask_storeu_ps(float* p, __mmask16 mask, __m512 v) {
  const avx512_model::Floats from(v);
  for (int i = 0; i < 16; i++)
    if (mask >> i & 1) p[i] = from.at[i];
}
DIMOO_MODEL void _mm256_mask_storeu_epi16(void* p, __mmask16 mask, __m256i v) {
  const avx512_model::Lanes<int16_t, __m256i> from(v);
  for (int i = 0; i < 16; i++)
    if (mask >> i & 1) std::memcpy(static_cast<int16_t*>(p) + i, &from.at[i], 2);
}

DIMOO_MODEL __m512 _mm512_set1_ps(float v) {
  return avx512_model::each<avx512_model::Floats>([&](int) { return v; });
}
DIMOO_MODEL __m512 _mm512_setzero_ps() { return _mm512_set1_ps(0); }
DIMOO_MODEL __m512i _mm512_set1_epi32(int v) {
  return avx512_model::each<avx512_model::Ints>([&](int) { return v; });
}
DIMOO_MODEL __m512i _mm512_set1_epi16(short v) {
  return avx512_model::each<avx512_model::Lanes<int16_t, __m512i>>([&](int) { return v; });
}
DIMOO_MODEL __m512i _mm512_set1_epi8(char v) {
  return avx512_model::each<avx512_model::Lanes<int8_t, __m512i>>([&](int) { return static_cast<int8_t>(v); });
}
DIMOO_MODEL __m512i _mm512_setzero_si512() { return _mm512_set1_epi32(0); }

DIMOO_MODEL __m512 _mm512_add_ps(__m512 a, __m512 b) { return a + b; }
DIMOO_MODEL __m512 _mm512_sub_ps(__m512 a, __m512 b) { return a - b; }
DIMOO_MODEL __m512 _mm512_mul_ps(__m512 a, __m512 b) { return a * b; }
DIMOO_MODEL __m512 _mm512_div_ps(__m512 a, __m512 b) { return a / b; }
DIMOO_MODEL __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c) {
  const avx512_model::Floats x(a), y(b), z(c);
  return avx512_model::each<avx512_model::Floats>([&](int i) { return std::fma(x.at[i], y.at[i], z.at[i]); });
}
/// The second operand where either is NaN or both are zero.
DIMOO_MODEL __m512 _mm512_max_ps(__m512 a, __m512 b) {
  const avx512_model::Floats x(a), y(b);
  return avx512_model::each<avx512_model::Floats>([&](int i) { return x.at[i] > y.at[i] ? x.at[i] : y.at[i]; });
}
DIMOO_MODEL __m512 _mm512_min_ps(__m512 a, __m512 b) {
  const avx512_model::Floats x(a), y(b);
  return avx512_model::each<avx512_model::Floats>([&](int i) { return x.at[i] < y.at[i] ? x.at[i] : y.at[i]; });
}
DIMOO_MODEL __m512 _mm512_roundscale_ps(__m512 a, int) {
  const avx512_model::Floats x(a);
  return avx512_model::each<avx512_model::Floats>([&](int i) { return std::nearbyint(x.at[i]); });
}
DIMOO_MODEL __m512 _mm512_scalef_ps(__m512 a, __m512 b) {
  const avx512_model::Floats x(a), y(b);
  return avx512_model::each<avx512_model::Floats>([&](int i) { return std::ldexp(x.at[i], static_cast<int>(std::floor(y.at[i]))); });
}
DIMOO_MODEL float _mm512_reduce_add_ps(__m512 v) {
  avx512_model::Floats x(v);
  for (int step = 8; step > 0; step /= 2)
    for (int i = 0; i < step; i++) x.at[i] += x.at[i + step];
  return x.at[0];
}
DIMOO_MODEL float _mm512_reduce_max_ps(__m512 v) {
  avx512_model::Floats x(v);
  for (int step = 8; step > 0; step /= 2)
    for (int i = 0; i < step; i++) x.at[i] = x.at[i] > x.at[i + step] ? x.at[i] : x.at[i + step];
  return x.at[0];
}

DIMOO_MODEL __m512 _mm512_cvtepi32_ps(__m512i v) {
  const avx512_model::Ints x(v);
  return avx512_model::each<avx512_model::Floats>([&](int i) { return static_cast<float>(x.at[i]); });
}
/// What does not fit, NaN among it, becomes the lowest integer.
DIMOO_MODEL __m512i _mm512_cvtps_epi32(__m512 v) {
  const avx512_model::Floats x(v);
  return avx512_model::each<avx512_model::Ints>(
      [&](int i) { return std::fabs(x.at[i]) < 0x1p31f ? static_cast<int32_t>(std::nearbyint(x.at[i])) : INT32_MIN; });
}
DIMOO_MODEL __m128i _mm512_cvtepi32_epi8(__m512i v) {
  const avx512_model::Ints x(v);
  return avx512_model::each<avx512_model::Lanes<int8_t, __m128i>>([&](int i) { return static_cast<int8_t>(x.at[i]); });
}
DIMOO_MODEL __m512i _mm512_cvtepu8_epi32(__m128i v) {
  const avx512_model::Lanes<uint8_t, __m128i> x(v);
  return avx512_model::each<avx512_model::Ints>([&](int i) { return x.at[i]; });
}
DIMOO_MODEL __m512i _mm512_cvtepi8_epi32(__m128i v) {
  const avx512_model::Lanes<int8_t, __m128i> x(v);
  return avx512_model::each<avx512_model::Ints>([&](int i) { return x.at[i]; });
}
DIMOO_MODEL __m512 _mm512_cvtph_ps(__m256i v) {
  const avx512_model::Lanes<uint16_t, __m256i> x(v);
  return avx512_model::each<avx512_model::Floats>([&](int i) { return dimoo::f16_to_f32(x.at[i]); });
}
DIMOO_MODEL __m256bh _mm512_cvtneps_pbh(__m512 v) {
  const avx512_model::Floats x(v);
  return avx512_model::each<avx512_model::Lanes<int16_t, __m256bh>>(
      [&](int i) { return static_cast<int16_t>(dimoo::f32_to_bf16(x.at[i])); });
}

DIMOO_MODEL __m512i _mm512_add_epi32(__m512i a, __m512i b) {
  const avx512_model::Lanes<uint32_t, __m512i> x(a), y(b);
  return avx512_model::each<avx512_model::Lanes<uint32_t, __m512i>>([&](int i) { return x.at[i] + y.at[i]; });
}
DIMOO_MODEL __m512i _mm512_mullo_epi32(__m512i a, __m512i b) {
  const avx512_model::Lanes<uint32_t, __m512i> x(a), y(b);
  return avx512_model::each<avx512_model::Lanes<uint32_t, __m512i>>([&](int i) { return x.at[i] * y.at[i]; });
}
DIMOO_MODEL __m512i _mm512_madd_epi16(__m512i a, __m512i b) {
  const avx512_model::Lanes<int16_t, __m512i> x(a), y(b);
  return avx512_model::each<avx512_model::Ints>([&](int i) { return x.at[2 * i] * y.at[2 * i] + x.at[2 * i + 1] * y.at[2 * i + 1]; });
}
/// Unsigned times signed, pairs saturated to 16 bits.
DIMOO_MODEL __m512i _mm512_maddubs_epi16(__m512i a, __m512i b) {
  const avx512_model::Lanes<uint8_t, __m512i> x(a);
  const avx512_model::Lanes<int8_t, __m512i> y(b);
  return avx512_model::each<avx512_model::Lanes<int16_t, __m512i>>([&](int i) {
    const int sum = x.at[2 * i] * y.at[2 * i] + x.at[2 * i + 1] * y.at[2 * i + 1];
    return static_cast<int16_t>(sum > INT16_MAX ? INT16_MAX : sum < INT16_MIN ? INT16_MIN : sum);
  });
}
DIMOO_MODEL __m512i _mm512_dpbusd_epi32(__m512i sum, __m512i a, __m512i b) {
  const avx512_model::Ints s(sum);
  const avx512_model::Lanes<uint8_t, __m512i> x(a);
  const avx512_model::Lanes<int8_t, __m512i> y(b);
  return avx512_model::each<avx512_model::Ints>([&](int i) {
    int32_t four = s.at[i];
    for (int j = 0; j < 4; j++) four += x.at[4 * i + j] * y.at[4 * i + j];
    return four;
  });
}
/// The odd pair first; each product is fused into the sum.
DIMOO_MODEL __m512 _mm512_dpbf16_ps(__m512 sum, __m512bh a, __m512bh b) {
  const avx512_model::Floats s(sum);
  const avx512_model::Lanes<uint16_t, __m512bh> x(a), y(b);
  const auto wide = [](uint16_t v) { return dimoo::bf16_to_f32(v); };
  return avx512_model::each<avx512_model::Floats>([&](int i) {
    const float odd = std::fma(wide(x.at[2 * i + 1]), wide(y.at[2 * i + 1]), s.at[i]);
    return std::fma(wide(x.at[2 * i]), wide(y.at[2 * i]), odd);
  });
}

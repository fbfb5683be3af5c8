// NEON as the vector type of simd_kernels.h: 4 lanes, tiles of 6 rows x 4 vectors (24 sums, 4 weights, 1 activation: 29 of 32
// registers). Included by the files of one instruction set, inside their own anonymous namespaces. Every arm64 machine has it.
#include <arm_neon.h>

#include <cstdint>

namespace dimoo::cpu {
namespace {

struct Brain;  // simd_kernels.h's
struct Half;

struct Neon {
  using F = float32x4_t;
  static constexpr int kWidth = 4, kTile = 6, kVectors = 4;
  static constexpr bool kBlocks = false;
  static F load(const float* p) { return vld1q_f32(p); }
  static void store(float* p, F v) { vst1q_f32(p, v); }
  static F load_part(const float* p, int count) {  // 1 to 3
    F v = vdupq_n_f32(0);
    if (count & 2) v = vcombine_f32(vld1_f32(p), vdup_n_f32(0));
    if (count == 1) v = vld1q_lane_f32(p, v, 0);
    if (count == 3) v = vld1q_lane_f32(p + 2, v, 2);
    return v;
  }
  static void store_part(float* p, F v, int count) {
    if (count == 4) return vst1q_f32(p, v);
    if (count & 2) vst1_f32(p, vget_low_f32(v));
    if (count == 1) vst1q_lane_f32(p, v, 0);
    if (count == 3) vst1q_lane_f32(p + 2, v, 2);
  }
  static F set(float v) { return vdupq_n_f32(v); }
  static F add(F a, F b) { return vaddq_f32(a, b); }
  static F sub(F a, F b) { return vsubq_f32(a, b); }
  static F mul(F a, F b) { return vmulq_f32(a, b); }
  static F div(F a, F b) { return vdivq_f32(a, b); }
  static F fmadd(F a, F b, F c) { return vfmaq_f32(c, a, b); }
  static F max(F a, F b) { return vmaxq_f32(a, b); }
  static F min(F a, F b) { return vminq_f32(a, b); }
  static F round(F a) { return vrndnq_f32(a); }
  static F scale_by_exp2(F a, F n) {
    const int32x4_t bits = vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23);
    return vmulq_f32(a, vreinterpretq_f32_s32(bits));
  }
  static void store_bytes(uint8_t* p, F v) {
    const uint16x4_t words = vmovn_u32(vcvtnq_u32_f32(v));
    const uint32_t four = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(words, words))), 0);
    __builtin_memcpy(p, &four, 4);
  }
  static F load_halves(const uint16_t* p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
  static F widen(const Brain* p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(reinterpret_cast<const uint16_t*>(p)), 16)); }
  static F widen(const Half* p) { return load_halves(reinterpret_cast<const uint16_t*>(p)); }
  static uint8x8_t four_bytes(const uint8_t* p) {
    uint32_t four;
    __builtin_memcpy(&four, p, 4);
    return vreinterpret_u8_u32(vdup_n_u32(four));
  }
  static F load_bytes(const uint8_t* p) { return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(four_bytes(p))))); }
  static F load_signed_bytes(const uint8_t* p) {
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(four_bytes(p))))));
  }
  static void sum_quads(const int8_t* q, int count, int step, int factor, int32_t* to) {
    int32x4_t sum = vdupq_n_s32(0);
    for (int i = 0; i < count; i++) sum = vpadalq_s16(sum, vpaddlq_s8(vld1q_s8(q + i * step)));
    vst1q_s32(to, vmulq_n_s32(sum, factor));
  }
  static float reduce_add(F v) { return vaddvq_f32(v); }
  static float reduce_max(F v) { return vmaxvq_f32(v); }
};

/// Rounds of 16 independent chains of `step`, to see what a core can do at most.
template <class Sum, class X, class Step>
inline void burn_chains(int64_t rounds, Sum zero, X x, Step step) {
  constexpr int kChains = 16;
  Sum sum[kChains];
#pragma GCC unroll 16
  for (int i = 0; i < kChains; i++) sum[i] = zero;
  for (int64_t r = 0; r < rounds; r++) {
    asm volatile("" : "+w"(x));
#pragma GCC unroll 16
    for (int i = 0; i < kChains; i++) sum[i] = step(sum[i], x);
  }
#pragma GCC unroll 16
  for (int i = 0; i < kChains; i++) asm volatile("" ::"w"(sum[i]));
}
constexpr int64_t kBurned = 16 * 4 * 2;  // operations of a round, for one multiply-add per lane of 32 bits

}  // namespace
}  // namespace dimoo::cpu

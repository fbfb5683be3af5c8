// The kernels for NEON as every arm64 machine has it.
#include "cpu/int8_neon.h"
#include "cpu/widen.h"

namespace dimoo::cpu {
namespace {

/// Without dot products: bytes to 16-bit products, pairs of those added into 32 bits; exact. The halves are joined once a group.
struct NeonInt8 {
  struct Dot {
    int32x4_t low, high;  // columns 0 and 1, 2 and 3; two sums each
  };
  static Dot zero() { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }
  template <int Quad>
  static Dot step(Dot dot, int8x16_t x, int8x16_t w) {
    const int8x16_t four = vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(x), Quad));
    return {vpadalq_s16(dot.low, vmull_s8(vget_low_s8(four), vget_low_s8(w))), vpadalq_s16(dot.high, vmull_high_s8(four, w))};
  }
  static int32x4_t sum(Dot dot) { return vpaddq_s32(dot.low, dot.high); }
};

}  // namespace

const Kernels& neon_kernels() {
  static const Kernels table = [] {
    Kernels made = make_table<Neon>("neon");
    made.tile_halves = tile_halves<Neon>;
    made.tile_int8 = tile_int8<NeonInt8>;
    made.interleave = 1;
    made.widen = widen<Neon>;
    return made;
  }();
  return table;
}

int64_t peak_neon(int64_t rounds) {
  burn_chains(rounds, vdupq_n_f32(0), vdupq_n_f32(0.5f), [](float32x4_t sum, float32x4_t x) { return vfmaq_f32(sum, x, x); });
  return rounds * kBurned;
}

}  // namespace dimoo::cpu

// Int8 products for arm64's dot products (FEAT_DotProd): sdot adds four signed products per lane. usdot would take the stored bytes
// as they are, but needs FEAT_I8MM, whose matrix products (kernels_neoni8mm.cc) do twice as much.
#include "cpu/int8_neon.h"

namespace dimoo::cpu {
namespace {

struct NeonDot {
  using Dot = int32x4_t;
  static Dot zero() { return vdupq_n_s32(0); }
  template <int Quad>
  static Dot step(Dot dot, int8x16_t x, int8x16_t w) {
    return vdotq_laneq_s32(dot, w, x, Quad);
  }
  static int32x4_t sum(Dot dot) { return dot; }
};

}  // namespace

void add_neondot(Kernels& table) { table.tile_int8 = tile_int8<NeonDot>; }

int64_t peak_neondot(int64_t rounds) {
  burn_chains(rounds, vdupq_n_s32(0), vdupq_n_s8(1), [](int32x4_t sum, int8x16_t x) { return vdotq_s32(sum, x, x); });
  return rounds * kBurned * 4;
}

}  // namespace dimoo::cpu

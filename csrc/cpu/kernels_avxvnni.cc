// Int8 products for AVX-VNNI: dpbusd on 8 lanes, for machines that have it without AVX-512.
#include "cpu/int8_avx.h"

namespace dimoo::cpu {
namespace {

/// Sums start at -128 times the weights' sum of the group, so that u = q + 128 gives exact products of q.
template <int Count>
struct AvxVnni {
  static constexpr int kCount = Count, kBytes = 1;

  template <int M>
  static void dot(const Group& g, __m256i (*sum)[2]) {
#pragma GCC unroll 4
    for (int i = 0; i < M; i++) sum[i][0] = g.start(0), sum[i][1] = g.start(1);
#pragma GCC unroll 8
    for (int p = 0; p < Count / 4; p++) {
      const __m256i w0 = g.weights(p, 0), w1 = g.weights(p, 1);
#pragma GCC unroll 4
      for (int i = 0; i < M; i++) {
        const __m256i x = g.row(i, p);
        sum[i][0] = _mm256_dpbusd_avx_epi32(sum[i][0], x, w0);
        sum[i][1] = _mm256_dpbusd_avx_epi32(sum[i][1], x, w1);
      }
    }
  }
};

void tile(int64_t first, int64_t m, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  if (b.group == kGroup) return tile_int8<AvxVnni<kGroup>>(first, m, columns, a, b, c, stride, add);
  tile_int8<AvxVnni<16>>(first, m, columns, a, b, c, stride, add);  // Q6_K
}

}  // namespace

void add_avxvnni(Kernels& table) {
  table.tile_int8 = tile;
  table.words = false;
}

}  // namespace dimoo::cpu

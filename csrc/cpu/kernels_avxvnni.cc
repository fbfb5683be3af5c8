// Int8 products for AVX-VNNI: dpbusd on 8 lanes, for machines that have it without AVX-512.
#include "cpu/int8_avx.h"

namespace dimoo::cpu {
namespace {

/// Sums start at -128 times the weights' sum of the group, so that u = q + 128 gives exact products of q.
struct AvxVnni {
  static __m256i start(const int32_t* offsets) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(offsets)); }
  static __m256i step(__m256i sum, __m256i x, __m256i w) { return _mm256_dpbusd_avx_epi32(sum, x, w); }
};

}  // namespace

void add_avxvnni(Kernels& table) {
  table.tile_int8 = tile_int8<AvxVnni>;
  table.rows_int8 = kInt8Rows;
}

}  // namespace dimoo::cpu

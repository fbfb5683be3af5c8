// bf16 products for FEAT_BF16: bfmmla multiplies 2 rows x 4 values by 4 values x 2 columns, twice bfdot's work at the same rate. Its
// operands come from the pairs of all other variants by joining two neighbouring pairs along K in registers, so panels and packed
// rows stay as they are. It rounds to odd after each pair and takes denormals for zero (Arm ARM, BFDotAdd), which costs a bit of each
// sum against x86's dpbf16. Tiles of 6 rows x 16 columns: 24 sums, 3 pairs of rows, 2 weights.
#include "cpu/kernels.h"
#include "cpu/neon.h"

namespace dimoo::cpu {
namespace {

constexpr int kTile = Neon::kTile, kColumns = 16, kPairs = kColumns / 2;

inline bfloat16x8_t as_bf16(uint32x4_t v) { return vreinterpretq_bf16_u32(v); }

/// Pairs p and p + 1 of rows i and i + 1, as bfmmla takes them: from packed activations, and from rows that lie `pitch` apart.
struct PackedRows {
  const uint32_t* a;
  template <int M>
  bfloat16x8_t at(int i, int64_t p, bool second) const {
    const uint32x2_t zero = vdup_n_u32(0), x = vld1_u32(a + p * kTile + i), y = second ? vld1_u32(a + (p + 1) * kTile + i) : zero;
    return as_bf16(vcombine_u32(vzip1_u32(x, y), vzip2_u32(x, y)));
  }
};
struct PlainRows {
  const uint32_t* a;
  int64_t pitch;
  uint32x2_t row(int i, int64_t p, bool second) const {
    const uint32_t* from = a + i * pitch + p;
    return second ? vld1_u32(from) : vset_lane_u32(*from, vdup_n_u32(0), 0);
  }
  template <int M>
  bfloat16x8_t at(int i, int64_t p, bool second) const {
    return as_bf16(vcombine_u32(row(i, p, second), i + 1 < M ? row(i + 1, p, second) : vdup_n_u32(0)));
  }
};

/// sum += pairs p and p + 1, or the last one alone.
template <int M, class A>
inline void add_four(A a, int64_t p, const uint32_t* b, bool second, float32x4_t (&sum)[(M + 1) / 2][kPairs]) {
  bfloat16x8_t x[(M + 1) / 2];
#pragma GCC unroll 3
  for (int i = 0; i < (M + 1) / 2; i++) x[i] = a.template at<M>(2 * i, p, second);
#pragma GCC unroll 4
  for (int j = 0; j < kPairs / 2; j++) {
    const uint32x4_t w0 = vld1q_u32(b + j * 4), w1 = second ? vld1q_u32(b + kPanel + j * 4) : vdupq_n_u32(0);
    const bfloat16x8_t low = as_bf16(vzip1q_u32(w0, w1)), high = as_bf16(vzip2q_u32(w0, w1));
#pragma GCC unroll 3
    for (int i = 0; i < (M + 1) / 2; i++) {
      sum[i][2 * j] = vbfmmlaq_f32(sum[i][2 * j], x[i], low);
      sum[i][2 * j + 1] = vbfmmlaq_f32(sum[i][2 * j + 1], x[i], high);
    }
  }
}

/// Sixteen columns of M rows, `left` of which exist; panels are always whole.
template <int M, class A>
inline void tile_body(int64_t pairs, int left, A a, const uint32_t* b, float* c, int64_t stride, bool add) {
  float32x4_t sum[(M + 1) / 2][kPairs];
#pragma GCC unroll 3
  for (int i = 0; i < (M + 1) / 2; i++)
#pragma GCC unroll 8
    for (int j = 0; j < kPairs; j++) sum[i][j] = vdupq_n_f32(0);
  int64_t p = 0;
  for (; p + 2 <= pairs; p += 2, b += 2 * kPanel) add_four<M>(a, p, b, true, sum);
  if (p < pairs) add_four<M>(a, p, b, false, sum);
#pragma GCC unroll 6
  for (int i = 0; i < M; i++)
#pragma GCC unroll 4
    for (int j = 0; j < kPairs; j += 2) {
      const float64x2_t x = vreinterpretq_f64_f32(sum[i / 2][j]), y = vreinterpretq_f64_f32(sum[i / 2][j + 1]);
      const float32x4_t v = vreinterpretq_f32_f64(i % 2 ? vzip2q_f64(x, y) : vzip1q_f64(x, y));
      float* at = c + i * stride + 2 * j;
      if (left - 2 * j >= 4)
        vst1q_f32(at, add ? vaddq_f32(vld1q_f32(at), v) : v);
      else if (left > 2 * j)
        Neon::store_part(at, add ? vaddq_f32(Neon::load_part(at, left - 2 * j), v) : v, left - 2 * j);
    }
}

template <class A>
inline void tile_columns(int m, int columns, int64_t pairs, A a, const uint32_t* b, float* c, int64_t stride, bool add) {
  for (int at = 0; at < columns; at += kColumns) switch (m) {
      case 1: tile_body<1>(pairs, columns - at, a, b + at, c + at, stride, add); break;
      case 2: tile_body<2>(pairs, columns - at, a, b + at, c + at, stride, add); break;
      case 3: tile_body<3>(pairs, columns - at, a, b + at, c + at, stride, add); break;
      case 4: tile_body<4>(pairs, columns - at, a, b + at, c + at, stride, add); break;
      case 5: tile_body<5>(pairs, columns - at, a, b + at, c + at, stride, add); break;
      default: tile_body<6>(pairs, columns - at, a, b + at, c + at, stride, add); break;
    }
}

void tile_bf16(int m, int columns, int64_t k, const uint16_t* a, const uint16_t* b, float* c, int64_t stride, bool add) {
  tile_columns(m, columns, k / 2, PackedRows{reinterpret_cast<const uint32_t*>(a)}, reinterpret_cast<const uint32_t*>(b), c, stride, add);
}

void tile_rows_bf16(int m, int columns, int64_t pairs, const uint32_t* a, int64_t pitch, const uint32_t* b, float* c, int64_t stride,
                    bool add) {
  tile_columns(m, columns, pairs, PlainRows{a, pitch}, b, c, stride, add);
}

void round_bf16(const float* x, int64_t count, uint16_t* out) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) vst1_u16(out + i, vreinterpret_u16_bf16(vcvt_bf16_f32(vld1q_f32(x + i))));
  if (i == count) return;
  const int left = static_cast<int>(count - i);
  uint16_t last[4];
  vst1_u16(last, vreinterpret_u16_bf16(vcvt_bf16_f32(Neon::load_part(x + i, left))));
  for (int j = 0; j < left; j++) out[i + j] = last[j];
}

}  // namespace

void add_neonbf16(Kernels& table) {
  table.tile_bf16 = tile_bf16;
  table.tile_rows_bf16 = tile_rows_bf16;
  table.round_bf16 = round_bf16;
}

int64_t peak_neonbf16(int64_t rounds) {
  burn_chains(rounds, vdupq_n_f32(0), vdupq_n_u32(0x3f003f00),
              [](float32x4_t sum, uint32x4_t x) { return vbfmmlaq_f32(sum, as_bf16(x), as_bf16(x)); });
  return rounds * kBurned * 4;
}

}  // namespace dimoo::cpu

// Int8 products for FEAT_I8MM: usmmla multiplies 2 rows x 8 values by 8 values x 2 columns, twice sdot's work at the same rate on the
// cores that have both. Panels stay as they are; `widen` puts the eight values of a column side by side ([k/8][64][8]) once for all rows
// of a task. Sums start at -128 times the weights' sum of the group, so that u = q + 128 gives exact products of q; each output is
// summed over the groups in the same order as everywhere. Tiles of 6 rows x 8 columns: 12 dots, 12 sums, 7 operands.
#include "cpu/neon.h"
#include "cpu/widen.h"

namespace dimoo::cpu {
namespace {

constexpr int kRows = 6, kColumns = 8, kPairs = kColumns / 2;

/// Two rows of quads [2][64][4] become [64][8]; to may be from.
void join_quads(const int8_t* from, int8_t* to) {
  int8_t rows[2 * kQuadRow];
  __builtin_memcpy(rows, from, sizeof rows);
  for (int i = 0; i < kQuadRow; i += 16) {
    const int32x4_t first = vreinterpretq_s32_s8(vld1q_s8(rows + i)), second = vreinterpretq_s32_s8(vld1q_s8(rows + kQuadRow + i));
    vst1q_s8(to + 2 * i, vreinterpretq_s8_s32(vzip1q_s32(first, second)));
    vst1q_s8(to + 2 * i + 16, vreinterpretq_s8_s32(vzip2q_s32(first, second)));
  }
}

Int8Panel widen_joined(const PackedPiece& piece, void* room) {
  Int8Panel out = widen<Neon>(piece, room);
  auto* values = static_cast<int8_t*>(room);
  for (int64_t at = 0; at < piece.count * kPanel; at += 2 * kQuadRow) join_quads(out.q + at, values + at);
  out.q = values;
  return out;
}

/// Both rows' value beside each other's: (a, a, b, b).
inline float32x4_t twice_each(float a, float b) { return vcombine_f32(vdup_n_f32(a), vdup_n_f32(b)); }
/// What both rows take of two columns: (c, c + 1, c, c + 1).
inline float32x4_t both_rows(const float* columns) { return vcombine_f32(vld1_f32(columns), vld1_f32(columns)); }
inline int32x4_t both_rows(const int32_t* columns) { return vcombine_s32(vld1_s32(columns), vld1_s32(columns)); }

/// Rows of one tile in pairs: the second of a last odd pair is the first again, and is not stored.
template <int M>
struct Rows {
  static constexpr int kHalf = (M + 1) / 2;
  int64_t row[2 * kHalf];
  explicit Rows(int64_t first) {
    for (int i = 0; i < 2 * kHalf; i++) row[i] = first + (i < M ? i : M - 1);
  }
};

/// dot += sixteen values of K; q: the columns' first eight values.
template <int M>
inline void add_sixteen(const Rows<M>& rows, const Int8Rows& a, int64_t p, const int8_t* q, int32x4_t (&dot)[Rows<M>::kHalf][kPairs]) {
  uint8x16_t low[Rows<M>::kHalf], high[Rows<M>::kHalf];
#pragma GCC unroll 3
  for (int i = 0; i < Rows<M>::kHalf; i++) {
    const uint64x2_t x = vreinterpretq_u64_u8(vld1q_u8(a.u + rows.row[2 * i] * a.k + p));
    const uint64x2_t y = vreinterpretq_u64_u8(vld1q_u8(a.u + rows.row[2 * i + 1] * a.k + p));
    low[i] = vreinterpretq_u8_u64(vzip1q_u64(x, y)), high[i] = vreinterpretq_u8_u64(vzip2q_u64(x, y));
  }
#pragma GCC unroll 4
  for (int j = 0; j < kPairs; j++) {
    const int8x16_t w0 = vld1q_s8(q + j * 16), w1 = vld1q_s8(q + 2 * kQuadRow + j * 16);
#pragma GCC unroll 3
    for (int i = 0; i < Rows<M>::kHalf; i++) dot[i][j] = vusmmlaq_s32(dot[i][j], low[i], w0);
#pragma GCC unroll 3
    for (int i = 0; i < Rows<M>::kHalf; i++) dot[i][j] = vusmmlaq_s32(dot[i][j], high[i], w1);
  }
}

/// The sums of rows 2i and 2i + 1 lie in halves of vectors: (r, c), (r, c + 1), (r + 1, c), (r + 1, c + 1).
template <int M>
inline void store_tile(const float32x4_t (&sum)[Rows<M>::kHalf][kPairs], int left, float* c, int64_t stride, bool add) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < kPairs && 2 * j < left; j += 2) {
      const float64x2_t x = vreinterpretq_f64_f32(sum[i / 2][j]), y = vreinterpretq_f64_f32(sum[i / 2][j + 1]);
      const float32x4_t v = vreinterpretq_f32_f64(i % 2 ? vzip2q_f64(x, y) : vzip1q_f64(x, y));
      float* at = c + i * stride + 2 * j;
      if (left - 2 * j >= 4)
        vst1q_f32(at, add ? vaddq_f32(vld1q_f32(at), v) : v);
      else
        Neon::store_part(at, add ? vaddq_f32(Neon::load_part(at, left - 2 * j), v) : v, left - 2 * j);
    }
}

template <int M>
inline void tile_columns(int64_t first, int column, int left, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  constexpr int kHalf = Rows<M>::kHalf;
  const Rows<M> rows(first);
  float32x4_t sum[kHalf][kPairs];
  for (int i = 0; i < kHalf; i++)
    for (int j = 0; j < kPairs; j++) sum[i][j] = vdupq_n_f32(0);
  for (int64_t g = 0; g < b.groups; g++) {
    int32x4_t dot[kHalf][kPairs];
#pragma GCC unroll 4
    for (int j = 0; j < kPairs; j++)
      for (int i = 0; i < kHalf; i++) dot[i][j] = both_rows(b.offset + g * kPanel + column + 2 * j);
    for (int64_t p = g * b.group; p < (g + 1) * b.group; p += 16) add_sixteen<M>(rows, a, p, b.q + p * kPanel + column * 8, dot);
#pragma GCC unroll 3
    for (int i = 0; i < kHalf; i++) {
      const int64_t part = g * b.group / kGroup, x = rows.row[2 * i] * (a.k / kGroup) + part,
                    y = rows.row[2 * i + 1] * (a.k / kGroup) + part;
      const float32x4_t scale = twice_each(a.scale[x], a.scale[y]);
#pragma GCC unroll 4
      for (int j = 0; j < kPairs; j++) {
        const int64_t w = g * kPanel + column + 2 * j;
        sum[i][j] = vfmaq_f32(sum[i][j], vcvtq_f32_s32(dot[i][j]), vmulq_f32(scale, both_rows(b.scale + w)));
        if (b.minimum) sum[i][j] = vfmaq_f32(sum[i][j], twice_each(a.sum[x], a.sum[y]), both_rows(b.minimum + w));
      }
    }
  }
  store_tile<M>(sum, left, c + column, stride, add);
}

/// Eight columns' piece of K stays in L1 while all rows pass by.
void tile_int8(int64_t first, int64_t m, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  for (int column = 0; column < columns; column += kColumns) {
    const int left = columns - column;
    int64_t i = 0;
    for (; i + kRows <= m; i += kRows) tile_columns<kRows>(first + i, column, left, a, b, c + i * stride, stride, add);
    switch (m - i) {
      case 1: tile_columns<1>(first + i, column, left, a, b, c + i * stride, stride, add); break;
      case 2: tile_columns<2>(first + i, column, left, a, b, c + i * stride, stride, add); break;
      case 3: tile_columns<3>(first + i, column, left, a, b, c + i * stride, stride, add); break;
      case 4: tile_columns<4>(first + i, column, left, a, b, c + i * stride, stride, add); break;
      case 5: tile_columns<5>(first + i, column, left, a, b, c + i * stride, stride, add); break;
      default: break;
    }
  }
}

}  // namespace

void add_neoni8mm(Kernels& table) {
  table.tile_int8 = tile_int8;
  table.widen = widen_joined;
}

int64_t peak_neoni8mm(int64_t rounds) {
  burn_chains(rounds, vdupq_n_s32(0), vdupq_n_s8(1),
              [](int32x4_t sum, int8x16_t x) { return vusmmlaq_s32(sum, vreinterpretq_u8_s8(x), x); });
  return rounds * kBurned * 8;
}

}  // namespace dimoo::cpu

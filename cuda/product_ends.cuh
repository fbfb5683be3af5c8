// What becomes of a tile's sums: stored, added, gated, or turned; in f32 or bf16; to their own rows or to other places. Two neighbouring
// results of a row lie in one thread and are written at once where the rows allow it.
#pragma once
#include "cuda/product_tiles.cuh"

namespace dimoo::cuda::product {

/// One row of a result that may be f32 or bf16.
template <Result kResult>
struct ResultRow {
  std::byte* data;
  bool narrow;

  __device__ ResultRow(const Operands& o, int64_t row) : narrow(o.narrow) {
    const int64_t size = narrow ? 2 : 4;
    data = static_cast<std::byte*>(o.out) + row * o.out_stride * size;
    if constexpr (kResult == Result::store || kResult == Result::turned)
      for (int i = 0; i < o.place_count; i++) {
        const PlacedRows& p = o.places[i];
        const int64_t in = row - p.first;
        if (in >= 0 && in < p.count)
          data = static_cast<std::byte*>(p.out) + (p.rows ? static_cast<int64_t>(p.rows[in]) : in) * p.stride * size;
      }
  }
  __device__ void put(int64_t column, float value) const {
    if constexpr (kResult == Result::add)
      reinterpret_cast<float*>(data)[column] += value;
    else if (narrow)
      reinterpret_cast<uint16_t*>(data)[column] = bf16_bits(value);
    else
      reinterpret_cast<float*>(data)[column] = value;
  }
  /// Columns `column` and the next.
  __device__ void put_both(int64_t column, float first, float second) const {
    if constexpr (kResult == Result::add) {
      auto* to = reinterpret_cast<float2*>(reinterpret_cast<float*>(data) + column);
      const float2 before = *to;
      *to = {before.x + first, before.y + second};
    } else if (narrow) {
      *reinterpret_cast<uint32_t*>(reinterpret_cast<uint16_t*>(data) + column) = ptx::pack_bf16(first, second);
    } else {
      *reinterpret_cast<float2*>(reinterpret_cast<float*>(data) + column) = {first, second};
    }
  }
  /// Those of both that are left of `end`.
  template <bool kWhole>
  __device__ void put_pair(int64_t column, int64_t end, float first, float second) const {
    if constexpr (kWhole) {
      put_both(column, first, second);
    } else {
      if (column < end) put(column, first);
      if (column + 1 < end) put(column + 1, second);
    }
  }
};

__device__ inline float silu(float x) { return __fdividef(x, 1.0f + expf(-x)); }

/// Rotary on the way out: columns of pairs, the first `half` of a head in a row's first half of sums. `half` is even where kWhole.
template <class S, bool kWhole>
__device__ inline void turn_row(const Operands& o, int64_t row, int64_t pair0, const float (&sum)[S::kN][4], int upper) {
  const int half = o.turned.half;
  const int64_t pairs = o.w.rows / 2;
  const ResultRow<Result::turned> to(o, row);
  const float* angles = o.turned.table + o.turned.positions[row] * o.turned.table_stride;
#pragma unroll
  for (int j = 0; j < S::kN / 2; j++) {
    const int64_t pair = pair0 + j * 8 + sum_column(threadIdx.x % 32, 0);
    float turned[2][2];
#pragma unroll
    for (int c = 0; c < 2; c++) {
      if (!kWhole && pair + c >= pairs) continue;
      const int64_t in = (pair + c) % half;
      const float a = sum[j][upper * 2 + c], b = sum[j + S::kN / 2][upper * 2 + c], co = angles[in], si = angles[half + in];
      turned[0][c] = a * co - b * si, turned[1][c] = b * co + a * si;
      if constexpr (!kWhole) {
        const int64_t n = turned_column(pair + c, half);
        to.put(n, turned[0][c]), to.put(n + half, turned[1][c]);
      }
    }
    if constexpr (kWhole) {
      const int64_t n = turned_column(pair, half);
      to.put_both(n, turned[0][0], turned[0][1]), to.put_both(n + half, turned[1][0], turned[1][1]);
    }
  }
}

template <class S, Result kResult, bool kWhole>
__device__ inline void finish_row(const Operands& o, int64_t row, int64_t col0, const float (&sum)[S::kN][4], int upper) {
  if constexpr (kResult == Result::turned) {
    turn_row<S, kWhole>(o, row, col0, sum, upper);
  } else {
    constexpr int kOut = kPaired<kResult> ? S::kN / 2 : S::kN;
    const ResultRow<kResult> to(o, row);
#pragma unroll
    for (int j = 0; j < kOut; j++) {
      float first = sum[j][upper * 2], second = sum[j][upper * 2 + 1];
      if constexpr (kResult == Result::gated)
        first = silu(first) * sum[j + kOut][upper * 2], second = silu(second) * sum[j + kOut][upper * 2 + 1];
      to.template put_pair<kWhole>(col0 + j * 8 + sum_column(threadIdx.x % 32, 0), o.w.rows, first, second);
    }
  }
}

/// The sums of the warp at (row0, col0) of the results.
template <class S, Result kResult>
__device__ inline void finish(const Operands& o, int64_t row0, int64_t col0, const float (&sum)[S::kM][S::kN][4]) {
  constexpr int kWarpOut = kPaired<kResult> ? S::kWarpCols / 2 : S::kWarpCols;
  const bool whole = o.even && col0 + kWarpOut <= (kResult == Result::turned ? o.w.rows / 2 : o.w.rows);
#pragma unroll
  for (int i = 0; i < S::kM; i++)
#pragma unroll
    for (int upper = 0; upper < 2; upper++) {
      const int64_t row = row0 + i * 16 + sum_row(threadIdx.x % 32, upper * 2);
      if (row >= o.rows) continue;
      if (whole)
        finish_row<S, kResult, true>(o, row, col0, sum[i], upper);
      else
        finish_row<S, kResult, false>(o, row, col0, sum[i], upper);
    }
}

}  // namespace dimoo::cuda::product

// A warp's arithmetic of attention on tensor cores: 16 or 32 queries of a head against tiles of 64 keys, each chunk of keys a softmax of
// its own. Whoever shares out queries calls these; a query's result is the same bits in all.
#pragma once
#include <cuda_runtime.h>

#include <cmath>

#include "cuda/mma_tile.h"
#include "cuda/ptx/convert.cuh"
#include "cuda/ptx/cp_async.cuh"
#include "cuda/ptx/mma.cuh"
#include "cuda/ptx/shared.cuh"
#include "device/device.h"

namespace dimoo::cuda::attention {

inline constexpr int kKeys = 64, kChunk = kKeyChunk;
inline constexpr int kKeyTiles = kKeys / 8;
inline constexpr int kManyWarps = 8, kFewWarps = 2;  // of 16 queries each
inline constexpr unsigned kAll = 0xffffffffu;

/// Softmax so far: of the two rows that a thread holds of its warp's 16, or of one.
template <int kRows>
struct Running {
  float top[kRows], sum[kRows];
};

/// By how much what was summed under maxima `top` and `other` counts once both are put together.
struct Shares {
  float top, mine, others;
};
__device__ inline Shares put_together(float top, float other, float scale) {
  const float highest = fmaxf(top, other);
  return {highest, exp2f((top - highest) * scale), exp2f((other - highest) * scale)};
}

/// How rows of a head lie in shared memory: 16-byte chunks, a row kPitch bytes after the one before.
/// Padded: 16 bytes longer than a head, so that eight rows' equal chunks lie in different banks.
template <int kDim>
struct Padded {
  static constexpr int kPitch = (kDim + 8) * 2;
  __device__ static uint32_t at(int row, int chunk) { return static_cast<uint32_t>(row * kPitch + chunk * 16); }
  /// From where chunk 0 or 1 of a row lies, `pairs` pairs of chunks further.
  __device__ static uint32_t further(uint32_t from, int pairs) { return from + static_cast<uint32_t>(pairs) * 32; }
};
/// Turned: as long as a head, chunks turned by the row within groups of eight.
template <int kDim>
struct Turning {
  static constexpr int kPitch = kDim * 2;
  static_assert(kDim % 64 == 0);
  __device__ static uint32_t at(int row, int chunk) {
    return static_cast<uint32_t>(row) * kPitch + (static_cast<uint32_t>(chunk) ^ (static_cast<uint32_t>(row) & 7u)) * 16;
  }
  /// One operation or none, as rows begin at multiples of 128 bytes: fewer registers hold addresses than with `at` for each chunk.
  __device__ static uint32_t further(uint32_t from, int pairs) {
    const auto p = static_cast<uint32_t>(pairs);
    return (from ^ (p % 4 * 32)) + p / 4 * 128;
  }
};

/// kRows rows of a head from `from` on (those past `inside` are zeros) to `to` in shared memory.
template <class Lies, int kDim, int kRows, int kThreads>
__device__ inline void load_rows(const uint16_t* from, int64_t stride, int inside, uint32_t to) {
  constexpr int kChunks = kDim / 8;
  static_assert(kRows * kChunks % kThreads == 0);
#pragma unroll 4
  for (int j = 0; j < kRows * kChunks / kThreads; j++) {
    const int i = j * kThreads + static_cast<int>(threadIdx.x), row = i / kChunks, chunk = i % kChunks;
    const bool there = row < inside;
    ptx::cp_async(to + Lies::at(row, chunk), from + (there ? row * stride + chunk * 8 : 0), there ? 16 : 0);
  }
}

/// The two or four sums of a thread's rows of one tile of 16 queries.
using ScoreTile = float[kKeyTiles][4];

/// score (kM x 16, 64) = q k^T; `query(step, a)` gives the fragments of 16 channels of all kM tiles.
template <class Lies, int kDim, int kM, class Query>
__device__ inline void score_tile(Query query, uint32_t keys, ScoreTile (&score)[kM]) {
  const Place at = place_b(threadIdx.x % 32);
  const uint32_t first = keys + Lies::at(at.row, at.chunk);
#pragma unroll
  for (int m = 0; m < kM; m++)
#pragma unroll
    for (int j = 0; j < kKeyTiles; j++)
#pragma unroll
      for (int c = 0; c < 4; c++) score[m][j][c] = 0;
#pragma unroll
  for (int step = 0; step < kDim / 16; step++) {
    uint32_t a[kM][4];
    query(step, a);
#pragma unroll
    for (int j = 0; j < kKeyTiles; j += 2) {
      uint32_t b[4];
      ptx::ldmatrix(b, Lies::further(first, step) + j * 8 * Lies::kPitch);
#pragma unroll
      for (int m = 0; m < kM; m++) {
        ptx::mma_bf16(score[m][j], a[m], b[0], b[1]);
        ptx::mma_bf16(score[m][j + 1], a[m], b[2], b[3]);
      }
    }
  }
}

/// Scores of one tile of queries become weights relative to the new maxima; what was summed so far is brought down to them. `left` keys are
/// in the tile.
template <int kDim>
__device__ inline void weigh(ScoreTile& score, int left, float scale, Running<2>& running, float (&result)[kDim / 8][4]) {
  const int lane = threadIdx.x % 32;
  if (left < kKeys)
#pragma unroll
    for (int j = 0; j < kKeyTiles; j++)
#pragma unroll
      for (int c = 0; c < 4; c++)
        if (j * 8 + sum_column(lane, c) >= left) score[j][c] = -INFINITY;
  float top[2] = {running.top[0], running.top[1]};
#pragma unroll
  for (int j = 0; j < kKeyTiles; j++)
#pragma unroll
    for (int c = 0; c < 4; c++) top[c / 2] = fmaxf(top[c / 2], score[j][c]);
  float correction[2], shift[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {  // four lanes share a row
    top[r] = fmaxf(top[r], __shfl_xor_sync(kAll, top[r], 1));
    top[r] = fmaxf(top[r], __shfl_xor_sync(kAll, top[r], 2));
    correction[r] = exp2f((running.top[r] - top[r]) * scale);
    running.top[r] = top[r], shift[r] = -top[r] * scale;
    running.sum[r] *= correction[r];
  }
  if (__any_sync(kAll, correction[0] != 1.0f || correction[1] != 1.0f))  // else the maxima are those of before
#pragma unroll
    for (int i = 0; i < kDim / 8; i++)
#pragma unroll
      for (int c = 0; c < 4; c++) result[i][c] *= correction[c / 2];
#pragma unroll
  for (int j = 0; j < kKeyTiles; j++)
#pragma unroll
    for (int c = 0; c < 4; c++) {
      score[j][c] = ptx::exp2_approximate(__fmaf_rn(score[j][c], scale, shift[c / 2]));
      running.sum[c / 2] += score[j][c];
    }
}

/// Weights of one tile of 16 queries as operands: accumulators of the scores are operands as they lie.
using WeightTile = uint32_t[kKeys / 16][4];
__device__ inline void pack_weights(const ScoreTile& score, WeightTile& weight) {
#pragma unroll
  for (int step = 0; step < kKeys / 16; step++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const float(&four)[4] = score[step * 2 + half];
      weight[step][half * 2] = ptx::pack_bf16(four[0], four[1]), weight[step][half * 2 + 1] = ptx::pack_bf16(four[2], four[3]);
    }
}

/// result (kM x 16, hd) += weights (kM x 16, 64) values.
template <class Lies, int kDim, int kM>
__device__ inline void add_values(const WeightTile (&weight)[kM], uint32_t values, float (&result)[kM][kDim / 8][4]) {
  const Place at = place_b_transposed(threadIdx.x % 32);
  const uint32_t first = values + Lies::at(at.row, at.chunk);
#pragma unroll
  for (int step = 0; step < kKeys / 16; step++)
#pragma unroll
    for (int i = 0; i < kDim / 8; i += 2) {
      uint32_t b[4];
      ptx::ldmatrix_transposed(b, Lies::further(first, i / 2) + step * 16 * Lies::kPitch);
#pragma unroll
      for (int m = 0; m < kM; m++) {
        ptx::mma_bf16(result[m][i], weight[m][step], b[0], b[1]);
        ptx::mma_bf16(result[m][i + 1], weight[m][step], b[2], b[3]);
      }
    }
}

/// Sums of the four lanes that share a row.
__device__ inline void add_lanes(Running<2>& running) {
#pragma unroll
  for (int r = 0; r < 2; r++) {
    running.sum[r] += __shfl_xor_sync(kAll, running.sum[r], 1);
    running.sum[r] += __shfl_xor_sync(kAll, running.sum[r], 2);
  }
}

/// One chunk's share of the running totals of a thread's rows.
__device__ inline Shares add_chunk(Running<2>& total, const Running<2>& chunk, int r, float scale) {
  const Shares shares = put_together(total.top[r], chunk.top[r], scale);
  total.top[r] = shares.top;
  total.sum[r] = total.sum[r] * shares.mine + chunk.sum[r] * shares.others;
  return shares;
}

/// Two neighbouring results of a row, f32 or bf16.
__device__ inline void put_both(void* out, bool narrow, int64_t at, float first, float second) {
  if (narrow) {
    *reinterpret_cast<uint32_t*>(static_cast<uint16_t*>(out) + at) = ptx::pack_bf16(first, second);
  } else {
    static_cast<float*>(out)[at] = first, static_cast<float*>(out)[at + 1] = second;
  }
}

}  // namespace dimoo::cuda::attention

// A warp's arithmetic of attention on tensor cores: 16 queries of a head against tiles of 64 keys, each chunk of keys a softmax of its own.
#pragma once
#include <cuda_runtime.h>

#include <cmath>

#include "cuda/mma_tile.h"
#include "cuda/ptx/cp_async.cuh"
#include "cuda/ptx/mma.cuh"
#include "device/device.h"

namespace dimoo::cuda::attention {

inline constexpr int kKeys = 64, kChunk = kKeyChunk;
inline constexpr int kKeyTiles = kKeys / 8;
inline constexpr int kManyWarps = 8, kFewWarps = 2;  // of 16 queries each
inline constexpr unsigned kAll = 0xffffffffu;

/// Rows of shared memory are 16 bytes longer than a head, so that eight rows' equal chunks lie in different banks. Two stages of keys and
/// values, where at first the queries lie; behind them what does not fit into a thread's registers of its results so far.
template <int kDim, int kThreads>
struct Room {
  static constexpr int kPitch = kDim + 8, kTile = kKeys * kPitch;
  static constexpr int kParked = kDim == 128 ? 7 : 0;  // of kDim / 8 times four values
  static constexpr int64_t kBytes = 4 * kTile * 2 + kParked * 4 * kThreads * 4;
  static_assert(kManyWarps * 16 * kPitch <= 4 * kTile);
};

/// Sums of values over the chunks so far: a thread's four of each eight channels.
template <int kDim, int kThreads>
struct Results {
  static constexpr int kParked = Room<kDim, kThreads>::kParked;
  float* parked;  // this thread's first
  float held[kDim / 8 - kParked][4] = {};

  __device__ explicit Results(uint16_t* room) : parked(reinterpret_cast<float*>(room + 4 * Room<kDim, kThreads>::kTile) + threadIdx.x) {
    for (int i = 0; i < kParked * 4; i++) parked[i * kThreads] = 0;
  }
  __device__ float& at(int i, int c) {
    if (i < kParked) return parked[(i * 4 + c) * kThreads];
    return held[i - kParked][c];
  }
};

/// kRows rows of a head from `from` on (those past `inside` are zeros) into shared memory.
template <int kDim, int kRows, int kThreads>
__device__ inline void load_rows(const uint16_t* from, int64_t stride, int inside, uint16_t* to) {
  constexpr int kChunks = kDim / 8, kPitch = Room<kDim, kThreads>::kPitch;
  static_assert(kRows * kChunks % kThreads == 0);
#pragma unroll 4
  for (int j = 0; j < kRows * kChunks / kThreads; j++) {
    const int i = j * kThreads + static_cast<int>(threadIdx.x), row = i / kChunks, chunk = i % kChunks;
    const bool there = row < inside;
    ptx::cp_async(to + row * kPitch + chunk * 8, from + (there ? row * stride + chunk * 8 : 0), there ? 16 : 0);
  }
}

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

/// score (16, 64) = q k^T.
template <int kDim>
__device__ inline void score_tile(const uint32_t (&q)[kDim / 16][4], const uint16_t* keys, float (&score)[kKeyTiles][4]) {
  const Place at = place_b(threadIdx.x % 32);
#pragma unroll
  for (int j = 0; j < kKeyTiles; j += 2) {
#pragma unroll
    for (int c = 0; c < 4; c++) score[j][c] = score[j + 1][c] = 0;
#pragma unroll
    for (int step = 0; step < kDim / 16; step++) {
      uint32_t b[4];
      ptx::ldmatrix(b, keys + (j * 8 + at.row) * (kDim + 8) + (step * 2 + at.chunk) * 8);
      ptx::mma_bf16(score[j], q[step], b[0], b[1]);
      ptx::mma_bf16(score[j + 1], q[step], b[2], b[3]);
    }
  }
}

/// Scores become weights relative to the new maxima; what was summed so far is brought down to them. `left` keys are in the tile.
template <int kDim>
__device__ inline void weigh(float (&score)[kKeyTiles][4], int left, float scale, Running<2>& running, float (&result)[kDim / 8][4]) {
  const int lane = threadIdx.x % 32;
  float top[2] = {running.top[0], running.top[1]};
#pragma unroll
  for (int j = 0; j < kKeyTiles; j++)
#pragma unroll
    for (int c = 0; c < 4; c++) {
      if (j * 8 + sum_column(lane, c) >= left) score[j][c] = -INFINITY;
      top[c / 2] = fmaxf(top[c / 2], score[j][c]);
    }
  float correction[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {  // four lanes share a row
    top[r] = fmaxf(top[r], __shfl_xor_sync(kAll, top[r], 1));
    top[r] = fmaxf(top[r], __shfl_xor_sync(kAll, top[r], 2));
    correction[r] = exp2f((running.top[r] - top[r]) * scale);
    running.top[r] = top[r];
    running.sum[r] *= correction[r];
  }
#pragma unroll
  for (int j = 0; j < kKeyTiles; j++)
#pragma unroll
    for (int c = 0; c < 4; c++) {
      score[j][c] = exp2f((score[j][c] - top[c / 2]) * scale);
      running.sum[c / 2] += score[j][c];
    }
#pragma unroll
  for (int i = 0; i < kDim / 8; i++)
#pragma unroll
    for (int c = 0; c < 4; c++) result[i][c] *= correction[c / 2];
}

/// result (16, hd) += weights (16, 64) values: accumulators of the scores are operands as they lie.
template <int kDim>
__device__ inline void add_values(const float (&weight)[kKeyTiles][4], const uint16_t* values, float (&result)[kDim / 8][4]) {
  const Place at = place_b_transposed(threadIdx.x % 32);
#pragma unroll
  for (int step = 0; step < kKeys / 16; step++) {
    const float(&left)[4] = weight[step * 2];
    const float(&right)[4] = weight[step * 2 + 1];
    const uint32_t a[4] = {ptx::pack_bf16(left[0], left[1]), ptx::pack_bf16(left[2], left[3]), ptx::pack_bf16(right[0], right[1]),
                           ptx::pack_bf16(right[2], right[3])};
#pragma unroll
    for (int i = 0; i < kDim / 8; i += 2) {
      uint32_t b[4];
      ptx::ldmatrix_transposed(b, values + (step * 16 + at.row) * (kDim + 8) + (i + at.chunk) * 8);
      ptx::mma_bf16(result[i], a, b[0], b[1]);
      ptx::mma_bf16(result[i + 1], a, b[2], b[3]);
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

/// One chunk after those before it.
template <int kDim, class Total>
__device__ inline void combine(const Running<2>& chunk, const float (&values)[kDim / 8][4], float scale, Running<2>& total, Total& result) {
#pragma unroll
  for (int r = 0; r < 2; r++) {
    const Shares shares = put_together(total.top[r], chunk.top[r], scale);
    total.top[r] = shares.top;
    total.sum[r] = total.sum[r] * shares.mine + chunk.sum[r] * shares.others;
#pragma unroll
    for (int i = 0; i < kDim / 8; i++)
#pragma unroll
      for (int c = r * 2; c < r * 2 + 2; c++) result.at(i, c) = result.at(i, c) * shares.mine + values[i][c] * shares.others;
  }
}

}  // namespace dimoo::cuda::attention

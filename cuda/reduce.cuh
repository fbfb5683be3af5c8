// Reductions over a block in one fixed order: within each warp by a butterfly, then the warps' results by the first warp.
#pragma once

namespace dimoo::cuda {

inline constexpr int kWarp = 32;

/// `combine(a, b)` over all threads of the block (a multiple of 32, at most 1024); every thread gets the result. `room` holds one T a
/// warp in shared memory and may be used again at once.
template <class T, class Combine>
__device__ inline T reduce_block(T value, T* room, Combine combine) {
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, warps = blockDim.x / kWarp;
  for (int step = kWarp / 2; step > 0; step /= 2) value = combine(value, value.shuffled(step));
  if (lane == 0) room[warp] = value;
  __syncthreads();
  T total = room[0];
  for (int i = 1; i < warps; i++) total = combine(total, room[i]);
  __syncthreads();
  return total;
}

/// Sums of f64.
struct Sum {
  double value;
  __device__ Sum shuffled(int step) const { return {__shfl_xor_sync(0xffffffffu, value, step)}; }
};
struct AddSums {
  __device__ Sum operator()(Sum a, Sum b) const { return {a.value + b.value}; }
};

struct Largest {
  float value;
  __device__ Largest shuffled(int step) const { return {__shfl_xor_sync(0xffffffffu, value, step)}; }
};
struct TakeLargest {
  __device__ Largest operator()(Largest a, Largest b) const { return a.value >= b.value ? a : b; }
};

/// A score and where it was; of equal scores the lowest index wins.
template <class Score>
struct Best {
  Score score;
  int index;
  __device__ Best shuffled(int step) const {
    return {__shfl_xor_sync(0xffffffffu, score, step), __shfl_xor_sync(0xffffffffu, index, step)};
  }
};
struct TakeBest {
  template <class Score>
  __device__ Best<Score> operator()(Best<Score> a, Best<Score> b) const {
    return a.score > b.score || (a.score == b.score && a.index < b.index) ? a : b;
  }
};

}  // namespace dimoo::cuda

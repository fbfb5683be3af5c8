// ML-Cache's choice (docs/model.md#ml-cache), one block a branch: the two order statistics around the quantile by radix select, the
// threshold between them, and the rows at or below it in ascending order. Reads n values six times, all but the first from the cache.
#include <vector>

#include "base/quantile.h"
#include "cuda/kernels.h"
#include "cuda/reduce.cuh"
#include "cuda/selection.h"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 512, kWarps = kThreads / kWarp;
constexpr unsigned kAll = 0xffffffffu;

struct Job {
  const float* maxima;
  int64_t stride, count;
  Quantile place;
  int32_t* rows;  // the count of rows, then the rows
};

struct Counted {
  int value;
  __device__ Counted shuffled(int step) const { return {__shfl_xor_sync(kAll, value, step)}; }
};
struct AddCounts {
  __device__ Counted operator()(Counted a, Counted b) const { return {a.value + b.value}; }
};
struct Smallest {
  float value;
  __device__ Smallest shuffled(int step) const { return {__shfl_xor_sync(kAll, value, step)}; }
};
struct TakeSmallest {
  __device__ Smallest operator()(Smallest a, Smallest b) const { return a.value <= b.value ? a : b; }
};

/// Key of the value of this rank (0 = the smallest).
__device__ uint32_t key_of_rank(const Job& job, int64_t rank, uint32_t* counts, Selection* selection) {
  if (threadIdx.x == 0) *selection = Selection{0, 0, rank};
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int i = threadIdx.x; i < kDigits; i += kThreads) counts[i] = 0;
    __syncthreads();
    const Selection now = *selection;
    for (int64_t i = threadIdx.x; i < job.count; i += kThreads) {
      const uint32_t key = ordered_key(__float_as_uint(job.maxima[i * job.stride]));
      if ((key & now.mask) == now.prefix) atomicAdd(&counts[key >> shift & 255u], 1u);
    }
    __syncthreads();
    if (threadIdx.x == 0) *selection = narrow(now, counts, shift);
    __syncthreads();
  }
  return selection->prefix;
}

/// The quantile: between the values of two neighbouring ranks, which are equal where enough keys are not above the lower one.
__device__ float threshold_of(const Job& job, uint32_t low, Counted* count_room, Smallest* value_room) {
  int not_above = 0;
  float next = INFINITY;
  for (int64_t i = threadIdx.x; i < job.count; i += kThreads) {
    const float value = job.maxima[i * job.stride];
    if (ordered_key(__float_as_uint(value)) <= low)
      not_above++;
    else
      next = fminf(next, value);
  }
  not_above = reduce_block(Counted{not_above}, count_room, AddCounts{}).value;
  next = reduce_block(Smallest{next}, value_room, TakeSmallest{}).value;
  const float lower = __uint_as_float(ordered_bits(low));
  return job.place.between(lower, not_above > job.place.upper ? lower : next);
}

__global__ void __launch_bounds__(kThreads) choose_kernel(const Job* jobs) {
  __shared__ uint32_t counts[kDigits];
  __shared__ Selection selection;
  __shared__ Counted count_room[kWarps];
  __shared__ Smallest value_room[kWarps];
  __shared__ int warp_count[kWarps];
  const Job job = jobs[blockIdx.x];
  const float threshold = threshold_of(job, key_of_rank(job, job.place.lower, counts, &selection), count_room, value_room);
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  int found = 0;  // before this piece
  for (int64_t first = 0; first < job.count; first += kThreads) {
    const int64_t row = first + threadIdx.x;
    const bool chosen = row < job.count && job.maxima[row * job.stride] <= threshold;
    const unsigned votes = __ballot_sync(kAll, chosen);
    if (lane == 0) warp_count[warp] = __popc(votes);
    __syncthreads();
    int at = found, total = 0;
    for (int i = 0; i < kWarps; i++) {
      if (i < warp) at += warp_count[i];
      total += warp_count[i];
    }
    if (chosen) job.rows[1 + at + __popc(votes & ((1u << lane) - 1))] = static_cast<int32_t>(row);
    found += total;
    __syncthreads();
  }
  if (threadIdx.x == 0) job.rows[0] = found;
}

}  // namespace

void choose(Stream& stream, std::span<const ChooseJob> jobs) {
  if (jobs.empty()) return;
  std::vector<int64_t> first;  // of each job's results
  int64_t values = 0;
  for (const ChooseJob& job : jobs) first.push_back(values), values += 1 + job.maxima.rows;
  const Buffer results = stream.scratch(values * 4);
  std::vector<Job> placed;
  for (size_t i = 0; i < jobs.size(); i++) {
    const Tensor& maxima = jobs[i].maxima;
    placed.push_back(
        {maxima.f32(), maxima.stride, maxima.rows, quantile(maxima.rows, jobs[i].ratio), static_cast<int32_t*>(results.data()) + first[i]});
  }
  stream.clear(results.data(), values * 4);  // all of it is read back, rows that were not chosen too
  const Buffer list = stream.list(std::span<const Job>(placed));
  stream.launch("choose", choose_kernel, blocks(static_cast<int64_t>(jobs.size()), 1), kThreads, 0, static_cast<const Job*>(list.data()));
  stream.readbacks().add(results, values * 4, [first, asked = std::vector(jobs.begin(), jobs.end())](const std::byte* data) {
    for (size_t i = 0; i < asked.size(); i++) {
      const auto* rows = reinterpret_cast<const int32_t*>(data) + first[i];
      asked[i].rows->assign(rows + 1, rows + 1 + rows[0]);
    }
  });
}

}  // namespace dimoo::cuda

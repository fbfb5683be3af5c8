// One step's decision for every picture of a pass (docs/model.md#pictures), the CPU's csrc/cpu/unmask.cc in two kernels:
// decide: one block a row; guidance over the branches, largest logit, Gumbel arg-max, softmax probability of the winner. The logits are
//         read once (4 bytes a value and branch) where the guided row fits into shared memory, three times where it does not; those of
//         the conditional branch twice more where a floor rules codes out.
// cut:    one block a job; scores with their noise, the keep-th smallest by radix select, what lies strictly below stays masked.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/random.h"
#include "cuda/kernels.h"
#include "cuda/ptx/shared.cuh"
#include "cuda/reduce.cuh"
#include "cuda/selection.h"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kCachedCols = 11 << 10;   // guided rows up to here lie in shared memory
constexpr float kMostNoise = 46.06f;        // gumbel(1) = -log(1e-20), the largest there is
constexpr float kMostPhiloxNoise = 16.64f;  // of our own uniforms, which end at 1 - 2^-24

/// A job with everything on the device; rows are numbered over all jobs.
struct Job {
  const float* logits[3];
  const int32_t* rows[3];  // null: in order
  int64_t stride[3];
  int branches;
  float guidance[2], temperature;
  float floor;  // log of the smallest share of the likeliest code; -infinity: none
  uint64_t seed;
  uint32_t step;
  int64_t first, count, keep, v;
  const int32_t* cells;
  float* sure;                            // (count): kept for a cut to come, or to cut by; null: neither
  const float *sample_noise, *cut_noise;  // null: Philox
};

/// Of all rows. `bad` is the lowest row whose logits are not finite.
struct Results {
  int32_t* codes;
  float* confidence;
  uint8_t* stays;
  float* score;
  int* bad;
};

__device__ float gumbel(float u) { return -logf(-logf(u + 1e-20f) + 1e-20f); }

/// Guided logit i: c, (1 + s) c - s u, or c + s (c - t) + z (c - i).
struct Guided {
  const float* at[3];
  int branches;
  float s0, s1;
  __device__ float operator()(int64_t i) const {
    const float c = at[0][i];
    if (branches == 1) return c;
    if (branches == 2) return (1.0f + s0) * c - s0 * at[1][i];
    return c + s0 * (c - at[1][i]) + s1 * (c - at[2][i]);
  }
};

/// What the conditional branch does not rule out.
struct Allowed {
  const float* c;
  float least;
  __device__ bool operator()(int64_t i) const { return least == -INFINITY || !(c[i] < least); }
};

__device__ Guided guided_row(const Job& job, int64_t row) {
  Guided guided{{}, job.branches, job.guidance[0], job.guidance[1]};
  for (int b = 0; b < job.branches; b++)
    guided.at[b] = job.logits[b] + (job.rows[b] ? static_cast<int64_t>(job.rows[b][row]) : row) * job.stride[b];
  return guided;
}

/// l / temperature + Gumbel noise of code i. Codes that could not beat `floor` with the most favourable noise give -infinity.
__device__ float noisy(const Job& job, int64_t row, int64_t i, float l, float floor) {
  const float scaled = l / job.temperature;
  if (scaled + (job.sample_noise ? kMostNoise : kMostPhiloxNoise) < floor) return -INFINITY;
  const float u = job.sample_noise
                      ? job.sample_noise[row * job.v + i]
                      : uniform(job.seed, static_cast<uint32_t>(i), static_cast<uint32_t>(job.cells[row]), job.step, dimoo::Stream::sample);
  return scaled + gumbel(u);
}

/// The largest of the values at those indices that count.
template <class Value, class Counts>
__device__ Best<float> largest(int64_t v, Value value, Counts counts, Best<float>* room) {
  Best<float> top{-INFINITY, 0x7fffffff};
  for (int64_t i = threadIdx.x; i < v; i += kThreads)
    if (counts(i)) top = TakeBest{}(top, Best<float>{value(i), static_cast<int>(i)});
  return reduce_block(top, room, TakeBest{});
}

/// Block `global row`; `owner` gives the job of each. `top` is the largest logit.
template <class Logit>
__device__ void decide_row(const Job& job, int64_t row, const float* c, Logit logit, Best<float> top, Results results) {
  __shared__ Best<float> best_room[kThreads / kWarp];
  __shared__ Sum sum_room[kThreads / kWarp];
  Allowed allowed{c, -INFINITY};
  Best<float> likely = top;
  if (job.floor > -INFINITY) {
    const auto any = [](int64_t) { return true; };
    const auto plain = [c](int64_t i) { return c[i]; };
    allowed.least = largest(job.v, plain, any, best_room).score + job.floor;
    likely = largest(job.v, logit, allowed, best_room);
  }
  Best<float> best = likely;
  if (job.temperature > 0) {
    const float start = noisy(job, row, likely.index, likely.score, -INFINITY);
    Best<float> own{start, likely.index};
    for (int64_t i = threadIdx.x; i < job.v; i += kThreads)
      if (allowed(i)) own = TakeBest{}(own, Best<float>{noisy(job, row, i, logit(i), own.score), static_cast<int>(i)});
    best = reduce_block(own, best_room, TakeBest{});
  }
  double sum = 0;  // f64, so that the order of the parts does not matter to f32
  for (int64_t i = threadIdx.x; i < job.v; i += kThreads) sum += static_cast<double>(expf(logit(i) - top.score));
  const double total = reduce_block(Sum{sum}, sum_room, AddSums{}).value;
  if (threadIdx.x > 0) return;
  results.codes[job.first + row] = best.index;
  const float confidence = expf(logit(best.index) - top.score) / static_cast<float>(total);
  results.confidence[job.first + row] = confidence;
  if (job.sure) job.sure[row] = confidence;
}

enum class Keep { shared, nowhere };

template <Keep kKeep>
__global__ void decide(const Job* jobs, const int32_t* owner, Results results) {
  auto* kept = ptx::dynamic_shared<float>();
  __shared__ Best<float> room[kThreads / kWarp];
  const Job job = jobs[owner[blockIdx.x]];
  if (job.branches == 0) return;  // decided before
  const int64_t row = blockIdx.x - job.first;
  const Guided guided = guided_row(job, row);
  Best<float> top{-INFINITY, 0x7fffffff};
  bool finite = true;
  for (int64_t i = threadIdx.x; i < job.v; i += kThreads) {
    const float l = guided(i);
    if (kKeep == Keep::shared) kept[i] = l;
    finite = finite && isfinite(l);
    top = TakeBest{}(top, Best<float>{l, static_cast<int>(i)});
  }
  if (!finite) atomicMin(results.bad, static_cast<int>(blockIdx.x));
  if (__syncthreads_or(!finite)) return;  // the host throws
  top = reduce_block(top, room, TakeBest{});
  if constexpr (kKeep == Keep::shared)
    decide_row(
        job, row, guided.at[0], [&](int64_t i) { return kept[i]; }, top, results);
  else
    decide_row(job, row, guided.at[0], guided, top, results);
}

/// Block a job. Histograms are counted with atomics: integers, so any order gives the same.
__global__ void cut(const Job* jobs, Results results) {
  __shared__ uint32_t counts[kDigits];
  __shared__ Selection selection;
  const Job job = jobs[blockIdx.x];
  for (int64_t i = threadIdx.x; i < job.count; i += kThreads) {
    const float u =
        job.cut_noise ? job.cut_noise[i] : uniform(job.seed, 0, static_cast<uint32_t>(job.cells[i]), job.step, dimoo::Stream::cut);
    const float noise = job.temperature > 0 ? job.temperature * gumbel(u) : 0.0f;
    const float confidence = job.branches > 0 ? results.confidence[job.first + i] : job.sure[i];
    results.score[job.first + i] = logf(fmaxf(confidence, 1e-20f)) + noise;
  }
  if (threadIdx.x == 0) {
    selection = Selection{};
    selection.rank = job.keep < 0 ? 0 : job.keep < job.count ? job.keep : job.count - 1;
  }
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int i = threadIdx.x; i < kDigits; i += kThreads) counts[i] = 0;
    __syncthreads();
    const Selection now = selection;
    for (int64_t i = threadIdx.x; i < job.count; i += kThreads) {
      const uint32_t key = ordered_key(__float_as_uint(results.score[job.first + i]));
      if ((key & now.mask) == now.prefix) atomicAdd(&counts[key >> shift & 255u], 1u);
    }
    __syncthreads();
    if (threadIdx.x == 0) selection = narrow(now, counts, shift);
    __syncthreads();
  }
  const uint32_t threshold = selection.prefix;
  for (int64_t i = threadIdx.x; i < job.count; i += kThreads)
    results.stays[job.first + i] = ordered_key(__float_as_uint(results.score[job.first + i])) < threshold;
}

/// Host lists that jobs point to, uploaded in one piece each; kept until the kernels are queued.
class Lists {
 public:
  explicit Lists(Stream& stream) : stream_(stream) {}
  template <class T>
  const T* put(const T* values, int64_t count) {
    if (!values) return nullptr;
    buffers_.push_back(stream_.list(std::span(values, static_cast<size_t>(count))));
    return static_cast<const T*>(buffers_.back().data());
  }

 private:
  Stream& stream_;
  std::vector<Buffer> buffers_;
};

Job on_device(const UnmaskJob& from, int64_t first, Lists& lists) {
  Job job{};
  job.branches = from.branches;
  for (int b = 0; b < from.branches; b++) {
    job.logits[b] = from.logits[b].tensor.f32();
    job.stride[b] = from.logits[b].tensor.stride;
    job.rows[b] = lists.put(from.logits[b].rows, from.rows);
  }
  job.guidance[0] = from.guidance[0], job.guidance[1] = from.guidance[1], job.temperature = from.temperature;
  job.floor = std::log(from.floor);
  job.seed = from.seed, job.step = from.step;
  job.first = first, job.count = from.rows, job.keep = from.keep, job.v = from.branches > 0 ? from.logits[0].tensor.cols : 0;
  job.cells = lists.put(from.cells, from.rows);
  job.sure = from.sure.f32();
  job.sample_noise = lists.put(from.sample_noise, from.rows * job.v);
  job.cut_noise = lists.put(from.cut_noise, from.rows);
  return job;
}

/// What the host asked for: jobs with rows, each with its first row among all.
struct Asked {
  UnmaskJob job;
  int64_t first;
};

/// Layout: the bad row, codes, confidences, stays.
void deliver(const std::vector<Asked>& asked, int64_t rows, const std::byte* data) {
  int bad = 0;
  std::memcpy(&bad, data, 4);
  const std::byte *codes = data + 4, *confidence = codes + rows * 4, *stays = confidence + rows * 4;
  for (const auto& [job, first] : asked) {
    if (bad >= first && bad < first + job.rows)
      fail(Code::model_corrupt, "unmask: logits of cell ", job.cells[bad - first], " are not finite");
    if (job.branches > 0) {
      std::memcpy(job.codes, codes + first * 4, static_cast<size_t>(job.rows) * 4);
      std::memcpy(job.confidence, confidence + first * 4, static_cast<size_t>(job.rows) * 4);
    }
    if (job.stays) std::memcpy(job.stays, stays + first, static_cast<size_t>(job.rows));
  }
}

}  // namespace

void unmask(Stream& stream, std::span<const UnmaskJob> jobs) {
  Lists lists(stream);
  std::vector<Job> placed;
  std::vector<Asked> asked;
  std::vector<int32_t> owner;
  int64_t cols = 0;
  for (const UnmaskJob& job : jobs) {
    if (job.rows == 0) continue;
    asked.push_back({job, static_cast<int64_t>(owner.size())});
    placed.push_back(on_device(job, asked.back().first, lists));
    owner.insert(owner.end(), static_cast<size_t>(job.rows), static_cast<int32_t>(placed.size() - 1));
    cols = std::max(cols, placed.back().v);
  }
  const auto rows = static_cast<int64_t>(owner.size());
  if (rows == 0) return;
  const Buffer list = stream.list(std::span<const Job>(placed)), owners = stream.list(std::span<const int32_t>(owner));
  const Buffer memory = stream.scratch(4 + rows * 9), scores = stream.scratch(rows * 4);
  auto* at = static_cast<std::byte*>(memory.data());
  const int none = INT32_MAX;
  stream.clear(at, 4 + rows * 9);  // all of it is read back, what a job does not ask for too
  stream.upload(at, &none, 4);
  const Results results{reinterpret_cast<int32_t*>(at + 4), reinterpret_cast<float*>(at + 4 + rows * 4),
                        reinterpret_cast<uint8_t*>(at + 4 + rows * 8), static_cast<float*>(scores.data()), reinterpret_cast<int*>(at)};
  const auto* device_jobs = static_cast<const Job*>(list.data());
  const bool fits = cols <= kCachedCols;
  stream.launch("unmask", fits ? decide<Keep::shared> : decide<Keep::nowhere>, blocks(rows, 1), kThreads, fits ? cols * 4 : 0, device_jobs,
                static_cast<const int32_t*>(owners.data()), results);
  stream.launch("unmask cut", cut, blocks(static_cast<int64_t>(placed.size()), 1), kThreads, 0, device_jobs, results);
  stream.readbacks().add(memory, 4 + rows * 9, [asked, rows](const std::byte* data) { deliver(asked, rows, data); });
}

}  // namespace dimoo::cuda

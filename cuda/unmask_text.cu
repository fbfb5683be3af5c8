// One step's decision for answers (docs/model.md#answers), the CPU's unmask_text: one block a candidate walks the vocabulary
// three times (largest logit, Gumbel arg-max, sum of exponentials), all but guidance in f64. 4 bytes a value, branch and walk.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/random.h"
#include "cuda/kernels.h"
#include "cuda/reduce.cuh"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 512;
constexpr double kMostNoise = 36.8;  // -ln(-ln u) of our own uniforms, which end at 1 - 2^-53

struct Job {
  const float* logits[2];
  const int32_t* rows[2];  // null: in order
  int64_t stride[2];
  int branches;
  float guidance;
  double temperature;
  uint64_t seed;
  uint32_t step;
  int64_t first, count, v;
  const int32_t* tokens;
  const double* noise;  // null: Philox
};

struct Results {
  int32_t* ids;
  double* confidence;
  int* bad;  // the lowest row whose logits are not finite
};

/// u + (s + 1) (c - u), in f32 as the original.
struct Guided {
  const float *c, *u;
  float plus;
  __device__ float operator()(int64_t i) const { return u ? u[i] + plus * (c[i] - u[i]) : c[i]; }
};

/// l - temperature ln(-ln u) of id i. Ids that could not beat `floor` with the most favourable noise give -infinity.
__device__ double noisy(const Job& job, int64_t row, int64_t i, double l, double floor) {
  if (!job.noise && l + job.temperature * kMostNoise < floor) return -INFINITY;
  const double u =
      job.noise ? job.noise[row * job.v + i]
                : uniform_f64(job.seed, static_cast<uint32_t>(i), static_cast<uint32_t>(job.tokens[row]), job.step, dimoo::Stream::text);
  return l - job.temperature * log(-log(u));
}

__global__ void __launch_bounds__(kThreads) decide(const Job* jobs, const int32_t* owner, Results results) {
  __shared__ Best<float> top_room[kThreads / kWarp];
  __shared__ Best<double> best_room[kThreads / kWarp];
  __shared__ Sum sum_room[kThreads / kWarp];
  const Job job = jobs[owner[blockIdx.x]];
  const int64_t row = blockIdx.x - job.first;
  const auto at = [&](int b) { return job.logits[b] + (job.rows[b] ? static_cast<int64_t>(job.rows[b][row]) : row) * job.stride[b]; };
  const Guided guided{at(0), job.branches > 1 ? at(1) : nullptr, job.guidance + 1.0f};
  Best<float> top{-INFINITY, 0x7fffffff};
  bool finite = true;
  for (int64_t i = threadIdx.x; i < job.v; i += kThreads) {
    const float l = guided(i);
    finite = finite && isfinite(l);
    top = TakeBest{}(top, Best<float>{l, static_cast<int>(i)});
  }
  if (!finite) atomicMin(results.bad, static_cast<int>(blockIdx.x));
  if (__syncthreads_or(!finite)) return;  // the host throws
  top = reduce_block(top, top_room, TakeBest{});
  int chosen = top.index;
  if (job.temperature > 0) {
    Best<double> own{noisy(job, row, top.index, top.score, -INFINITY), top.index};
    for (int64_t i = threadIdx.x; i < job.v; i += kThreads)
      own = TakeBest{}(own, Best<double>{noisy(job, row, i, guided(i), own.score), static_cast<int>(i)});
    chosen = reduce_block(own, best_room, TakeBest{}).index;
  }
  double sum = 0;
  for (int64_t i = threadIdx.x; i < job.v; i += kThreads) sum += exp(static_cast<double>(guided(i)) - static_cast<double>(top.score));
  const double total = reduce_block(Sum{sum}, sum_room, AddSums{}).value;
  if (threadIdx.x > 0) return;
  results.ids[blockIdx.x] = chosen;
  results.confidence[blockIdx.x] = exp(static_cast<double>(guided(chosen)) - static_cast<double>(top.score)) / total;
}

template <class T>
const T* put(Stream& stream, std::vector<Buffer>& kept, const T* values, int64_t count) {
  if (!values) return nullptr;
  kept.push_back(stream.list(std::span(values, static_cast<size_t>(count))));
  return static_cast<const T*>(kept.back().data());
}

Job on_device(Stream& stream, std::vector<Buffer>& kept, const TextUnmaskJob& from, int64_t first) {
  Job job{};
  job.branches = from.branches;
  for (int b = 0; b < from.branches; b++) {
    job.logits[b] = from.logits[b].tensor.f32();
    job.stride[b] = from.logits[b].tensor.stride;
    job.rows[b] = put(stream, kept, from.logits[b].rows, from.rows);
  }
  job.guidance = from.guidance, job.temperature = from.temperature, job.seed = from.seed, job.step = from.step;
  job.first = first, job.count = from.rows, job.v = from.logits[0].tensor.cols;
  job.tokens = put(stream, kept, from.tokens, from.rows);
  job.noise = put(stream, kept, from.noise, from.rows * job.v);
  return job;
}

/// Layout: confidences (rows, f64), ids (rows), the bad row.
void deliver(const std::vector<TextUnmaskJob>& asked, int64_t rows, const std::byte* data) {
  int bad = 0;
  std::memcpy(&bad, data + rows * 12, 4);
  int64_t first = 0;
  for (const TextUnmaskJob& job : asked) {
    if (bad >= first && bad < first + job.rows)
      fail(Code::model_corrupt, "unmask_text: logits of token ", job.tokens[bad - first], " are not finite");
    std::memcpy(job.confidence, data + first * 8, static_cast<size_t>(job.rows) * 8);
    std::memcpy(job.ids, data + rows * 8 + first * 4, static_cast<size_t>(job.rows) * 4);
    first += job.rows;
  }
}

}  // namespace

void unmask_text(Stream& stream, std::span<const TextUnmaskJob> jobs) {
  std::vector<Buffer> kept;
  std::vector<Job> placed;
  std::vector<TextUnmaskJob> asked;
  std::vector<int32_t> owner;
  for (const TextUnmaskJob& job : jobs) {
    if (job.rows == 0) continue;
    asked.push_back(job);
    placed.push_back(on_device(stream, kept, job, static_cast<int64_t>(owner.size())));
    owner.insert(owner.end(), static_cast<size_t>(job.rows), static_cast<int32_t>(placed.size() - 1));
  }
  const auto rows = static_cast<int64_t>(owner.size());
  if (rows == 0) return;
  const Buffer list = stream.list(std::span<const Job>(placed)), owners = stream.list(std::span<const int32_t>(owner));
  const Buffer memory = stream.scratch(rows * 12 + 4);
  auto* at = static_cast<std::byte*>(memory.data());
  const int none = INT32_MAX;
  stream.upload(at + rows * 12, &none, 4);
  const Results results{reinterpret_cast<int32_t*>(at + rows * 8), reinterpret_cast<double*>(at), reinterpret_cast<int*>(at + rows * 12)};
  stream.launch("unmask_text", decide, blocks(rows, 1), kThreads, 0, static_cast<const Job*>(list.data()),
                static_cast<const int32_t*>(owners.data()), results);
  stream.readbacks().add(memory, rows * 12 + 4, [asked, rows](const std::byte* data) { deliver(asked, rows, data); });
}

}  // namespace dimoo::cuda

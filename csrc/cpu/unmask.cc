// Rows are independent: one task takes a few rows of one job. Pictures are decided in f32 as in the original, text in f64; logarithms
// are the library's, drawn only where they could matter. Each code's noise depends only on (seed, code, cell, step).
#include "cpu/unmask.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "base/random.h"
#include "cpu/exp_sum.h"

namespace dimoo::cpu {
namespace {

constexpr int64_t kRows = 8;                // rows of one task
constexpr float kMostNoise = 46.06f;        // gumbel(1) = -log(1e-20), the largest there is
constexpr float kMostPhiloxNoise = 16.64f;  // of our own uniforms, which end at 1 - 2^-24

/// Guided logits of one row: c, (1 + s) c - s u, or c + s (c - t) + z (c - i).
void guide(const UnmaskJob& job, int64_t row, int64_t v, float* out) {
  const float* c = job.logits[0].row(row);
  if (job.branches == 1) {
    std::copy(c, c + v, out);
  } else if (job.branches == 2) {
    const float* u = job.logits[1].row(row);
    const float s = job.guidance[0], plus = 1.0f + s;
    for (int64_t i = 0; i < v; i++) out[i] = plus * c[i] - s * u[i];
  } else {
    const float* t = job.logits[1].row(row);
    const float* z = job.logits[2].row(row);
    const float s0 = job.guidance[0], s1 = job.guidance[1];
    for (int64_t i = 0; i < v; i++) out[i] = c[i] + s0 * (c[i] - t[i]) + s1 * (c[i] - z[i]);
  }
}

/// Takes away what the conditional branch itself makes less than `floor` times as likely as its likeliest code: guidance weighs
/// differences, which can be large between two codes that are both impossible. Returns the best of what is left.
int64_t rule_out(const UnmaskJob& job, int64_t row, int64_t v, float* guided) {
  const float* c = job.logits[0].row(row);
  const float least = *std::max_element(c, c + v) + std::log(job.floor);
  for (int64_t i = 0; i < v; i++)
    if (c[i] < least) guided[i] = -INFINITY;
  return std::max_element(guided, guided + v) - guided;
}

/// At least -ln(-ln u), without a logarithm: -ln u >= 1 - u, and log2 of 2^k m (1 <= m < 2) is at least k + m - 1.
double noise_at_most(double u) {
  constexpr double kLn2 = 0.69314718055994531;
  const auto bits = std::bit_cast<uint64_t>(1.0 - u);
  const double exponent = static_cast<double>(static_cast<int64_t>(bits >> 52) - 1023);
  const double fraction = static_cast<double>(bits & ((uint64_t{1} << 52) - 1)) * 0x1p-52;
  return -kLn2 * (exponent + fraction);
}

/// Index of the largest of l / temperature + Gumbel noise; the lowest one of equals. A code that could not reach the best score so
/// far, with the most favourable noise or with what bounds its own, is passed over: the result is the same, most logarithms are saved.
int64_t sample(const UnmaskJob& job, const float* l, int64_t v, int64_t row, int64_t likely) {
  const auto cell = static_cast<uint32_t>(job.cells[row]);
  const float most = job.sample_noise ? kMostNoise : kMostPhiloxNoise;
  int64_t quad = -1;  // whose four uniforms lie in `words`
  Words words{};
  const auto drawn = [&](int64_t i) {
    if (job.sample_noise) return job.sample_noise[row * v + i];
    if (i / 4 != quad) quad = i / 4, words = philox_at(job.seed, static_cast<uint32_t>(quad), cell, job.step, Stream::sample);
    return to_uniform(words.w[i % 4]);
  };
  constexpr float kSlack = 1e-3f;  // more than f32 loses in the logarithms, whose results stay below 47
  int64_t best = likely;
  float top = l[likely] / job.temperature + gumbel(drawn(likely));
  for (int64_t i = 0; i < v; i++) {
    const float plain = l[i] / job.temperature;
    if (i == likely || plain + most < top) continue;
    const float u = drawn(i);
    if (u < 1 && plain + (static_cast<float>(noise_at_most(u)) + kSlack) < top) continue;
    const float here = plain + gumbel(u);
    if (here > top || (here == top && i < best)) top = here, best = i;
  }
  return best;
}

void decide_row(const UnmaskJob& job, int64_t row, float* guided) {
  const int64_t v = job.logits[0].tensor.cols;
  guide(job, row, v, guided);
  float top = -INFINITY;
  int64_t best = 0;
  bool finite = true;
  for (int64_t i = 0; i < v; i++) {
    finite = finite && std::isfinite(guided[i]);
    if (guided[i] > top) top = guided[i], best = i;
  }
  if (!finite) fail(Code::model_corrupt, "unmask: logits of cell ", job.cells[row], " are not finite");
  const float sum = exp_sum(guided, v, top);  // of all codes: what a floor takes away makes nothing surer
  if (job.floor > 0) best = rule_out(job, row, v, guided);
  if (job.temperature > 0) best = sample(job, guided, v, row, best);
  job.codes[row] = static_cast<int32_t>(best);
  job.confidence[row] = std::exp(guided[best] - top) / sum;
  if (job.sure.data) *job.sure.f32_row(row) = job.confidence[row];
}

/// u + (s + 1) (c - u), in f32 as the original.
void guide_text(const TextUnmaskJob& job, int64_t row, int64_t v, float* out) {
  const float* c = job.logits[0].row(row);
  if (job.branches == 1) {
    std::copy(c, c + v, out);
    return;
  }
  const float* u = job.logits[1].row(row);
  const float plus = job.guidance + 1.0f;
  for (int64_t i = 0; i < v; i++) out[i] = u[i] + plus * (c[i] - u[i]);
}

/// Index of the largest exp(l) / (-ln u)^temperature, compared as l - temperature ln(-ln u), which neither overflows nor needs an
/// exponential; the lowest one of equals. Logarithms only for tokens that could be it, as above.
int64_t sample_token(const TextUnmaskJob& job, const float* l, int64_t v, int64_t row) {
  constexpr double kSlack = 1e-9;  // far above the rounding of the bound and of the score
  const auto token = static_cast<uint32_t>(job.tokens[row]);
  int64_t best = 0;
  double top = -INFINITY;
  for (int64_t i = 0; i < v; i++) {
    const double u = job.noise ? job.noise[row * v + i] : uniform_f64(job.seed, static_cast<uint32_t>(i), token, job.step, Stream::text);
    if (l[i] + job.temperature * noise_at_most(u) + kSlack * (1 + std::fabs(top)) < top) continue;
    const double score = l[i] - job.temperature * std::log(-std::log(u));
    if (score > top) top = score, best = i;
  }
  return best;
}

void decide_token(const TextUnmaskJob& job, int64_t row, float* guided) {
  const int64_t v = job.logits[0].tensor.cols;
  guide_text(job, row, v, guided);
  int64_t best = 0;
  bool finite = true;
  for (int64_t i = 0; i < v; i++) {
    finite = finite && std::isfinite(guided[i]);
    if (guided[i] > guided[best]) best = i;
  }
  if (!finite) fail(Code::model_corrupt, "unmask_text: logits of token ", job.tokens[row], " are not finite");
  const double top = guided[best];
  if (job.temperature > 0) best = sample_token(job, guided, v, row);
  job.ids[row] = static_cast<int32_t>(best);
  job.confidence[row] = std::exp(guided[best] - top) / exp_sum(guided, v, top);
}

/// Calls `decide(job, row, guided)` for every row, with room for one row of guided logits.
template <class Job, class Decide>
void each_row(ThreadPool& pool, std::span<const Job> jobs, Decide decide) {
  struct Task {
    const Job* job;
    int64_t first;
  };
  std::vector<Task> tasks;
  for (const Job& job : jobs)
    for (int64_t row = 0; job.branches > 0 && row < job.rows; row += kRows) tasks.push_back({&job, row});
  std::vector<std::vector<float>> guided(static_cast<size_t>(pool.threads()));
  pool.run(static_cast<int64_t>(tasks.size()), [&](int64_t index, int worker) {
    const Task& task = tasks[static_cast<size_t>(index)];
    auto& room = guided[static_cast<size_t>(worker)];
    room.resize(static_cast<size_t>(task.job->logits[0].tensor.cols));
    for (int64_t i = task.first; i < std::min(task.job->rows, task.first + kRows); i++) decide(*task.job, i, room.data());
  });
}

}  // namespace

float gumbel(float u) { return -std::log(-std::log(u + 1e-20f) + 1e-20f); }

void cut(const UnmaskJob& job) {
  std::vector<float> score(static_cast<size_t>(job.rows));
  for (int64_t i = 0; i < job.rows; i++) {
    const float u = job.cut_noise ? job.cut_noise[i] : uniform(job.seed, 0, static_cast<uint32_t>(job.cells[i]), job.step, Stream::cut);
    const float noise = job.temperature > 0 ? job.temperature * gumbel(u) : 0.0f;
    const float confidence = job.branches > 0 ? job.confidence[i] : *job.sure.f32_row(i);
    score[static_cast<size_t>(i)] = std::log(std::max(confidence, 1e-20f)) + noise;
  }
  std::vector<float> sorted = score;
  const int64_t k = std::clamp<int64_t>(job.keep, 0, job.rows - 1);
  std::nth_element(sorted.begin(), sorted.begin() + k, sorted.end());
  for (int64_t i = 0; i < job.rows; i++) job.stays[i] = score[static_cast<size_t>(i)] < sorted[static_cast<size_t>(k)];
}

void unmask(ThreadPool& pool, std::span<const UnmaskJob> jobs) {
  each_row(pool, jobs, decide_row);
  for (const UnmaskJob& job : jobs)
    if (job.rows > 0 && job.stays) cut(job);
}

void unmask_text(ThreadPool& pool, std::span<const TextUnmaskJob> jobs) { each_row(pool, jobs, decide_token); }

}  // namespace dimoo::cpu

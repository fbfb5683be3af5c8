// One task: one head of one branch, up to kQueries query rows. Scores and weighted values go through the products' tile, with the
// chunk's keys and values packed as panels in the worker's scratch.
#include "cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace dimoo::cpu {
namespace {

constexpr int64_t kChunk = 512;    // keys, fixed: part of the result's definition
constexpr int64_t kQueries = 192;  // a multiple of every tile's rows

struct Job {
  const AttentionSpan* span;
  int head;
  int64_t first, count;  // query rows within the span
};

/// Where the pieces of a worker's scratch lie, in floats.
struct Layout {
  int64_t hd, wide;  // head dimension, and rounded up to panels
  int64_t query() const { return 0; }
  int64_t keys() const { return kQueries * hd; }
  int64_t values() const { return keys() + kChunk * hd; }
  int64_t scores() const { return values() + kChunk * wide; }
  int64_t packed() const { return scores() + kQueries * kChunk; }
  int64_t state() const { return packed() + kQueries * kChunk; }  // maximum and sum per query
  int64_t total() const { return state() + kQueries * 2; }
};

/// Keys [first, first + count) of one head as panels of 64 keys: [keys / 64][hd][64].
void pack_keys(const Tensor& k, int64_t column, int64_t first, int64_t count, int64_t hd, float* to) {
  std::memset(to, 0, static_cast<size_t>((count + kPanel - 1) / kPanel * kPanel * hd) * 4);
  for (int64_t i = 0; i < count; i++) {
    const float* row = k.f32_row(first + i) + column;
    float* at = to + i / kPanel * kPanel * hd + i % kPanel;
    for (int64_t p = 0; p < hd; p++) at[p * kPanel] = row[p];
  }
}

/// Values of one head as panels of 64 channels: [hd / 64][keys][64].
void pack_values(const Tensor& v, int64_t column, int64_t first, int64_t count, int64_t hd, float* to) {
  for (int64_t c = 0; c < hd; c += kPanel, to += count * kPanel) {
    const int64_t width = std::min<int64_t>(kPanel, hd - c);
    for (int64_t i = 0; i < count; i++) {
      std::memcpy(to + i * kPanel, v.f32_row(first + i) + column + c, static_cast<size_t>(width) * 4);
      if (width < kPanel) std::memset(to + i * kPanel + width, 0, static_cast<size_t>(kPanel - width) * 4);
    }
  }
}

void run_job(const Kernels& kernels, const Job& job, Tensor q, int kv_head, int64_t hd, float* scratch, Tensor out) {
  const Layout layout{hd, (hd + kPanel - 1) / kPanel * kPanel};
  const int rows = kernels.rows;
  const float scale = 1.0f / std::sqrt(static_cast<float>(hd));
  const int64_t keys = job.span->k.rows, row0 = job.span->first + job.first;
  float* query = scratch + layout.query();
  float* scores = scratch + layout.scores();
  float* packed = scratch + layout.packed();
  float* state = scratch + layout.state();
  for (int64_t i = 0; i < job.count; i += rows)
    pack_rows(q.f32_row(row0 + i) + job.head * hd, q.stride, std::min<int64_t>(rows, job.count - i), hd, rows, query + i * hd);
  for (int64_t i = 0; i < job.count; i++) state[2 * i] = -INFINITY, state[2 * i + 1] = 0;
  for (int64_t first = 0; first < keys; first += kChunk) {
    const int64_t count = std::min(kChunk, keys - first);
    pack_keys(job.span->k, kv_head * hd, first, count, hd, scratch + layout.keys());
    pack_values(job.span->v, kv_head * hd, first, count, hd, scratch + layout.values());
    for (int64_t i = 0; i < job.count; i += rows) {
      const int m = static_cast<int>(std::min<int64_t>(rows, job.count - i));
      for (int64_t key = 0; key < count; key += kPanel)
        kernels.tile(m, static_cast<int>(std::min<int64_t>(kPanel, count - key)), hd, query + i * hd, scratch + layout.keys() + key * hd,
                     scores + i * kChunk + key, kChunk, false);
    }
    for (int64_t i = 0; i < job.count; i++) {
      float top = state[2 * i];
      const float sum = kernels.softmax_chunk(scores + i * kChunk, count, scale, &top);
      const float factor = first == 0 ? 0.0f : std::exp(state[2 * i] - top);
      if (first > 0 && factor != 1.0f) kernels.scale(out.f32_row(row0 + i) + job.head * hd, factor, hd);
      state[2 * i + 1] = state[2 * i + 1] * factor + sum;
      state[2 * i] = top;
    }
    for (int64_t i = 0; i < job.count; i += rows) {
      const auto m = std::min<int64_t>(rows, job.count - i);
      pack_rows(scores + i * kChunk, kChunk, m, count, rows, packed);
      for (int64_t c = 0; c < hd; c += kPanel)
        kernels.tile(static_cast<int>(m), static_cast<int>(std::min<int64_t>(kPanel, hd - c)), count, packed,
                     scratch + layout.values() + c * count, out.f32_row(row0 + i) + job.head * hd + c, out.stride, first > 0);
    }
  }
  for (int64_t i = 0; i < job.count; i++) kernels.scale(out.f32_row(row0 + i) + job.head * hd, 1.0f / state[2 * i + 1], hd);
}

}  // namespace

void attention(const Products& products, Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) {
  const int64_t hd = q.cols / heads;
  std::vector<Job> jobs;
  for (const AttentionSpan& span : spans)
    for (int head = 0; head < heads; head++)
      for (int64_t first = 0; first < span.count; first += kQueries)
        jobs.push_back({&span, head, first, std::min(kQueries, span.count - first)});
  const int64_t floats = Layout{hd, (hd + kPanel - 1) / kPanel * kPanel}.total();
  products.pool.run(static_cast<int64_t>(jobs.size()), [&](int64_t task, int worker) {
    const Job& job = jobs[static_cast<size_t>(task)];
    auto* scratch = reinterpret_cast<float*>(products.scratch.of(worker, floats * 4));
    run_job(products.kernels, job, q, job.head / (heads / kv_heads), hd, scratch, out);
  });
}

}  // namespace dimoo::cpu

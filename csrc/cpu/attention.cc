// One task: one head of one branch, a group of query rows. A chunk's keys and values are packed once for the group as panels in the
// worker's scratch; scores and weighted values go through the products' tile, block of queries by block.
#include "cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace dimoo::cpu {
namespace {

constexpr int64_t kChunk = kKeyChunk;
constexpr int64_t kBlock = 192;  // queries whose scores lie in scratch; a multiple of every tile's rows
constexpr int64_t kBlocks = 5;   // of a group, at most

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

struct Job {
  const AttentionSpan* span;
  int head, kv_head;
  int64_t first, count;  // query rows within the span
};

/// Where the pieces of a worker's scratch lie, in floats. bf16 pieces take half of theirs.
struct Layout {
  int64_t hd, rows;  // head dimension; queries of a group
  int64_t wide() const { return round_up(hd, kPanel); }
  int64_t keys() const { return 0; }
  int64_t values() const { return keys() + kChunk * hd; }
  int64_t scores() const { return values() + kChunk * wide(); }
  int64_t state() const { return scores() + kBlock * kChunk; }          // maximum and sum per query
  int64_t queries() const { return round_up(state() + rows * 2, 16); }  // bf16 only, like what follows
  int64_t weights() const { return queries() + round_up(rows * hd / 2, 16); }
  int64_t row() const { return weights() + kBlock * kChunk / 2; }
  int64_t total() const { return row() + wide(); }
};

/// One task's arithmetic in f32.
struct Plain {
  const Kernels& kernels;
  const Job& job;
  Layout layout;
  float* scratch;
  Tensor q, out;

  const float* query(int64_t i) const { return q.f32_row(job.span->first + job.first + i) + job.head * layout.hd; }
  float* result(int64_t i) const { return out.f32_row(job.span->first + job.first + i) + job.head * layout.hd; }
  float* scores() const { return scratch + layout.scores(); }

  void begin() const {}

  /// Keys as panels of 64: [keys / 64][hd][64]; values as panels of 64 channels: [hd / 64][keys][64].
  void pack(int64_t first, int64_t count) const {
    const int64_t hd = layout.hd, column = job.kv_head * hd;
    float* to = scratch + layout.keys();
    if (count % kPanel) std::memset(to + count / kPanel * kPanel * hd, 0, static_cast<size_t>(kPanel * hd) * 4);
    for (int64_t i = 0; i < count; i++) {
      const float* row = job.span->k.f32_row(first + i) + column;
      float* at = to + i / kPanel * kPanel * hd + i % kPanel;
      for (int64_t p = 0; p < hd; p++) at[p * kPanel] = row[p];
    }
    to = scratch + layout.values();
    for (int64_t c = 0; c < hd; c += kPanel, to += count * kPanel) {
      const int64_t width = std::min<int64_t>(kPanel, hd - c);
      for (int64_t i = 0; i < count; i++) {
        std::memcpy(to + i * kPanel, job.span->v.f32_row(first + i) + column + c, static_cast<size_t>(width) * 4);
        if (width < kPanel) std::memset(to + i * kPanel + width, 0, static_cast<size_t>(kPanel - width) * 4);
      }
    }
  }
  void score(int64_t i, int m, int64_t row, int64_t key, int columns) const {
    kernels.tile_rows(m, columns, layout.hd, query(i), q.stride, scratch + layout.keys() + key * layout.hd, scores() + row * kChunk + key,
                      kChunk, false);
  }
  void weigh(int64_t, int64_t) const {}
  void add_values(int64_t i, int m, int64_t row, int64_t count, int64_t channel, int columns, bool add) const {
    kernels.tile_rows(m, columns, count, scores() + row * kChunk, kChunk, scratch + layout.values() + channel * count, result(i) + channel,
                      out.stride, add);
  }
};

/// The same with queries, keys, values and weights rounded to bf16, in pairs along what is summed.
struct Brain : Plain {
  int64_t pairs() const { return layout.hd / 2; }
  uint32_t* part(int64_t at) const { return reinterpret_cast<uint32_t*>(scratch + at); }
  uint16_t* rounded(const float* row, int64_t count) const {
    auto* to = reinterpret_cast<uint16_t*>(scratch + layout.row());
    kernels.round_bf16(row, count, to);
    return to;
  }

  void begin() const {
    for (int64_t i = 0; i < job.count; i++)
      kernels.round_bf16(query(i), layout.hd, reinterpret_cast<uint16_t*>(part(layout.queries()) + i * pairs()));
  }
  /// Keys: [keys / 64][hd / 2][64] pairs; values: [hd / 64][keys / 2][64] pairs of two keys, an odd last one with zero.
  void pack(int64_t first, int64_t count) const {
    const int64_t hd = layout.hd, column = job.kv_head * hd, half = (count + 1) / 2;
    uint32_t* to = part(layout.keys());
    if (count % kPanel) std::memset(to + count / kPanel * kPanel * pairs(), 0, static_cast<size_t>(kPanel * pairs()) * 4);
    for (int64_t i = 0; i < count; i++) {
      const auto* row = reinterpret_cast<const uint32_t*>(rounded(job.span->k.f32_row(first + i) + column, hd));
      uint32_t* at = to + i / kPanel * kPanel * pairs() + i % kPanel;
      for (int64_t p = 0; p < pairs(); p++) at[p * kPanel] = row[p];
    }
    auto* values = reinterpret_cast<uint16_t*>(part(layout.values()));
    std::memset(values, 0, static_cast<size_t>(half * layout.wide()) * 4);
    for (int64_t i = 0; i < count; i++) {
      const uint16_t* row = rounded(job.span->v.f32_row(first + i) + column, hd);
      for (int64_t c = 0; c < hd; c += kPanel) {
        uint16_t* at = values + (c * half + i / 2 * kPanel) * 2 + i % 2;
        for (int64_t j = 0; j < std::min<int64_t>(kPanel, hd - c); j++) at[j * 2] = row[c + j];
      }
    }
  }
  void score(int64_t i, int m, int64_t row, int64_t key, int columns) const {
    kernels.tile_rows_bf16(m, columns, pairs(), part(layout.queries()) + i * pairs(), pairs(), part(layout.keys()) + key * pairs(),
                           scores() + row * kChunk + key, kChunk, false);
  }
  void weigh(int64_t row, int64_t count) const {
    auto* to = reinterpret_cast<uint16_t*>(part(layout.weights()) + row * (kChunk / 2));
    kernels.round_bf16(scores() + row * kChunk, count, to);
    if (count % 2) to[count] = 0;
  }
  void add_values(int64_t i, int m, int64_t row, int64_t count, int64_t channel, int columns, bool add) const {
    const int64_t half = (count + 1) / 2;
    kernels.tile_rows_bf16(m, columns, half, part(layout.weights()) + row * (kChunk / 2), kChunk / 2,
                           part(layout.values()) + channel * half, result(i) + channel, out.stride, add);
  }
};

/// Queries [first, first + count) of the group against a packed chunk: online softmax, values added to what the chunks before left.
template <class Arithmetic>
void run_block(const Arithmetic& a, int64_t first, int64_t count, int64_t keys, bool begins) {
  const int64_t hd = a.layout.hd, rows = a.kernels.rows;
  const float scale = 1.0f / std::sqrt(static_cast<float>(hd));
  float* state = a.scratch + a.layout.state() + first * 2;
  for (int64_t key = 0; key < keys; key += kPanel)
    for (int64_t i = 0; i < count; i += rows)
      a.score(first + i, static_cast<int>(std::min(rows, count - i)), i, key, static_cast<int>(std::min<int64_t>(kPanel, keys - key)));
  for (int64_t i = 0; i < count; i++) {
    float top = state[2 * i];
    const float sum = a.kernels.softmax_chunk(a.scores() + i * kChunk, keys, scale, &top);
    const float factor = begins ? 0.0f : std::exp(state[2 * i] - top);
    if (!begins && factor != 1.0f) a.kernels.scale(a.result(first + i), factor, hd);
    state[2 * i + 1] = state[2 * i + 1] * factor + sum;
    state[2 * i] = top;
    a.weigh(i, keys);
  }
  for (int64_t channel = 0; channel < hd; channel += kPanel)
    for (int64_t i = 0; i < count; i += rows)
      a.add_values(first + i, static_cast<int>(std::min(rows, count - i)), i, keys, channel,
                   static_cast<int>(std::min<int64_t>(kPanel, hd - channel)), !begins);
}

template <class Arithmetic>
void run_job(const Arithmetic& a) {
  const Job& job = a.job;
  if (job.span->k.rows == 0) {
    for (int64_t i = 0; i < job.count; i++) std::fill_n(a.result(i), a.layout.hd, 0.0f);
    return;
  }
  float* state = a.scratch + a.layout.state();
  for (int64_t i = 0; i < job.count; i++) state[2 * i] = -INFINITY, state[2 * i + 1] = 0;
  a.begin();
  for (int64_t first = 0; first < job.span->k.rows; first += kChunk) {
    const int64_t keys = std::min(kChunk, job.span->k.rows - first);
    a.pack(first, keys);
    for (int64_t i = 0; i < job.count; i += kBlock) run_block(a, i, std::min(kBlock, job.count - i), keys, first == 0);
  }
  for (int64_t i = 0; i < job.count; i++) a.kernels.scale(a.result(i), 1.0f / state[2 * i + 1], a.layout.hd);
}

}  // namespace

void attention(const Products& products, Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) {
  const int64_t hd = q.cols / heads;
  int64_t blocks = 0;
  for (const AttentionSpan& span : spans) blocks += (span.count + kBlock - 1) / kBlock * heads;
  // Large groups pack keys and values less often; small ones keep every thread busy.
  const int64_t group = kBlock * std::clamp<int64_t>(blocks / (4 * products.pool.threads()), 1, kBlocks);
  std::vector<Job> jobs;
  for (const AttentionSpan& span : spans)
    for (int head = 0; head < heads; head++)
      for (int64_t first = 0; first < span.count; first += group)
        jobs.push_back({&span, head, head / (heads / kv_heads), first, std::min(group, span.count - first)});
  const Layout layout{hd, group};
  products.pool.run(static_cast<int64_t>(jobs.size()), [&](int64_t task, int worker) {
    const Job& job = jobs[static_cast<size_t>(task)];
    auto* scratch = reinterpret_cast<float*>(products.scratch.of(worker, layout.total() * 4));
    const Plain plain{products.kernels, job, layout, scratch, q, out};
    if (job.span->precision == Precision::fast && products.kernels.tile_rows_bf16 && hd % 2 == 0)
      run_job(Brain{plain});
    else
      run_job(plain);
  });
}

}  // namespace dimoo::cpu

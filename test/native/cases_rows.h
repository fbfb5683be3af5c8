// Cases of the transformer's other ops: norm, rotary, attention, gather, scatter, row_max, embed.
#pragma once
#include <algorithm>
#include <bit>
#include <numeric>

#include "test/native/cases.h"

namespace cases {

inline Case norm_case(int64_t rows, int64_t d, float scale) {
  const auto x = std::make_shared<std::vector<float>>(random_values(rows * d, 7, scale));
  const auto weight = std::make_shared<std::vector<float>>(random_values(d, 8));
  constexpr float kEps = 1e-5f;
  Case c;
  c.name = text("norm ", rows, "x", d, " scale ", scale);
  c.bind = [=](Device& device) -> Bound {
    const auto in = std::make_shared<Guarded>(device, rows, d, 2, *x), w = std::make_shared<Guarded>(device, 1, d, 0, *weight);
    const auto out = std::make_shared<Guarded>(device, rows, d, 3);
    return {[=, &device] { device.norm(in->tensor(), w->tensor(), kEps, out->tensor()); }, [=] { return out->read(); }};
  };
  c.expected = [=](Compute) {
    Expected expected;
    for (int64_t r = 0; r < rows; r++) {
      double sum = 0;
      for (int64_t i = 0; i < d; i++) sum += double{(*x)[static_cast<size_t>(r * d + i)]} * (*x)[static_cast<size_t>(r * d + i)];
      for (int64_t i = 0; i < d; i++) {
        const double value =
            (*x)[static_cast<size_t>(r * d + i)] / std::sqrt(sum / static_cast<double>(d) + kEps) * (*weight)[static_cast<size_t>(i)];
        expected.push(value, (sum_error(d) + 8 * kUnit) * std::fabs(value));
      }
    }
    return expected;
  };
  return c;
}

inline Case rotary_case(int64_t rows, int heads, int64_t hd) {
  const int64_t d = heads * hd, table_rows = 11;
  const auto x = std::make_shared<std::vector<float>>(random_values(rows * d, 9)),
             table = std::make_shared<std::vector<float>>(random_values(table_rows * hd, 10));
  Case c;
  c.name = text("rotary ", rows, " rows, ", heads, " heads of ", hd);
  const auto position = [](int64_t row) { return static_cast<int32_t>(row * 7 % 11); };
  c.bind = [=](Device& device) -> Bound {
    const auto in = std::make_shared<Guarded>(device, rows, d, 4, *x),
               angles = std::make_shared<Guarded>(device, table_rows, hd, 0, *table);
    return {[=, &device] {
              std::vector<int32_t> positions;
              for (int64_t r = 0; r < rows; r++) positions.push_back(position(r));
              device.rotary(in->tensor(), positions, angles->tensor(), heads);
            },
            [=] { return in->read(); }};
  };
  c.expected = [=](Compute) {
    Expected expected;
    const int64_t half = hd / 2;
    for (int64_t r = 0; r < rows; r++)
      for (int64_t i = 0; i < d; i++) {
        const int64_t in = i % hd, j = in % half;
        const double co = (*table)[static_cast<size_t>(position(r) * hd + j)],
                     si = (*table)[static_cast<size_t>(position(r) * hd + half + j)];
        const double self = (*x)[static_cast<size_t>(r * d + i)], other = (*x)[static_cast<size_t>(r * d + i + (in < half ? half : -half))];
        const double turned = in < half ? -other : other;
        expected.push(self * co + turned * si, 4 * kUnit * (std::fabs(self * co) + std::fabs(turned * si)));
      }
    return expected;
  };
  return c;
}

/// Branches one after another; each computes every `every`-th query row of its n.
struct AttentionShape {
  std::vector<int64_t> n;
  int64_t every;
  int heads, kv_heads;
  int64_t hd;
  float scale;  // of the queries: large values make the softmax sharp
  Precision precision = Precision::f32;
};

inline Case attention_case(const AttentionShape& s) {
  const int64_t keys = std::accumulate(s.n.begin(), s.n.end(), int64_t{0}), d = s.heads * s.hd, kv = s.kv_heads * s.hd;
  std::vector<int64_t> counts;
  for (const int64_t n : s.n) counts.push_back((n + s.every - 1) / s.every);
  const int64_t rows = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  struct Data {
    std::vector<float> q, k, v;
  };
  const auto data =
      std::make_shared<Data>(Data{random_values(rows * d, 11, s.scale), random_values(keys * kv, 12), random_values(keys * kv, 13)});
  Case c;
  c.name = text("attention ", s.n.size(), " branches of ", s.n.front(), ", every ", s.every, ", ", s.heads, "/", s.kv_heads, " heads of ",
                s.hd, ", scale ", s.scale, " ", precision_name(s.precision));
  c.type = s.precision == Precision::fast ? DType::bf16 : DType::f32, c.precision = s.precision;
  c.head_dim = s.hd;
  c.bind = [=](Device& device) -> Bound {
    const auto q = std::make_shared<Guarded>(device, rows, d, 1, data->q), out = std::make_shared<Guarded>(device, rows, d, 9);
    const auto k = std::make_shared<Guarded>(device, keys, kv, 2, data->k), v = std::make_shared<Guarded>(device, keys, kv, 0, data->v);
    return {[=, &device] {
              std::vector<AttentionSpan> spans;
              int64_t key = 0, row = 0;
              for (size_t b = 0; b < s.n.size(); key += s.n[b], row += counts[b], b++)
                spans.push_back({row, counts[b], k->tensor().slice(key, s.n[b]), v->tensor().slice(key, s.n[b]), s.precision});
              device.attention(q->tensor(), spans, s.heads, s.kv_heads, out->tensor());
            },
            [=] { return out->read(); }};
  };
  c.expected = [=](Compute compute) {
    const bool brain = compute == Compute::bf16;
    const auto rounded = [=](float v) { return double{brain ? bf16_to_f32(f32_to_bf16(v)) : v}; };
    const double weight_error = brain ? 0x1p-8 : 0;  // weights are rounded to bf16, their sum is not
    Expected expected;
    int64_t key = 0, row = 0;
    for (size_t b = 0; b < s.n.size(); key += s.n[b], row += counts[b], b++)
      for (int64_t r = row; r < row + counts[b]; r++)
        for (int h = 0; h < s.heads; h++) {
          const int64_t column = h / (s.heads / s.kv_heads) * s.hd;
          std::vector<double> score(static_cast<size_t>(s.n[b]));
          double top = -INFINITY, total = 0, stray = 0;
          for (int64_t n = 0; n < s.n[b]; n++) {
            double dot = 0, magnitude = 0;
            for (int64_t i = 0; i < s.hd; i++) {
              const double term = rounded(data->q[static_cast<size_t>(r * d + h * s.hd + i)]) *
                                  rounded(data->k[static_cast<size_t>((key + n) * kv + column + i)]);
              dot += term, magnitude += std::fabs(term);
            }
            score[static_cast<size_t>(n)] = dot / std::sqrt(static_cast<double>(s.hd));
            top = std::fmax(top, score[static_cast<size_t>(n)]);
            stray = std::fmax(stray, (sum_error(s.hd) + 4 * kUnit) * magnitude / std::sqrt(static_cast<double>(s.hd)));
          }
          for (double& p : score) total += p = std::exp(p - top);
          for (int64_t i = 0; i < s.hd; i++) {
            double value = 0, magnitude = 0;
            for (int64_t n = 0; n < s.n[b]; n++) {
              const double term =
                  score[static_cast<size_t>(n)] / total * rounded(data->v[static_cast<size_t>((key + n) * kv + column + i)]);
              value += term, magnitude += std::fabs(term);
            }
            // Scores off by `stray` change each weight by 2 stray; exponentials by a few units, their sums as sums do.
            expected.push(
                value, (weight_error + 4 * stray + 2 * sum_error(s.n[b]) + 16 * kUnit) * magnitude + 1e-37 * static_cast<double>(s.n[b]));
          }
        }
    return expected;
  };
  return c;
}

/// An odd number of keys right after an attention whose weights were all NaNs: what that leaves in scratch must not count as the weight of
/// a key that is not there. Heads enough for every thread to have a part in both.
inline Case attention_after_spoiled_case() {
  constexpr int64_t kKeys = 77, kSpoiled = 128, kRows = 9, kHeads = 16, kHd = 64;
  const Case plain = attention_case({{kKeys}, kRows, kHeads, kHeads, kHd, 1, Precision::fast});
  Case c = plain;
  c.name = plain.name + ", after one of NaNs";
  c.bind = [=](Device& device) -> Bound {
    const Bound bound = plain.bind(device);
    const auto of = [&](int64_t rows, float value) {
      return std::make_shared<Guarded>(device, rows, kHeads * kHd, 0, std::vector<float>(static_cast<size_t>(rows * kHeads * kHd), value));
    };
    const auto q = of(kRows, std::nanf("")), k = of(kSpoiled, 1), out = of(kRows, 0);
    return {[=, &device] {
              const AttentionSpan spans[] = {{0, kRows, k->tensor(), k->tensor(), Precision::fast}};
              device.attention(q->tensor(), spans, kHeads, kHeads, out->tensor());
              bound.run();
            },
            bound.output};
  };
  return c;
}

/// A span without keys gets zeros, the one beside it what it would get alone.
inline Case attention_without_keys_case(Precision precision) {
  constexpr int64_t kRows = 7, kHd = 64, kMine = 3;
  const auto x = std::make_shared<std::vector<float>>(random_values(kRows * kHd, 18));
  Case c;
  c.name = text("attention without keys ", precision_name(precision));
  c.type = precision == Precision::fast ? DType::bf16 : DType::f32, c.precision = precision, c.head_dim = kHd;
  c.bind = [=](Device& device) -> Bound {
    const auto q = std::make_shared<Guarded>(device, kRows, kHd, 1, *x), out = std::make_shared<Guarded>(device, kRows, kHd, 9);
    return {[=, &device] {
              const Tensor one = q->tensor().slice(0, 1), none = q->tensor().slice(0, 0);
              const AttentionSpan spans[] = {{0, kMine, one, one, precision}, {kMine, kRows - kMine, none, none, precision}};
              device.attention(q->tensor(), spans, 1, 1, out->tensor());
            },
            [=] { return out->read(); }};
  };
  c.expected = [=](Compute compute) {
    Expected expected;
    for (int64_t i = 0; i < kRows * kHd; i++) {
      const float only = (*x)[static_cast<size_t>(i % kHd)];
      const double value = compute == Compute::bf16 ? bf16_to_f32(f32_to_bf16(only)) : only;
      expected.push(i / kHd < kMine ? value : 0, 4 * kUnit * std::fabs(value));
    }
    return expected;
  };
  return c;
}

inline Case gather_case() {
  const auto x = std::make_shared<std::vector<float>>(random_values(9 * 13, 14));
  static constexpr int32_t kRows[] = {8, 0, 0, 5, 3};
  Case c;
  c.name = "gather 5 of 9 rows";
  c.bind = [=](Device& device) -> Bound {
    const auto in = std::make_shared<Guarded>(device, 9, 13, 2, *x), out = std::make_shared<Guarded>(device, 5, 13, 3);
    return {[=, &device] { device.gather(in->tensor(), kRows, out->tensor()); }, [=] { return out->read(); }};
  };
  c.expected = [=](Compute) {
    Expected expected;
    for (const int32_t row : kRows)
      for (int64_t i = 0; i < 13; i++) expected.push((*x)[static_cast<size_t>(row * 13 + i)], 0);
    return expected;
  };
  return c;
}

inline Case scatter_case() {
  const auto x = std::make_shared<std::vector<float>>(random_values(3 * 19, 40)),
             base = std::make_shared<std::vector<float>>(random_values(7 * 19, 41));
  static constexpr int32_t kRows[] = {6, 0, 3};
  Case c;
  c.name = "scatter 3 of 7 rows";
  c.bind = [=](Device& device) -> Bound {
    const auto in = std::make_shared<Guarded>(device, 3, 19, 2, *x), out = std::make_shared<Guarded>(device, 7, 19, 5, *base);
    return {[=, &device] { device.scatter(in->tensor(), kRows, out->tensor()); }, [=] { return out->read(); }};
  };
  c.expected = [=](Compute) {
    std::vector<float> values = *base;  // rows that are not named stay as they were
    for (int64_t i = 0; i < 3; i++) std::copy_n(x->begin() + i * 19, 19, values.begin() + kRows[i] * 19);
    Expected expected;
    for (const float v : values) expected.push(v, 0);
    return expected;
  };
  return c;
}

/// The largest value stands first, last, in between, or in a row where all are below zero.
inline Case row_max_case(int64_t rows, int64_t cols) {
  auto values = random_values(rows * cols, 42);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < cols; i++) {
      float& v = values[static_cast<size_t>(r * cols + i)];
      v = i == r * 5 % cols ? -0.25f : -1 - std::fabs(v);
    }
  const auto x = std::make_shared<std::vector<float>>(std::move(values));
  Case c;
  c.name = text("row_max ", rows, "x", cols);
  c.bind = [=](Device& device) -> Bound {
    const auto in = std::make_shared<Guarded>(device, rows, cols, 3, *x), out = std::make_shared<Guarded>(device, rows, 1, 2);
    return {[=, &device] { device.row_max(in->tensor(), out->tensor()); }, [=] { return out->read(); }};
  };
  c.expected = [=](Compute) {
    Expected expected;
    for (int64_t r = 0; r < rows; r++) expected.push(-0.25, 0);
    return expected;
  };
  return c;
}

/// Rows at or below the quantile; `levels` different values, so that ties are many or few.
inline Case choose_case(int64_t rows, double ratio, int64_t levels) {
  auto values = random_values(rows, 43, 5);
  for (float& v : values) v = levels > 0 ? std::floor(v * static_cast<float>(levels) / 10) : v;
  if (rows > 2) values[1] = -0.0f, values[2] = 0.0f;
  const auto x = std::make_shared<std::vector<float>>(std::move(values));
  Case c;
  c.name = text("choose of ", rows, " rows, ratio ", ratio, ", levels ", levels);
  c.bind = [=](Device& device) -> Bound {
    const auto in = std::make_shared<Guarded>(device, rows, 1, 2, *x), again = std::make_shared<Guarded>(device, rows, 1, 0, *x);
    const auto chosen = std::make_shared<std::vector<int32_t>>(), second = std::make_shared<std::vector<int32_t>>();
    return {[=, &device] {
              const ChooseJob jobs[] = {{in->tensor(), ratio, chosen.get()}, {again->tensor(), 0.5, second.get()}};
              device.choose(jobs);
              device.settle();
            },
            [=] {
              std::vector<float> flags(static_cast<size_t>(rows));
              for (const int32_t row : *chosen) flags[static_cast<size_t>(row)]++;
              if (!std::is_sorted(chosen->begin(), chosen->end())) flags.push_back(1);
              flags.push_back(static_cast<float>(second->size()));
              return flags;
            }};
  };
  c.expected = [=](Compute) {
    std::vector<float> sorted = *x;
    std::sort(sorted.begin(), sorted.end());
    const auto threshold = [&](double kept) {
      const auto q = static_cast<float>(1 - kept);
      const float rank = q * static_cast<float>(rows - 1), w = rank - std::floor(rank);
      const float low = sorted[static_cast<size_t>(std::floor(rank))], high = sorted[static_cast<size_t>(std::ceil(rank))];
      return w < 0.5f ? low + w * (high - low) : high - (high - low) * (1 - w);
    };
    Expected expected;
    for (const float v : *x) expected.push(v <= threshold(ratio) ? 1 : 0, 0);
    expected.push(static_cast<double>(std::count_if(x->begin(), x->end(), [&](float v) { return v <= threshold(0.5); })), 0);
    return expected;
  };
  return c;
}

inline std::vector<Case> choose_cases() {
  std::vector<Case> all;
  for (const int64_t rows : {1, 2, 11, 33, 512, 1301})
    for (const int64_t levels : {0, 3, 40})
      for (const double ratio : {0.0, 0.6, 0.9, 1.0}) all.push_back(choose_case(rows, ratio, levels));
  return all;
}

inline Case embed_case(DType type) {
  const auto table = std::make_shared<Matrix>(type, 21, 256, 15);
  static constexpr int32_t kIds[] = {20, 0, 7, 7, 1, 19};
  Case c;
  c.name = text("embed ", type_info(type).name);
  c.bind = [=](Device& device) -> Bound {
    const std::shared_ptr<Weight> weight = device.prepare(table->host(), Precision::fast);  // dequantised exactly all the same
    const auto out = std::make_shared<Guarded>(device, 6, 256, 3);
    return {[=, &device] { device.embed(*weight, kIds, out->tensor()); }, [=] { return out->read(); }};
  };
  c.expected = [=](Compute) {
    Expected expected;
    for (const int32_t id : kIds)
      for (int64_t i = 0; i < 256; i++) expected.push(table->values[static_cast<size_t>(id * 256 + i)], 0);
    return expected;
  };
  return c;
}

inline std::vector<Case> row_cases() {
  std::vector<Case> all;
  for (const int64_t d : {1, 7, 16, 100, 2049}) all.push_back(norm_case(5, d, 1)), all.push_back(norm_case(17, d, 1e-3f));
  for (const int64_t hd : {2, 6, 32, 64, 80, 128}) all.push_back(rotary_case(13, 3, hd));
  for (const AttentionShape& s : {AttentionShape{{1}, 1, 1, 1, 8, 1},
                                  {{7}, 1, 2, 1, 40, 1},
                                  {{64, 5}, 1, 2, 2, 64, 1},
                                  {{511}, 40, 1, 1, 16, 1},
                                  {{512, 513}, 29, 2, 1, 32, 4},
                                  {{1100}, 90, 6, 2, 80, 1},
                                  {{600}, 3, 1, 1, 128, 30},
                                  {{70}, 1, 1, 1, 130, 1},
                                  {{1}, 1, 1, 1, 8, 1, Precision::fast},
                                  {{77, 5}, 1, 2, 1, 40, 1, Precision::fast},
                                  {{512, 513}, 29, 2, 1, 32, 4, Precision::fast},
                                  {{1101}, 90, 6, 2, 80, 1, Precision::fast},
                                  {{130, 1, 64}, 1, 2, 1, 64, 2, Precision::fast},
                                  {{65, 200}, 7, 6, 2, 96, 1, Precision::fast},
                                  {{129, 577}, 3, 2, 2, 128, 1, Precision::fast},
                                  {{600}, 3, 1, 1, 130, 30, Precision::fast}})
    all.push_back(attention_case(s));
  for (const Precision precision : {Precision::f32, Precision::fast}) all.push_back(attention_without_keys_case(precision));
  all.push_back(attention_after_spoiled_case());
  all.push_back(gather_case());
  all.push_back(scatter_case());
  for (const int64_t cols : {1, 7, 64, 1001}) all.push_back(row_max_case(17, cols));
  for (const DType type : {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q6_k, DType::q5_k, DType::q4_k, DType::q4_0})
    all.push_back(embed_case(type));
  return all;
}

}  // namespace cases

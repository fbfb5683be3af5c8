// Which rows of a sequence are not computed again because their keys, values and logits are kept (design.md, "reuse"):
// ML-Cache (golden README section 6; arXiv 2510.06308) and prefix reuse for text. Pure logic on steps and on one maximum a row.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace dimoo {

enum class PassKind { full, cached, text };
const char* pass_name(PassKind kind);

struct ReusePolicy {
  enum class Kind { none, ml_cache, prefix };
  Kind kind = Kind::none;
  double ratio = 0.9;   // share of a branch's rows that a cached step leaves alone
  double warmup = 0.3;  // share of the steps that compute everything at first
  int64_t refresh = 5;  // afterwards every so many steps everything is computed

  /// ML-Cache: whether step `step` of `steps` computes every row.
  bool refreshes(int64_t step, int64_t steps) const;
};

/// What a step computes.
struct StepPlan {
  PassKind pass = PassKind::full;
  bool keeps = false;    // keys, values and the wanted logits are kept: the next step is not a full one
  bool surveys = false;  // the largest logit of every computed row as well: the next step chooses its rows by them
};

/// Rows whose largest logit lies at or below the quantile at 1 - ratio, ascending: the least certain ones.
std::vector<int32_t> least_sure(std::span<const float> maxima, double ratio);
/// Linear-interpolation quantile at fp32(1 - ratio), in the original's fp32.
float least_sure_threshold(std::span<const float> maxima, double ratio);

}  // namespace dimoo

// Which rows of a sequence are not computed again because their keys, values and logits are kept (docs/model.md#ml-cache):
// ML-Cache (arXiv 2510.06308) and prefix reuse for text. Pure logic on steps; the rows themselves are
// `Device::choose`'s.
#pragma once
#include <cstdint>

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

}  // namespace dimoo

// Which rows of a sequence are not computed again because their keys, values and logits are kept, as a strategy: what the step to come
// computes, and what it leaves behind. None, ML-Cache (arXiv 2510.06308), or prefix reuse for text (docs/model.md#prefix-reuse). Pure logic
// on steps; the rows themselves are `Device::choose`'s.
#pragma once
#include <cstdint>
#include <memory>

namespace dimoo {

enum class PassKind { full, cached, text };
const char* pass_name(PassKind kind);

/// What a step computes.
struct StepWork {
  PassKind pass = PassKind::full;
  bool keeps = false;    // keys, values and the wanted logits are kept: the next step is not a full one
  bool surveys = false;  // the largest logit of every computed row as well: the next step chooses its rows by them
};

/// Where the step to come stands in what reuse counts by: a picture's steps, or those of one block of an answer.
struct StretchStep {
  int64_t step = 0, steps = 1;
  bool more = false;    // another one follows
  bool forced = false;  // nothing that was kept may be used
};

class Reuse {
 public:
  virtual ~Reuse() = default;
  virtual StepWork work(const StretchStep& at) const = 0;
  /// Whether keys and values of every row stay between steps; whether the logits of wanted cells and every row's largest do.
  virtual bool keeps_rows() const = 0;
  virtual bool keeps_logits() const = 0;
  /// Whether `text` passes occur, which only answers have.
  virtual bool only_text() const { return false; }
  /// Share of a branch's rows that a cached step leaves alone.
  virtual double spared() const { return 0; }
};
using ReusePtr = std::shared_ptr<const Reuse>;

/// Every step computes every row.
ReusePtr no_reuse();
/// The first step, the first `warmup` share of the steps and then one in `refresh` compute every row; the others leave `ratio` of a
/// branch's rows alone, those whose largest logit lies highest. request/invalid for numbers out of 0..1, 0..1 and 1..4096.
ReusePtr ml_cache(double ratio, double warmup, int64_t refresh);
/// A block's first step computes every row, the others the block's.
ReusePtr prefix_reuse();

}  // namespace dimoo

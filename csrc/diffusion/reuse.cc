#include "diffusion/reuse.h"

#include "base/error.h"

namespace dimoo {
namespace {

class NoReuse final : public Reuse {
 public:
  StepWork work(const StretchStep&) const override { return {}; }
  bool keeps_rows() const override { return false; }
  bool keeps_logits() const override { return false; }
};

class MlCache final : public Reuse {
 public:
  MlCache(double ratio, double warmup, int64_t refresh) : ratio_(ratio), warmup_(warmup), refresh_(refresh) {}
  StepWork work(const StretchStep& at) const override {
    const bool next_cached = at.more && !refreshes(at.step + 1, at.steps);
    return {at.forced || refreshes(at.step, at.steps) ? PassKind::full : PassKind::cached, next_cached, next_cached};
  }
  bool keeps_rows() const override { return true; }
  bool keeps_logits() const override { return true; }
  double spared() const override { return ratio_; }

 private:
  bool refreshes(int64_t step, int64_t steps) const {
    const auto last = static_cast<int64_t>(static_cast<double>(steps) * warmup_);
    return step <= last || (step - last) % refresh_ == 0;
  }

  double ratio_, warmup_;
  int64_t refresh_;
};

class PrefixReuse final : public Reuse {
 public:
  StepWork work(const StretchStep& at) const override {
    return {at.forced || at.step == 0 ? PassKind::full : PassKind::text, at.more, false};
  }
  bool keeps_rows() const override { return true; }
  bool keeps_logits() const override { return false; }
  bool only_text() const override { return true; }
};

}  // namespace

const char* pass_name(PassKind kind) {
  switch (kind) {
    case PassKind::full: return "full";
    case PassKind::cached: return "cached";
    case PassKind::text: return "text";
  }
  return "full";
}

ReusePtr no_reuse() { return std::make_shared<NoReuse>(); }

ReusePtr ml_cache(double ratio, double warmup, int64_t refresh) {
  if (refresh < 1 || refresh > 4096) fail(Code::request_invalid, "cache refresh must lie in 1..4096, got ", refresh);
  if (!(ratio >= 0 && ratio <= 1)) fail(Code::request_invalid, "cache ratio must lie in 0..1, got ", ratio);
  if (!(warmup >= 0 && warmup <= 1)) fail(Code::request_invalid, "cache warmup must lie in 0..1, got ", warmup);
  return std::make_shared<MlCache>(ratio, warmup, refresh);
}

ReusePtr prefix_reuse() { return std::make_shared<PrefixReuse>(); }

}  // namespace dimoo

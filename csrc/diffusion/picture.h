// A picture being decoded (docs/model.md#pictures): every step samples all masked cells and keeps the surest, as many as the
// schedule says. Cells may be masked again on the way (docs/contracts.md#remasking).
#pragma once
#include "diffusion/canvas.h"
#include "diffusion/schedule.h"

namespace dimoo {

struct PictureRequest {
  std::vector<int32_t> cells;  // codes, -1 where masked
  int64_t steps = 0;
  Schedule schedule;
};

class Picture final : public Canvas {
 public:
  Picture(std::shared_ptr<const Layout> layout, PictureRequest request, ReusePolicy reuse, uint64_t seed);

  int64_t steps() const override { return start_ + length_; }
  bool done() const override { return masked_.empty() || step_ >= steps(); }
  StepPlan plan() const override;
  const std::vector<int32_t>& wanted() const override { return masked_; }
  int64_t keep() const override;
  Fixed apply(const Sampled& sampled) override;
  /// Masks these cells again before the next step, which computes everything, and spreads all masked cells over the remaining steps,
  /// at least their share of the request's. Returns how many cells were not masked before; none changes nothing.
  int64_t remask(const std::vector<uint32_t>& cells);

 private:
  void save_rest(ByteWriter& out) const override;
  void restore_rest(ByteReader& in) override;

  PictureRequest request_;
  int64_t start_ = 0, length_ = 0;  // steps of the present schedule
  int64_t masked_at_start_ = 0;     // cells masked when it began
  bool remasked_ = false;           // the schedule is a cosine since
  bool forced_ = false;             // the next step computes everything
};

}  // namespace dimoo

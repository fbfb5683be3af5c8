// A picture being decoded (docs/model.md#pictures): every step samples all masked cells and keeps the surest, as many as the schedule
// says. It may begin where another run stood, and cells may be masked again on the way (docs/contracts.md#remasking): both spread all
// masked cells anew over the steps that are left.
#pragma once
#include "diffusion/canvas.h"
#include "diffusion/schedule.h"

namespace dimoo {

struct PictureRequest {
  std::vector<int32_t> cells;  // codes, -1 where masked
  int64_t steps = 0;
  Schedule schedule;
  int64_t first_step = 0;          // steps that another run has taken: this one goes on with the one after them
  std::vector<uint32_t> pinned{};  // cells that stay as they are, also where they are masked again; each holds a code
};

class Picture final : public Canvas {
 public:
  Picture(std::shared_ptr<const Layout> layout, PictureRequest request, ReusePtr reuse, uint64_t seed);

  int64_t steps() const override { return start_ + length_; }
  bool done() const override { return masked_.empty() || step_ >= steps(); }
  const std::vector<int32_t>& wanted() const override { return masked_; }
  int64_t keep() const override { return keep_at(step_); }
  Fixed apply(const Sampled& sampled) override;
  /// Masks these cells again before the next step, but for pinned ones, and spreads all masked cells. Returns how many cells were not
  /// masked before; none changes nothing.
  int64_t remask(const std::vector<uint32_t>& cells);

 private:
  int64_t keep_at(int64_t step) const;
  /// From here on: the steps left, at least the masked cells' share of the request's, by the cosine from 1; the next one computes
  /// everything.
  void spread();
  StretchStep stretch() const override { return {step_, request_.steps, step_ + 1 < steps(), forced_}; }
  std::array<int64_t, 4> rest() const override { return {start_, length_, masked_at_start_, spread_}; }
  void take_rest(const std::array<int64_t, 4>& rest) override;

  PictureRequest request_;
  std::vector<uint8_t> pinned_;     // per cell
  int64_t start_ = 0, length_ = 0;  // steps of the present schedule
  int64_t masked_at_start_ = 0;     // cells masked when it began
  bool spread_ = false;             // the schedule is a cosine, whatever was asked for
};

}  // namespace dimoo

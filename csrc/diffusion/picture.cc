#include "diffusion/picture.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace dimoo {

Picture::Picture(std::shared_ptr<const Layout> layout, PictureRequest request, ReusePolicy reuse, uint64_t seed)
    : Canvas(std::move(layout), request.cells, reuse, seed), request_(std::move(request)), length_(request_.steps) {
  masked_at_start_ = static_cast<int64_t>(masked_.size());
}

StepPlan Picture::plan() const {
  if (reuse_.kind == ReusePolicy::Kind::none) return {};
  const auto full = [this](int64_t step) { return reuse_.refreshes(step, request_.steps); };
  const bool next_cached = step_ + 1 < steps() && !full(step_ + 1);
  return {forced_ || full(step_) ? PassKind::full : PassKind::cached, next_cached, next_cached};
}

int64_t Picture::keep() const {
  const int64_t step = step_ - start_;
  return remasked_ ? cosine_keep(masked_at_start_, step, length_) : request_.schedule.keep(masked_at_start_, step, length_);
}

Fixed Picture::apply(const Sampled& sampled) {
  mark();
  Fixed fixed;
  std::vector<int32_t> left;
  for (size_t i = 0; i < masked_.size(); i++) {
    const int32_t cell = masked_[i];
    if (sampled.stays[i]) {
      guess_[static_cast<size_t>(cell)] = sampled.values[i];
      left.push_back(cell);
    } else {
      fix(cell, sampled.values[i]);
      fixed.cells.push_back(static_cast<uint32_t>(cell));
      fixed.confidence.push_back(static_cast<float>(sampled.confidence[i]));
    }
  }
  masked_ = std::move(left);
  forced_ = false;
  step_++;
  return fixed;
}

int64_t Picture::remask(const std::vector<uint32_t>& cells) {
  int64_t count = 0;
  for (const uint32_t cell : cells) count += std::exchange(cells_[cell], -1) >= 0;
  if (count == 0) return 0;
  find_masked();
  const double share = static_cast<double>(masked_.size()) / static_cast<double>(cells_.size());
  const auto least = static_cast<int64_t>(std::ceil(static_cast<double>(request_.steps) * share));
  length_ = std::max(steps() - step_, least);
  start_ = step_;
  masked_at_start_ = static_cast<int64_t>(masked_.size());
  remasked_ = forced_ = true;
  return count;
}

void Picture::save_rest(ByteWriter& out) const {
  for (const int64_t value : {start_, length_, masked_at_start_, int64_t{remasked_}, int64_t{forced_}}) out.number(value);
}

void Picture::restore_rest(ByteReader& in) {
  start_ = in.number("start of the schedule", 0, step_);
  length_ = in.number("steps of the schedule", 1, 1 << 20);
  masked_at_start_ = in.number("masked cells", 0, layout_->cells());
  remasked_ = in.number("remasked", 0, 1) != 0;
  forced_ = in.number("forced", 0, 1) != 0;
  if (!remasked_ && (start_ != 0 || length_ != request_.steps)) fail(Code::request_invalid, "snapshot: schedule of another request");
}

}  // namespace dimoo

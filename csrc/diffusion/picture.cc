#include "diffusion/picture.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace dimoo {

Picture::Picture(std::shared_ptr<const Layout> layout, PictureRequest request, ReusePtr reuse, uint64_t seed)
    : Canvas(std::move(layout), request.cells, std::move(reuse), seed),
      request_(std::move(request)),
      pinned_(cells_.size(), 0),
      length_(request_.steps) {
  for (const uint32_t cell : request_.pinned) pinned_[cell] = 1;
  masked_at_start_ = static_cast<int64_t>(masked_.size());
  step_ = request_.first_step;
  if (step_ > 0) spread();
}

int64_t Picture::keep_at(int64_t step) const {
  const int64_t within = step - start_;
  return spread_ ? cosine_keep(masked_at_start_, within, length_) : request_.schedule.keep(masked_at_start_, within, length_);
}

void Picture::spread() {
  const double share = static_cast<double>(masked_.size()) / static_cast<double>(cells_.size());
  const auto least = static_cast<int64_t>(std::ceil(static_cast<double>(request_.steps) * share));
  length_ = std::max({steps() - step_, least, int64_t{0}});
  start_ = step_;
  masked_at_start_ = static_cast<int64_t>(masked_.size());
  spread_ = forced_ = true;
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
  step_++;
  return fixed;
}

int64_t Picture::remask(const std::vector<uint32_t>& cells) {
  int64_t count = 0;
  for (const uint32_t cell : cells)
    if (!pinned_[cell]) count += std::exchange(cells_[cell], -1) >= 0;
  if (count == 0) return 0;
  find_masked();
  spread();
  return count;
}

void Picture::take_rest(const std::array<int64_t, 4>& rest) {
  start_ = rest[0], length_ = rest[1], masked_at_start_ = rest[2], spread_ = rest[3] != 0;
  const auto masked = static_cast<int64_t>(masked_.size()), cells = static_cast<int64_t>(cells_.size());
  const bool of_request = start_ == request_.first_step && spread_ == (start_ > 0);
  if (rest[3] > 1 || (!spread_ && (start_ != 0 || length_ != request_.steps)) || start_ < request_.first_step)
    disagree("expected the schedule of this request");
  if (step_ < start_ || step_ > start_ + length_) disagree("expected a step of the schedule");
  if (masked_at_start_ > cells) disagree("expected no more masked cells than there are");
  const int64_t most = step_ == start_ ? masked_at_start_ : keep_at(step_ - 1);
  if (masked > most || (step_ == start_ && masked != most)) disagree("expected as many masked cells as the schedule leaves");
  for (size_t cell = 0; cell < cells_.size(); cell++)
    if ((of_request ? request_.cells[cell] >= 0 : pinned_[cell] != 0) && cells_[cell] != request_.cells[cell])
      disagree("expected cells that were given to be as they were");
}

}  // namespace dimoo

// Cells hold codes or -1; vocabulary ids appear only where a pass is laid out.
#include "diffusion/canvas.h"

#include <utility>

namespace dimoo {

int64_t CanvasLayout::sequence(int64_t branch) const {
  return static_cast<int64_t>(prefixes[static_cast<size_t>(branch)].size()) + rows * (columns + 1) + static_cast<int64_t>(suffix.size());
}

int64_t CanvasLayout::position(int64_t branch, int64_t cell) const {
  return static_cast<int64_t>(prefixes[static_cast<size_t>(branch)].size()) + cell / columns * (columns + 1) + cell % columns;
}

Canvas::Canvas(std::shared_ptr<const CanvasLayout> layout, std::vector<int32_t> cells, Schedule schedule, int64_t steps, uint64_t seed)
    : layout_(std::move(layout)), cells_(std::move(cells)), guess_(cells_), schedule_(std::move(schedule)), steps_(steps), seed_(seed) {
  for (size_t cell = 0; cell < cells_.size(); cell++)
    if (cells_[cell] < 0) masked_.push_back(static_cast<int32_t>(cell));
  masked_at_start_ = static_cast<int64_t>(masked_.size());
}

int64_t Canvas::keep() const { return schedule_.keep(masked_at_start_, step_, steps_); }

void Canvas::append(int64_t branch, std::vector<int32_t>& tokens, std::vector<int32_t>& positions) const {
  const auto& prefix = layout_->prefixes[static_cast<size_t>(branch)];
  tokens.insert(tokens.end(), prefix.begin(), prefix.end());
  for (int64_t row = 0; row < layout_->rows; row++) {
    for (int64_t column = 0; column < layout_->columns; column++) {
      const int32_t code = cells_[static_cast<size_t>(row * layout_->columns + column)];
      tokens.push_back(code < 0 ? layout_->mask_token : layout_->code_offset + code);
    }
    tokens.push_back(layout_->row_end_token);
  }
  tokens.insert(tokens.end(), layout_->suffix.begin(), layout_->suffix.end());
  for (int64_t i = 0; i < layout_->sequence(branch); i++) positions.push_back(static_cast<int32_t>(i));
}

Canvas::Fixed Canvas::apply(const std::vector<int32_t>& codes, const std::vector<float>& confidence, const std::vector<uint8_t>& stays) {
  Fixed fixed;
  std::vector<int32_t> left;
  for (size_t i = 0; i < masked_.size(); i++) {
    const int32_t cell = masked_[i];
    guess_[static_cast<size_t>(cell)] = codes[i];
    if (stays[i]) {
      left.push_back(cell);
    } else {
      cells_[static_cast<size_t>(cell)] = codes[i];
      fixed.cells.push_back(static_cast<uint32_t>(cell));
      fixed.confidence.push_back(confidence[i]);
    }
  }
  masked_ = std::move(left);
  step_++;
  return fixed;
}

}  // namespace dimoo

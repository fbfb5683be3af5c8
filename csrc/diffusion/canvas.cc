// Cells hold values or -1; vocabulary ids appear only where a pass is laid out.
#include "diffusion/canvas.h"

#include <utility>

namespace dimoo {

Canvas::Canvas(std::shared_ptr<const Layout> layout, std::vector<int32_t> cells, ReusePolicy reuse, uint64_t seed)
    : layout_(std::move(layout)), reuse_(reuse), cells_(std::move(cells)), guess_(cells_), seed_(seed) {
  find_masked();
}

void Canvas::find_masked() {
  masked_.clear();
  for (size_t cell = 0; cell < cells_.size(); cell++)
    if (cells_[cell] < 0) masked_.push_back(static_cast<int32_t>(cell));
}

bool Canvas::fix(int32_t cell, int32_t value) {
  guess_[static_cast<size_t>(cell)] = value;
  if (layout_->offset + value == layout_->mask_token) return false;
  cells_[static_cast<size_t>(cell)] = value;
  return true;
}

std::vector<uint8_t> Canvas::write_state() const {
  ByteWriter out;
  out.number(step_);
  out.numbers(cells_);
  save_rest(out);
  return out.take();
}

void Canvas::mark() {
  const StepPlan now = plan();
  if (now.pass == PassKind::full && now.keeps) before_full_ = write_state();
}

void Canvas::save(ByteWriter& out) const {
  const bool replay = !done() && plan().pass != PassKind::full && !before_full_.empty();
  out.append(replay ? before_full_ : write_state());
}

void Canvas::restore(ByteReader& in, int32_t largest_value) {
  step_ = in.number("step", 0, 1 << 20);
  cells_ = in.numbers("cell", layout_->cells(), -1, largest_value);
  find_masked();
  restore_rest(in);
  guess_ = cells_;
  if (!done() && plan().pass != PassKind::full) fail(Code::request_invalid, "snapshot: expected a state before a full step");
}

}  // namespace dimoo

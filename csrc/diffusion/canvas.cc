// Cells hold values or -1; vocabulary ids appear only where a pass is laid out.
// A state: step, forced, four numbers of the canvas' kind, cells. Written down: the present one, then 1 and the one to repeat from, or 0.
#include "diffusion/canvas.h"

#include <utility>

namespace dimoo {
namespace {

constexpr int64_t kMostSteps = 1 << 20;

template <class State>
void write(ByteWriter& out, const State& state) {
  out.number(state.step);
  out.number(state.forced);
  for (const int64_t number : state.rest) out.number(number);
  out.numbers(state.cells);
}

}  // namespace

Canvas::Canvas(std::shared_ptr<const Layout> layout, std::vector<int32_t> cells, ReusePtr reuse, uint64_t seed)
    : layout_(std::move(layout)), reuse_(reuse ? std::move(reuse) : no_reuse()), cells_(std::move(cells)), guess_(cells_), seed_(seed) {
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

void Canvas::mark() {
  const StepWork now = work();
  if (now.pass == PassKind::full && now.keeps) before_full_ = state();
  forced_ = false;
}

void Canvas::save(ByteWriter& out) const {
  const bool repeats = !done() && work().pass != PassKind::full && before_full_;
  write(out, state());
  out.number(repeats);
  if (repeats) write(out, *before_full_);
}

Canvas::State Canvas::read(ByteReader& in, int32_t largest_value) const {
  State state;
  state.step = in.number("step", 0, kMostSteps);
  state.forced = in.number("forced", 0, 1) != 0;
  for (int64_t& number : state.rest) number = in.number("a count", 0, kMostSteps);
  state.cells = in.numbers("cell", layout_->cells(), -1, largest_value);
  return state;
}

void Canvas::take(State state) {
  step_ = state.step, forced_ = state.forced, cells_ = std::move(state.cells);
  guess_ = cells_;
  find_masked();
  take_rest(state.rest);
}

void Canvas::restore(ByteReader& in, int32_t largest_value, Resume resume) {
  State present = read(in, largest_value), before;
  const bool repeats = in.number("steps to repeat", 0, 1) != 0;
  if (repeats) before = read(in, largest_value);
  for (size_t cell = 0; repeats && cell < before.cells.size(); cell++)
    if (before.step > present.step || (before.cells[cell] >= 0 && before.cells[cell] != present.cells[cell]))
      disagree("expected a present state that follows from the one to repeat from");
  take(std::move(present));  // checks it, too, where it is not gone on from
  const bool kept = !done() && work().pass != PassKind::full;
  if (repeats != kept) disagree("expected a state before a full step, or one to repeat from");
  if (!kept) return;
  if (resume == Resume::present) {
    forced_ = true;
    return;
  }
  take(std::move(before));
  if (done() || work().pass != PassKind::full) disagree("expected a state before a full step");
}

}  // namespace dimoo

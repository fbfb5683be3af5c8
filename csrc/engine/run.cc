// The doorbell is rung without the lock held.
#include "engine/run.h"

#include <algorithm>
#include <utility>

namespace dimoo {

const char* run_state_name(RunState state) {
  switch (state) {
    case RunState::queued: return "queued";
    case RunState::running: return "running";
    case RunState::done: return "done";
    case RunState::failed: return "failed";
    case RunState::aborted: return "aborted";
  }
  return "failed";
}

Run::Run(RunRequest request, std::function<void()> doorbell) : request_(std::move(request)), doorbell_(std::move(doorbell)) {
  for (const uint64_t seed : request_.seeds)
    canvases_.emplace_back(request_.layout, request_.cells, request_.schedule, request_.steps, seed);
}

Run::Next Run::next(StepEvent& out) {
  std::function<void()> changed;
  {
    std::lock_guard lock(mutex_);
    if (events_.empty() || state_ == RunState::aborted || state_ == RunState::failed) {
      if (state_ == RunState::done || state_ == RunState::failed || state_ == RunState::aborted) return Next::ended;
      wants_step_ = true;
      return Next::none;
    }
    out = std::move(events_.front());
    events_.pop_front();
    if (request_.delivery == Delivery::all) changed = on_change;
  }
  if (changed) changed();
  return Next::step;
}

Outcome* Run::outcome() {
  std::lock_guard lock(mutex_);
  return state_ == RunState::queued || state_ == RunState::running ? nullptr : &outcome_;
}

RunState Run::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

bool Run::ended() const {
  const RunState now = state();
  return now != RunState::queued && now != RunState::running;
}

bool Run::decoded() const {
  return std::all_of(canvases_.begin(), canvases_.end(), [](const Canvas& canvas) { return canvas.done(); });
}

bool Run::ready() const {
  {
    std::lock_guard lock(mutex_);
    if (state_ != RunState::running) return false;
    if (request_.delivery == Delivery::all && static_cast<int64_t>(events_.size()) >= request_.buffer) return false;
  }
  return !decoded();
}

void Run::start() {
  std::lock_guard lock(mutex_);
  if (state_ != RunState::queued) return;
  state_ = RunState::running;
  started_ = Clock::now();
  outcome_.queued_ms = std::chrono::duration<double, std::milli>(started_ - created_).count();
}

void Run::cancel() {
  cancelled_.store(true);
  finish(RunState::aborted);
  std::function<void()> changed;
  {
    std::lock_guard lock(mutex_);
    changed = on_change;
  }
  if (changed) changed();
}

void Run::fail(Error error) { finish(RunState::failed, std::move(error)); }

void Run::finish(RunState state, std::optional<Error> error) {
  {
    std::lock_guard lock(mutex_);
    if (state_ != RunState::queued && state_ != RunState::running) return;
    state_ = state;
    outcome_.state = state;
    outcome_.error = std::move(error);
    outcome_.total_ms = since_ms(created_);
    if (state == RunState::done)
      outcome_.pictures = std::move(pictures_);
    else
      events_.clear();
    wants_step_ = false;
    if (on_end) on_end(state);
  }
  doorbell_();
}

// What has ended is read without the lock, so nothing of it changes any more.
void Run::record_pass(double ms) {
  std::lock_guard lock(mutex_);
  if (state_ != RunState::running) return;
  outcome_.decode_ms += ms;
  outcome_.forward_passes++;
}

void Run::record(int64_t image, int64_t rows, const Canvas::Fixed& fixed) {
  const Canvas& canvas = canvases_[static_cast<size_t>(image)];
  StepEvent event;
  event.image = image;
  event.step = canvas.step() - 1;
  event.steps = canvas.steps();
  event.masked = static_cast<int64_t>(canvas.masked().size());
  event.rows = rows;
  event.elapsed_ms = since_ms(started_);
  {
    std::lock_guard lock(mutex_);
    if (state_ != RunState::running) return;
    outcome_.forward_tokens += rows;
    outcome_.steps = std::max(outcome_.steps, canvas.step());
    if (request_.delivery == Delivery::none) return;
  }
  event.tokens = canvas.cells();
  event.guess = canvas.guess();
  event.changed = fixed.cells;
  event.confidence = fixed.confidence;
  deliver(std::move(event));
}

void Run::deliver(StepEvent event) {
  bool ring = false;
  {
    std::lock_guard lock(mutex_);
    if (state_ != RunState::running) return;
    const auto waiting = std::find_if(events_.begin(), events_.end(), [&](const StepEvent& e) { return e.image == event.image; });
    if (request_.delivery == Delivery::latest && waiting != events_.end()) {
      event.skipped = waiting->skipped + 1;
      event.changed.insert(event.changed.begin(), waiting->changed.begin(), waiting->changed.end());
      event.confidence.insert(event.confidence.begin(), waiting->confidence.begin(), waiting->confidence.end());
      *waiting = std::move(event);
    } else {
      events_.push_back(std::move(event));
    }
    ring = std::exchange(wants_step_, false);
  }
  if (ring) doorbell_();
}

void Run::record_picture(Picture picture, double ms) {
  pictures_.push_back(std::move(picture));
  {
    std::lock_guard lock(mutex_);
    if (state_ != RunState::running) return;
    outcome_.vq_ms += ms;
  }
  if (pictures_.size() == canvases_.size()) finish(RunState::done);
}

}  // namespace dimoo

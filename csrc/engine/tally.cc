#include "engine/tally.h"

namespace dimoo {

EngineStats Tally::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

int64_t& Tally::count(RunState state) noexcept {
  switch (state) {
    case RunState::queued: return stats_.queued;
    case RunState::running: return stats_.running;
    case RunState::paused: return stats_.paused;
    case RunState::done: return stats_.completed;
    case RunState::aborted: return stats_.aborted;
    case RunState::failed: break;
  }
  return stats_.failed;
}

void Tally::admit(int64_t limit) {
  std::lock_guard lock(mutex_);
  if (stats_.queued + stats_.running + stats_.paused >= limit) {
    const double mean = stats_.completed ? stats_.busy_ms / static_cast<double>(stats_.completed) : 0;
    throw Error(Code::queue_full, text("expected at most ", limit, " runs at once, got one more"), static_cast<int64_t>(mean), 0);
  }
  stats_.queued++;
}

void Tally::move(RunState from, RunState to) noexcept {
  std::lock_guard lock(mutex_);
  count(from)--;
  count(to)++;
}

void Tally::count_pass(int64_t rows, int64_t reused, int64_t steps, double ms, double forward_ms) noexcept {
  std::lock_guard lock(mutex_);
  stats_.forward_passes++;
  stats_.rows += rows;
  stats_.reused_rows += reused;
  stats_.steps += steps;
  stats_.busy_ms += ms;
  stats_.forward_ms += forward_ms;
}

}  // namespace dimoo

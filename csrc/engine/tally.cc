#include "engine/tally.h"

namespace dimoo {

EngineStats Tally::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

void Tally::admit(int64_t limit) {
  std::lock_guard lock(mutex_);
  if (stats_.running >= limit) {
    const double mean = stats_.completed ? stats_.busy_ms / static_cast<double>(stats_.completed) : 0;
    throw Error(Code::queue_full, text("expected at most ", limit, " runs at once, got one more"), static_cast<int64_t>(mean), 0);
  }
  stats_.running++;
}

void Tally::count(RunState state) {
  std::lock_guard lock(mutex_);
  stats_.running--;
  if (state == RunState::done)
    stats_.completed++;
  else if (state == RunState::aborted)
    stats_.aborted++;
  else
    stats_.failed++;
}

void Tally::count_pass(int64_t rows, int64_t reused, int64_t steps, double ms, double forward_ms) {
  std::lock_guard lock(mutex_);
  stats_.forward_passes++;
  stats_.rows += rows;
  stats_.reused_rows += reused;
  stats_.steps += steps;
  stats_.busy_ms += ms;
  stats_.forward_ms += forward_ms;
}

}  // namespace dimoo

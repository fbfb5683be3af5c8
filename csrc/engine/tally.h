// What the runs of one model add up to. Counted by the engine, which may outlive the model by a pass. Thread-safe.
#pragma once
#include <mutex>

#include "engine/run.h"

namespace dimoo {

struct EngineStats {
  int64_t running = 0, queued = 0, paused = 0, completed = 0, aborted = 0, failed = 0, forward_passes = 0, rows = 0, steps = 0;
  int64_t reused_rows = 0;  // rows of branches that were not computed
  double busy_ms = 0, forward_ms = 0;
};

class Tally {
 public:
  EngineStats stats() const;
  /// One more run, queued; queue/full with the wait to expect (ms) when `limit` have not ended.
  void admit(int64_t limit);
  /// Its model was closed: no run begins any more. Both with the engine's lock held.
  void leave() noexcept { left_ = true; }
  bool has_left() const noexcept { return left_; }
  void move(RunState from, RunState to) noexcept;
  void count_pass(int64_t rows, int64_t reused, int64_t steps, double ms, double forward_ms) noexcept;

 private:
  int64_t& count(RunState state) noexcept;

  mutable std::mutex mutex_;
  EngineStats stats_;
  bool left_ = false;  // guarded by the engine's lock
};

}  // namespace dimoo

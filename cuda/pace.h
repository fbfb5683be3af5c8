// How far the host may run ahead of the GPU: launches are queued in groups of about kGroupSeconds of its time, at most kAhead of them
// before the oldest is waited for. Cancelling acts between launches, so never more than the work of those groups follows it. A launch's
// time is estimated from what it computes and moves, at a part of what the slowest of these GPUs reach (cuda/pace.cu): rather too small
// groups than too large ones.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

namespace dimoo::cuda {

/// What a launch takes: operations (a multiply-add is two) on tensor cores and others, bytes of device memory.
struct Effort {
  double tensor = 0, plain = 0, bytes = 0;
};

class Pace {
 public:
  static constexpr double kGroupSeconds = 0.012;
  static constexpr int kAhead = 2;

  Pace(cudaStream_t stream, int device);
  ~Pace();
  Pace(const Pace&) = delete;
  Pace& operator=(const Pace&) = delete;

  /// Of the launch to come.
  void expect(const Effort& effort) { spent_ += seconds(effort); }
  /// Whether a group's worth has been queued since the last `end`.
  bool full() const { return spent_ >= kGroupSeconds; }
  /// Begins another group without closing this one: of launches that are recorded, not queued.
  void begin() { spent_ = 0; }
  /// Closes the group; waits for the oldest where too many are on their way.
  void end();
  /// The stream was waited for: nothing is on its way.
  void idle() { open_ = 0, spent_ = 0; }
  int64_t groups() const { return groups_; }

 private:
  double seconds(const Effort& effort) const;

  cudaStream_t stream_;
  double per_operation_, per_plain_, per_byte_;
  cudaEvent_t events_[kAhead] = {};
  int open_ = 0, next_ = 0;
  double spent_ = 0;
  int64_t groups_ = 0;
};

}  // namespace dimoo::cuda

// One request being decoded: its canvases, what its reader has not taken yet, and how it ended. The engine's thread advances it;
// any thread may read, cancel or drop it. Rings its doorbell once when somebody who found nothing should look again.
#pragma once
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "base/error.h"
#include "diffusion/canvas.h"

namespace dimoo {

enum class Delivery { latest, all, none };
enum class RunState { queued, running, done, failed, aborted };
const char* run_state_name(RunState state);

/// Recorded uniforms of one step in place of Philox (tests).
struct StepNoise {
  std::vector<float> sample, cut;
};

struct RunRequest {
  std::shared_ptr<const CanvasLayout> layout;
  std::vector<float> guidance;
  std::vector<int32_t> cells;   // codes, -1 = masked
  std::vector<uint64_t> seeds;  // one picture each
  int64_t steps = 0;
  float temperature = 0;
  Schedule schedule;
  Delivery delivery = Delivery::latest;
  int64_t buffer = 1;
  std::vector<StepNoise> noise;
};

struct StepEvent {
  int64_t image = 0, step = 0, steps = 0, skipped = 0, masked = 0, rows = 0;
  double elapsed_ms = 0;
  std::vector<int32_t> tokens, guess;
  std::vector<uint32_t> changed;
  std::vector<float> confidence;
};

struct Picture {
  std::vector<int32_t> tokens;
  std::vector<uint8_t> pixels;  // RGB
  int64_t width = 0, height = 0;
};

struct Outcome {
  RunState state = RunState::done;
  std::optional<Error> error;  // when failed
  std::vector<Picture> pictures;
  double queued_ms = 0, decode_ms = 0, vq_ms = 0, total_ms = 0;
  int64_t steps = 0, forward_passes = 0, forward_tokens = 0;
};

class Run {
 public:
  Run(RunRequest request, std::function<void()> doorbell);

  // The reader's side -------------------------------------------------------------------------------------------------
  enum class Next { step, none, ended };
  /// none: the doorbell will ring once.
  Next next(StepEvent& out);
  /// Null while the run goes on (the doorbell will ring at its end). The pixels may be moved out of it, once.
  Outcome* outcome();
  RunState state() const;
  /// The run ends as aborted at once; its rows leave at the end of the unit of work under way.
  void cancel();

  // The engine's side -------------------------------------------------------------------------------------------------
  const RunRequest& request() const { return request_; }
  std::vector<Canvas>& canvases() { return canvases_; }
  bool cancelled() const { return cancelled_.load(); }
  bool ended() const;
  /// Wants a step now: not ended, not paused by a slow reader, some canvas not done.
  bool ready() const;
  /// All canvases are decoded; pictures are due.
  bool decoded() const;
  int64_t next_picture() const { return static_cast<int64_t>(pictures_.size()); }
  void start();
  void record(int64_t image, int64_t rows, const Canvas::Fixed& fixed);
  void record_pass(double ms);
  void record_picture(Picture picture, double ms);
  void fail(Error error);
  /// Called whenever a paused run may go on or has been cancelled; set by the engine.
  std::function<void()> on_change;
  /// Called once, before anybody can see the end; set by the model.
  std::function<void(RunState)> on_end;

 private:
  using Clock = std::chrono::steady_clock;
  double since_ms(Clock::time_point start) const { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }
  void finish(RunState state, std::optional<Error> error = {});
  void deliver(StepEvent event);

  const RunRequest request_;
  const std::function<void()> doorbell_;
  std::vector<Canvas> canvases_;   // engine's thread only
  std::vector<Picture> pictures_;  // engine's thread only, until the end
  const Clock::time_point created_ = Clock::now();
  Clock::time_point started_ = created_;
  std::atomic<bool> cancelled_{false};

  mutable std::mutex mutex_;  // guards what follows
  RunState state_ = RunState::queued;
  std::deque<StepEvent> events_;
  Outcome outcome_;
  bool wants_step_ = false;
};

}  // namespace dimoo

// One request being decoded: its canvases, what its reader has not taken yet, and how it ended. The engine's thread advances it;
// any thread may read, pause, cancel or drop it. Rings its doorbell when somebody who found nothing should look again.
// Nothing that ends a run takes memory: it can always be told why.
#pragma once
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "engine/memo.h"
#include "engine/run_request.h"
#include "engine/scheduler.h"

namespace dimoo {

class Tally;

/// paused: by its owner; keeps what it has but no place. Queued again once it is continued.
enum class RunState { queued, running, paused, done, failed, aborted };
const char* run_state_name(RunState state);
inline bool ended(RunState state) { return state == RunState::done || state == RunState::failed || state == RunState::aborted; }

/// A run written down between two steps.
struct Snapshot {
  std::vector<uint8_t> state;
  int64_t step = 0;  // steps that every picture or answer of it has done
};

struct StepEvent {
  int64_t image = 0, step = 0, steps = 0, skipped = 0, masked = 0, rows = 0, block = 0, blocks = 1;
  PassKind pass = PassKind::full;
  double elapsed_ms = 0;
  std::vector<int32_t> tokens, guess;
  std::vector<uint32_t> changed;
  std::vector<float> confidence;
};

struct DecodedPicture {
  std::vector<int32_t> tokens;
  std::vector<uint8_t> pixels;  // RGB
  int64_t width = 0, height = 0;
};

struct Remasked {
  int64_t image = 0, step = 0, cells = 0;
};

struct Outcome {
  RunState state = RunState::done;
  std::optional<Error> error;  // when failed
  std::vector<DecodedPicture> pictures;
  std::optional<Finish> finish;  // of an answer
  std::vector<int32_t> answer;
  std::vector<double> probabilities;
  std::vector<Remasked> remasked;
  double queued_ms = 0, decode_ms = 0, vq_ms = 0, total_ms = 0;
  int64_t steps = 0, forward_passes = 0, forward_tokens = 0;
};

/// Who advances runs: hears of one that may go on, or that nobody waits for any more.
class RunKeeper {
 public:
  virtual ~RunKeeper() = default;
  virtual void look_again() noexcept = 0;
};

class Run {
 public:
  /// request/invalid for a state of another request. The request was checked.
  Run(RunRequest request, const Hyperparameters& hyper, std::function<void()> doorbell);

  // The reader's side -------------------------------------------------------------------------------------------------
  enum class Next { step, none, ended };
  /// none: the doorbell will ring once.
  Next next(StepEvent& out);
  /// Null while the run goes on (the doorbell will ring at its end). The pixels may be moved out of it, once.
  Outcome* outcome();
  RunState state() const;
  const std::string& id() const { return request_.id; }
  /// The run ends as aborted at once; its rows leave at the end of the unit of work under way.
  void cancel() noexcept;
  /// At the next step boundary its place is given back and the doorbell rings; what reuse keeps stays. A run that waits for its first
  /// place keeps its turn and is not begun. Nothing for a run that has ended.
  void pause() noexcept { set_paused(true); }
  /// It waits for a place again.
  void go_on() noexcept { set_paused(false); }
  /// Cells masked again at the next step boundary. request/invalid once that picture's last step is done.
  void remask(int64_t image, std::vector<uint32_t> cells);
  /// The state at the next step boundary; nothing: not yet, the doorbell will ring. request/invalid once the run has ended.
  std::optional<Snapshot> snapshot();

  // The engine's side -------------------------------------------------------------------------------------------------
  /// One canvas with what it reuses.
  struct Desk {
    std::unique_ptr<Canvas> canvas;
    std::unique_ptr<Memo> memo;
    bool closed = false;  // guarded by the run's lock: no cell may be masked again
  };
  /// Before it is submitted: whom to tell of changes, and where it is counted.
  void set_keeper(std::weak_ptr<RunKeeper> keeper, std::shared_ptr<Tally> tally);
  const RunRequest& request() const { return request_; }
  std::vector<Desk>& desks() { return desks_; }
  bool cancelled() const { return cancelled_.load(); }
  bool ended() const { return dimoo::ended(state()); }
  /// What is to be done outside of every lock after `settle`.
  struct Settled {
    bool ring = false;
    std::optional<Error> failure;
  };
  /// Between two steps: pauses or goes on, masks what was asked for, writes down what was asked for.
  Settled settle() noexcept;
  void ring() { doorbell_(); }
  Standing standing() const noexcept;
  int64_t next_picture() const { return static_cast<int64_t>(pictures_.size()); }
  /// It has a place.
  void begin() noexcept;
  void record(int64_t image, PassKind pass, int64_t block, int64_t rows, const Fixed& fixed);
  void record_probe(std::vector<double> probabilities);
  void record_pass(double ms) noexcept;
  void record_picture(DecodedPicture picture, double ms);
  void record_answer();
  void fail(const Error& error) noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  static double ms_between(Clock::time_point start, Clock::time_point end) {
    return std::chrono::duration<double, std::milli>(end - start).count();
  }
  bool decoded() const noexcept;
  void set_paused(bool paused) noexcept;
  void move_to(RunState state) noexcept;
  void finish(RunState state, const Error* error = nullptr) noexcept;
  void deliver(StepEvent event);
  void restore(const std::vector<uint8_t>& state, int32_t largest_value);
  std::vector<uint8_t> write_state() const;
  void tell_keeper() noexcept;

  const RunRequest request_;
  const std::function<void()> doorbell_;
  std::weak_ptr<RunKeeper> keeper_;       // set once, before anybody else sees this
  std::shared_ptr<Tally> tally_;          // the same
  std::vector<Desk> desks_;               // engine's thread only
  std::vector<DecodedPicture> pictures_;  // engine's thread only, until the end
  const Clock::time_point created_ = Clock::now();
  std::atomic<bool> cancelled_{false};

  struct Pending {
    int64_t image;
    std::vector<uint32_t> cells;
  };
  mutable std::mutex mutex_;  // guards what follows
  RunState state_ = RunState::queued;
  std::optional<Clock::time_point> begun_;
  std::deque<StepEvent> events_;
  Outcome outcome_;
  bool wants_step_ = false, wants_pause_ = false, wants_snapshot_ = false;
  std::vector<Pending> remasks_;
  std::optional<Snapshot> snapshot_;
  std::optional<Error> snapshot_error_;
};

}  // namespace dimoo

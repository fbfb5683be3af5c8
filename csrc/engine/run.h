// One request being decoded: its canvases, what its reader has not taken yet, and how it ended. The engine's thread advances it;
// any thread may read, cancel or drop it. Rings its doorbell once when somebody who found nothing should look again.
#pragma once
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "base/error.h"
#include "diffusion/answer.h"
#include "diffusion/picture.h"
#include "engine/memo.h"

namespace dimoo {

/// A run written down between two steps.
struct Snapshot {
  std::vector<uint8_t> state;
  int64_t step = 0;  // steps that every picture or answer of it has done
};

enum class Delivery { latest, all, none };
enum class RunState { queued, running, done, failed, aborted };
const char* run_state_name(RunState state);

/// Recorded uniforms of one step in place of Philox (tests).
struct StepNoise {
  std::vector<float> sample, cut;
  std::vector<double> text;
};

struct RunRequest {
  std::shared_ptr<const Layout> layout;
  std::vector<float> guidance;
  float floor = 0;  // of pictures, 0 to 1: see UnmaskJob
  std::variant<PictureRequest, AnswerRequest> target;
  std::vector<uint64_t> seeds;  // one picture each; one for an answer
  float temperature = 0;
  ReusePolicy reuse;
  bool pixels = true;          // pictures are decoded at the end; otherwise only their codes are wanted
  std::vector<int32_t> probe;  // ids whose probabilities at the answer's first token are the result
  int64_t priority = 0;        // larger goes first
  std::string tenant;          // key of fair sharing
  Delivery delivery = Delivery::latest;
  int64_t buffer = 1;
  std::vector<StepNoise> noise;
  std::vector<uint8_t> state;  // to go on from: the state of a `Snapshot` of the same request

  const PictureRequest* picture() const { return std::get_if<PictureRequest>(&target); }
  const AnswerRequest* answer() const { return std::get_if<AnswerRequest>(&target); }
  int64_t steps() const { return picture() ? picture()->steps : answer()->steps; }
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

class Run {
 public:
  /// request/invalid for a state of another request.
  Run(RunRequest request, const Hyperparameters& hyper, std::function<void()> doorbell);

  // The reader's side -------------------------------------------------------------------------------------------------
  enum class Next { step, none, ended };
  /// none: the doorbell will ring once.
  Next next(StepEvent& out);
  /// Null while the run goes on (the doorbell will ring at its end). The pixels may be moved out of it, once.
  Outcome* outcome();
  RunState state() const;
  /// The run ends as aborted at once; its rows leave at the end of the unit of work under way.
  void cancel();
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
  const RunRequest& request() const { return request_; }
  std::vector<Desk>& desks() { return desks_; }
  bool cancelled() const { return cancelled_.load(); }
  bool ended() const;
  /// Between two steps: masks what was asked for, writes down what was asked for. True: the doorbell is to be rung, without any lock.
  bool settle();
  void ring() { doorbell_(); }
  /// Wants a step now: not ended, not paused by a slow reader, some canvas not done.
  bool ready() const;
  /// All canvases are decoded; what is left is to decode pictures or to end.
  bool decoded() const;
  /// Rows that its steps to come compute, at most.
  int64_t rows_left() const;
  int64_t next_picture() const { return static_cast<int64_t>(pictures_.size()); }
  void start();
  void record(int64_t image, PassKind pass, int64_t block, int64_t rows, const Fixed& fixed);
  void record_probe(std::vector<double> probabilities);
  void record_pass(double ms);
  void record_picture(DecodedPicture picture, double ms);
  void record_answer();
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
  void restore(const std::vector<uint8_t>& state, int32_t largest_value);
  std::vector<uint8_t> write_state() const;
  void changed();

  const RunRequest request_;
  const std::function<void()> doorbell_;
  std::vector<Desk> desks_;               // engine's thread only
  std::vector<DecodedPicture> pictures_;  // engine's thread only, until the end
  const Clock::time_point created_ = Clock::now();
  Clock::time_point started_ = created_;
  std::atomic<bool> cancelled_{false};

  struct Pending {
    int64_t image;
    std::vector<uint32_t> cells;
  };
  mutable std::mutex mutex_;  // guards what follows
  RunState state_ = RunState::queued;
  std::deque<StepEvent> events_;
  Outcome outcome_;
  bool wants_step_ = false;
  std::vector<Pending> remasks_;
  bool wants_snapshot_ = false;
  std::optional<Snapshot> snapshot_;
};

}  // namespace dimoo

// One engine per process and device: a thread that owns the device, takes turns among the runs of all models, and puts whatever is
// ready into one pass. Runs join and leave between steps; pictures are decoded and encoded as turns of their own. Thread-safe from outside.
// Whatever its thread cannot do for want of memory ends the runs concerned, never the thread.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "base/function_ref.h"
#include "base/progress.h"
#include "device/registry.h"
#include "engine/load_options.h"
#include "engine/tally.h"
#include "engine/weights.h"

namespace dimoo {

/// A run in the engine's hands.
struct Entry : Candidate {
  std::shared_ptr<Run> run;
  std::shared_ptr<Weights> bound;
  std::shared_ptr<Tally> tally;
  int threads = 0;         // for its passes; of several that share one, the most
  int64_t vq_maps = -1;    // bytes of the image tokenizer's maps (engine/plan.h)
  bool in_flight = false;  // the device works for it
};

class Engine : public std::enable_shared_from_this<Engine>, public RunKeeper {
 public:
  /// The engine of this device, made at first use; the last holder ends its thread.
  static std::shared_ptr<Engine> acquire(const LoadOptions& options);
  /// Names no two runs alike, in this process or any other.
  static std::string unique_id();
  explicit Engine(const LoadOptions& options);
  ~Engine() override;

  /// Binds a checkpoint, or finds it bound. Reads headers only, but for a device that copies weights: then `progress` tells of "upload".
  std::shared_ptr<Weights> bind(const LoadOptions& options, const Progress& progress = {}, const CancelToken* cancel = nullptr);
  /// Runs a task on the engine's thread, in turn; waits for it and rethrows what it throws. Cancelled while it waits, it never runs.
  void perform(int threads, FunctionRef<void(Device&)> task, const CancelToken* cancel = nullptr);
  /// Starts a run in its turn, disposed once its model has left; `panels` is what its plan leaves for packed weights.
  void submit(std::unique_ptr<Entry> entry, int64_t panels);
  /// Cancels a model's runs and waits until no unit of work is under way for them alone.
  void leave(Tally& tally) noexcept;
  Device& device() { return *device_; }  // what it says of itself is constant, but for its threads
  /// A run was cancelled or may go on: the pass under way is abandoned when nobody waits for it any more.
  void look_again() noexcept override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct Task {
    int threads;
    FunctionRef<void(Device&)>* body;
    const CancelToken* cancel;
    bool done = false;
    std::exception_ptr error;
  };
  /// Who sits in a pass: seats[i] is picture parts[i].image of its run.
  struct Part {
    Entry* entry;
    size_t image;
  };
  struct Seating {
    std::shared_ptr<Weights> weights;
    std::vector<Part> parts;
    std::vector<Seat> seats;
    int64_t rows = 0, budget = 0;
  };

  void loop() noexcept;
  void wake() noexcept;
  bool take_turn(Lock& lock);
  void rescue(Lock& lock, const Error& error) noexcept;
  void end(Lock& lock, const Entry& entry, const Error& error) noexcept;
  void settle_runs(Lock& lock) noexcept;
  void drop_ended() noexcept;
  int64_t panel_budget() noexcept;
  void run_task(Lock& lock) noexcept;
  void run_pass(Lock& lock, Entry& first);
  void finish_decoded(Lock& lock, Entry& entry);
  Seating seat_ready(Lock& lock, Entry& first);
  void seat_run(Entry& entry, Seating& seating);
  void fly_pass(Seating& seating);
  void record_pass(Seating& seating, double ms) noexcept;
  std::exception_ptr fly(Lock& lock, FunctionRef<void()> work) noexcept;
  bool nobody_waits() const noexcept;

  std::unique_ptr<Device> device_;
  std::mutex mutex_;
  std::condition_variable wake_, changed_;
  std::deque<Task*> tasks_;
  std::vector<std::unique_ptr<Entry>> runs_;  // in order of arrival; taken out by the engine's thread only, between turns
  Scheduler scheduler_;
  Ledger<const Tally*> models_;
  Ledger<std::pair<const Tally*, std::string>> tags_;
  int64_t arrivals_ = 0;
  double rows_per_ms_ = 0;                              // of passes so far
  std::chrono::steady_clock::time_point look_again_{};  // a pass is held back until then; none at the clock's start
  Entry* turn_of_ = nullptr;                            // whose turn is being taken
  CancelToken* pass_cancel_ = nullptr;                  // of the work in flight
  bool task_turn_ = false, stop_ = false;
  bool news_ = false;  // something was asked for since the loop began to look
  std::mutex bind_mutex_;
  int most_threads_ = 0;                                 // guarded by bind_mutex_
  std::map<std::string, std::weak_ptr<Weights>> bound_;  // changed under both locks
  std::thread thread_;
};

}  // namespace dimoo

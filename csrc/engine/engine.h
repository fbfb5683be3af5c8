// One engine per process and device: a thread that owns the device, takes turns among the runs of all models, and puts whatever is
// ready into one pass. Runs join and leave between steps; pictures are decoded and encoded as turns of their own. Thread-safe from outside.
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
#include "engine/plan.h"
#include "engine/tally.h"
#include "engine/weights.h"

namespace dimoo {

/// A run in the engine's hands.
struct Entry {
  std::shared_ptr<Run> run;
  std::shared_ptr<Weights> weights;
  std::shared_ptr<Tally> tally;
  int64_t budget = 0;      // rows of a pass it may share
  int threads = 0;         // for its passes; of several that share one, the most
  int64_t max_active = 0;  // runs of its model that are under way at once
  int64_t held = 0;        // bytes that reuse keeps while it is under way
  int64_t room = 0;        // bytes that all such runs may keep together
  int64_t vq_maps = -1;    // bytes of the image tokenizer's maps (engine/plan.h)
  Policy policy = Policy::fair;
  std::chrono::steady_clock::time_point ready_at{};  // not before, unless a pass is full
  std::string model, tenant;                         // names that rows are charged to; set by the engine
  int64_t arrival = 0, turn = 0;                     // its number among all runs; the last turn it had
  bool alone = false;                                // shares no pass: one that it shared has failed
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  /// The engine of this device, made at first use; the last holder ends its thread.
  static std::shared_ptr<Engine> acquire(const LoadOptions& options);
  explicit Engine(const LoadOptions& options);
  ~Engine();

  /// Binds a checkpoint, or finds it bound. Reads headers only, but for a device that copies weights: then `progress` tells of "upload".
  std::shared_ptr<Weights> bind(const LoadOptions& options, const Progress& progress = {}, const CancelToken* cancel = nullptr);
  /// Runs a task on the engine's thread, in turn; waits for it and rethrows what it throws. Cancelled while it waits, it never runs.
  void perform(int threads, FunctionRef<void(Device&)> task, const CancelToken* cancel = nullptr);
  /// Starts a run in its turn; `panels` is what its plan leaves for packed weights.
  void submit(Entry entry, int64_t panels);
  /// Cancels a model's runs and waits until no unit of work is under way for them alone.
  void leave(const Tally& tally);
  Device& device() { return *device_; }  // what it says of itself is constant, but for its threads

 private:
  struct Task {
    int threads;
    FunctionRef<void(Device&)>* body;
    const CancelToken* cancel;
    bool done = false;
    std::exception_ptr error;
  };
  /// Who sits in a pass: seats[i] is picture `image` of `entry`'s run.
  struct Part {
    Entry entry;
    size_t image;
    int64_t full_rows;  // what it would have been without reuse
  };
  struct Seating {
    std::shared_ptr<Weights> weights;
    std::vector<Part> parts;
    std::vector<Seat> seats;
    int64_t rows = 0, budget = 0;
  };

  void settle_runs(std::unique_lock<std::mutex>& lock);
  void drop_ended();
  void start_waiting();
  Rank rank(const Entry& entry);
  void charge(const Entry& entry, int64_t rows);
  std::optional<size_t> first_in_turn();
  void nudge();
  void loop();
  int64_t panel_budget();
  bool take_turn(std::unique_lock<std::mutex>& lock);
  void run_task(std::unique_lock<std::mutex>& lock);
  bool run_pass(std::unique_lock<std::mutex>& lock, size_t first);
  void finish_decoded(std::unique_lock<std::mutex>& lock, size_t index);
  bool fills_no_pass(size_t first) const;
  Seating seat_ready(size_t first);
  void seat_run(Entry& entry, Seating& seating);
  void fly_pass(Seating& seating, std::span<const std::shared_ptr<Run>> runs);
  std::exception_ptr fly(std::unique_lock<std::mutex>& lock, std::vector<std::shared_ptr<Run>> runs, FunctionRef<void()> work);

  std::unique_ptr<Device> device_;
  std::mutex mutex_;
  std::condition_variable wake_, changed_;
  std::deque<Task*> tasks_;
  std::deque<Entry> runs_;  // in order of arrival
  Shares models_, tenants_;
  int64_t arrivals_ = 0, turns_ = 0;
  double rows_per_ms_ = 0;                              // of passes so far
  std::chrono::steady_clock::time_point look_again_{};  // a pass is held back until then; none at the clock's start
  std::vector<std::shared_ptr<Run>> in_flight_;
  CancelToken* pass_cancel_ = nullptr;  // of the pass under way
  bool task_turn_ = false, stop_ = false;
  std::mutex bind_mutex_;
  int most_threads_ = 0;                                 // guarded by bind_mutex_
  std::map<std::string, std::weak_ptr<Weights>> bound_;  // changed under both locks
  std::thread thread_;
};

}  // namespace dimoo

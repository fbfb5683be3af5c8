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
#include "device/registry.h"
#include "engine/pass.h"
#include "engine/plan.h"
#include "engine/progress.h"
#include "engine/run.h"
#include "engine/shares.h"
#include "model/vq.h"

namespace dimoo {

struct LoadOptions {
  std::string source, device = "cpu", variant;
  Precision precision = Precision::fast;
  int threads = 0;  // 0: as many as this process may use
  bool verify_weights = false;
  int64_t max_host_bytes = -1, panel_bytes = -1;
  int64_t max_rows_per_pass = 2048;  // about where a CPU's throughput has saturated
  int64_t max_active = 64, max_queue = 1024;
  Policy policy = Policy::fair;
  int64_t batch_window_ms = 0;
};

/// A checkpoint bound to an engine's device; models of the same files and precision share one.
struct Weights {
  std::unique_ptr<Source> source;
  Hyperparameters hyper;
  Precision precision;
  std::string fingerprint;
  std::unique_ptr<Backbone> backbone;
  std::unique_ptr<Vq> vq;
  std::unique_ptr<Pass> pass;
  std::mutex preview_mutex;
  std::vector<uint8_t> preview;  // guarded by preview_mutex
  int64_t panel_budget = 0;      // guarded by the engine's lock; lowered where a run's plan leaves less
};

struct EngineStats {
  int64_t running = 0, queued = 0, completed = 0, aborted = 0, failed = 0, forward_passes = 0, rows = 0, steps = 0;
  int64_t reused_rows = 0;  // rows of branches that were not computed
  double busy_ms = 0, forward_ms = 0;
};

/// What the runs of one model add up to. Counted by the engine, which may outlive the model by a pass.
class Tally {
 public:
  EngineStats stats() const;
  /// One more run; queue/full with the wait to expect (ms) when there are `limit` already.
  void admit(int64_t limit);
  void count(RunState state);
  void count_pass(int64_t rows, int64_t reused, int64_t steps, double ms, double forward_ms);

 private:
  mutable std::mutex mutex_;
  EngineStats stats_;
};

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

/// One loaded model as a caller holds it: admission, its own runs and its statistics.
class Model {
 public:
  explicit Model(const LoadOptions& options, const Progress& progress = {}, const CancelToken* cancel = nullptr);
  ~Model();

  const Weights& weights() const { return *weights_; }
  Device& device() const { return engine_->device(); }
  /// Checks the request, plans its memory and starts it. request/invalid, device/out-of-memory, queue/full, disposed.
  std::shared_ptr<Run> start(RunRequest request, std::function<void()> doorbell);
  /// 4 x 4 RGB bytes per code, (codebook, 48): from the file, or made in turns of its own at first use.
  std::vector<uint8_t> preview_table(CancelToken* cancel);
  std::vector<int32_t> encode(std::span<const uint8_t> rgb, int64_t width, int64_t height, CancelToken* cancel);
  std::vector<uint8_t> decode(std::span<const int32_t> codes, int64_t rows, int64_t columns, CancelToken* cancel);
  EngineStats stats() const;
  /// Cancels its runs and waits until none is in flight. Idempotent.
  void close();

 private:
  MemoryPlan plan(const RunShape& shape, int64_t available) const;
  /// The plan of this request; sets the entry's budget and bytes. device/out-of-memory.
  MemoryPlan admit(const RunRequest& request, Entry& entry) const;
  void check_open() const;
  /// A task of this model on the engine's thread; closing the model cancels it, which is `disposed` then.
  void perform(FunctionRef<void(Device&)> task, CancelToken* cancel);

  LoadOptions options_;  // threads resolved
  std::shared_ptr<Engine> engine_;
  std::shared_ptr<Weights> weights_;
  std::shared_ptr<Tally> tally_ = std::make_shared<Tally>();
  std::atomic<bool> closed_{false};
  std::mutex tasks_mutex_;
  std::vector<CancelToken*> tasks_;  // of tasks that wait or run; guarded by tasks_mutex_
};

}  // namespace dimoo

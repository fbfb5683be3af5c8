// One loaded model as a caller holds it: admission, its own runs and its statistics. Thread-safe.
#pragma once
#include "engine/admission.h"
#include "engine/engine.h"

namespace dimoo {

class Model {
 public:
  explicit Model(const LoadOptions& options, const Progress& progress = {}, const CancelToken* cancel = nullptr);
  ~Model();

  const Weights& weights() const { return *weights_; }
  Device& device() const { return engine_->device(); }
  /// disposed once closed, model/unsupported for a model that answers in text only.
  void need_images() const;
  /// The memory that these very requests would be started with, all at once; whether it fits is part of it. request/invalid, disposed.
  MemoryPlan plan(std::span<const RunRequest> requests) const;
  MemoryPlan plan(const RunRequest& request) const { return plan(std::span(&request, 1)); }
  /// Throws as `start` would, starts nothing.
  void check_fits(const RunRequest& request) const;
  /// Checks the request, plans its memory and starts it. request/invalid, device/out-of-memory, queue/full, disposed.
  std::shared_ptr<Run> start(RunRequest request, std::function<void()> doorbell);
  /// device/out-of-memory with both numbers before any work, image/invalid, aborted, disposed.
  std::vector<int32_t> encode(std::span<const uint8_t> rgb, int64_t width, int64_t height, CancelToken* cancel);
  std::vector<uint8_t> decode(std::span<const int32_t> codes, int64_t rows, int64_t columns, CancelToken* cancel);
  EngineStats stats() const { return tally_->stats(); }
  /// Rows that a pass holds.
  int64_t row_budget() const { return options_.row_budget(engine_->device()); }
  /// Cancels its runs and waits until none is in flight. Idempotent.
  void close() noexcept;

 private:
  void check_open() const;
  /// Loaded to be run, and open.
  void check_bound() const;
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

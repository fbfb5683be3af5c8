// One loaded model as a caller holds it: admission, its own runs and its statistics. Thread-safe.
#pragma once
#include "engine/engine.h"

namespace dimoo {

class Model {
 public:
  explicit Model(const LoadOptions& options, const Progress& progress = {}, const CancelToken* cancel = nullptr);
  ~Model();

  const Weights& weights() const { return *weights_; }
  Device& device() const { return engine_->device(); }
  /// Checks the request, plans its memory and starts it. request/invalid, device/out-of-memory, queue/full, disposed.
  std::shared_ptr<Run> start(RunRequest request, std::function<void()> doorbell);
  /// disposed once closed, model/unsupported for a model that answers in text only.
  void need_images() const;
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

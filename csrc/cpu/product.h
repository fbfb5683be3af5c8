// y = x w^T with packed panels: rows are packed once per block of rows, then tasks (panel, block of rows) run over all of K.
// Any row count, any thread count, cached panels or not: each output is summed over K in the same order.
#pragma once
#include <memory>
#include <vector>

#include "base/thread_pool.h"
#include "cpu/weight.h"

namespace dimoo::cpu {

/// Growing scratch of a device: one piece shared by a job, one per worker.
class Scratch {
 public:
  explicit Scratch(int workers) : own_(static_cast<size_t>(workers)) {}
  std::byte* shared(int64_t bytes) { return grow(shared_, bytes); }
  std::byte* of(int worker, int64_t bytes) { return grow(own_[static_cast<size_t>(worker)], bytes); }
  int64_t bytes() const { return memory_->used(); }  // any thread

 private:
  std::byte* grow(Buffer& buffer, int64_t bytes);
  std::shared_ptr<HostMemory> memory_ = std::make_shared<HostMemory>();
  Buffer shared_;
  std::vector<Buffer> own_;
};

struct Products {
  const Kernels& kernels;
  ThreadPool& pool;
  Scratch& scratch;

  void linear(Tensor x, const CpuWeight& w, Epilogue epilogue, Tensor out);
  /// out = silu(x gate^T) * (x up^T).
  void gated(Tensor x, const CpuWeight& gate, const CpuWeight& up, Tensor out);
};

}  // namespace dimoo::cpu

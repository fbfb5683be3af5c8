// Host memory: what this process may still take, and aligned pieces that are counted until they go.
#pragma once
#include <atomic>
#include <memory>

#include "base/tensor.h"

namespace dimoo::cpu {

/// Bytes this process may still take: the system's available memory, or less where a cgroup says so (base/cgroup.h). Page cache
/// counts as available in both.
int64_t available_memory();
int64_t total_memory();

/// Host memory of one purpose, counted until it goes.
class HostMemory : public MemoryOwner {
 public:
  void give_back(void* data, size_t bytes) noexcept override;
  int64_t used() const { return used_; }  // any thread

 private:
  friend Buffer allocate(const std::shared_ptr<HostMemory>& memory, int64_t bytes);
  std::atomic<int64_t> used_{0};
};

/// 64-byte aligned; device/out-of-memory when the system has none. Large pieces ask for huge pages.
Buffer allocate(const std::shared_ptr<HostMemory>& memory, int64_t bytes);
/// Refuses what the system does not have: device/out-of-memory with both numbers when `bytes`, a mebibyte or more, exceed
/// available_memory().
void expect_available(int64_t bytes);

}  // namespace dimoo::cpu

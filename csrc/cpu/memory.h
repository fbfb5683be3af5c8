// Host memory: what this process may still take, aligned pieces, and pieces that a device counts as its own until they go.
#pragma once
#include <atomic>
#include <memory>

#include "base/tensor.h"

namespace dimoo::cpu {

/// Bytes this process may still take: the system's available memory, or less where a cgroup says so (base/cgroup.h). Page cache
/// counts as available in both.
int64_t available_memory();
int64_t total_memory();

/// 64-byte aligned; device/out-of-memory when the system has none. Large pieces ask for huge pages.
Buffer allocate_aligned(int64_t bytes);

using Counter = std::shared_ptr<std::atomic<int64_t>>;

/// The same, added to `counter` until it is released. device/out-of-memory with both numbers when `bytes`, a mebibyte or
/// more, exceed available_memory().
Buffer allocate_counted(int64_t bytes, const Counter& counter);

}  // namespace dimoo::cpu

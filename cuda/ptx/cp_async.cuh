// Asynchronous copies from device memory into shared memory (sm_80 and newer), one instruction a function.
#pragma once
#include <cstdint>

namespace dimoo::cuda::ptx {

/// 16 bytes, both sides aligned; the bytes from `filled` (0 or 16) on are zero and not read. The L2 cache fetches the 128 bytes around
/// them.
__device__ inline void cp_async(uint32_t to, const void* from, int filled) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(filled) : "memory");
}

__device__ inline void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Until at most `kPending` groups of this thread are under way.
template <int kPending>
__device__ inline void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

}  // namespace dimoo::cuda::ptx

// cuda/ptx/cp_async.cuh for the emulation.
#pragma once
#include "cuda/ptx/shared.cuh"

namespace dimoo::cuda::ptx {

inline void cp_async(uint32_t to, const void* from, int filled) { emulation::copy_async(at_shared(to), from, 16, filled); }
inline void cp_async_commit() { emulation::copy_commit(); }
template <int kPending>
inline void cp_async_wait() {
  emulation::copy_wait(kPending);
}

}  // namespace dimoo::cuda::ptx

// cuda/ptx/cp_async.cuh for the emulation.
#pragma once
#include "fibers.h"

namespace dimoo::cuda::ptx {

inline void cp_async(void* to, const void* from, int filled) { emulation::copy_async(to, from, 16, filled); }
inline void cp_async_commit() { emulation::copy_commit(); }
template <int kPending>
inline void cp_async_wait() {
  emulation::copy_wait(kPending);
}

}  // namespace dimoo::cuda::ptx

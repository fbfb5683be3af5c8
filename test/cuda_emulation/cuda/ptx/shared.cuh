// cuda/ptx/shared.cuh for the emulation.
#pragma once
#include "fibers.h"

namespace dimoo::cuda::ptx {

template <class T>
inline T* dynamic_shared() {
  return static_cast<T*>(emulation::g_dynamic_shared);
}

}  // namespace dimoo::cuda::ptx

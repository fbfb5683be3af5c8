// cuda/ptx/shared.cuh for the emulation: addresses count from the beginning of the launch's array.
#pragma once
#include <cuda_runtime.h>

namespace dimoo::cuda::ptx {

template <class T>
inline T* dynamic_shared() {
  return static_cast<T*>(emulation::g_dynamic_shared);
}
inline uint32_t dynamic_shared_start() { return 0; }
inline std::byte* at_shared(uint32_t address) { return dynamic_shared<std::byte>() + address; }

inline void store_shared(uint32_t to, uint4 value) {
  if (to % 16) emulation::broken("a store to shared memory that is not aligned", __FILE__, __LINE__);
  std::memcpy(at_shared(to), &value, sizeof value);
}

}  // namespace dimoo::cuda::ptx

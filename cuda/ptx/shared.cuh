// The shared memory that a launch asks for, as one array: the only place that names it. Copies and ldmatrix take its addresses as 32 bits
// of a space of their own.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace dimoo::cuda::ptx {

template <class T>
__device__ inline T* dynamic_shared() {
  extern __shared__ __align__(128) unsigned char dynamic_shared_memory[];
  return reinterpret_cast<T*>(dynamic_shared_memory);
}

/// Where the launch's array begins.
__device__ inline uint32_t dynamic_shared_start() { return static_cast<uint32_t>(__cvta_generic_to_shared(dynamic_shared<std::byte>())); }

__device__ inline void store_shared(uint32_t to, uint4 value) {
  asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(to), "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w) : "memory");
}

}  // namespace dimoo::cuda::ptx

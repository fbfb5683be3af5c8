// The shared memory that a launch asks for, as one array: the only place that names it.
#pragma once
#include <cstddef>

namespace dimoo::cuda::ptx {

template <class T>
__device__ inline T* dynamic_shared() {
  extern __shared__ __align__(128) unsigned char dynamic_shared_memory[];
  return reinterpret_cast<T*>(dynamic_shared_memory);
}

}  // namespace dimoo::cuda::ptx

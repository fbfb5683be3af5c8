// One value of a row that is f32 or bf16.
#pragma once
#include <cuda_runtime.h>

#include "cuda/dequantize.h"

namespace dimoo::cuda {

__device__ inline float value_of(float stored) { return stored; }
__device__ inline float value_of(uint16_t stored) { return bf16_value(stored); }
__device__ inline void put(float& to, float value) { to = value; }
__device__ inline void put(uint16_t& to, float value) { to = bf16_bits(value); }

/// Calls `body` with a null pointer to the C++ type of a tensor's values: float or uint16_t (bf16).
template <class Body>
void with_values_of(const Tensor& tensor, Body body) {
  if (tensor.type == DType::bf16) return body(static_cast<uint16_t*>(nullptr));
  body(static_cast<float*>(nullptr));
}

}  // namespace dimoo::cuda

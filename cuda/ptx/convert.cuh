// Conversions and the exponential as the hardware has them (sm_80 and newer), one instruction a function.
#pragma once
#include <cstdint>

namespace dimoo::cuda::ptx {

/// Two floats to bf16, nearest even; `low` in the lower half.
__device__ inline uint32_t pack_bf16(float low, float high) {
  uint32_t both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}

/// A half's value, exactly.
__device__ inline float half_value(uint16_t bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}

/// 2^x within two units in the last place; what would be subnormal is zero.
__device__ inline float exp2_approximate(float x) {
  float value;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(value) : "f"(x));
  return value;
}

}  // namespace dimoo::cuda::ptx

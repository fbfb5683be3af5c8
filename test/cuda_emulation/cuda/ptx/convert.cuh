// cuda/ptx/convert.cuh for the emulation. The exponential is correctly rounded, which the hardware's need not be.
#pragma once
#include "base/dtype.h"
#include "fibers.h"

namespace dimoo::cuda::ptx {

inline uint32_t pack_bf16(float low, float high) {
  const auto rounded = [](float value) {
    const auto bits = emulation::bits_as<uint32_t>(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fffu;
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  };
  return rounded(low) | rounded(high) << 16;
}

inline float half_value(uint16_t bits) { return f16_to_f32(bits); }

inline float exp2_approximate(float x) {
  const float value = std::exp2(x);
  return value < 0x1p-126f ? 0.0f : value;
}

}  // namespace dimoo::cuda::ptx

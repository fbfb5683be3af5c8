// Linear-interpolation quantile at fp32(1 - ratio) in the original's fp32 (docs/model.md#ml-cache): which two of the sorted values it lies
// between, and where. For the host and the GPU.
#pragma once
#include <cmath>
#include <cstdint>

#include "base/host_device.h"

namespace dimoo {

struct Quantile {
  int64_t lower = 0, upper = 0;  // ranks, 0 = the smallest
  float weight = 0;              // of the upper one
  DIMOO_HD float between(float low, float high) const {
    return weight < 0.5f ? low + weight * (high - low) : high - (high - low) * (1.0f - weight);
  }
};

inline Quantile quantile(int64_t count, double ratio) {
  const auto q = static_cast<float>(1.0 - ratio);
  const float rank = q * static_cast<float>(count - 1), lower = std::floor(rank);
  return {static_cast<int64_t>(lower), static_cast<int64_t>(std::ceil(rank)), rank - lower};
}

}  // namespace dimoo

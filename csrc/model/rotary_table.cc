#include "model/rotary_table.h"

#include <algorithm>
#include <cmath>

namespace dimoo {

void rotary_angles(int64_t positions, int64_t head_dim, float theta, float* out) {
  const int64_t half = head_dim / 2;
  for (int64_t p = 0; p < positions; p++, out += head_dim)
    for (int64_t j = 0; j < half; j++) {
      const float exponent = static_cast<float>(2 * j) / static_cast<float>(head_dim);
      const float frequency = 1.0f / static_cast<float>(std::pow(static_cast<double>(theta), static_cast<double>(exponent)));
      const float angle = static_cast<float>(p) * frequency;
      out[j] = std::cos(angle);
      out[half + j] = std::sin(angle);
    }
}

void RotaryTable::reserve(int64_t positions) {
  if (positions <= angles_.rows) return;
  const int64_t count = std::max(positions, angles_.rows * 2);
  std::vector<float> host(static_cast<size_t>(count * head_dim_));
  rotary_angles(count, head_dim_, theta_, host.data());
  Buffer memory = device_.allocate(count * head_dim_ * 4);
  const Tensor angles(static_cast<float*>(memory.data()), count, head_dim_);
  device_.upload(angles, host.data());
  memory_ = std::move(memory), angles_ = angles;
}

}  // namespace dimoo

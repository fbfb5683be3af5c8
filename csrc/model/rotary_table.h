// Angles of rotary positions on a device, as the original computes them, all in f32: row p = cos(p * f_j), sin(p * f_j),
// f_j = theta^(-2j/head_dim). One for each head size.
#pragma once
#include "device/device.h"

namespace dimoo {

/// (positions, head_dim) into host memory.
void rotary_angles(int64_t positions, int64_t head_dim, float theta, float* out);

class RotaryTable {
 public:
  RotaryTable(Device& device, int64_t head_dim, float theta) : device_(device), head_dim_(head_dim), theta_(theta) {}
  /// At least so many positions; grows in steps of twice what it had.
  void reserve(int64_t positions);
  const Tensor& angles() const { return angles_; }

 private:
  Device& device_;
  int64_t head_dim_;
  float theta_;
  Buffer memory_;
  Tensor angles_;
};

}  // namespace dimoo

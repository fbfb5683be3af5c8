// Keys (after rotary) and values of every row of one branch, for all layers: what reuse attends to in place of rows that a pass does
// not compute. f32, (layers, 2, n, kv_heads * head_dim).
#pragma once
#include "device/device.h"
#include "model/hyperparameters.h"

namespace dimoo {

class KvCache {
 public:
  KvCache(Device& device, const Hyperparameters& hyper, int64_t rows)
      : rows_(rows), width_(hyper.kv_heads * hyper.head_dim), memory_(device.allocate(bytes(hyper, rows))) {}

  static int64_t bytes(const Hyperparameters& hyper, int64_t rows) { return hyper.layers * 2 * rows * hyper.kv_heads * hyper.head_dim * 4; }
  int64_t rows() const { return rows_; }
  Tensor keys(int64_t layer) const { return at(2 * layer); }
  Tensor values(int64_t layer) const { return at(2 * layer + 1); }

 private:
  Tensor at(int64_t index) const { return {static_cast<float*>(memory_.data()) + index * rows_ * width_, rows_, width_}; }

  int64_t rows_, width_;
  Buffer memory_;
};

}  // namespace dimoo

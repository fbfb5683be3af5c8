// Keys (after rotary) and values of every row of one branch, for all layers: what reuse attends to in place of rows that a pass does
// not compute. (layers, 2, n, kv_heads * head_dim) of the device's type for them.
#pragma once
#include "device/device.h"
#include "model/hyperparameters.h"

namespace dimoo {

class KvCache {
 public:
  KvCache(Device& device, const Hyperparameters& hyper, DType type, int64_t rows)
      : type_(type), rows_(rows), width_(hyper.kv_heads * hyper.head_dim), memory_(device.allocate(bytes(hyper, type, rows))) {}

  static int64_t bytes(const Hyperparameters& hyper, DType type, int64_t rows) {
    return hyper.layers * 2 * rows * type_bytes(type, hyper.kv_heads * hyper.head_dim);
  }
  int64_t rows() const { return rows_; }
  Tensor keys(int64_t layer) const { return at(2 * layer); }
  Tensor values(int64_t layer) const { return at(2 * layer + 1); }

 private:
  Tensor at(int64_t index) const {
    return {static_cast<std::byte*>(memory_.data()) + index * rows_ * type_bytes(type_, width_), type_, rows_, width_};
  }

  DType type_;
  int64_t rows_, width_;
  Buffer memory_;
};

}  // namespace dimoo

// A view of device memory: pointer, type, rows and columns. Owns nothing; `Buffer` does, and only moves.
// Letters: n tokens of a branch, r rows computed, d width, h heads, v vocabulary range.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/dtype.h"

namespace dimoo {

/// rows x cols, row-major; consecutive rows lie `stride` elements apart (stride >= cols).
struct Tensor {
  void* data = nullptr;
  DType type = DType::f32;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  Tensor() = default;
  Tensor(void* data, DType type, int64_t rows, int64_t cols) : data(data), type(type), rows(rows), cols(cols), stride(cols) {}
  Tensor(float* data, int64_t rows, int64_t cols) : Tensor(data, DType::f32, rows, cols) {}

  float* f32() const { return static_cast<float*>(data); }
  int32_t* i32() const { return static_cast<int32_t*>(data); }
  float* f32_row(int64_t row) const { return f32() + row * stride; }

  /// Rows [first, first + count) of this view (unquantised types).
  Tensor slice(int64_t first, int64_t count) const {
    Tensor part = *this;
    part.data = static_cast<std::byte*>(data) + first * stride * type_info(type).bytes;
    part.rows = count;
    return part;
  }
};

/// Who takes memory back. The buffers that lie in it share it, so that they may outlive whoever handed them out.
class MemoryOwner {
 public:
  virtual ~MemoryOwner() = default;
  virtual void give_back(void* data, size_t bytes) noexcept = 0;
};

/// Device memory, which goes back to its owner.
class Buffer {
 public:
  Buffer() = default;
  Buffer(void* data, size_t bytes, std::shared_ptr<MemoryOwner> owner) : data_(data), bytes_(bytes), owner_(std::move(owner)) {}
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (owner_) owner_->give_back(data_, bytes_);
  }
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(owner_, other.owner_);
  }
  void* data_ = nullptr;
  size_t bytes_ = 0;
  std::shared_ptr<MemoryOwner> owner_;
};

}  // namespace dimoo

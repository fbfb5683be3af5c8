// Results on their way to the host: copies into pinned memory, queued with the kernels that make them, and what is to be done with each
// once the stream has come so far. One wait brings all of them.
#pragma once
#include <functional>
#include <vector>

#include "base/tensor.h"

namespace dimoo::cuda {

class Stream;

class Readbacks {
 public:
  using Deliver = std::function<void(const std::byte* data)>;
  explicit Readbacks(Stream& stream) : stream_(stream) {}
  ~Readbacks();
  Readbacks(const Readbacks&) = delete;
  Readbacks& operator=(const Readbacks&) = delete;

  /// `memory`'s first bytes go to `deliver` when this settles.
  void add(const Buffer& memory, int64_t bytes, Deliver deliver);
  /// Waits for the stream where anything is awaited, and delivers in order; the first delivery that throws ends it.
  void settle();
  void abandon() noexcept;

 private:
  struct Awaited {
    const std::byte* data;
    Deliver deliver;
  };
  struct Block {
    std::byte* data;
    int64_t bytes;
  };
  std::byte* pinned(int64_t bytes);

  Stream& stream_;
  std::vector<Awaited> awaited_;
  std::vector<Block> blocks_;
  size_t block_ = 0;  // the one that is being filled
  int64_t filled_ = 0;
};

}  // namespace dimoo::cuda

// Pinned memory is kept from step to step: after a wait nothing of it is in use.
#include <algorithm>
#include <utility>

#include "cuda/readback.h"
#include "cuda/runtime.h"

namespace dimoo::cuda {
namespace {

constexpr int64_t kBlock = 1 << 20, kAlignment = 16;

}  // namespace

Readbacks::~Readbacks() {
  for (const Block& block : blocks_) cudaFreeHost(block.data);
}

std::byte* Readbacks::pinned(int64_t bytes) {
  for (; block_ < blocks_.size() && filled_ + bytes > blocks_[block_].bytes; block_++) filled_ = 0;
  if (block_ == blocks_.size()) {
    const int64_t size = std::max(kBlock, bytes);
    blocks_.reserve(blocks_.size() + 1);
    blocks_.push_back({pinned_memory(size), size});
    filled_ = 0;
  }
  std::byte* at = blocks_[block_].data + filled_;
  filled_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return at;
}

void Readbacks::add(const Buffer& memory, int64_t bytes, Deliver deliver) {
  std::byte* to = pinned(bytes);
  check(cudaMemcpyAsync(to, memory.data(), static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, stream_.pool()->stream()), "read back");
  awaited_.push_back({to, std::move(deliver)});
}

void Readbacks::settle() {
  if (awaited_.empty()) return;
  stream_.wait("settle");
  const std::vector<Awaited> arrived = std::exchange(awaited_, {});
  block_ = 0, filled_ = 0;
  for (const Awaited& one : arrived) one.deliver(one.data);
}

void Readbacks::abandon() noexcept { awaited_.clear(); }

}  // namespace dimoo::cuda

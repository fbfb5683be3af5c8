#include "cpu/memory.h"

#include <algorithm>

#include "base/cgroup.h"
#include "base/error.h"
#include "base/machine.h"
#include "base/size_text.h"

namespace dimoo::cpu {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kWorthAsking = int64_t{1} << 20;  // smaller pieces are not worth reading the system's files

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

void* aligned_block(int64_t bytes) {
  const int64_t alignment = bytes >= 2 * kHugePage ? kHugePage : kAlignment;
  const auto size = static_cast<size_t>(round_up(std::max<int64_t>(bytes, 1), alignment));
  void* block = allocate_block(static_cast<size_t>(alignment), size);
  if (!block)
    throw Error(Code::device_out_of_memory, text("cpu: ", size_text(bytes), " could not be allocated"), bytes, available_memory());
  return block;
}

}  // namespace

int64_t available_memory() { return std::min(system_memory_available(), cgroup_memory().free); }

int64_t total_memory() { return std::min(system_memory(), cgroup_memory().bytes); }

void HostMemory::give_back(void* data, size_t bytes) noexcept {
  used_ -= static_cast<int64_t>(bytes);
  free_block(data);
}

Buffer allocate(const std::shared_ptr<HostMemory>& memory, int64_t bytes) {
  Buffer buffer(aligned_block(bytes), static_cast<size_t>(bytes), memory);
  memory->used_ += bytes;
  return buffer;
}

void expect_available(int64_t bytes) {
  if (bytes < kWorthAsking) return;
  if (const int64_t available = available_memory(); bytes > available)
    throw Error(Code::device_out_of_memory, text("cpu: needs ", size_text(bytes), ", has ", size_text(available)), bytes, available);
}

}  // namespace dimoo::cpu

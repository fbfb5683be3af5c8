// A counted piece holds its counter in the 64 bytes before it, because a Buffer's way back knows nothing but address and size.
#include "cpu/memory.h"

#include <algorithm>
#include <new>

#include "base/cgroup.h"
#include "base/error.h"
#include "base/machine.h"

namespace dimoo::cpu {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kWorthAsking = int64_t{1} << 20;  // smaller pieces are not worth reading the system's files

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

void release_counted(void* data, size_t bytes) {
  void* block = static_cast<std::byte*>(data) - kAlignment;
  auto* counter = std::launder(static_cast<Counter*>(block));
  **counter -= static_cast<int64_t>(bytes);
  counter->~Counter();
  free_block(block);
}

void* aligned_block(int64_t bytes) {
  const int64_t alignment = bytes >= 2 * kHugePage ? kHugePage : kAlignment;
  const auto size = static_cast<size_t>(round_up(std::max<int64_t>(bytes, 1), alignment));
  void* block = allocate_block(static_cast<size_t>(alignment), size);
  if (!block) throw Error(Code::device_out_of_memory, text("cpu: ", bytes, " bytes could not be allocated"), bytes, available_memory());
  return block;
}

}  // namespace

int64_t available_memory() { return std::min(system_memory_available(), cgroup_memory().free); }

int64_t total_memory() { return std::min(system_memory(), cgroup_memory().bytes); }

Buffer allocate_aligned(int64_t bytes) {
  return Buffer(aligned_block(bytes), static_cast<size_t>(bytes), [](void* data, size_t) { free_block(data); });
}

Buffer allocate_counted(int64_t bytes, const Counter& counter) {
  if (bytes >= kWorthAsking)
    if (const int64_t available = available_memory(); bytes > available)
      throw Error(Code::device_out_of_memory, text("cpu: needs ", bytes, " bytes, has ", available), bytes, available);
  static_assert(sizeof(Counter) <= kAlignment);
  auto* block = static_cast<std::byte*>(aligned_block(bytes + kAlignment));
  new (block) Counter(counter);
  *counter += bytes;
  return Buffer(block + kAlignment, static_cast<size_t>(bytes), release_counted);
}

}  // namespace dimoo::cpu

// A counted piece holds its counter in the 64 bytes before it, because a Buffer's way back knows nothing but address and size.
#include "cpu/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <new>
#include <string>

#include "base/error.h"

namespace dimoo::cpu {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kHugePage = int64_t{2} << 20;

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

/// A number in a file of one word; -1 when there is none or it is "max".
int64_t number_in(const char* path) {
  std::ifstream file(path);
  int64_t value = -1;
  return file >> value ? value : -1;
}

/// The number behind `key` in a file of lines "key number"; 0 when there is none.
int64_t field_of(const char* path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  for (int64_t value = 0; file >> word;)
    if (word == key) return file >> value ? value : 0;
  return 0;
}

struct Limit {
  int64_t bytes = -1;  // -1: none
  int64_t free = 0;
};

/// What the cgroup allows and what it still has, file pages that can be dropped counted as free.
Limit cgroup_limit() {
  struct Files {
    const char *limit, *used, *stat, *active, *inactive;
  };
  constexpr Files kVersions[] = {
      {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "active_file", "inactive_file"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory/memory.stat",
       "total_active_file", "total_inactive_file"}};
  for (const Files& files : kVersions) {
    const int64_t limit = number_in(files.limit), used = number_in(files.used);
    if (limit < 0 || used < 0) continue;
    const int64_t cache = field_of(files.stat, files.active) + field_of(files.stat, files.inactive);
    return {limit, std::max<int64_t>(0, limit - std::max<int64_t>(0, used - cache))};
  }
  return {};
}

void release_counted(void* data, size_t bytes) {
  void* block = static_cast<std::byte*>(data) - kAlignment;
  auto* counter = std::launder(static_cast<Counter*>(block));
  **counter -= static_cast<int64_t>(bytes);
  counter->~Counter();
  std::free(block);
}

void* aligned_block(int64_t bytes) {
  const int64_t alignment = bytes >= 2 * kHugePage ? kHugePage : kAlignment;
  const auto size = static_cast<size_t>(round_up(std::max<int64_t>(bytes, 1), alignment));
  void* block = std::aligned_alloc(static_cast<size_t>(alignment), size);
  if (!block) throw Error(Code::device_out_of_memory, text("cpu: ", bytes, " bytes could not be allocated"), bytes, available_memory());
#if defined(MADV_HUGEPAGE)
  if (alignment == kHugePage) madvise(block, size, MADV_HUGEPAGE);
#endif
  return block;
}

}  // namespace

int64_t available_memory() {
  const int64_t free = field_of("/proc/meminfo", "MemAvailable:") * 1024;
  const Limit limit = cgroup_limit();
  return limit.bytes >= 0 ? std::min(free, limit.free) : free;
}

int64_t total_memory() {
  const int64_t total = field_of("/proc/meminfo", "MemTotal:") * 1024, limit = cgroup_limit().bytes;
  return limit >= 0 ? std::min(total, limit) : total;
}

Buffer allocate_aligned(int64_t bytes) {
  return Buffer(aligned_block(bytes), static_cast<size_t>(bytes), [](void* data, size_t) { std::free(data); });
}

Buffer allocate_counted(int64_t bytes, const Counter& counter) {
  const int64_t available = available_memory();
  if (bytes > available) throw Error(Code::device_out_of_memory, text("cpu: needs ", bytes, " bytes, has ", available), bytes, available);
  static_assert(sizeof(Counter) <= kAlignment);
  auto* block = static_cast<std::byte*>(aligned_block(bytes + kAlignment));
  new (block) Counter(counter);
  *counter += bytes;
  return Buffer(block + kAlignment, static_cast<size_t>(bytes), release_counted);
}

}  // namespace dimoo::cpu

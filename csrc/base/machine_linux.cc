// The scheduler's mask and /proc; glibc and musl alike.
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/machine.h"

namespace dimoo {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

/// A line of /proc/meminfo, in bytes; 0 when there is none.
int64_t meminfo(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  std::string word;
  for (int64_t kilobytes = 0; file >> word;)
    if (word == key) return file >> kilobytes ? kilobytes * 1024 : 0;
  return 0;
}

}  // namespace

int affinity_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int64_t system_memory() { return meminfo("MemTotal:"); }
int64_t system_memory_available() { return meminfo("MemAvailable:"); }

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  return "CPU";
}

void* allocate_block(size_t alignment, size_t bytes) {
  void* block = std::aligned_alloc(alignment, bytes);
#if defined(MADV_HUGEPAGE)
  if (block && alignment >= kHugePage) madvise(block, bytes, MADV_HUGEPAGE);
#endif
  return block;
}

void free_block(void* block) { std::free(block); }

void stay_loaded() {}  // the linker has marked us so (-z nodelete)

}  // namespace dimoo

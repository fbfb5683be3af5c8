// What the system says of this machine and gives to this process. One file a system (machine_linux.cc, machine_darwin.cc,
// machine_win32.cc); limits of control groups are base/cgroup.h's.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace dimoo {

/// CPUs that this thread may run on, at least 1.
int affinity_cpus();
/// Bytes of main memory, and those that are free or can be had by dropping page cache.
int64_t system_memory();
int64_t system_memory_available();
std::string processor_name();
/// Null when there is no memory. `bytes` is a multiple of `alignment`; pieces of many megabytes ask for huge pages where there are any.
void* allocate_block(size_t alignment, size_t bytes);
void free_block(void* block);
/// Node closes an addon when the worker that loaded it ends, and code of ours may still be on a thread: from here on it stays loaded.
void stay_loaded();

}  // namespace dimoo

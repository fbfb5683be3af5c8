// Mach's counters. macOS has no affinity masks and no control groups.
#include <dlfcn.h>
#include <mach/mach.h>
#include <sys/sysctl.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/machine.h"

namespace dimoo {

int affinity_cpus() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

int64_t system_memory() {
  int64_t bytes = 0;
  size_t size = sizeof bytes;
  return sysctlbyname("hw.memsize", &bytes, &size, nullptr, 0) == 0 ? bytes : 0;
}

int64_t system_memory_available() {
  vm_statistics64_data_t found{};
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  vm_size_t page = 0;
  const mach_port_t host = mach_host_self();
  if (host_page_size(host, &page) != KERN_SUCCESS ||
      host_statistics64(host, HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&found), &count) != KERN_SUCCESS)
    return system_memory() / 2;
  return (int64_t{found.free_count} + found.inactive_count + found.purgeable_count) * static_cast<int64_t>(page);
}

std::string processor_name() {
  char name[256] = {};
  size_t size = sizeof name - 1;
  return sysctlbyname("machdep.cpu.brand_string", name, &size, nullptr, 0) == 0 ? name : "CPU";
}

void* allocate_block(size_t alignment, size_t bytes) { return std::aligned_alloc(alignment, bytes); }
void free_block(void* block) { std::free(block); }

void stay_loaded() {
  Dl_info found{};
  if (dladdr(reinterpret_cast<const void*>(&stay_loaded), &found) != 0) dlopen(found.dli_fname, RTLD_NOW | RTLD_NODELETE);
}

}  // namespace dimoo

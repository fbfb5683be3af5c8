// Affinity of the process within its processor group; memory as the system would commit it.
#include <malloc.h>

#include <algorithm>
#include <bit>
#include <thread>

#include "base/machine.h"
#include "base/win32.h"

namespace dimoo {

int affinity_cpus() {
  DWORD_PTR own = 0, all = 0;
  const int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (!GetProcessAffinityMask(GetCurrentProcess(), &own, &all) || own == all) return threads;  // a machine may have more than one group
  return std::max(1, std::popcount(static_cast<uint64_t>(own)));
}

namespace {

MEMORYSTATUSEX memory() {
  MEMORYSTATUSEX found{};
  found.dwLength = sizeof found;
  GlobalMemoryStatusEx(&found);
  return found;
}

}  // namespace

int64_t system_memory() { return static_cast<int64_t>(memory().ullTotalPhys); }
int64_t system_memory_available() { return static_cast<int64_t>(memory().ullAvailPhys); }

std::string processor_name() {
  wchar_t name[256] = {};
  DWORD size = sizeof name - sizeof(wchar_t);
  constexpr const wchar_t* kKey = L"HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0";
  if (RegGetValueW(HKEY_LOCAL_MACHINE, kKey, L"ProcessorNameString", RRF_RT_REG_SZ, nullptr, name, &size) != ERROR_SUCCESS) return "CPU";
  std::string text;
  for (const wchar_t* at = name; *at; at++) text += static_cast<char>(*at < 128 ? *at : '?');
  return text;
}

void* allocate_block(size_t alignment, size_t bytes) { return _aligned_malloc(bytes, alignment); }
void free_block(void* block) { _aligned_free(block); }

void stay_loaded() {
  HMODULE own = nullptr;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, reinterpret_cast<LPCWSTR>(&stay_loaded), &own);
}

}  // namespace dimoo

#include "cpu/amx_system.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace dimoo::cpu {
namespace {

constexpr long kAskSupported = 0x1021, kAskPermission = 0x1023;  // ARCH_GET_XCOMP_SUPP, ARCH_REQ_XCOMP_PERM
constexpr long kTileData = 18;                                   // the state component; 17 is its configuration

bool processor_has_amx() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned kNeeded = 1u << 22 | 1u << 24 | 1u << 25;  // AMX-BF16, AMX-TILE, AMX-INT8
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx & kNeeded) == kNeeded;
}

}  // namespace

bool amx_present() {
  uint64_t supported = 0;
  return processor_has_amx() && syscall(SYS_arch_prctl, kAskSupported, &supported) == 0 && (supported >> kTileData & 1) != 0;
}

bool amx_permitted() {
  static const bool granted = amx_present() && syscall(SYS_arch_prctl, kAskPermission, kTileData) == 0;
  return granted;
}

}  // namespace dimoo::cpu
#else
namespace dimoo::cpu {

bool amx_present() { return false; }
bool amx_permitted() { return false; }

}  // namespace dimoo::cpu
#endif

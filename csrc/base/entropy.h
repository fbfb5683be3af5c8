// Random bits of the system's, for names that no other process has. One file a system (entropy_posix.cc, entropy_win32.cc).
// Not std::random_device: libstdc++ takes whatever the build machine's libc has newest for it, which older systems lack.
#pragma once
#include <cstdint>

namespace dimoo {

uint64_t entropy();

}  // namespace dimoo

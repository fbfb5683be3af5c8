// glibc 2.25, musl 1.1.20, macOS 10.12: all have getentropy.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#ifdef __APPLE__
#include <sys/random.h>
#endif

#include "base/entropy.h"
#include "base/error.h"

namespace dimoo {

uint64_t entropy() {
  uint64_t bits = 0;
  if (getentropy(&bits, sizeof bits) != 0) fail(Code::internal, "expected random bits from the system, got: ", std::strerror(errno));
  return bits;
}

}  // namespace dimoo

#include <random>

#include "base/entropy.h"

namespace dimoo {

uint64_t entropy() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

}  // namespace dimoo

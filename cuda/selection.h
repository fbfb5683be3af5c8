// The k-th smallest of many floats without sorting: keys that order as the floats do, taken apart byte by byte from the top, one
// histogram of 256 counts a byte (radix select). The parts that are pure arithmetic, for the host's tests too.
#pragma once
#include <cstdint>

#include "base/host_device.h"

namespace dimoo::cuda {

inline constexpr int kDigits = 256;

/// Orders as the float whose bits these are; -0 and 0 are equal.
DIMOO_HD inline uint32_t ordered_key(uint32_t bits) {
  if (bits == 0x80000000u) bits = 0;
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/// The float of a key.
DIMOO_HD inline uint32_t ordered_bits(uint32_t key) { return key & 0x80000000u ? key & 0x7fffffffu : ~key; }

/// What is known of the wanted key after some bytes: keys with (key & mask) == prefix hold it, at `rank` among them.
struct Selection {
  uint32_t prefix, mask;
  int64_t rank;
};

/// One byte more, `shift` 24, 16, 8, 0; counts (256) of that byte among the keys of the prefix.
DIMOO_HD inline Selection narrow(Selection s, const uint32_t* counts, int shift) {
  uint32_t digit = 0;
  for (; digit + 1 < kDigits && s.rank >= static_cast<int64_t>(counts[digit]); digit++) s.rank -= counts[digit];
  s.prefix |= digit << shift;
  s.mask |= 255u << shift;
  return s;
}

}  // namespace dimoo::cuda

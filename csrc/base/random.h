// Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011), the same bits on CPU and GPU (docs/contracts.md#random-numbers).
// Key = the 64-bit seed; counter = (index / 4, position, step, stream), lane = index mod 4. No state, no order.
#pragma once
#include <cstdint>

#include "base/host_device.h"

namespace dimoo {

enum class Stream : uint32_t { sample = 0, cut = 1, text = 2, crop = 3, remask = 4 };

struct Words {
  uint32_t w[4];
};

DIMOO_HD inline Words philox(uint64_t seed, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3) {
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0, p1 = uint64_t{0xCD9E8D57u} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0, n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c0 = n0, c1 = static_cast<uint32_t>(p1), c2 = n2, c3 = static_cast<uint32_t>(p0);
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

/// (word >> 9 + 0.5) * 2^-23: exact in f32, never 0 or 1.
DIMOO_HD inline float to_uniform(uint32_t word) { return (static_cast<float>(word >> 9) + 0.5f) * 1.1920928955078125e-7f; }

/// The four uniforms of indices 4q .. 4q+3.
DIMOO_HD inline Words philox_at(uint64_t seed, uint32_t quad, uint32_t position, uint32_t step, Stream stream) {
  return philox(seed, quad, position, step, static_cast<uint32_t>(stream));
}

DIMOO_HD inline float uniform(uint64_t seed, uint32_t index, uint32_t position, uint32_t step, Stream stream) {
  return to_uniform(philox_at(seed, index / 4, position, step, stream).w[index % 4]);
}

/// Text draws in f64 from two words (index / 2, lanes 2(index mod 2) and the next): 52 bits, never 0 or 1.
DIMOO_HD inline double uniform_f64(uint64_t seed, uint32_t index, uint32_t position, uint32_t step, Stream stream) {
  const Words words = philox_at(seed, index / 2, position, step, stream);
  const uint32_t lane = 2 * (index % 2);
  const uint64_t both = (static_cast<uint64_t>(words.w[lane]) << 32) | words.w[lane + 1];
  return (static_cast<double>(both >> 12) + 0.5) * 2.220446049250313e-16;
}

}  // namespace dimoo

// ggml's quantised blocks as they lie in a file (little endian), and how one value of each is read.
//   Q8_0  32 values: f16 scale, 32 x i8                                   w = scale * q
//   Q4_0  32 values: f16 scale, 16 bytes; low nibbles are values 0..15    w = scale * (q - 8)
//   Q4_K 256 values: f16 scale, f16 minimum, 12 bytes with 8 six-bit (scale, minimum) pairs, 128 bytes of nibbles
//                                                                         w = scale * s_g * q - minimum * m_g, groups of 32
//   Q5_K 256 values: as Q4_K with a fifth bit per value (32 bytes) before the nibbles
//   Q6_K 256 values: 128 bytes low nibbles, 64 bytes high pairs, 16 x i8 scales, f16 scale
//                                                                         w = scale * s_g * (q - 32), groups of 16
#pragma once
#include <cstdint>

#include "base/host_device.h"

namespace dimoo {

#pragma pack(push, 1)
struct BlockQ8_0 {
  uint16_t scale;
  int8_t q[32];
};
struct BlockQ4_0 {
  uint16_t scale;
  uint8_t q[16];
};
struct BlockQ4K {
  uint16_t scale, minimum;
  uint8_t scales[12];
  uint8_t q[128];
};
struct BlockQ5K {
  uint16_t scale, minimum;
  uint8_t scales[12];
  uint8_t high[32];
  uint8_t q[128];
};
struct BlockQ6K {
  uint8_t low[128];
  uint8_t high[64];
  int8_t scales[16];
  uint16_t scale;
};
#pragma pack(pop)
static_assert(sizeof(BlockQ8_0) == 34 && sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4K) == 144 && sizeof(BlockQ5K) == 176 &&
              sizeof(BlockQ6K) == 210);

struct ScaleMin {
  int scale, minimum;  // 0..63
};

/// Group g of 8: the first four pairs lie in the low six bits; the others' low nibbles in bytes 8..11, their top bits above the first.
DIMOO_HD inline ScaleMin scale_min(const uint8_t* packed, int g) {
  if (g < 4) return {packed[g] & 63, packed[g + 4] & 63};
  return {(packed[g + 4] & 15) | (packed[g - 4] >> 6) << 4, (packed[g + 4] >> 4) | (packed[g] >> 6) << 4};
}

/// Value i of group g: two groups share 32 bytes, the even one in the low nibbles.
DIMOO_HD inline int block_value(const BlockQ4K& block, int g, int i) {
  const uint8_t byte = block.q[g / 2 * 32 + i];
  return g % 2 ? byte >> 4 : byte & 15;
}
DIMOO_HD inline int block_value(const BlockQ5K& block, int g, int i) {
  const uint8_t byte = block.q[g / 2 * 32 + i];
  return (g % 2 ? byte >> 4 : byte & 15) | (block.high[i] >> g & 1) << 4;
}
/// Value i of 256, -32..31: each half of 128 values has 64 bytes of low nibbles and 32 bytes of high pairs.
DIMOO_HD inline int block_value(const BlockQ6K& block, int i) {
  const int half = i / 128, quarter = i % 128 / 32, at = i % 32;
  const uint8_t byte = block.low[half * 64 + quarter % 2 * 32 + at];
  const int low = quarter < 2 ? byte & 15 : byte >> 4;
  return (low | (block.high[half * 32 + at] >> (2 * quarter) & 3) << 4) - 32;
}

}  // namespace dimoo

// The layouts are described at source/quantize.cc; here they are taken apart without multiplying.
#include "cpu/blocks.h"

#include <cstring>

#include "base/error.h"
#include "source/block_layout.h"

namespace dimoo::cpu {
namespace {

void unpack_q8_0(const BlockQ8_0& block, int8_t* q, float* scale, float* minimum) {
  *scale = f16_to_f32(block.scale);
  *minimum = 0;
  std::memcpy(q, block.q, 32);
}

void unpack_q4_0(const BlockQ4_0& block, int8_t* q, float* scale, float* minimum) {
  *scale = f16_to_f32(block.scale);
  *minimum = 0;
  for (int i = 0; i < 16; i++) {
    q[i] = static_cast<int8_t>((block.q[i] & 15) - 8);
    q[i + 16] = static_cast<int8_t>((block.q[i] >> 4) - 8);
  }
}

template <class Block>
void unpack_k45(const Block& block, int8_t* q, float* scale, float* minimum) {
  const float d = f16_to_f32(block.scale), dmin = f16_to_f32(block.minimum);
  for (int g = 0; g < 8; g++) {
    const ScaleMin factors = scale_min(block.scales, g);
    scale[g] = d * static_cast<float>(factors.scale);
    minimum[g] = -dmin * static_cast<float>(factors.minimum);
    for (int i = 0; i < 32; i++) q[g * 32 + i] = static_cast<int8_t>(block_value(block, g, i));
  }
}

void unpack_q6_k(const BlockQ6K& block, int8_t* q, float* scale, float* minimum) {
  const float d = f16_to_f32(block.scale);
  for (int g = 0; g < 16; g++) {
    scale[g] = d * static_cast<float>(block.scales[g]);
    minimum[g] = 0;
  }
  for (int half = 0; half < 2; half++) {  // block_value's quarters side by side
    const uint8_t *low = block.low + half * 64, *high = block.high + half * 32;
    int8_t* to = q + half * 128;
    for (int i = 0; i < 32; i++) {
      to[i] = static_cast<int8_t>(((low[i] & 15) | (high[i] & 3) << 4) - 32);
      to[32 + i] = static_cast<int8_t>(((low[32 + i] & 15) | (high[i] >> 2 & 3) << 4) - 32);
      to[64 + i] = static_cast<int8_t>((low[i] >> 4 | (high[i] >> 4 & 3) << 4) - 32);
      to[96 + i] = static_cast<int8_t>((low[32 + i] >> 4 | high[i] >> 6 << 4) - 32);
    }
  }
}

template <class Block, class Unpack>
void each_block(const std::byte* row, int64_t k, int values, int groups, int8_t* q, float* scale, float* minimum, Unpack unpack) {
  for (int64_t b = 0; b < k / values; b++) {
    Block block;
    std::memcpy(&block, row + b * static_cast<int64_t>(sizeof block), sizeof block);
    unpack(block, q + b * values, scale + b * groups, minimum + b * groups);
  }
}

}  // namespace

void unpack_int8(DType type, const std::byte* row, int64_t k, int8_t* q, float* scale, float* minimum) {
  switch (type) {
    case DType::q8_0: return each_block<BlockQ8_0>(row, k, 32, 1, q, scale, minimum, unpack_q8_0);
    case DType::q4_0: return each_block<BlockQ4_0>(row, k, 32, 1, q, scale, minimum, unpack_q4_0);
    case DType::q4_k: return each_block<BlockQ4K>(row, k, 256, 8, q, scale, minimum, unpack_k45<BlockQ4K>);
    case DType::q5_k: return each_block<BlockQ5K>(row, k, 256, 8, q, scale, minimum, unpack_k45<BlockQ5K>);
    case DType::q6_k: return each_block<BlockQ6K>(row, k, 256, 16, q, scale, minimum, unpack_q6_k);
    default: fail(Code::internal, "unpack_int8: expected a quantised type, got ", type_info(type).name);
  }
}

}  // namespace dimoo::cpu

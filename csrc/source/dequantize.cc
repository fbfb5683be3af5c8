// Reading multiplies as ggml does, in f32 and in its order, so values agree bit for bit. Loops without branches, to vectorise.
#include <bit>
#include <cstring>

#include "base/error.h"
#include "source/block_layout.h"
#include "source/quantize.h"

namespace dimoo {
namespace {

template <class Block, class Read>
void read_blocks(const std::byte* from, int64_t count, int values, float* to, Read read) {
  for (int64_t b = 0; b < count / values; b++) {
    Block block;
    std::memcpy(&block, from + b * static_cast<int64_t>(sizeof block), sizeof block);
    read(block, to + b * values);
  }
}

void read_q8_0(const BlockQ8_0& block, float* to) {
  const float d = f16_to_f32(block.scale);
  for (int i = 0; i < 32; i++) to[i] = static_cast<float>(block.q[i]) * d;
}

void read_q4_0(const BlockQ4_0& block, float* to) {
  const float d = f16_to_f32(block.scale);
  for (int i = 0; i < 16; i++) {
    to[i] = static_cast<float>((block.q[i] & 15) - 8) * d;
    to[i + 16] = static_cast<float>((block.q[i] >> 4) - 8) * d;
  }
}

template <class Block>
void read_k45(const Block& block, float* to) {
  const float d = f16_to_f32(block.scale), dmin = f16_to_f32(block.minimum);
  for (int g = 0; g < 8; g++) {
    const ScaleMin factors = scale_min(block.scales, g);
    const float scale = d * static_cast<float>(factors.scale), minimum = dmin * static_cast<float>(factors.minimum);
    for (int i = 0; i < 32; i++) to[g * 32 + i] = scale * static_cast<float>(block_value(block, g, i)) - minimum;
  }
}

void read_q6_k(const BlockQ6K& block, float* to) {
  const float d = f16_to_f32(block.scale);
  for (int part = 0; part < 8; part++) {  // 32 values: two scales, one place in the bytes
    const int half = part / 4, quarter = part % 4;
    const uint8_t* low = block.low + half * 64 + quarter % 2 * 32;
    const uint8_t* high = block.high + half * 32;
    const float scales[2] = {d * static_cast<float>(block.scales[part * 2]), d * static_cast<float>(block.scales[part * 2 + 1])};
    const int low_shift = quarter < 2 ? 0 : 4, high_shift = 2 * quarter;
    for (int i = 0; i < 32; i++) {
      const int value = (low[i] >> low_shift & 15) | (high[i] >> high_shift & 3) << 4;
      to[part * 32 + i] = scales[i / 16] * static_cast<float>(value - 32);
    }
  }
}

/// As f16_to_f32 without a branch: exponents move up by 112 through one exact product, which also settles subnormals.
inline float half_to_float(uint16_t bits) {
  const auto magnitude = std::bit_cast<float>(static_cast<uint32_t>(bits & 0x7fffu) << 13) * 0x1p112f;
  const uint32_t special = (bits & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | special | static_cast<uint32_t>(bits & 0x8000u) << 16);
}

template <class Convert>
void read_halves(const std::byte* from, int64_t count, float* to, Convert convert) {
  for (int64_t i = 0; i < count; i++) {
    uint16_t bits;
    std::memcpy(&bits, from + i * 2, 2);
    to[i] = convert(bits);
  }
}

}  // namespace

void dequantize(DType type, const std::byte* from, int64_t count, float* to) {
  switch (type) {
    case DType::f32: std::memcpy(to, from, static_cast<size_t>(count) * 4); return;
    case DType::f16: return read_halves(from, count, to, half_to_float);
    case DType::bf16: return read_halves(from, count, to, bf16_to_f32);
    case DType::q8_0: return read_blocks<BlockQ8_0>(from, count, 32, to, read_q8_0);
    case DType::q6_k: return read_blocks<BlockQ6K>(from, count, 256, to, read_q6_k);
    case DType::q5_k: return read_blocks<BlockQ5K>(from, count, 256, to, read_k45<BlockQ5K>);
    case DType::q4_k: return read_blocks<BlockQ4K>(from, count, 256, to, read_k45<BlockQ4K>);
    case DType::q4_0: return read_blocks<BlockQ4_0>(from, count, 32, to, read_q4_0);
    case DType::i8:
    case DType::i32: break;
  }
  fail(Code::internal, "dequantize: expected a weight type, got ", type_info(type).name);
}

}  // namespace dimoo

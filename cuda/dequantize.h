// Eight neighbouring values of a weight row as f32, from any stored type: what embedding, f32 products and the tile loaders of tensor
// core products read. Compiled for the host too, where a test compares it bit for bit with source/quantize.
#pragma once
#include <cstddef>
#include <type_traits>

#include "base/dtype.h"
#include "source/block_layout.h"
#if defined(__CUDACC__)
#include "cuda/ptx/convert.cuh"
#endif

namespace dimoo::cuda {

inline constexpr int kEight = 8;

DIMOO_HD inline float bits_to_float(uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  return std::bit_cast<float>(bits);
#endif
}

/// Exact, subnormals included.
DIMOO_HD inline float half_value(uint16_t bits) {
#if defined(__CUDA_ARCH__)
  return ptx::half_value(bits);
#else
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) return bits_to_float(sign | 0x7f800000u | (magnitude & 1023u) << 13);
  const float value = static_cast<float>(magnitude & 1023u) * 5.9604644775390625e-8f;  // subnormal: steps of 2^-24
  if (magnitude < 0x400u) return sign ? -value : value;
  return bits_to_float(sign | ((magnitude << 13) + (112u << 23)));
#endif
}

DIMOO_HD inline float bf16_value(uint16_t bits) { return bits_to_float(static_cast<uint32_t>(bits) << 16); }

/// Round to nearest even; NaN stays a NaN. The same bits as base/dtype's f32_to_bf16.
DIMOO_HD inline uint16_t bf16_bits(float value) {
#if defined(__CUDA_ARCH__)
  const uint32_t bits = __float_as_uint(value);
#else
  const uint32_t bits = std::bit_cast<uint32_t>(value);
#endif
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 64u);
  return static_cast<uint16_t>((bits + (0x7fffu + ((bits >> 16) & 1u))) >> 16);
}

/// Blocks lie at even addresses, those of 256 values with a scale and a minimum at multiples of 16: what is read at a time.
DIMOO_HD inline uint16_t two_bytes(const void* at, int64_t offset) {
  return *reinterpret_cast<const uint16_t*>(static_cast<const std::byte*>(at) + offset);
}
DIMOO_HD inline uint32_t four_bytes(const void* at, int64_t offset) {
  return *reinterpret_cast<const uint32_t*>(static_cast<const std::byte*>(at) + offset);
}

/// Eight neighbouring values as they are stored, with what their block says of them: read first, made into values later, so that memory
/// may take its time in between.
template <DType kType>
struct Eight;

/// Of a block of 32 values: a scale, then bytes of which kBytes hold the values in order.
template <class Block>
struct EightOfBlock {
  static constexpr int kBytes = sizeof Block::q;
  uint16_t scale, q[4];

  DIMOO_HD void read(const std::byte* row, int64_t k) {
    const auto* block = reinterpret_cast<const Block*>(row) + k / 32;
    scale = two_bytes(block, 0);
    for (int i = 0; i < 4; i++) q[i] = two_bytes(block->q, k % kBytes + 2 * i);
  }
};

template <>
struct Eight<DType::q8_0> : EightOfBlock<BlockQ8_0> {
  DIMOO_HD void values(int64_t, float* out) const {
    const float factor = half_value(scale);
    for (int i = 0; i < kEight; i++) out[i] = factor * static_cast<float>(static_cast<int8_t>(q[i / 2] >> i % 2 * 8 & 255));
  }
};

template <>
struct Eight<DType::q4_0> : EightOfBlock<BlockQ4_0> {
  DIMOO_HD void values(int64_t k, float* out) const {
    const float factor = half_value(scale);
    const int shift = k % 32 < kBytes ? 0 : 4;
    for (int i = 0; i < kEight; i++) out[i] = factor * static_cast<float>((q[i / 2] >> (i % 2 * 8 + shift) & 15) - 8);
  }
};

template <>
struct Eight<DType::q6_k> {
  uint16_t scale, low[4], high[4];
  int8_t group_scale;

  DIMOO_HD void read(const std::byte* row, int64_t k) {
    const auto* block = reinterpret_cast<const BlockQ6K*>(row) + k / 256;
    const int at = static_cast<int>(k % 256), half = at / 128, quarter = at % 128 / 32, in = at % 32;
    scale = two_bytes(block, offsetof(BlockQ6K, scale)), group_scale = block->scales[at / 16];
    for (int i = 0; i < 4; i++) {
      low[i] = two_bytes(block->low, half * 64 + quarter % 2 * 32 + in + 2 * i);
      high[i] = two_bytes(block->high, half * 32 + in + 2 * i);
    }
  }
  DIMOO_HD void values(int64_t k, float* out) const {
    const int quarter = static_cast<int>(k % 128 / 32);
    const float factor = half_value(scale) * static_cast<float>(group_scale);
    for (int i = 0; i < kEight; i++) {
      const int nibble = low[i / 2] >> (i % 2 * 8 + quarter / 2 * 4) & 15, pair = high[i / 2] >> (i % 2 * 8 + quarter * 2) & 3;
      out[i] = factor * static_cast<float>((nibble | pair << 4) - 32);
    }
  }
};

/// Q4_K and Q5_K.
template <class Block>
struct EightOfGroup {
  static constexpr bool kFifth = std::is_same_v<Block, BlockQ5K>;
  uint32_t factors, scales[3], q[2], high[kFifth ? 2 : 1];

  DIMOO_HD void read(const std::byte* row, int64_t k) {
    const auto* block = reinterpret_cast<const Block*>(row) + k / 256;
    const int at = static_cast<int>(k % 256), g = at / 32;
    factors = four_bytes(block, 0);
    for (int i = 0; i < 3; i++) scales[i] = four_bytes(block->scales, i * 4);
    for (int i = 0; i < 2; i++) {
      q[i] = four_bytes(block->q, g / 2 * 32 + at % 32 + i * 4);
      if constexpr (kFifth) high[i] = four_bytes(block->high, at % 32 + i * 4);
    }
  }
  DIMOO_HD void values(int64_t k, float* out) const {
    const int g = static_cast<int>(k % 256 / 32), byte = g % 4 * 8;
    // scale_min() on words: its bytes g, g + 4 and g - 4 are byte g % 4 of a word.
    const uint32_t first = scales[0] >> byte, second = scales[1] >> byte, third = scales[2] >> byte;
    const uint32_t group_scale = g < 4 ? first & 63 : (third & 15) | (first >> 6 & 3) << 4;
    const uint32_t group_minimum = g < 4 ? second & 63 : (third >> 4 & 15) | (second >> 6 & 3) << 4;
    const float scale = half_value(static_cast<uint16_t>(factors)) * static_cast<float>(group_scale);
    const float minimum = half_value(static_cast<uint16_t>(factors >> 16)) * static_cast<float>(group_minimum);
    for (int i = 0; i < kEight; i++) {
      uint32_t value = q[i / 4] >> (i % 4 * 8 + g % 2 * 4) & 15;
      if constexpr (kFifth) value |= (high[i / 4] >> (i % 4 * 8 + g) & 1) << 4;
      const float product = scale * static_cast<float>(value);
      out[i] = product - minimum;
    }
  }
};
template <>
struct Eight<DType::q4_k> : EightOfGroup<BlockQ4K> {};
template <>
struct Eight<DType::q5_k> : EightOfGroup<BlockQ5K> {};

/// Values [k, k + 8) of `row`, which has `cols`; k is a multiple of 8, values past the end are 0.
template <DType kType>
DIMOO_HD inline void load_eight(const std::byte* row, int64_t k, int64_t cols, float* out) {
  if constexpr (kType == DType::f32 || kType == DType::f16 || kType == DType::bf16) {
    for (int i = 0; i < kEight; i++) {
      if (k + i >= cols) {
        out[i] = 0;
      } else if constexpr (kType == DType::f32) {
        out[i] = reinterpret_cast<const float*>(row)[k + i];
      } else {
        const uint16_t bits = reinterpret_cast<const uint16_t*>(row)[k + i];
        out[i] = kType == DType::f16 ? half_value(bits) : bf16_value(bits);
      }
    }
  } else if (k >= cols) {
    for (int i = 0; i < kEight; i++) out[i] = 0;
  } else {
    Eight<kType> stored;
    stored.read(row, k);
    stored.values(k, out);
  }
}

/// Calls `body` with a DType as a template argument: the one switch over stored types.
template <class Body>
void with_type(DType type, Body body) {
  switch (type) {
    case DType::f32: return body.template operator()<DType::f32>();
    case DType::f16: return body.template operator()<DType::f16>();
    case DType::bf16: return body.template operator()<DType::bf16>();
    case DType::q8_0: return body.template operator()<DType::q8_0>();
    case DType::q6_k: return body.template operator()<DType::q6_k>();
    case DType::q5_k: return body.template operator()<DType::q5_k>();
    case DType::q4_k: return body.template operator()<DType::q4_k>();
    case DType::q4_0: return body.template operator()<DType::q4_0>();
    case DType::i8:
    case DType::i32: break;
  }
}

}  // namespace dimoo::cuda

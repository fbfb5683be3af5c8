// Eight neighbouring values of a weight row as f32, from any stored type: what embedding, f32 products and the tile loaders of tensor
// core products read. Compiled for the host too, where a test compares it bit for bit with source/quantize.
#pragma once
#include <cstddef>
#include <type_traits>

#include "base/dtype.h"
#include "source/block_layout.h"

namespace dimoo::cuda {

inline constexpr int kEight = 8;

DIMOO_HD inline float bits_to_float(uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  return std::bit_cast<float>(bits);
#endif
}

/// Exact, subnormals included: a half's magnitude as an f32 pattern is 2^112 too small, and the product with 2^112 is exact.
DIMOO_HD inline float half_value(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) return bits_to_float(sign | 0x7f800000u | (magnitude & 1023u) << 13);
  const float value = static_cast<float>(magnitude & 1023u) * 5.9604644775390625e-8f;  // subnormal: steps of 2^-24
  if (magnitude < 0x400u) return sign ? -value : value;
  return bits_to_float(sign | ((magnitude << 13) + (112u << 23)));
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
  } else if constexpr (kType == DType::q8_0) {
    const auto& block = reinterpret_cast<const BlockQ8_0*>(row)[k / 32];
    const float scale = half_value(block.scale);
    for (int i = 0; i < kEight; i++) out[i] = scale * static_cast<float>(block.q[k % 32 + i]);
  } else if constexpr (kType == DType::q4_0) {
    const auto& block = reinterpret_cast<const BlockQ4_0*>(row)[k / 32];
    const float scale = half_value(block.scale);
    const int at = static_cast<int>(k % 16), shift = k % 32 < 16 ? 0 : 4;
    for (int i = 0; i < kEight; i++) out[i] = scale * static_cast<float>((block.q[at + i] >> shift & 15) - 8);
  } else if constexpr (kType == DType::q6_k) {
    const auto& block = reinterpret_cast<const BlockQ6K*>(row)[k / 256];
    const int at = static_cast<int>(k % 256);
    const float scale = half_value(block.scale) * static_cast<float>(block.scales[at / 16]);
    const int half = at / 128, quarter = at % 128 / 32, in = at % 32;
    const auto* low = reinterpret_cast<const uint16_t*>(block.low + half * 64 + quarter % 2 * 32 + in);
    const auto* high = reinterpret_cast<const uint16_t*>(block.high + half * 32 + in);
    for (int i = 0; i < kEight; i += 2) {  // blocks lie at even addresses: bytes come in twos
      const int nibbles = low[i / 2] >> quarter / 2 * 4, pairs = high[i / 2] >> quarter * 2;
      out[i] = scale * static_cast<float>(((nibbles & 15) | (pairs & 3) << 4) - 32);
      out[i + 1] = scale * static_cast<float>(((nibbles >> 8 & 15) | (pairs >> 8 & 3) << 4) - 32);
    }
  } else {
    using Block = std::conditional_t<kType == DType::q4_k, BlockQ4K, BlockQ5K>;
    const auto& block = reinterpret_cast<const Block*>(row)[k / 256];
    const int at = static_cast<int>(k % 256), g = at / 32;
    const ScaleMin factors = scale_min(block.scales, g);
    const float scale = half_value(block.scale) * static_cast<float>(factors.scale);
    const float minimum = half_value(block.minimum) * static_cast<float>(factors.minimum);
    for (int i = 0; i < kEight; i++) {
      const float product = scale * static_cast<float>(block_value(block, g, at % 32 + i));
      out[i] = product - minimum;
    }
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

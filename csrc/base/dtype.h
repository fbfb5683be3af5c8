// Element types and ggml's block layouts: how many values a block holds and how many bytes it takes.
// The numbers of GGUF types live in source/gguf; dequantising lives in source/quantize.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

namespace dimoo {

enum class DType : uint8_t { f32, f16, bf16, q8_0, q6_k, q5_k, q4_k, q4_0, i8, i32 };

struct TypeInfo {
  const char* name;  // as the API and --type spell it
  int block;         // values per block; a row must be a multiple of it
  int bytes;         // bytes per block
};

const TypeInfo& type_info(DType type);

inline bool is_quantized(DType type) { return type_info(type).block > 1; }

/// Bytes of `values` consecutive values of one row; `values` must be a multiple of the block.
inline int64_t type_bytes(DType type, int64_t values) {
  const TypeInfo& info = type_info(type);
  return values / info.block * info.bytes;
}

inline float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

/// Round to nearest even; NaN stays a NaN.
inline uint16_t f32_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 64u);
  return static_cast<uint16_t>((bits + (0x7fffu + ((bits >> 16) & 1u))) >> 16);
}

float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);  // round to nearest even

}  // namespace dimoo

// The table of element types, and IEEE half precision in plain integer arithmetic (exact, subnormals included).
#include "base/dtype.h"

#include "base/error.h"

namespace dimoo {

const TypeInfo& type_info(DType type) {
  static constexpr TypeInfo kInfo[] = {
      {"f32", 1, 4},      {"f16", 1, 2},      {"bf16", 1, 2},   {"q8_0", 32, 34}, {"q6_k", 256, 210},
      {"q5_k", 256, 176}, {"q4_k", 256, 144}, {"q4_0", 32, 18}, {"i8", 1, 1},     {"i32", 1, 4},
  };
  const auto index = static_cast<size_t>(type);
  if (index >= sizeof(kInfo) / sizeof(kInfo[0])) fail(Code::internal, "type_info: no such type: ", index);
  return kInfo[index];
}

float f16_to_f32(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 31u;
  uint32_t mantissa = bits & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
  if (mantissa == 0) return std::bit_cast<float>(sign);
  uint32_t shift = 0;
  while ((mantissa & 1024u) == 0) {
    mantissa <<= 1;
    shift++;
  }
  return std::bit_cast<float>(sign | ((113u - shift) << 23) | ((mantissa & 1023u) << 13));
}

uint16_t f32_to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65536 and more: infinity
  if (magnitude >= 0x38800000u) {                                              // normal in half precision
    const uint32_t rebased = magnitude - 0x38000000u;
    return static_cast<uint16_t>(sign | ((rebased + 0xfffu + ((rebased >> 13) & 1u)) >> 13));
  }
  if (magnitude < 0x33000000u) return static_cast<uint16_t>(sign);  // below half of the smallest subnormal
  const uint32_t exponent = magnitude >> 23;
  const uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
  const uint32_t shift = 126u - exponent;  // 14..24: value = mantissa * 2^-shift * 2^-24
  const uint32_t floor = mantissa >> shift;
  const uint32_t rest = mantissa & ((1u << shift) - 1u);
  const uint32_t half = 1u << (shift - 1u);
  const uint32_t up = rest > half || (rest == half && (floor & 1u)) ? 1u : 0u;
  return static_cast<uint16_t>(sign | (floor + up));
}

}  // namespace dimoo

// Widens pieces of quantised panels (cpu/int8_panel.h) to what the int8 tiles read; included by the files of one instruction set, inside
// its own anonymous namespace. Byte loops of fixed length become vectors; V offers load_halves, load_bytes, load_signed_bytes and
// sum_quads beside what simd_kernels.h names.
#include "cpu/simd_kernels.h"

namespace dimoo::cpu {
namespace {

constexpr int kQuadRow = kPanel * 4;

/// Two rows of quads from the nibbles of one.
inline void widen_nibbles(const uint8_t* __restrict low, int bias, int8_t* __restrict to) {
  for (int i = 0; i < kQuadRow; i++) to[i] = static_cast<int8_t>((low[i] & 15) - bias);
  for (int i = 0; i < kQuadRow; i++) to[kQuadRow + i] = static_cast<int8_t>((low[i] >> 4) - bias);
}

/// The same with `Above` bits per value from a plane whose byte holds 8 / Above rows of quads.
template <int Above>
inline void widen_above(const uint8_t* __restrict low, const uint8_t* __restrict high, int bias, int8_t* __restrict to) {
  constexpr int kMask = (1 << Above) - 1;
#pragma GCC unroll 4
  for (int row = 0; row < 8 / Above; row += 2, low += kQuadRow, to += 2 * kQuadRow) {
    const int shift = row * Above;
    for (int i = 0; i < kQuadRow; i++) to[i] = static_cast<int8_t>(((low[i] & 15) | (high[i] >> shift & kMask) << 4) - bias);
    for (int i = 0; i < kQuadRow; i++)
      to[kQuadRow + i] = static_cast<int8_t>(((low[i] >> 4) | (high[i] >> (shift + Above) & kMask) << 4) - bias);
  }
}

inline void widen_values(const PackedPiece& p, int8_t* to) {
  const int64_t rows = p.count / 4;
  if (p.bits == 4)
    for (int64_t r = 0; r < rows; r += 2) widen_nibbles(p.low + r / 2 * kQuadRow, p.bias, to + r * kQuadRow);
  if (p.bits == 5)
    for (int64_t r = 0; r < rows; r += 8) widen_above<1>(p.low + r / 2 * kQuadRow, p.high + r / 8 * kQuadRow, p.bias, to + r * kQuadRow);
  if (p.bits == 6)
    for (int64_t r = 0; r < rows; r += 4) widen_above<2>(p.low + r / 2 * kQuadRow, p.high + r / 4 * kQuadRow, p.bias, to + r * kQuadRow);
}

/// One group's scales of 64 columns; `super`: which factor.
template <class V>
inline void widen_scales(const PackedPiece& p, int64_t group, int64_t super, float* scale, float* minimum) {
  for (int j = 0; j < kPanel; j += V::kWidth) {
    if (!p.factor) {
      V::store(scale + j, V::load_halves(reinterpret_cast<const uint16_t*>(p.scale) + group * kPanel + j));
      continue;
    }
    const typename V::F factor = V::load_halves(p.factor + super * kPanel + j);
    const uint8_t* bytes = p.scale + group * kPanel + j;
    V::store(scale + j, V::mul(factor, p.minimum ? V::load_bytes(bytes) : V::load_signed_bytes(bytes)));  // Q6_K has signed ones
    if (!p.minimum) continue;
    const typename V::F below = V::sub(V::set(0), V::load_halves(p.factor_minimum + super * kPanel + j));
    V::store(minimum + j, V::mul(below, V::load_bytes(p.minimum + group * kPanel + j)));
  }
}

/// Room: count * 64 bytes of values, then three planes of count / group * 64 words.
template <class V>
Int8Panel widen(const PackedPiece& p, void* room) {
  auto* values = static_cast<int8_t*>(room);
  const int64_t groups = p.count / p.group;
  auto* scale = reinterpret_cast<float*>(values + p.count * kPanel);
  float* minimum = scale + groups * kPanel;
  auto* offset = reinterpret_cast<int32_t*>(minimum + groups * kPanel);
  Int8Panel out;
  out.q = p.bits == 8 ? reinterpret_cast<const int8_t*>(p.low) : values;
  out.scale = scale, out.minimum = p.minimum ? minimum : nullptr, out.offset = offset;
  out.group = p.group, out.groups = groups;
  widen_values(p, values);
  for (int64_t g = 0; g < groups; g++) {
    widen_scales<V>(p, g, g * p.group / 256, scale + g * kPanel, minimum + g * kPanel);
    for (int j = 0; j < kPanel; j += V::kWidth)
      V::sum_quads(out.q + g * p.group * kPanel + j * 4, p.group / 4, kQuadRow, -128, offset + g * kPanel + j);
  }
  return out;
}

}  // namespace
}  // namespace dimoo::cpu

// Widens pieces of quantised panels (cpu/int8_panel.h) to what the int8 tiles read; included by the files of one instruction set, inside
// its own anonymous namespace. Byte loops of fixed length become vectors; V offers load_halves, load_bytes, load_signed_bytes and
// sum_quads beside what simd_kernels.h names.
#include "cpu/simd_kernels.h"

namespace dimoo::cpu {
namespace {

constexpr int kQuadRow = kPanel * 4;

/// Where widened values go: row r of quads, 64 bytes at a time, a block of 16 columns each.
struct Quads {
  int8_t* to;
  int64_t row, block;  // bytes from one row, one block to the next

  int8_t* at(int64_t r, int b) const { return to + r * row + b * block; }
};
constexpr int kBlockBytes = 64;

/// Two rows of quads from the nibbles of one.
inline void widen_nibbles(const uint8_t* __restrict low, int bias, const Quads& out, int64_t row) {
  for (int b = 0; b < kQuadRow / kBlockBytes; b++, low += kBlockBytes) {
    int8_t *__restrict even = out.at(row, b), *__restrict odd = out.at(row + 1, b);
    for (int i = 0; i < kBlockBytes; i++) even[i] = static_cast<int8_t>((low[i] & 15) - bias);
    for (int i = 0; i < kBlockBytes; i++) odd[i] = static_cast<int8_t>((low[i] >> 4) - bias);
  }
}

/// The same with `Above` bits per value from a plane whose byte holds 8 / Above rows of quads.
template <int Above>
inline void widen_above(const uint8_t* __restrict low, const uint8_t* __restrict high, int bias, const Quads& out, int64_t first) {
  constexpr int kMask = (1 << Above) - 1;
#pragma GCC unroll 4
  for (int row = 0; row < 8 / Above; row += 2, low += kQuadRow) {
    const int shift = row * Above;
    for (int b = 0; b < kQuadRow / kBlockBytes; b++) {
      const uint8_t *__restrict nibbles = low + b * kBlockBytes, *__restrict bits = high + b * kBlockBytes;
      int8_t *__restrict even = out.at(first + row, b), *__restrict odd = out.at(first + row + 1, b);
      for (int i = 0; i < kBlockBytes; i++) even[i] = static_cast<int8_t>(((nibbles[i] & 15) | (bits[i] >> shift & kMask) << 4) - bias);
      for (int i = 0; i < kBlockBytes; i++)
        odd[i] = static_cast<int8_t>(((nibbles[i] >> 4) | (bits[i] >> (shift + Above) & kMask) << 4) - bias);
    }
  }
}

inline void widen_values(const PackedPiece& p, const Quads& out) {
  const int64_t rows = p.count / 4;
  if (p.bits == 4)
    for (int64_t r = 0; r < rows; r += 2) widen_nibbles(p.low + r / 2 * kQuadRow, p.bias, out, r);
  if (p.bits == 5)
    for (int64_t r = 0; r < rows; r += 8) widen_above<1>(p.low + r / 2 * kQuadRow, p.high + r / 8 * kQuadRow, p.bias, out, r);
  if (p.bits == 6)
    for (int64_t r = 0; r < rows; r += 4) widen_above<2>(p.low + r / 2 * kQuadRow, p.high + r / 4 * kQuadRow, p.bias, out, r);
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

/// How many fours along K of (at most 255) * (weight) * 2 add up within 16 bits.
constexpr int quads_within_words(int bits, int bias) {
  const int most = bias > 0 ? bias : (1 << bits) - 1;
  int quads = 1;
  while (quads < 8 && 2 * quads * 2 * 255 * most <= 32767) quads *= 2;
  return quads;
}

/// Room: count * 64 values, then three planes of count / group * 64 words. Quads in rows of 64 columns, or in V's blocks of 16.
template <class V>
Int8Panel widen(const PackedPiece& p, void* room) {
  auto* values = static_cast<int8_t*>(room);
  const int64_t groups = p.count / p.group;
  auto* scale = reinterpret_cast<float*>(values + p.count * kPanel * (p.words ? 2 : 1));
  float* minimum = scale + groups * kPanel;
  auto* offset = reinterpret_cast<int32_t*>(minimum + groups * kPanel);
  const Quads out = V::kBlocks ? Quads{values, kBlockBytes, p.count * 16} : Quads{values, kQuadRow, kBlockBytes};
  Int8Panel panel;
  panel.q = values, panel.scale = scale, panel.minimum = p.minimum ? minimum : nullptr, panel.offset = offset;
  panel.group = p.group, panel.groups = groups, panel.words = p.words, panel.quads = quads_within_words(p.bits, p.bias);
  if (p.words) {
    if constexpr (V::kBlocks) V::widen_words(p.low, p.count, reinterpret_cast<int16_t*>(values));
  } else if (p.bits < 8) {
    widen_values(p, out);
  } else if (V::kBlocks) {
    for (int64_t r = 0; r < p.count / 4; r++)
      for (int b = 0; b < kQuadRow / kBlockBytes; b++) __builtin_memcpy(out.at(r, b), p.low + r * kQuadRow + b * kBlockBytes, kBlockBytes);
  } else {
    panel.q = reinterpret_cast<const int8_t*>(p.low);
  }
  for (int64_t g = 0; g < groups; g++) {
    widen_scales<V>(p, g, g * p.group / 256, scale + g * kPanel, minimum + g * kPanel);
    if (p.words) continue;
    for (int j = 0; j < kPanel; j += V::kWidth) {
      const Quads from{const_cast<int8_t*>(panel.q), out.row, out.block};
      V::sum_quads(from.at(g * p.group / 4, j / 16) + j % 16 * 4, p.group / 4, static_cast<int>(out.row), -128, offset + g * kPanel + j);
    }
  }
  return panel;
}

}  // namespace
}  // namespace dimoo::cpu

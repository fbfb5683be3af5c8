// Planes of a panel, one after another: values [k/4][64][4] as bytes, or two such rows of quads in the nibbles of one and the bits
// above in a plane of 4 (six bits) or 8 (five bits) rows of quads a byte; then scales [group][64] and factors [k/256][64].
#include "cpu/int8_panel.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "cpu/blocks.h"
#include "source/block_layout.h"

namespace dimoo::cpu {
namespace {

constexpr int64_t kQuadRow = kPanel * 4;  // bytes of the 64 columns' four values
constexpr int64_t kSuper = 256;           // values of one factor

/// Where the planes of a panel begin, in bytes.
struct Planes {
  int64_t high, scale, minimum, factor, factor_minimum, end;

  Planes(const Int8Format& f, int64_t k) {
    const int64_t groups = k / f.group, supers = f.two_scales ? k / kSuper : 0;
    high = f.bits == 8 ? k * kPanel : k * kPanel / 2;
    scale = high + (f.bits == 8 ? 0 : k * kPanel * (f.bits - 4) / 8);
    minimum = scale + groups * kPanel * (f.two_scales ? 1 : 2);
    factor = minimum + (f.minima ? groups * kPanel : 0);
    factor_minimum = factor + supers * kPanel * 2;
    end = factor_minimum + (f.minima ? supers * kPanel * 2 : 0);
  }
};

template <class Block>
void scales_k45(const Block& block, uint8_t* scale, uint8_t* minimum, uint16_t* factor, uint16_t* factor_minimum) {
  *factor = block.scale, *factor_minimum = block.minimum;
  for (int g = 0; g < 8; g++) {
    const ScaleMin both = scale_min(block.scales, g);
    scale[g * kPanel] = static_cast<uint8_t>(both.scale), minimum[g * kPanel] = static_cast<uint8_t>(both.minimum);
  }
}

/// The scales of the block at `from`, into column j of the panel.
void pack_scales(DType type, const std::byte* from, uint8_t* scale, uint8_t* minimum, uint16_t* factor, uint16_t* factor_minimum) {
  const auto read = [&](auto block) {
    std::memcpy(&block, from, sizeof block);
    return block;
  };
  switch (type) {
    case DType::q4_k: return scales_k45(read(BlockQ4K{}), scale, minimum, factor, factor_minimum);
    case DType::q5_k: return scales_k45(read(BlockQ5K{}), scale, minimum, factor, factor_minimum);
    case DType::q6_k: {
      const auto block = read(BlockQ6K{});
      *factor = block.scale;
      for (int g = 0; g < 16; g++) scale[g * kPanel] = static_cast<uint8_t>(block.scales[g]);
      return;
    }
    default: {  // one f16 per group, at the beginning of the block
      uint16_t half;
      std::memcpy(&half, from, 2);
      std::memcpy(scale, &half, 2);
    }
  }
}

/// 64 rows of `count` values, unsigned where they are narrow, into the planes of bits at value `from`.
void pack_values(const Int8Format& f, const uint8_t* values, int64_t pitch, int64_t from, int64_t count, uint8_t* low, uint8_t* high) {
  if (f.bits == 8) {
    for (int64_t p = 0; p < count / 4; p++)
      for (int64_t j = 0; j < kPanel; j++) std::memcpy(low + (from / 4 + p) * kQuadRow + j * 4, values + j * pitch + p * 4, 4);
    return;
  }
  const int above = f.bits - 4, rows = above ? 8 / above : 1;  // rows of quads in a byte of `high`
  uint8_t quads[kQuadRow];
  for (int64_t p = 0; p < count / 4; p++) {
    const int64_t row = from / 4 + p;
    for (int64_t j = 0; j < kPanel; j++) std::memcpy(quads + j * 4, values + j * pitch + p * 4, 4);
    uint8_t* nibbles = low + row / 2 * kQuadRow;
    for (int64_t i = 0; i < kQuadRow; i++) nibbles[i] = static_cast<uint8_t>(row % 2 ? nibbles[i] | quads[i] << 4 : quads[i] & 15);
    if (!above) continue;
    uint8_t* bits = high + row / rows * kQuadRow;
    const int shift = static_cast<int>(row % rows) * above;
    for (int64_t i = 0; i < kQuadRow; i++) bits[i] = static_cast<uint8_t>((shift ? bits[i] : 0) | (quads[i] >> 4) << shift);
  }
}

}  // namespace

Int8Format int8_format(DType type) {
  switch (type) {
    case DType::q8_0: return {8, 0, 32, false, false};
    case DType::q4_0: return {4, 8, 32, false, false};
    case DType::q4_k: return {4, 0, 32, true, true};
    case DType::q5_k: return {5, 0, 32, true, true};
    case DType::q6_k: return {6, 32, 16, true, false};
    default: fail(Code::internal, "int8_format: expected a quantised type, got ", type_info(type).name);
  }
}

int64_t int8_panel_bytes(DType type, int64_t k) { return (Planes(int8_format(type), k).end + 63) / 64 * 64; }

void pack_int8_panel(DType type, const std::byte* rows, int64_t row_bytes, int64_t columns, int64_t k, std::byte* to) {
  constexpr int64_t kPitch = kSuper + 64;
  const Int8Format f = int8_format(type);
  const Planes at(f, k);
  auto* bytes = reinterpret_cast<uint8_t*>(to);
  std::memset(to + at.scale, 0, static_cast<size_t>(int8_panel_bytes(type, k) - at.scale));
  alignas(64) int8_t values[kPanel * kPitch] = {};
  float scales[kSuper / 16], minima[kSuper / 16];
  const int64_t block = type_info(type).block;
  for (int64_t from = 0; from < k; from += kSuper) {
    const int64_t count = std::min(kSuper, k - from);
    for (int64_t j = 0; j < columns; j++) {
      const std::byte* source = rows + j * row_bytes + type_bytes(type, from);
      unpack_int8(type, source, count, values + j * kPitch, scales, minima);
      for (int64_t b = 0; b < count; b += block) {
        const int64_t group = (from + b) / f.group, super = (from + b) / kSuper;
        auto* factor = reinterpret_cast<uint16_t*>(bytes + at.factor) + super * kPanel + j;
        pack_scales(type, source + type_bytes(type, b), bytes + at.scale + (group * kPanel + j) * (f.two_scales ? 1 : 2),
                    bytes + at.minimum + group * kPanel + j, factor, factor + (at.factor_minimum - at.factor) / 2);
      }
    }
    auto* raw = reinterpret_cast<uint8_t*>(values);
    for (int64_t i = 0; f.bias && i < kPanel * kPitch; i++) raw[i] = static_cast<uint8_t>(raw[i] + f.bias);
    pack_values(f, raw, kPitch, from, count, bytes, bytes + at.high);
    for (int64_t i = 0; f.bias && i < kPanel * kPitch; i++) raw[i] = static_cast<uint8_t>(raw[i] - f.bias);
  }
}

PackedPiece int8_piece(DType type, int64_t k, const std::byte* panel, int64_t from, int64_t count) {
  const Int8Format f = int8_format(type);
  const Planes at(f, k);
  const auto* bytes = reinterpret_cast<const uint8_t*>(panel);
  const int64_t group = from / f.group * kPanel, super = from / kSuper * kPanel * 2;
  PackedPiece piece;
  piece.low = bytes + (f.bits == 8 ? from : from / 2) * kPanel;
  piece.high = f.bits > 4 && f.bits < 8 ? bytes + at.high + from * kPanel * (f.bits - 4) / 8 : nullptr;
  piece.scale = bytes + at.scale + group * (f.two_scales ? 1 : 2);
  piece.minimum = f.minima ? bytes + at.minimum + group : nullptr;
  piece.factor = f.two_scales ? reinterpret_cast<const uint16_t*>(bytes + at.factor + super) : nullptr;
  piece.factor_minimum = f.minima ? reinterpret_cast<const uint16_t*>(bytes + at.factor_minimum + super) : nullptr;
  piece.bits = f.bits, piece.bias = f.bias, piece.group = f.group;
  piece.count = count;
  return piece;
}

}  // namespace dimoo::cpu

// Quantised weights as panels of about their stored size: 64 rows side by side, the bits of a value and its scales as they are in the
// file. A piece of a panel is widened to int8 with f32 scales just before its products (Kernels::widen), where it stays in cache.
#pragma once
#include <cstddef>

#include "base/dtype.h"
#include "cpu/kernels.h"

namespace dimoo::cpu {

/// How the values of a quantised type lie in a panel.
struct Int8Format {
  int bits;         // 8, or 4, 5, 6: nibbles, and the bits above them in a plane of their own
  int bias;         // taken from the unsigned bits
  int group;        // values of one scale
  bool two_scales;  // the K types: an f16 factor per 256 values and an integer per group
  bool minima;
};

Int8Format int8_format(DType type);
/// Bytes of one panel of rows of k values.
int64_t int8_panel_bytes(DType type, int64_t k);
/// Packs `columns` rows, `row_bytes` apart; columns past them become zero.
void pack_int8_panel(DType type, const std::byte* rows, int64_t row_bytes, int64_t columns, int64_t k, std::byte* to);
/// Values [from, from + count) of K of a panel; both multiples of the type's block.
PackedPiece int8_piece(DType type, int64_t k, const std::byte* panel, int64_t from, int64_t count);

}  // namespace dimoo::cpu

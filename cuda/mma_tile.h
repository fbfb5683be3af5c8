// Index arithmetic of tensor core products that a host test can check: where a tile's values lie in shared memory, and how the columns of
// a gate and an up matrix share a block.
#pragma once
#include <cstdint>

#include "base/host_device.h"

namespace dimoo::cuda {

/// Rows of 32 bf16 values as four chunks of 16 bytes; chunks are turned by the row, so that eight rows' equal chunks, which one ldmatrix
/// reads, lie in different banks.
struct MmaTile {
  static constexpr int kDepth = 32, kChunks = kDepth / 8;
  /// First value of a chunk of a row.
  DIMOO_HD static int at(int row, int chunk) { return row * kDepth + (chunk ^ (row / 2 % kChunks)) * 8; }
};

/// Row and chunk of 8 values whose 16 bytes a lane points at, so that ldmatrix gives fragments as ptx/mma.cuh describes them.
struct Place {
  int row, chunk;
};
/// A (16 x 16), rows along M.
DIMOO_HD inline Place place_a(int lane) { return {lane % 16, lane / 16}; }
/// Two fragments of B (16 x 8 each) from rows along N: registers 0, 1 are the first, 2, 3 the second.
DIMOO_HD inline Place place_b(int lane) { return {lane / 16 * 8 + lane % 8, lane / 8 % 2}; }
/// The same from rows along K, loaded transposed.
DIMOO_HD inline Place place_b_transposed(int lane) { return {lane % 16, lane / 16}; }
/// Row and column of value c of an accumulator (16 x 8).
DIMOO_HD inline int sum_row(int lane, int c) { return lane / 4 + c / 2 * 8; }
DIMOO_HD inline int sum_column(int lane, int c) { return lane % 4 * 2 + c % 2; }

/// Tile that block `index` works on: bands of 16 rows of tiles, column by column within a band, so that the blocks that run at a time
/// share operands in the cache.
struct TilePlace {
  int64_t row, column;
};
DIMOO_HD inline TilePlace tile_place(int64_t index, int64_t rows, int64_t columns) {
  constexpr int64_t kBand = 16;
  const int64_t first = index / (kBand * columns) * kBand, in = index - first * columns;
  const int64_t height = rows - first < kBand ? rows - first : kBand;
  return {first + in % height, in / height};
}

/// Column of gate or up that column `c` of a block holds: each warp's first half is gate, its second half the same columns of up.
struct GatedColumn {
  bool up;
  int column;
};
DIMOO_HD inline GatedColumn gated_column(int c, int warp_cols) {
  const int half = warp_cols / 2, in = c % warp_cols;
  return {in >= half, c / warp_cols * half + in % half};
}

/// The first column of rotary pair `pair`; the other is `half` further on.
DIMOO_HD inline int64_t turned_column(int64_t pair, int half) { return pair / half * 2 * half + pair % half; }

}  // namespace dimoo::cuda

// What all kernels of attention on tensor cores are launched with.
#pragma once
#include <span>

#include "cuda/attention_tiles.h"
#include "cuda/kernels.h"

namespace dimoo::cuda::attention {

using QueryBlock = QueryTile<uint16_t>;

struct Heads {
  int group;         // query heads of one key head
  float scale;       // log2(e) / sqrt(hd): exponentials are powers of two
  int64_t q_stride;  // of rounded queries
  int64_t out_stride;
  bool narrow;  // results are bf16
};

/// All of a call's blocks.
struct Blocks {
  std::span<const QueryBlock> tiles;
  int64_t rows;
  int heads;
  const uint16_t* q;
  Heads layout;
  void* out;

  Effort effort(int64_t hd, int64_t queries) const {
    Effort effort;
    for (const QueryBlock& tile : tiles)
      if (tile.count > 0) effort.tensor += 4.0 * static_cast<double>(queries) * tile.keys * heads * static_cast<double>(hd);
    return effort;
  }
};

/// Blocks whose warps take 32 queries each, of heads of kTallDim.
inline constexpr int kTallWarps = 4, kTallDim = 128;
/// Whether two of them have room beside one another; where they have not, tensor cores are slower than shared memory, and this gains
/// nothing.
bool tall_fits(const Stream& stream);
void attend_tall(Stream& stream, const Blocks& blocks);

}  // namespace dimoo::cuda::attention

// How operands of tensor core products come into shared memory: the shapes of blocks, tiles of x, and tiles of weights of every stored
// type.
#pragma once
#include "cuda/dequantize.h"
#include "cuda/kernels.h"
#include "cuda/mma_tile.h"
#include "cuda/ptx/cp_async.cuh"
#include "cuda/ptx/mma.cuh"

namespace dimoo::cuda::product {

using Tile = MmaTile;
inline constexpr int kThreads = 256, kWarps = kThreads / 32;

/// What a block is made of. A warp owns kM x 16 rows and kN x 8 columns; kDown warps lie below one another, the others side by side.
/// bf16 weights lie in kBf16Stages of shared memory, others in four and, kAheadTiles more, in registers; Q6_K takes twice the registers.
template <int kDownWarps, int kMTiles, int kNTiles, int kBf16Stages, int kAheadTiles>
struct Shape {
  static constexpr int kDown = kDownWarps, kM = kMTiles, kN = kNTiles;
  static constexpr int kWarpCols = kN * 8, kRows = kDown * kM * 16, kCols = kWarps / kDown * kWarpCols;
  DIMOO_HD static constexpr int stages(DType type) { return type == DType::bf16 ? kBf16Stages : 4; }
  DIMOO_HD static constexpr int ahead(DType type) { return type == DType::bf16 ? 0 : type == DType::q6_k ? kAheadTiles / 2 : kAheadTiles; }
  static constexpr int64_t shared(DType type) { return int64_t{stages(type)} * (kRows + kCols) * Tile::kDepth * 2; }
};
using ManyRows = Shape<4, 2, 8, 4, 1>;  // 128 x 128
using FewRows = Shape<2, 1, 4, 8, 4>;   // 32 x 128: memory is what it waits for, so more is under way

enum class Result { store, add, gated, turned };
/// Whether a thread's two halves of columns belong together: gate and up, or the two of a rotary pair.
template <Result kResult>
inline constexpr bool kPaired = kResult == Result::gated || kResult == Result::turned;

struct Operands {
  const uint16_t* x;
  int64_t rows, x_pitch;
  Matrix w, up;  // up: for gated only, of the same shape and type
  void* out;
  int64_t out_stride;
  bool narrow = false;                 // store and turned: out and places are bf16
  Turned turned = {};                  // turned only
  const PlacedRows* places = nullptr;  // store and turned
  int place_count = 0;
};

/// body(j, i) for each i of this thread's share of kCount, its j-th; the compiler knows how many those are.
template <int kCount, class Body>
__device__ inline void share_of_block(Body body) {
#pragma unroll
  for (int j = 0; j < (kCount + kThreads - 1) / kThreads; j++) {
    const int i = j * kThreads + static_cast<int>(threadIdx.x);
    if (kCount % kThreads == 0 || i < kCount) body(j, i);
  }
}

/// Tile `k0` of x rows row0.. into shared memory.
template <class S>
__device__ inline void load_x(const Operands& o, int64_t row0, int64_t k0, uint16_t* to) {
  share_of_block<S::kRows * Tile::kChunks>([&](int, int i) {
    const int row = i / Tile::kChunks, chunk = i % Tile::kChunks;
    const bool inside = row0 + row < o.rows;
    const uint16_t* from = o.x + (inside ? (row0 + row) * o.x_pitch + k0 + chunk * 8 : 0);
    ptx::cp_async(to + Tile::at(row, chunk), from, inside ? 16 : 0);
  });
}

/// Where the rows of weights begin of which a thread loads chunks, the same in every tile of K; null: there is none. Half of each warp's
/// columns are gate, half up, or the two halves of heads, so that one thread holds both of a pair.
template <class S, Result kResult>
struct WeightRows {
  static constexpr int kChunks = S::kCols * Tile::kChunks;
  const std::byte* row[kChunks / kThreads];
  static_assert(kChunks % kThreads == 0);

  __device__ WeightRows(const Operands& o, int64_t col0) {
    share_of_block<kChunks>([&](int j, int i) {
      const int column = i / Tile::kChunks;
      const GatedColumn place = gated_column(column, S::kWarpCols);
      int64_t n = col0 + (kPaired<kResult> ? place.column : column);
      if constexpr (kResult == Result::turned) n = turned_column(n, o.turned.half) + (place.up ? o.turned.half : 0);
      const std::byte* matrix = kResult == Result::gated && place.up ? o.up.data : o.w.data;
      row[j] = n < o.w.rows ? matrix + n * o.w.pitch : nullptr;
    });
  }
};

/// Tile `k0` of the block's columns, bf16: rows are padded to 16 bytes with zeros.
template <class Rows>
__device__ inline void copy_w(const Operands& o, const Rows& rows, int64_t k0, uint16_t* to) {
  share_of_block<Rows::kChunks>([&](int j, int i) {
    const int column = i / Tile::kChunks, chunk = i % Tile::kChunks;
    const int64_t k = k0 + chunk * 8;
    const bool inside = rows.row[j] && k < o.w.cols;
    ptx::cp_async(to + Tile::at(column, chunk), inside ? rows.row[j] + k * 2 : o.w.data, inside ? 16 : 0);
  });
}

/// A thread's part of a tile of weights of another type, on its way.
template <DType kType, class Rows>
struct Coming {
  static constexpr bool kPlain = kType == DType::f16;
  using Stored = std::conditional_t<kPlain, uint4, Eight<kPlain ? DType::q8_0 : kType>>;
  Stored stored[Rows::kChunks / kThreads];

  __device__ static void read_chunk(const Operands& o, const std::byte* row, int64_t k, Stored& to) {
    if (!row || k >= o.w.cols) return;
    if constexpr (kPlain)
      to = *reinterpret_cast<const uint4*>(row + k * 2);
    else
      to.read(row, k);
  }
  __device__ static void store_chunk(const Operands& o, const std::byte* row, int64_t k, const Stored& from, uint16_t* to) {
    float values[kEight] = {};
    if (row && k < o.w.cols) {
      if constexpr (kPlain) {
        const uint32_t pairs[4] = {from.x, from.y, from.z, from.w};
#pragma unroll
        for (int v = 0; v < kEight; v++) values[v] = half_value(static_cast<uint16_t>(pairs[v / 2] >> v % 2 * 16));
      } else {
        from.values(k, values);
      }
    }
    uint4 packed;
    packed.x = ptx::pack_bf16(values[0], values[1]), packed.y = ptx::pack_bf16(values[2], values[3]);
    packed.z = ptx::pack_bf16(values[4], values[5]), packed.w = ptx::pack_bf16(values[6], values[7]);
    *reinterpret_cast<uint4*>(to) = packed;
  }
  __device__ void read(const Operands& o, const Rows& rows, int64_t k0) {
    share_of_block<Rows::kChunks>([&](int j, int i) { read_chunk(o, rows.row[j], k0 + i % Tile::kChunks * 8, stored[j]); });
  }
  __device__ void store(const Operands& o, const Rows& rows, int64_t k0, uint16_t* to) const {
    share_of_block<Rows::kChunks>([&](int j, int i) {
      const int chunk = i % Tile::kChunks;
      store_chunk(o, rows.row[j], k0 + chunk * 8, stored[j], to + Tile::at(i / Tile::kChunks, chunk));
    });
  }
  /// Both at once, a chunk after another.
  __device__ static void move(const Operands& o, const Rows& rows, int64_t k0, uint16_t* to) {
    share_of_block<Rows::kChunks>([&](int j, int i) {
      const int chunk = i % Tile::kChunks;
      Stored one;
      read_chunk(o, rows.row[j], k0 + chunk * 8, one);
      store_chunk(o, rows.row[j], k0 + chunk * 8, one, to + Tile::at(i / Tile::kChunks, chunk));
    });
  }
};

}  // namespace dimoo::cuda::product

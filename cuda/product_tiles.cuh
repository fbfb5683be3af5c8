// How operands of tensor core products come into shared memory: the shapes of blocks, tiles of x, and tiles of weights of every stored
// type. Where a thread reads and writes is worked out once; from tile to tile only K moves on.
#pragma once
#include "cuda/dequantize.h"
#include "cuda/kernels.h"
#include "cuda/mma_tile.h"
#include "cuda/ptx/convert.cuh"
#include "cuda/ptx/cp_async.cuh"
#include "cuda/ptx/mma.cuh"
#include "cuda/ptx/shared.cuh"

namespace dimoo::cuda::product {

using Tile = MmaTile;
inline constexpr int kRowBytes = Tile::kDepth * 2;  // of a tile

/// What a block is made of. A warp owns kM x 16 rows and kN x 8 columns; kDown warps lie below one another, the others side by side. Tiles
/// of x and of weights lie in kStages of shared memory; of weights that must be dequantised kAheadTiles more are in registers (half as many
/// of Q6_K, which takes twice the registers).
template <int kWarps, int kDownWarps, int kMTiles, int kNTiles, int kStageCount, int kAheadTiles>
struct Shape {
  static constexpr int kThreads = kWarps * 32, kDown = kDownWarps, kM = kMTiles, kN = kNTiles, kStages = kStageCount;
  static constexpr int kWarpCols = kN * 8, kRows = kDown * kM * 16, kCols = kWarps / kDown * kWarpCols;
  static constexpr int kXBytes = kRows * kRowBytes, kStageBytes = (kRows + kCols) * kRowBytes;
  static constexpr int64_t kShared = int64_t{kStages} * kStageBytes;
  DIMOO_HD static constexpr int ahead(DType type) { return type == DType::bf16 ? 0 : type == DType::q6_k ? kAheadTiles / 2 : kAheadTiles; }
};
using WideRows = Shape<4, 2, 4, 8, 4, 0>;    // 128 x 128, warps of 64 x 64: a fragment is multiplied with four and with eight others
using WideRows3 = Shape<4, 2, 4, 8, 3, 0>;   // two blocks of it where a multiprocessor has 100 KB
using ManyRows = Shape<8, 4, 2, 8, 4, 1>;    // 128 x 128, warps of 32 x 64
using SomeRows = Shape<8, 4, 1, 4, 6, 0>;    // 64 x 64
using SomeStored = Shape<8, 4, 1, 4, 4, 2>;  // the same of weights that must be dequantised
using FewRows = Shape<8, 2, 1, 4, 8, 0>;     // 32 x 128: memory is what it waits for, so more is under way
using FewStored = Shape<8, 2, 1, 4, 4, 4>;

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
  bool narrow = false;                 // out and places are bf16; not of add
  bool even = false;                   // two neighbouring results can be written at once
  int tiles = 0;                       // of K
  Turned turned = {};                  // turned only
  const PlacedRows* places = nullptr;  // store and turned
  int place_count = 0;
};

/// A thread's share of the 16-byte chunks of a tile: its row of the first, and how many rows on the next lies. All are chunk `chunk()`.
template <class S, int kTileRows>
struct Share {
  static constexpr int kStep = S::kThreads / Tile::kChunks, kEach = (kTileRows + kStep - 1) / kStep;
  static_assert(kStep % 8 == 0, "chunks are turned by eight rows");
  __device__ static int row(int j) { return static_cast<int>(threadIdx.x) / Tile::kChunks + j * kStep; }
  __device__ static int chunk() { return static_cast<int>(threadIdx.x) % Tile::kChunks; }
  __device__ static bool has(int j) { return kTileRows % kStep == 0 || row(j) < kTileRows; }
  /// Bytes from the tile's beginning.
  __device__ static uint32_t place(int j) { return static_cast<uint32_t>(Tile::at(row(0), chunk()) * 2 + j * kStep * kRowBytes); }
};

/// Rows of x from row0 on.
template <class S>
struct XRows {
  using Own = Share<S, S::kRows>;
  const uint16_t* from[Own::kEach];
  int filled[Own::kEach];

  __device__ XRows(const Operands& o, int64_t row0) {
#pragma unroll
    for (int j = 0; j < Own::kEach; j++) {
      const bool inside = Own::has(j) && row0 + Own::row(j) < o.rows;
      from[j] = o.x + (inside ? (row0 + Own::row(j)) * o.x_pitch + Own::chunk() * 8 : 0), filled[j] = inside ? 16 : 0;
    }
  }
  /// Tile `tile` of K into a stage.
  __device__ void copy(int tile, uint32_t stage) const {
#pragma unroll
    for (int j = 0; j < Own::kEach; j++)
      if (Own::has(j)) ptx::cp_async(stage + Own::place(j), from[j] + int64_t{tile} * Tile::kDepth, filled[j]);
  }
};

/// Where the rows of weights begin of which a thread loads chunks, the same in every tile of K; null: there is none. Half of each warp's
/// columns are gate, half up, or the two halves of heads, so that one thread holds both of a pair.
template <class S, Result kResult>
struct WeightRows {
  using Own = Share<S, S::kCols>;
  const std::byte* row[Own::kEach];

  __device__ WeightRows(const Operands& o, int64_t col0) {
#pragma unroll
    for (int j = 0; j < Own::kEach; j++) {
      const GatedColumn place = gated_column(Own::row(j), S::kWarpCols);
      int64_t n = col0 + (kPaired<kResult> ? place.column : Own::row(j));
      if constexpr (kResult == Result::turned) n = turned_column(n, o.turned.half) + (place.up ? o.turned.half : 0);
      const std::byte* matrix = kResult == Result::gated && place.up ? o.up.data : o.w.data;
      row[j] = Own::has(j) && n < o.w.rows ? matrix + n * o.w.pitch : nullptr;
    }
  }
};

/// bf16: rows are padded to 16 bytes with zeros.
template <class S, Result kResult>
struct CopiedWeights {
  using Own = Share<S, S::kCols>;
  const std::byte* from[Own::kEach];
  int filled[Own::kEach];
  int64_t left;  // of K from this thread's chunk on

  __device__ CopiedWeights(const Operands& o, int64_t col0) : left(o.w.cols - Own::chunk() * 8) {
    const WeightRows<S, kResult> rows(o, col0);
#pragma unroll
    for (int j = 0; j < Own::kEach; j++)
      from[j] = (rows.row[j] ? rows.row[j] : o.w.data) + Own::chunk() * 16, filled[j] = rows.row[j] ? 16 : 0;
  }
  /// What is not there is not read, wherever it would lie.
  __device__ void copy(int tile, uint32_t stage) const {
    const bool inside = int64_t{tile} * Tile::kDepth < left;
#pragma unroll
    for (int j = 0; j < Own::kEach; j++)
      if (Own::has(j)) ptx::cp_async(stage + Own::place(j), from[j] + int64_t{tile} * kRowBytes, inside ? filled[j] : 0);
  }
};

/// A thread's part of a tile of weights of another type, on its way.
template <class S, DType kType, Result kResult>
struct Coming {
  using Own = Share<S, S::kCols>;
  using Rows = WeightRows<S, kResult>;
  static constexpr bool kPlain = kType == DType::f16;
  using Stored = std::conditional_t<kPlain, uint4, Eight<kPlain ? DType::q8_0 : kType>>;
  Stored stored[Own::kEach] = {};

  __device__ static void read_chunk(const std::byte* row, int64_t k, Stored& to) {
    if constexpr (kPlain)
      to = *reinterpret_cast<const uint4*>(row + k * 2);
    else
      to.read(row, k);
  }
  __device__ static uint4 rounded(int64_t k, const Stored& from) {
    float values[kEight];
    if constexpr (kPlain) {
      const uint32_t pairs[4] = {from.x, from.y, from.z, from.w};
#pragma unroll
      for (int v = 0; v < kEight; v++) values[v] = half_value(static_cast<uint16_t>(pairs[v / 2] >> v % 2 * 16));
    } else {
      from.values(k, values);
    }
    return {ptx::pack_bf16(values[0], values[1]), ptx::pack_bf16(values[2], values[3]), ptx::pack_bf16(values[4], values[5]),
            ptx::pack_bf16(values[6], values[7])};
  }
  __device__ void read(const Operands& o, const Rows& rows, int tile) {
    const int64_t k = int64_t{tile} * Tile::kDepth + Own::chunk() * 8;
#pragma unroll
    for (int j = 0; j < Own::kEach; j++)
      if (rows.row[j] && k < o.w.cols) read_chunk(rows.row[j], k, stored[j]);
  }
  __device__ void store(const Operands& o, const Rows& rows, int tile, uint32_t stage) const {
    const int64_t k = int64_t{tile} * Tile::kDepth + Own::chunk() * 8;
#pragma unroll
    for (int j = 0; j < Own::kEach; j++)
      if (Own::has(j)) ptx::store_shared(stage + Own::place(j), rows.row[j] && k < o.w.cols ? rounded(k, stored[j]) : uint4{0, 0, 0, 0});
  }
  /// Both at once, a chunk after another.
  __device__ static void move(const Operands& o, const Rows& rows, int tile, uint32_t stage) {
    const int64_t k = int64_t{tile} * Tile::kDepth + Own::chunk() * 8;
#pragma unroll
    for (int j = 0; j < Own::kEach; j++) {
      if (!Own::has(j)) continue;
      uint4 value{0, 0, 0, 0};
      if (rows.row[j] && k < o.w.cols) {
        Stored one;
        read_chunk(rows.row[j], k, one);
        value = rounded(k, one);
      }
      ptx::store_shared(stage + Own::place(j), value);
    }
  }
};

/// Where the lanes of the warp at (row, column) of the block find their fragments, in bytes from a stage's beginning, and the products of
/// one tile of K.
template <class S>
struct Fragments {
  static constexpr int kSteps = Tile::kDepth / 16;
  uint32_t a[kSteps], b[kSteps];

  __device__ Fragments(int row, int column) {
    const int lane = threadIdx.x % 32;
    const Place at_a = place_a(lane), at_b = place_b(lane);
#pragma unroll
    for (int step = 0; step < kSteps; step++) {
      a[step] = static_cast<uint32_t>(Tile::at(row + at_a.row, step * 2 + at_a.chunk) * 2);
      b[step] = static_cast<uint32_t>(S::kXBytes + Tile::at(column + at_b.row, step * 2 + at_b.chunk) * 2);
    }
  }
  __device__ void multiply(uint32_t stage, float (&sum)[S::kM][S::kN][4]) const {
#pragma unroll
    for (int step = 0; step < kSteps; step++) {
      uint32_t left[S::kM][4];
#pragma unroll
      for (int i = 0; i < S::kM; i++) ptx::ldmatrix(left[i], stage + a[step] + i * 16 * kRowBytes);
#pragma unroll
      for (int j = 0; j < S::kN; j += 2) {
        uint32_t right[4];
        ptx::ldmatrix(right, stage + b[step] + j * 8 * kRowBytes);
#pragma unroll
        for (int i = 0; i < S::kM; i++) {
          ptx::mma_bf16(sum[i][j], left[i], right[0], right[1]);
          ptx::mma_bf16(sum[i][j + 1], left[i], right[2], right[3]);
        }
      }
    }
  }
};

}  // namespace dimoo::cuda::product

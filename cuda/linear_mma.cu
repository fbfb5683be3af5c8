// out (r, n) = or += x (r, k) w (n, k)^T, and out = silu(x gate^T) * (x up^T), on bf16 tensor cores with f32 accumulation. Blocks of
// 128 x 128 results (64 x 64 or 32 x 128 for fewer rows) walk K in tiles of 32 through stages of shared memory; x and bf16 weights arrive
// by cp.async, other stored types through registers, where they wait for a tile or more before they are dequantised and rounded. With many
// rows those are made bf16 in memory first. Each result adds its products in the order of K by the same instructions whatever the tile, so
// it depends on its row and column alone. 2 r n k operations.
#include <algorithm>

#include "cuda/product_ends.cuh"

namespace dimoo::cuda {
namespace {

using namespace product;

template <class S, DType kType, Result kResult>
__global__ void __launch_bounds__(S::kThreads, 2) product_mma(Operands o) {
  constexpr bool kCopied = kType == DType::bf16;
  constexpr int kOutCols = kPaired<kResult> ? S::kCols / 2 : S::kCols, kWarpOut = kPaired<kResult> ? S::kWarpCols / 2 : S::kWarpCols;
  const int64_t columns = kResult == Result::turned ? o.w.rows / 2 : o.w.rows;
  const TilePlace place = tile_place(blockIdx.x, (o.rows + S::kRows - 1) / S::kRows, (columns + kOutCols - 1) / kOutCols);
  const int64_t row0 = place.row * S::kRows, col0 = place.column * kOutCols;
  const int warp = threadIdx.x / 32, down = warp % S::kDown, across = warp / S::kDown;
  const uint32_t begin = ptx::dynamic_shared_start(), end = begin + static_cast<uint32_t>(S::kShared);
  const auto next = [&](uint32_t stage) { return stage + S::kStageBytes == end ? begin : stage + S::kStageBytes; };

  const XRows<S> x(o, row0);
  using Part = Coming<S, kCopied ? DType::f16 : kType, kResult>;
  const std::conditional_t<kCopied, CopiedWeights<S, kResult>, WeightRows<S, kResult>> weights(o, col0);
  /// What arrives by itself; an empty group where there is no tile, so that the count below holds.
  const auto copy = [&](int tile, uint32_t stage) {
    if (tile < o.tiles) {
      x.copy(tile, stage);
      if constexpr (kCopied) weights.copy(tile, stage + S::kXBytes);
    }
    ptx::cp_async_commit();
  };
  constexpr int kAhead = S::ahead(kType), kParts = kAhead > 0 ? kAhead : 1;
  [[maybe_unused]] Part parts[kParts];
  uint32_t write = begin, read = begin;
  for (int tile = 0; tile < S::kStages - 1; tile++, write += S::kStageBytes) {
    copy(tile, write);
    if constexpr (!kCopied)
      if (tile < o.tiles) Part::move(o, weights, tile, write + S::kXBytes);
  }
  if constexpr (!kCopied)
#pragma unroll
    for (int a = 0; a < kAhead; a++)
      if (S::kStages - 1 + a < o.tiles) parts[a].read(o, weights, S::kStages - 1 + a);
  const Fragments<S> fragments(down * S::kM * 16, across * S::kWarpCols);
  float sum[S::kM][S::kN][4] = {};
  for (int first = 0; first < o.tiles; first += kParts)
#pragma unroll
    for (int a = 0; a < kParts; a++) {
      const int tile = first + a, coming = tile + S::kStages - 1;
      if (tile >= o.tiles) break;
      ptx::cp_async_wait<S::kStages - 2>();
      __syncthreads();  // this tile has arrived for all, and all are done with the one before
      copy(coming, write);
      if constexpr (!kCopied) {
        if (coming < o.tiles) {
          if constexpr (kAhead > 0)
            parts[a].store(o, weights, coming, write + S::kXBytes);
          else
            Part::move(o, weights, coming, write + S::kXBytes);
        }
        if constexpr (kAhead > 0)
          if (coming + kAhead < o.tiles) parts[a].read(o, weights, coming + kAhead);
      }
      fragments.multiply(read, sum);
      write = next(write), read = next(read);
    }
  finish<S, kResult>(o, row0 + down * S::kM * 16, col0 + across * kWarpOut, sum);
}

template <class S, Result kResult>
unsigned grid_of(const Operands& o) {
  constexpr int kOutCols = kPaired<kResult> ? S::kCols / 2 : S::kCols;
  return blocks(o.rows, S::kRows) * blocks(kResult == Result::turned ? o.w.rows / 2 : o.w.rows, kOutCols);
}

template <class S, DType kType, Result kResult>
void launch(Stream& stream, const char* name, const Operands& o) {
  stream.launch(name, product_mma<S, kType, kResult>, grid_of<S, kResult>(o), S::kThreads, S::kShared, o);
}

/// bf16 weights: large tiles in warps of 64 x 64, in three stages where two blocks of four would not fit beside one another.
template <Result kResult>
void launch_copied(Stream& stream, const char* name, const Operands& o, TileRows rows) {
  const Tuning& tuning = stream.tuning();
  switch (rows) {
    case TileRows::few: return launch<FewRows, DType::bf16, kResult>(stream, name, o);
    case TileRows::some: return launch<SomeRows, DType::bf16, kResult>(stream, name, o);
    default: break;
  }
  if (!tuning.wide_warps) return launch<ManyRows, DType::bf16, kResult>(stream, name, o);
  const bool fit = stream.shared_bytes() >= 2 * (WideRows::kShared + Stream::kReservedShared);
  if (tuning.stages == 4 || (tuning.stages == 0 && fit)) return launch<WideRows, DType::bf16, kResult>(stream, name, o);
  launch<WideRows3, DType::bf16, kResult>(stream, name, o);
}

template <Result kResult>
void launch_stored(Stream& stream, const char* name, const Operands& o, TileRows rows) {
  with_type(o.w.type, [&]<DType kType>() {
    if constexpr (kType != DType::f32 && kType != DType::bf16) {  // the one computes in f32, the other needs no dequantising
      if (rows == TileRows::few) return launch<FewStored, kType, kResult>(stream, name, o);
      if (rows == TileRows::some) return launch<SomeStored, kType, kResult>(stream, name, o);
      launch<ManyRows, kType, kResult>(stream, name, o);
    }
  });
}

/// Whether all of these begin at even places of even rows.
bool is_even(const void* data, int64_t stride, int64_t size) {
  return reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(2 * size) == 0 && stride % 2 == 0;
}

template <Result kResult>
void launch_product(Stream& stream, const char* name, Operands o, std::span<const PlacedRows> places = {}) {
  const int64_t size = o.narrow ? 2 : 4;
  o.tiles = static_cast<int>((o.w.cols + Tile::kDepth - 1) / Tile::kDepth);
  o.even = is_even(o.out, o.out_stride, size) && (kResult != Result::turned || o.turned.half % 2 == 0) &&
           std::all_of(places.begin(), places.end(), [&](const PlacedRows& p) { return is_even(p.out, p.stride, size); });
  Buffer expanded, expanded_up;
  if (o.w.type != DType::bf16 && expands(stream.tuning(), o.rows, o.w.rows)) {
    expanded = expand(stream, o.w);
    if constexpr (kResult == Result::gated) expanded_up = expand(stream, o.up);
  }
  const int64_t operations = 2 * o.rows * o.w.rows * o.w.cols * (kResult == Result::gated ? 2 : 1);
  stream.expect({.tensor = static_cast<double>(operations), .bytes = static_cast<double>(o.w.rows * o.w.pitch)});
  const TileRows rows = product_rows(stream.tuning(), o.rows, grid_of<ManyRows, kResult>(o), stream.processors());
  o.w.type == DType::bf16 ? launch_copied<kResult>(stream, name, o, rows) : launch_stored<kResult>(stream, name, o, rows);
}

/// x as it lies, or rounded and padded.
Operands operands(const Operand& x, const Matrix& w, const Matrix& up, Tensor out) {
  Operands o{x.data, x.rows, x.pitch, w, up, out.data, out.stride};
  o.narrow = out.type == DType::bf16;
  return o;
}

}  // namespace

int64_t mma_pitch(int64_t k) { return (k + Tile::kDepth - 1) / Tile::kDepth * Tile::kDepth; }

void linear_mma(Stream& stream, const Operand& x, const Matrix& w, Epilogue epilogue, Tensor out) {
  const Operands o = operands(x, w, {}, out);
  if (epilogue == Epilogue::add) return launch_product<Result::add>(stream, "linear_add mma", o);
  launch_product<Result::store>(stream, "linear mma", o);
}

void project_mma(Stream& stream, const Operand& x, const Matrix& w, const Turned& turned, std::span<const PlacedRows> places, Tensor out) {
  Operands o = operands(x, w, {}, out);
  const Buffer list = stream.list(places);
  o.turned = turned, o.places = static_cast<const PlacedRows*>(list.data()), o.place_count = static_cast<int>(places.size());
  if (turned.positions) return launch_product<Result::turned>(stream, "project mma turned", o, places);
  launch_product<Result::store>(stream, "project mma", o, places);
}

void gated_mma(Stream& stream, const Operand& x, const Matrix& gate, const Matrix& up, Tensor out) {
  launch_product<Result::gated>(stream, "gated mma", operands(x, gate, up, out));
}

}  // namespace dimoo::cuda

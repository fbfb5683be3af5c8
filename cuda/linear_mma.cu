// out (r, n) = or += x (r, k) w (n, k)^T, and out = silu(x gate^T) * (x up^T), on bf16 tensor cores with f32 accumulation. Blocks of
// 128 x 128 (or 32 x 128 for few rows) walk K in tiles of 32 through stages of shared memory; x and bf16 weights arrive by cp.async, other
// stored types through registers, where they wait for a tile or more before they are dequantised and rounded. Each result adds its products
// in the order of K by the same instructions whatever the tile, so it depends on its row and column alone. 2 r n k operations.
#include "cuda/product_tiles.cuh"
#include "cuda/ptx/shared.cuh"

namespace dimoo::cuda {
namespace {

using namespace product;

/// One row of a result that may be f32 or bf16.
struct ResultRow {
  std::byte* data;
  bool narrow;

  __device__ ResultRow(const Operands& o, int64_t row) : narrow(o.narrow) {
    const int64_t size = narrow ? 2 : 4;
    data = static_cast<std::byte*>(o.out) + row * o.out_stride * size;
    for (int i = 0; i < o.place_count; i++) {
      const PlacedRows& p = o.places[i];
      const int64_t in = row - p.first;
      if (in >= 0 && in < p.count)
        data = static_cast<std::byte*>(p.out) + (p.rows ? static_cast<int64_t>(p.rows[in]) : in) * p.stride * size;
    }
  }
  __device__ void put(int64_t column, float value) const {
    if (narrow)
      reinterpret_cast<uint16_t*>(data)[column] = bf16_bits(value);
    else
      reinterpret_cast<float*>(data)[column] = value;
  }
};

/// Adds one K tile of the warp at (row, column) of the block.
template <class S>
__device__ inline void multiply(const uint16_t* x, const uint16_t* w, int row, int column, float (&sum)[S::kM][S::kN][4]) {
  const int lane = threadIdx.x % 32;
  const Place at_a = place_a(lane), at_b = place_b(lane);
#pragma unroll
  for (int step = 0; step < Tile::kDepth / 16; step++) {
    uint32_t a[S::kM][4];
#pragma unroll
    for (int i = 0; i < S::kM; i++) ptx::ldmatrix(a[i], x + Tile::at(row + i * 16 + at_a.row, step * 2 + at_a.chunk));
#pragma unroll
    for (int j = 0; j < S::kN; j += 2) {
      uint32_t b[4];
      ptx::ldmatrix(b, w + Tile::at(column + j * 8 + at_b.row, step * 2 + at_b.chunk));
#pragma unroll
      for (int i = 0; i < S::kM; i++) {
        ptx::mma_bf16(sum[i][j], a[i], b[0], b[1]);
        ptx::mma_bf16(sum[i][j + 1], a[i], b[2], b[3]);
      }
    }
  }
}

/// body(i, upper, row, to) for each row of the result of which this thread holds sums: those of `sum[i]` at 2 * upper and behind it.
template <class S, class Body>
__device__ inline void each_row(const Operands& o, int64_t row0, Body body) {
#pragma unroll
  for (int i = 0; i < S::kM; i++)
#pragma unroll
    for (int upper = 0; upper < 2; upper++) {
      const int64_t row = row0 + i * 16 + sum_row(threadIdx.x % 32, upper * 2);
      if (row < o.rows) body(i, upper, row, ResultRow(o, row));
    }
}

/// Rotary on the way out: columns of pairs, the first `half` of a head in `sum`'s first half.
template <class S>
__device__ inline void finish_turned(const Operands& o, int64_t row0, int64_t pair0, const float (&sum)[S::kM][S::kN][4]) {
  const int lane = threadIdx.x % 32, half = o.turned.half;
  each_row<S>(o, row0, [&](int i, int upper, int64_t row, const ResultRow& to) {
    const float* angles = o.turned.table + o.turned.positions[row] * o.turned.table_stride;
#pragma unroll
    for (int j = 0; j < S::kN / 2; j++)
#pragma unroll
      for (int c = 0; c < 2; c++) {
        const int64_t pair = pair0 + j * 8 + sum_column(lane, c), n = turned_column(pair, half);
        if (pair * 2 >= o.w.rows) continue;
        const float a = sum[i][j][upper * 2 + c], b = sum[i][j + S::kN / 2][upper * 2 + c];
        const float co = angles[pair % half], si = angles[half + pair % half];
        to.put(n, a * co - b * si);
        to.put(n + half, b * co + a * si);
      }
  });
}

/// Accumulators to their rows and columns.
template <class S, Result kResult>
__device__ inline void finish(const Operands& o, int64_t row0, int64_t col0, const float (&sum)[S::kM][S::kN][4]) {
  const int lane = threadIdx.x % 32;
  constexpr int kOut = kPaired<kResult> ? S::kN / 2 : S::kN;
  each_row<S>(o, row0, [&](int i, int upper, int64_t, const ResultRow& to) {
    auto* wide = reinterpret_cast<float*>(to.data);
#pragma unroll
    for (int j = 0; j < kOut; j++)
#pragma unroll
      for (int c = 0; c < 2; c++) {
        const int64_t col = col0 + j * 8 + sum_column(lane, c);
        if (col >= o.w.rows) continue;
        const float p = sum[i][j][upper * 2 + c];
        if constexpr (kResult == Result::store) to.put(col, p);
        if constexpr (kResult == Result::add) wide[col] += p;
        if constexpr (kResult == Result::gated) wide[col] = p / (1.0f + expf(-p)) * sum[i][j + kOut][upper * 2 + c];
      }
  });
}

template <class S, DType kType, Result kResult>
__global__ void __launch_bounds__(kThreads, 2) product_mma(Operands o) {
  auto* stages = ptx::dynamic_shared<uint16_t>();
  constexpr bool kCopied = kType == DType::bf16;
  constexpr int kStages = S::stages(kType), kXSize = S::kRows * Tile::kDepth, kSize = kXSize + S::kCols * Tile::kDepth;
  constexpr int kOutCols = kPaired<kResult> ? S::kCols / 2 : S::kCols;
  constexpr int kWarpOut = kPaired<kResult> ? S::kWarpCols / 2 : S::kWarpCols;
  const int64_t columns = kResult == Result::turned ? o.w.rows / 2 : o.w.rows;
  const TilePlace place = tile_place(blockIdx.x, (o.rows + S::kRows - 1) / S::kRows, (columns + kOutCols - 1) / kOutCols);
  const int64_t row0 = place.row * S::kRows, col0 = place.column * kOutCols;
  const int warp = threadIdx.x / 32, down = warp % S::kDown, across = warp / S::kDown;
  const int tiles = static_cast<int>(o.x_pitch / Tile::kDepth);
  using Rows = WeightRows<S, kResult>;
  const Rows weights(o, col0);
  const auto room_of = [&](int tile) { return stages + tile % kStages * kSize; };
  /// What arrives by itself; an empty group where there is no tile, so that the count below holds.
  const auto copy = [&](int tile) {
    if (tile < tiles) {
      load_x<S>(o, row0, int64_t{tile} * Tile::kDepth, room_of(tile));
      if constexpr (kCopied) copy_w(o, weights, int64_t{tile} * Tile::kDepth, room_of(tile) + kXSize);
    }
    ptx::cp_async_commit();
  };
  float sum[S::kM][S::kN][4] = {};
  for (int tile = 0; tile < kStages - 1; tile++) copy(tile);
  using Part = Coming<kCopied ? DType::f16 : kType, Rows>;
  constexpr int kAhead = S::ahead(kType), kParts = kAhead > 0 ? kAhead : 1;
  Part parts[kParts];
  const auto read = [&](int tile, Part& to) {
    if (tile < tiles) to.read(o, weights, int64_t{tile} * Tile::kDepth);
  };
  const auto store = [&](int tile, const Part& from) {
    if (tile < tiles) from.store(o, weights, int64_t{tile} * Tile::kDepth, room_of(tile) + kXSize);
  };
  const auto move = [&](int tile) {
    if (tile < tiles) Part::move(o, weights, int64_t{tile} * Tile::kDepth, room_of(tile) + kXSize);
  };
  if constexpr (!kCopied)
    for (int tile = 0; tile < kStages - 1; tile++) move(tile);
#pragma unroll
  for (int a = 0; a < kAhead; a++) read(kStages - 1 + a, parts[a]);
  for (int first = 0; first < tiles; first += kParts)
#pragma unroll
    for (int a = 0; a < kParts; a++) {
      const int tile = first + a;
      if (tile >= tiles) break;
      ptx::cp_async_wait<kStages - 2>();
      __syncthreads();  // this tile has arrived for all, and all are done with the one before
      copy(tile + kStages - 1);
      if constexpr (kAhead > 0)
        store(tile + kStages - 1, parts[a]), read(tile + kStages - 1 + kAhead, parts[a]);
      else if constexpr (!kCopied)
        move(tile + kStages - 1);
      const uint16_t* x = room_of(tile);
      multiply<S>(x, x + kXSize, down * S::kM * 16, across * S::kWarpCols, sum);
    }
  if constexpr (kResult == Result::turned)
    finish_turned<S>(o, row0 + down * S::kM * 16, col0 + across * kWarpOut, sum);
  else
    finish<S, kResult>(o, row0 + down * S::kM * 16, col0 + across * kWarpOut, sum);
}

template <class S, Result kResult>
unsigned grid_of(const Operands& o) {
  constexpr int kOutCols = kPaired<kResult> ? S::kCols / 2 : S::kCols;
  return blocks(o.rows, S::kRows) * blocks(kResult == Result::turned ? o.w.rows / 2 : o.w.rows, kOutCols);
}

template <class S, Result kResult>
void launch_shape(Stream& stream, const char* name, const Operands& o) {
  const unsigned grid = grid_of<S, kResult>(o);
  with_type(o.w.type, [&]<DType kType>() {
    if constexpr (kType != DType::f32)  // those compute in f32
      stream.launch(name, product_mma<S, kType, kResult>, grid, kThreads, S::shared(kType), o);
  });
}

/// Few rows take the low tile, as do so few blocks that some of the GPU would have none: the same bits, less of it empty.
template <Result kResult>
void launch_product(Stream& stream, const char* name, const Operands& o) {
  if (o.rows <= 2 * FewRows::kRows || grid_of<ManyRows, kResult>(o) < static_cast<unsigned>(stream.processors()))
    return launch_shape<FewRows, kResult>(stream, name, o);
  launch_shape<ManyRows, kResult>(stream, name, o);
}

}  // namespace

int64_t mma_pitch(int64_t k) { return (k + Tile::kDepth - 1) / Tile::kDepth * Tile::kDepth; }

void linear_mma(Stream& stream, const uint16_t* x, int64_t rows, const Matrix& w, Epilogue epilogue, Tensor out) {
  const Operands o{x, rows, mma_pitch(w.cols), w, {}, out.f32(), out.stride};
  if (epilogue == Epilogue::add) return launch_product<Result::add>(stream, "linear_add mma", o);
  launch_product<Result::store>(stream, "linear mma", o);
}

void project_mma(Stream& stream, const uint16_t* x, int64_t rows, const Matrix& w, const Turned& turned, std::span<const PlacedRows> places,
                 Tensor out) {
  Operands o{x, rows, mma_pitch(w.cols), w, {}, out.data, out.stride, out.type == DType::bf16, turned};
  const Buffer list = stream.list(places);
  o.places = static_cast<const PlacedRows*>(list.data()), o.place_count = static_cast<int>(places.size());
  if (turned.positions) return launch_product<Result::turned>(stream, "project mma turned", o);
  launch_product<Result::store>(stream, "project mma", o);
}

void gated_mma(Stream& stream, const uint16_t* x, int64_t rows, const Matrix& gate, const Matrix& up, Tensor out) {
  launch_product<Result::gated>(stream, "gated mma", {x, rows, mma_pitch(gate.cols), gate, up, out.f32(), out.stride});
}

}  // namespace dimoo::cuda

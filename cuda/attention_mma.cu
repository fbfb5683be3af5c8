// out (r, heads * hd) = softmax(q k^T / sqrt(hd)) v on bf16 tensor cores, f32 scores, softmax and accumulation, after FlashAttention-2
// (Dao 2023). Queries, and keys and values that are f32, are rounded to bf16 first. A block takes 128 queries of one head, its keys go by
// in tiles of 64 from the first on through two stages of shared memory and are combined in order, so a query's result does not depend on
// its tile. 4 r n hd operations a head; keys and values are read r / 128 times.
#include <cmath>
#include <vector>

#include "cuda/attention_tiles.h"
#include "cuda/kernels.h"
#include "cuda/mma_tile.h"
#include "cuda/ptx/cp_async.cuh"
#include "cuda/ptx/mma.cuh"
#include "cuda/ptx/shared.cuh"

namespace dimoo::cuda {
namespace {

using Tile = QueryTile<uint16_t>;
constexpr int kQueries = 128, kKeys = 64, kThreads = 256;  // eight warps of 16 queries
constexpr int kKeyTiles = kKeys / 8;
constexpr unsigned kAll = 0xffffffffu;

struct Heads {
  int group;         // query heads of one key head
  float scale;       // log2(e) / sqrt(hd): exponentials are powers of two
  int64_t q_stride;  // of rounded queries
  int64_t out_stride;
};

/// Rows of shared memory are 16 bytes longer than a head, so that eight rows' equal chunks lie in different banks.
template <int kDim>
struct Room {
  static constexpr int kPitch = kDim + 8, kTile = kKeys * kPitch;
  static constexpr int64_t kBytes = 4 * kTile * 2;  // two stages of keys and values; at first the queries lie there
  static_assert(kQueries * kPitch <= 4 * kTile);
};

/// kRows rows of a head from `from` on (those past `inside` are zeros) into shared memory.
template <int kDim, int kRows>
__device__ inline void load_rows(const uint16_t* from, int64_t stride, int inside, uint16_t* to) {
  constexpr int kChunks = kDim / 8;
  static_assert(kRows * kChunks % kThreads == 0);
#pragma unroll
  for (int j = 0; j < kRows * kChunks / kThreads; j++) {
    const int i = j * kThreads + static_cast<int>(threadIdx.x), row = i / kChunks, chunk = i % kChunks;
    const bool there = row < inside;
    ptx::cp_async(to + row * Room<kDim>::kPitch + chunk * 8, from + (there ? row * stride + chunk * 8 : 0), there ? 16 : 0);
  }
}

/// Of the two rows that a thread holds of its warp's 16.
struct Running {
  float top[2], sum[2];
};

/// score (16, 64) = q k^T.
template <int kDim>
__device__ inline void score_tile(const uint32_t (&q)[kDim / 16][4], const uint16_t* keys, float (&score)[kKeyTiles][4]) {
  const Place at = place_b(threadIdx.x % 32);
#pragma unroll
  for (int j = 0; j < kKeyTiles; j += 2) {
#pragma unroll
    for (int c = 0; c < 4; c++) score[j][c] = score[j + 1][c] = 0;
#pragma unroll
    for (int step = 0; step < kDim / 16; step++) {
      uint32_t b[4];
      ptx::ldmatrix(b, keys + (j * 8 + at.row) * Room<kDim>::kPitch + (step * 2 + at.chunk) * 8);
      ptx::mma_bf16(score[j], q[step], b[0], b[1]);
      ptx::mma_bf16(score[j + 1], q[step], b[2], b[3]);
    }
  }
}

/// Scores become weights relative to the new maxima; what was summed so far is brought down to them. `left` keys are in the tile.
template <int kDim>
__device__ inline void weigh(float (&score)[kKeyTiles][4], int left, float scale, Running& running, float (&result)[kDim / 8][4]) {
  const int lane = threadIdx.x % 32;
  float top[2] = {running.top[0], running.top[1]};
#pragma unroll
  for (int j = 0; j < kKeyTiles; j++)
#pragma unroll
    for (int c = 0; c < 4; c++) {
      if (j * 8 + sum_column(lane, c) >= left) score[j][c] = -INFINITY;
      top[c / 2] = fmaxf(top[c / 2], score[j][c]);
    }
  float correction[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {  // four lanes share a row
    top[r] = fmaxf(top[r], __shfl_xor_sync(kAll, top[r], 1));
    top[r] = fmaxf(top[r], __shfl_xor_sync(kAll, top[r], 2));
    correction[r] = exp2f((running.top[r] - top[r]) * scale);
    running.top[r] = top[r];
    running.sum[r] *= correction[r];
  }
#pragma unroll
  for (int j = 0; j < kKeyTiles; j++)
#pragma unroll
    for (int c = 0; c < 4; c++) {
      score[j][c] = exp2f((score[j][c] - top[c / 2]) * scale);
      running.sum[c / 2] += score[j][c];
    }
#pragma unroll
  for (int i = 0; i < kDim / 8; i++)
#pragma unroll
    for (int c = 0; c < 4; c++) result[i][c] *= correction[c / 2];
}

/// result (16, hd) += weights (16, 64) values: accumulators of the scores are operands as they lie.
template <int kDim>
__device__ inline void add_values(const float (&weight)[kKeyTiles][4], const uint16_t* values, float (&result)[kDim / 8][4]) {
  const Place at = place_b_transposed(threadIdx.x % 32);
#pragma unroll
  for (int step = 0; step < kKeys / 16; step++) {
    const float(&left)[4] = weight[step * 2];
    const float(&right)[4] = weight[step * 2 + 1];
    const uint32_t a[4] = {ptx::pack_bf16(left[0], left[1]), ptx::pack_bf16(left[2], left[3]), ptx::pack_bf16(right[0], right[1]),
                           ptx::pack_bf16(right[2], right[3])};
#pragma unroll
    for (int i = 0; i < kDim / 8; i += 2) {
      uint32_t b[4];
      ptx::ldmatrix_transposed(b, values + (step * 16 + at.row) * Room<kDim>::kPitch + (i + at.chunk) * 8);
      ptx::mma_bf16(result[i], a, b[0], b[1]);
      ptx::mma_bf16(result[i + 1], a, b[2], b[3]);
    }
  }
}

/// Block (tile, head).
template <int kDim>
__global__ void __launch_bounds__(kThreads, 1) attention_mma_kernel(const Tile* tiles, const uint16_t* q, Heads heads, float* out) {
  auto* room = ptx::dynamic_shared<uint16_t>();
  constexpr int kTile = Room<kDim>::kTile;
  const Tile tile = tiles[blockIdx.x];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int64_t column = static_cast<int64_t>(blockIdx.y) * kDim, key_column = static_cast<int64_t>(blockIdx.y / heads.group) * kDim;
  load_rows<kDim, kQueries>(q + tile.first * heads.q_stride + column, heads.q_stride, tile.count, room);
  ptx::cp_async_commit();
  ptx::cp_async_wait<0>();
  __syncthreads();
  uint32_t query[kDim / 16][4];
#pragma unroll
  for (int step = 0; step < kDim / 16; step++)
    ptx::ldmatrix(query[step], room + (warp * 16 + place_a(lane).row) * Room<kDim>::kPitch + (step * 2 + place_a(lane).chunk) * 8);
  __syncthreads();  // queries are in registers: their room is free
  const auto load = [&](int first, int stage) {
    if (first < tile.keys) {
      uint16_t* to = room + stage * 2 * kTile;
      const int inside = min(kKeys, tile.keys - first);
      load_rows<kDim, kKeys>(tile.k + first * tile.k_stride + key_column, tile.k_stride, inside, to);
      load_rows<kDim, kKeys>(tile.v + first * tile.v_stride + key_column, tile.v_stride, inside, to + kTile);
    }
    ptx::cp_async_commit();
  };
  Running running{{-INFINITY, -INFINITY}, {0, 0}};
  float result[kDim / 8][4] = {};
  load(0, 0);
  for (int first = 0, stage = 0; first < tile.keys; first += kKeys, stage ^= 1) {
    load(first + kKeys, stage ^ 1);
    ptx::cp_async_wait<1>();
    __syncthreads();  // this tile has arrived for all
    const uint16_t* keys = room + stage * 2 * kTile;
    float score[kKeyTiles][4];
    score_tile<kDim>(query, keys, score);
    weigh<kDim>(score, tile.keys - first, heads.scale, running, result);
    add_values<kDim>(score, keys + kTile, result);
    __syncthreads();  // all are done with this stage
  }
#pragma unroll
  for (int r = 0; r < 2; r++) {
    running.sum[r] += __shfl_xor_sync(kAll, running.sum[r], 1);
    running.sum[r] += __shfl_xor_sync(kAll, running.sum[r], 2);
    const int row = warp * 16 + sum_row(lane, r * 2);
    if (row >= tile.count) continue;
    float* to = out + (tile.first + row) * heads.out_stride + column + sum_column(lane, 0);
#pragma unroll
    for (int i = 0; i < kDim / 8; i++) to[i * 8] = result[i][r * 2] / running.sum[r], to[i * 8 + 1] = result[i][r * 2 + 1] / running.sum[r];
  }
}

template <int kDim>
void launch_dim(Stream& stream, std::span<const Tile> tiles, int heads, const uint16_t* q, const Heads& layout, Tensor out) {
  const Buffer list = stream.list(tiles);
  stream.launch("attention mma", attention_mma_kernel<kDim>,
                dim3(blocks(static_cast<int64_t>(tiles.size()), 1), static_cast<unsigned>(heads)), kThreads, Room<kDim>::kBytes,
                static_cast<const Tile*>(list.data()), q, layout, out.f32());
}

}  // namespace

bool attention_mma_fits(int64_t head_dim) { return head_dim == 32 || head_dim == 64 || head_dim == 96 || head_dim == 128; }

void attention_mma(Stream& stream, Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) {
  const int64_t hd = q.cols / heads, width = kv_heads * hd;
  const Buffer queries = stream.scratch(q.rows * q.cols * 2);
  round_rows(stream, q, static_cast<uint16_t*>(queries.data()), q.cols);
  std::vector<Buffer> rounded;  // what the tensors below lie in, where it is not the caller's
  const auto halves = [&](const Tensor& from) {
    if (from.type == DType::bf16) return from;
    rounded.push_back(stream.scratch(from.rows * width * 2));
    const Tensor to(rounded.back().data(), DType::bf16, from.rows, width);
    round_rows(stream, from, static_cast<uint16_t*>(to.data), width);
    return to;
  };
  struct Keys {
    const uint16_t *k, *v;
    int64_t k_stride, v_stride;
  };
  const auto tiles = query_tiles<uint16_t>(spans, kQueries, [&](size_t i) {
    const Tensor k = halves(spans[i].k), v = halves(spans[i].v);
    return Keys{static_cast<const uint16_t*>(k.data), static_cast<const uint16_t*>(v.data), k.stride, v.stride};
  });
  const Heads layout{heads / kv_heads, 1.4426950408889634f / std::sqrt(static_cast<float>(hd)), q.cols, out.stride};
  const auto* operand = static_cast<const uint16_t*>(queries.data());
  switch (hd) {
    case 32: return launch_dim<32>(stream, tiles, heads, operand, layout, out);
    case 64: return launch_dim<64>(stream, tiles, heads, operand, layout, out);
    case 96: return launch_dim<96>(stream, tiles, heads, operand, layout, out);
    default: return launch_dim<128>(stream, tiles, heads, operand, layout, out);
  }
}

}  // namespace dimoo::cuda

// out (r, heads * hd) = softmax(q k^T / sqrt(hd)) v on bf16 tensor cores, f32 scores, softmax and accumulation, after FlashAttention-2
// (Dao 2023). Queries, and keys and values that are f32, are rounded to bf16 first. A warp takes 16 queries of one head, a block's keys go
// by in tiles of 64 through two stages of shared memory. Each chunk of 512 keys is a softmax of its own, and the chunks are combined in
// order (docs/contracts.md#determinism): by the block that walks all of them or, where there are too few queries to fill the GPU, one block
// a chunk and a kernel that combines. 4 r n hd operations a head; keys and values are read once a block of queries.
#include <algorithm>
#include <cmath>
#include <vector>

#include "cuda/attention_tiles.h"
#include "cuda/attention_warps.cuh"
#include "cuda/kernels.h"
#include "cuda/ptx/shared.cuh"

namespace dimoo::cuda {
namespace {

using Tile = QueryTile<uint16_t>;
using namespace attention;

struct Heads {
  int group;         // query heads of one key head
  float scale;       // log2(e) / sqrt(hd): exponentials are powers of two
  int64_t q_stride;  // of rounded queries
  int64_t out_stride;
};

/// What one chunk leaves of a query and a head: the largest score and the sum of weights, then the sums of values.
template <int kDim>
struct Part {
  static constexpr int kSize = kDim + 2;
  float* at;
  __device__ Part(float* parts, int heads, int64_t row, int head) : at(parts + (row * heads + head) * kSize) {}
};

/// Block (tile, head). kParted: a tile is one chunk of its branch's keys, and what it leaves goes to `out` as parts, rows counted by tile.
template <int kDim, int kWarps, bool kParted>
__global__ void __launch_bounds__(kWarps * 32, 1) attention_mma_kernel(const Tile* tiles, const uint16_t* q, Heads heads, float* out) {
  auto* room = ptx::dynamic_shared<uint16_t>();
  constexpr int kThreads = kWarps * 32, kQueries = kWarps * 16;
  using Space = Room<kDim, kThreads>;
  constexpr int kTile = Space::kTile;
  const Tile tile = tiles[blockIdx.x];
  if (tile.count == 0) return;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int64_t column = static_cast<int64_t>(blockIdx.y) * kDim, key_column = static_cast<int64_t>(blockIdx.y / heads.group) * kDim;
  load_rows<kDim, kQueries, kThreads>(q + tile.first * heads.q_stride + column, heads.q_stride, tile.count, room);
  ptx::cp_async_commit();
  ptx::cp_async_wait<0>();
  __syncthreads();
  uint32_t query[kDim / 16][4];
#pragma unroll
  for (int step = 0; step < kDim / 16; step++)
    ptx::ldmatrix(query[step], room + (warp * 16 + place_a(lane).row) * Space::kPitch + (step * 2 + place_a(lane).chunk) * 8);
  __syncthreads();  // queries are in registers: their room is free
  const auto load = [&](int first, int stage) {
    if (first < tile.keys) {
      uint16_t* to = room + stage * 2 * kTile;
      const int inside = min(kKeys, tile.keys - first);
      load_rows<kDim, kKeys, kThreads>(tile.k + first * tile.k_stride + key_column, tile.k_stride, inside, to);
      load_rows<kDim, kKeys, kThreads>(tile.v + first * tile.v_stride + key_column, tile.v_stride, inside, to + kTile);
    }
    ptx::cp_async_commit();
  };
  Running<2> total{{-INFINITY, -INFINITY}, {0, 0}};
  Results<kDim, kThreads> result(room);
  load(0, 0);
  for (int chunk = 0, stage = 0; chunk < tile.keys; chunk += kChunk) {
    Running<2> running{{-INFINITY, -INFINITY}, {0, 0}};
    float values[kDim / 8][4] = {};
    const int end = min(chunk + kChunk, tile.keys);
    for (int first = chunk; first < end; first += kKeys, stage ^= 1) {
      load(first + kKeys, stage ^ 1);
      ptx::cp_async_wait<1>();
      __syncthreads();  // this tile has arrived for all
      const uint16_t* keys = room + stage * 2 * kTile;
      float score[kKeyTiles][4];
      score_tile<kDim>(query, keys, score);
      weigh<kDim>(score, tile.keys - first, heads.scale, running, values);
      add_values<kDim>(score, keys + kTile, values);
      __syncthreads();  // all are done with this stage
    }
    add_lanes(running);
    if constexpr (kParted) {
      total = running;
#pragma unroll
      for (int i = 0; i < kDim / 8; i++)
#pragma unroll
        for (int c = 0; c < 4; c++) result.at(i, c) = values[i][c];
    } else {
      combine<kDim>(running, values, heads.scale, total, result);
    }
  }
#pragma unroll
  for (int r = 0; r < 2; r++) {
    const int row = warp * 16 + sum_row(lane, r * 2);
    if (row >= tile.count) continue;
    float* to = out + (tile.first + row) * heads.out_stride + column + sum_column(lane, 0);
    float divisor = tile.keys > 0 ? total.sum[r] : 1.0f;
    if constexpr (kParted) {
      const Part<kDim> part(out, gridDim.y, static_cast<int64_t>(blockIdx.x) * kQueries + row, blockIdx.y);
      if (lane % 4 == 0) part.at[0] = total.top[r], part.at[1] = total.sum[r];
      to = part.at + 2 + sum_column(lane, 0), divisor = 1.0f;
    }
#pragma unroll
    for (int i = 0; i < kDim / 8; i++) to[i * 8] = result.at(i, r * 2) / divisor, to[i * 8 + 1] = result.at(i, r * 2 + 1) / divisor;
  }
}

/// Block (tile of the whole, head), a thread a channel: the parts of each query's chunks, which follow one another by tile, in order.
template <int kDim, int kWarps>
__global__ void __launch_bounds__(kDim)
    combine_parts_kernel(const Tile* tiles, const int32_t* first_part, float* parts, Heads heads, float* out) {
  constexpr int kQueries = kWarps * 16;
  const Tile tile = tiles[blockIdx.x];
  for (int row = 0; row < tile.count; row++) {
    Running<1> total{{-INFINITY}, {0}};
    float value = 0;
    for (int chunk = 0; chunk * kChunk < tile.keys; chunk++) {
      const Part<kDim> part(parts, gridDim.y, static_cast<int64_t>(first_part[blockIdx.x] + chunk) * kQueries + row, blockIdx.y);
      const Shares shares = put_together(total.top[0], part.at[0], heads.scale);
      total.top[0] = shares.top;
      total.sum[0] = total.sum[0] * shares.mine + part.at[1] * shares.others;
      value = value * shares.mine + part.at[2 + threadIdx.x] * shares.others;
    }
    out[(tile.first + row) * heads.out_stride + blockIdx.y * kDim + threadIdx.x] = value / (tile.keys > 0 ? total.sum[0] : 1.0f);
  }
}

/// All of a call's blocks.
struct Blocks {
  std::span<const Tile> tiles;
  int heads;
  const uint16_t* q;
  Heads layout;
  Tensor out;
};

template <int kDim, int kWarps>
void launch_whole(Stream& stream, const Blocks& b) {
  const Buffer list = stream.list(b.tiles);
  stream.launch("attention mma", attention_mma_kernel<kDim, kWarps, false>,
                dim3(static_cast<unsigned>(b.tiles.size()), static_cast<unsigned>(b.heads)), kWarps * 32, Room<kDim, kWarps * 32>::kBytes,
                static_cast<const Tile*>(list.data()), b.q, b.layout, b.out.f32());
}

/// Parts of as many tiles as these, were all keys as many as the most.
int64_t most_parts(const Blocks& b) {
  int64_t longest = 0;
  for (const Tile& tile : b.tiles) longest = std::max<int64_t>(longest, blocks(tile.keys, kChunk));
  return longest * static_cast<int64_t>(b.tiles.size());
}

template <int kDim, int kWarps>
int64_t part_bytes(int64_t parts, int64_t heads) {
  return parts * kWarps * 16 * heads * Part<kDim>::kSize * 4;
}

/// A block a chunk of keys.
template <int kDim, int kWarps>
void launch_parted(Stream& stream, const Blocks& b) {
  std::vector<Tile> parts;
  std::vector<int32_t> first_part;
  parts.reserve(static_cast<size_t>(most_parts(b)));
  for (const Tile& tile : b.tiles) {
    first_part.push_back(static_cast<int32_t>(parts.size()));
    for (int32_t key = 0; key < tile.keys; key += kChunk)
      parts.push_back({tile.first, tile.count, std::min(kChunk, tile.keys - key), tile.k + key * tile.k_stride,
                       tile.v + key * tile.v_stride, tile.k_stride, tile.v_stride});
  }
  parts.resize(static_cast<size_t>(most_parts(b)));  // as for tiles: passes that differ in their branches' rows have equal grids
  const Buffer list = stream.list(b.tiles), part_list = stream.list(std::span<const Tile>(parts)),
               firsts = stream.list(std::span<const int32_t>(first_part));
  const Buffer left = stream.scratch(part_bytes<kDim, kWarps>(static_cast<int64_t>(parts.size()), b.heads));
  auto* left_data = static_cast<float*>(left.data());
  const auto heads = static_cast<unsigned>(b.heads);
  stream.launch("attention mma parts", attention_mma_kernel<kDim, kWarps, true>, dim3(static_cast<unsigned>(parts.size()), heads),
                kWarps * 32, Room<kDim, kWarps * 32>::kBytes, static_cast<const Tile*>(part_list.data()), b.q, b.layout, left_data);
  stream.launch("attention combine", combine_parts_kernel<kDim, kWarps>, dim3(static_cast<unsigned>(b.tiles.size()), heads), kDim, 0,
                static_cast<const Tile*>(list.data()), static_cast<const int32_t*>(firsts.data()), left_data, b.layout, b.out.f32());
}

/// Whether chunks share out a branch's keys: where its queries alone would leave most of the GPU idle, and the parts stay small.
template <int kDim, int kWarps>
bool parts_pay(const Stream& stream, const Blocks& b) {
  const bool long_keys = std::any_of(b.tiles.begin(), b.tiles.end(), [](const Tile& tile) { return tile.keys > kChunk; });
  return long_keys && static_cast<int64_t>(b.tiles.size()) * b.heads < 2 * stream.processors() &&
         part_bytes<kDim, kWarps>(most_parts(b), b.heads) <= kMostAttentionParts;
}

template <int kDim, int kWarps>
void launch_dim(Stream& stream, const Blocks& b) {
  if constexpr (kWarps == kFewWarps)
    if (parts_pay<kDim, kWarps>(stream, b)) return launch_parted<kDim, kWarps>(stream, b);
  launch_whole<kDim, kWarps>(stream, b);
}

/// Few queries take low tiles: the same bits, less of them empty.
template <int kWarps>
void launch_warps(Stream& stream, int64_t hd, const Blocks& b) {
  switch (hd) {
    case 32: return launch_dim<32, kWarps>(stream, b);
    case 64: return launch_dim<64, kWarps>(stream, b);
    case 96: return launch_dim<96, kWarps>(stream, b);
    default: return launch_dim<128, kWarps>(stream, b);
  }
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
  const bool few = std::all_of(spans.begin(), spans.end(), [](const AttentionSpan& span) { return span.count <= 4 * kFewWarps * 16; });
  const auto tiles = query_tiles<uint16_t>(q.rows, spans, (few ? kFewWarps : kManyWarps) * 16, [&](size_t i) {
    const Tensor k = halves(spans[i].k), v = halves(spans[i].v);
    return Keys{static_cast<const uint16_t*>(k.data), static_cast<const uint16_t*>(v.data), k.stride, v.stride};
  });
  const Heads layout{heads / kv_heads, 1.4426950408889634f / std::sqrt(static_cast<float>(hd)), q.cols, out.stride};
  const Blocks all{tiles, heads, static_cast<const uint16_t*>(queries.data()), layout, out};
  few ? launch_warps<kFewWarps>(stream, hd, all) : launch_warps<kManyWarps>(stream, hd, all);
}

}  // namespace dimoo::cuda

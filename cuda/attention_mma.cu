// out (r, heads * hd) = softmax(q k^T / sqrt(hd)) v on bf16 tensor cores, f32 scores, softmax and accumulation, after FlashAttention-2
// (Dao 2023). Queries, keys and values that are f32 are rounded to bf16 first. A warp takes 16 queries of one head, a block's keys go by in
// tiles of 64 through two stages of shared memory. Each chunk of 512 keys is a softmax of its own, and the chunks are combined in order
// (docs/contracts.md#determinism): by the block that walks all of them or, where there are too few queries to fill the GPU, one block a
// chunk and a kernel that combines. 4 r n hd operations a head; keys and values are read once a block of queries.
#include <algorithm>
#include <cmath>
#include <vector>

#include "cuda/attention_blocks.h"
#include "cuda/attention_warps.cuh"

namespace dimoo::cuda {
namespace {

using namespace attention;

/// Two stages of keys and values, where at first the queries lie; behind them what does not fit into a thread's registers of its results
/// so far.
template <int kDim, int kThreads>
struct Room {
  using Lies = Padded<kDim>;
  static constexpr int kTileBytes = kKeys * Lies::kPitch, kStages = 4 * kTileBytes;
  static constexpr int kParked = kDim < 128 ? 0 : kThreads > kFewWarps * 32 ? 7 : 11;  // of kDim / 8 times four values; few warps load more
  static constexpr int64_t kBytes = kStages + kParked * 4 * kThreads * 4;
  static_assert(kThreads / 2 * Lies::kPitch <= kStages, "queries fit");
};

/// Sums of values over the chunks so far: a thread's four of each eight channels.
template <int kDim, int kThreads>
struct Results {
  static constexpr int kParked = Room<kDim, kThreads>::kParked;
  float* parked;  // this thread's first
  float held[kDim / 8 - kParked][4] = {};

  __device__ Results() : parked(reinterpret_cast<float*>(ptx::dynamic_shared<std::byte>() + Room<kDim, kThreads>::kStages) + threadIdx.x) {
    for (int i = 0; i < kParked * 4; i++) parked[i * kThreads] = 0;
  }
  __device__ float& at(int i, int c) {
    if (i < kParked) return parked[(i * 4 + c) * kThreads];
    return held[i - kParked][c];
  }
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
__global__ void __launch_bounds__(kWarps * 32, 1) attention_mma_kernel(const QueryBlock* tiles, const uint16_t* q, Heads heads, void* out) {
  constexpr int kThreads = kWarps * 32, kQueries = kWarps * 16;
  using Space = Room<kDim, kThreads>;
  using Lies = typename Space::Lies;
  const uint32_t room = ptx::dynamic_shared_start();
  const QueryBlock tile = tiles[blockIdx.x];
  if (tile.count == 0) return;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int64_t column = static_cast<int64_t>(blockIdx.y) * kDim, key_column = static_cast<int64_t>(blockIdx.y / heads.group) * kDim;
  load_rows<Lies, kDim, kQueries, kThreads>(q + tile.first * heads.q_stride + column, heads.q_stride, tile.count, room);
  ptx::cp_async_commit();
  ptx::cp_async_wait<0>();
  __syncthreads();
  uint32_t query[kDim / 16][4];
#pragma unroll
  for (int step = 0; step < kDim / 16; step++)
    ptx::ldmatrix(query[step], room + Lies::at(warp * 16 + place_a(lane).row, step * 2 + place_a(lane).chunk));
  __syncthreads();  // queries are in registers: their room is free
  const auto held = [&](int step, uint32_t(&a)[1][4]) {
#pragma unroll
    for (int c = 0; c < 4; c++) a[0][c] = query[step][c];
  };
  const auto load = [&](int first, int stage) {
    if (first < tile.keys) {
      const uint32_t to = room + static_cast<uint32_t>(stage * 2 * Space::kTileBytes);
      const int inside = min(kKeys, tile.keys - first);
      load_rows<Lies, kDim, kKeys, kThreads>(tile.k + first * tile.k_stride + key_column, tile.k_stride, inside, to);
      load_rows<Lies, kDim, kKeys, kThreads>(tile.v + first * tile.v_stride + key_column, tile.v_stride, inside, to + Space::kTileBytes);
    }
    ptx::cp_async_commit();
  };
  Running<2> total{{-INFINITY, -INFINITY}, {0, 0}};
  Results<kDim, kThreads> result;
  load(0, 0);
  for (int chunk = 0, stage = 0; chunk < tile.keys; chunk += kChunk) {
    Running<2> running{{-INFINITY, -INFINITY}, {0, 0}};
    float values[1][kDim / 8][4] = {};
    const int end = min(chunk + kChunk, tile.keys);
    for (int first = chunk; first < end; first += kKeys, stage ^= 1) {
      load(first + kKeys, stage ^ 1);
      ptx::cp_async_wait<1>();
      __syncthreads();  // this tile has arrived for all
      const uint32_t keys = room + static_cast<uint32_t>(stage * 2 * Space::kTileBytes);
      ScoreTile score[1];
      score_tile<Lies, kDim>(held, keys, score);
      weigh<kDim>(score[0], tile.keys - first, heads.scale, running, values[0]);
      WeightTile weight[1];
      pack_weights(score[0], weight[0]);
      add_values<Lies, kDim>(weight, keys + Space::kTileBytes, values);
      __syncthreads();  // all are done with this stage
    }
    add_lanes(running);
    if constexpr (kParted) {
      total = running;
#pragma unroll
      for (int i = 0; i < kDim / 8; i++)
#pragma unroll
        for (int c = 0; c < 4; c++) result.at(i, c) = values[0][i][c];
    } else {
#pragma unroll
      for (int r = 0; r < 2; r++) {
        const Shares shares = add_chunk(total, running, r, heads.scale);
#pragma unroll
        for (int i = 0; i < kDim / 8; i++)
#pragma unroll
          for (int c = r * 2; c < r * 2 + 2; c++) result.at(i, c) = result.at(i, c) * shares.mine + values[0][i][c] * shares.others;
      }
    }
  }
#pragma unroll
  for (int r = 0; r < 2; r++) {
    const int row = warp * 16 + sum_row(lane, r * 2);
    if (row >= tile.count) continue;
    if constexpr (kParted) {
      const Part<kDim> part(static_cast<float*>(out), gridDim.y, static_cast<int64_t>(blockIdx.x) * kQueries + row, blockIdx.y);
      if (lane % 4 == 0) part.at[0] = total.top[r], part.at[1] = total.sum[r];
#pragma unroll
      for (int i = 0; i < kDim / 8; i++)
        put_both(part.at + 2, false, sum_column(lane, 0) + i * 8, result.at(i, r * 2), result.at(i, r * 2 + 1));
    } else {
      const int64_t at = (tile.first + row) * heads.out_stride + column + sum_column(lane, 0);
      const float divisor = tile.keys > 0 ? total.sum[r] : 1.0f;
#pragma unroll
      for (int i = 0; i < kDim / 8; i++)
        put_both(out, heads.narrow, at + i * 8, result.at(i, r * 2) / divisor, result.at(i, r * 2 + 1) / divisor);
    }
  }
}

/// Block (row of a tile of the whole, head), a thread a channel: the parts of the query's chunks, which follow one another by tile, in
/// order.
template <int kDim, int kWarps>
__global__ void __launch_bounds__(kDim)
    combine_parts_kernel(const QueryBlock* tiles, const int32_t* first_part, float* parts, Heads heads, void* out) {
  constexpr int kQueries = kWarps * 16;
  const int index = blockIdx.x / kQueries, row = blockIdx.x % kQueries;
  const QueryBlock tile = tiles[index];
  if (row >= tile.count) return;
  Running<1> total{{-INFINITY}, {0}};
  float value = 0;
  for (int chunk = 0; chunk * kChunk < tile.keys; chunk++) {
    const Part<kDim> part(parts, gridDim.y, static_cast<int64_t>(first_part[index] + chunk) * kQueries + row, blockIdx.y);
    const Shares shares = put_together(total.top[0], part.at[0], heads.scale);
    total.top[0] = shares.top;
    total.sum[0] = total.sum[0] * shares.mine + part.at[1] * shares.others;
    value = value * shares.mine + part.at[2 + threadIdx.x] * shares.others;
  }
  value /= tile.keys > 0 ? total.sum[0] : 1.0f;
  const int64_t at = (tile.first + row) * heads.out_stride + blockIdx.y * kDim + threadIdx.x;
  if (heads.narrow)
    static_cast<uint16_t*>(out)[at] = static_cast<uint16_t>(ptx::pack_bf16(value, 0));
  else
    static_cast<float*>(out)[at] = value;
}

template <int kDim, int kWarps>
void launch_whole(Stream& stream, const Blocks& b) {
  const Buffer list = stream.list(b.tiles);
  stream.expect(b.effort(kDim, kWarps * 16));
  stream.launch("attention mma", attention_mma_kernel<kDim, kWarps, false>,
                dim3(static_cast<unsigned>(b.tiles.size()), static_cast<unsigned>(b.heads)), kWarps * 32, Room<kDim, kWarps * 32>::kBytes,
                static_cast<const QueryBlock*>(list.data()), b.q, b.layout, b.out);
}

/// Parts of as many tiles as these, were all keys as many as the most.
int64_t most_parts(const Blocks& b) {
  int64_t longest = 0;
  for (const QueryBlock& tile : b.tiles) longest = std::max<int64_t>(longest, blocks(tile.keys, kChunk));
  return longest * static_cast<int64_t>(b.tiles.size());
}

template <int kDim, int kWarps>
int64_t part_bytes(int64_t parts, int64_t heads) {
  return parts * kWarps * 16 * heads * Part<kDim>::kSize * 4;
}

/// A block a chunk of keys.
template <int kDim, int kWarps>
void launch_parted(Stream& stream, const Blocks& b) {
  std::vector<QueryBlock> parts;
  std::vector<int32_t> first_part;
  parts.reserve(static_cast<size_t>(most_parts(b)));
  for (const QueryBlock& tile : b.tiles) {
    first_part.push_back(static_cast<int32_t>(parts.size()));
    for (int32_t key = 0; key < tile.keys; key += kChunk)
      parts.push_back({tile.first, tile.count, std::min(kChunk, tile.keys - key), tile.k + key * tile.k_stride,
                       tile.v + key * tile.v_stride, tile.k_stride, tile.v_stride});
  }
  parts.resize(static_cast<size_t>(most_parts(b)));  // as for tiles: passes that differ in their branches' rows have equal grids
  const Buffer list = stream.list(b.tiles), part_list = stream.list(std::span<const QueryBlock>(parts)),
               firsts = stream.list(std::span<const int32_t>(first_part));
  const Buffer left = stream.scratch(part_bytes<kDim, kWarps>(static_cast<int64_t>(parts.size()), b.heads));
  const auto heads = static_cast<unsigned>(b.heads);
  stream.expect(b.effort(kDim, kWarps * 16));
  stream.launch("attention mma parts", attention_mma_kernel<kDim, kWarps, true>, dim3(static_cast<unsigned>(parts.size()), heads),
                kWarps * 32, Room<kDim, kWarps * 32>::kBytes, static_cast<const QueryBlock*>(part_list.data()), b.q, b.layout, left.data());
  stream.launch("attention combine", combine_parts_kernel<kDim, kWarps>, dim3(static_cast<unsigned>(b.tiles.size() * kWarps * 16), heads),
                kDim, 0, static_cast<const QueryBlock*>(list.data()), static_cast<const int32_t*>(firsts.data()),
                static_cast<float*>(left.data()), b.layout, b.out);
}

/// Whether chunks share out a branch's keys: where its queries alone would leave most of the GPU idle, and the parts stay small.
template <int kDim, int kWarps>
bool parts_pay(const Stream& stream, const Blocks& b) {
  const bool long_keys = std::any_of(b.tiles.begin(), b.tiles.end(), [](const QueryBlock& tile) { return tile.keys > kChunk; });
  return long_keys && static_cast<int64_t>(b.tiles.size()) * b.heads < 2 * stream.processors() &&
         part_bytes<kDim, kWarps>(most_parts(b), b.heads) <= kMostAttentionParts;
}

template <int kDim, int kWarps>
void launch_dim(Stream& stream, const Blocks& b) {
  parts_pay<kDim, kWarps>(stream, b) ? launch_parted<kDim, kWarps>(stream, b) : launch_whole<kDim, kWarps>(stream, b);
}

template <int kWarps>
void launch_warps(Stream& stream, int64_t hd, const Blocks& b) {
  switch (hd) {
    case 32: return launch_dim<32, kWarps>(stream, b);
    case 64: return launch_dim<64, kWarps>(stream, b);
    case 96: return launch_dim<96, kWarps>(stream, b);
    default: return launch_dim<128, kWarps>(stream, b);
  }
}

/// bf16 in rows that copies of 16 bytes can read: as it lies, or rounded into memory that `made` keeps.
Tensor halves(Stream& stream, const Tensor& from, std::vector<Buffer>& made) {
  const bool fits = from.type == DType::bf16 && from.stride % 8 == 0 && reinterpret_cast<uintptr_t>(from.data) % 16 == 0;
  if (fits || from.rows == 0) return from;
  made.push_back(stream.scratch(from.rows * from.cols * 2));
  const Tensor to(made.back().data(), DType::bf16, from.rows, from.cols);
  round_rows(stream, from, static_cast<uint16_t*>(to.data), from.cols);
  return to;
}

bool takes_tall(const Stream& stream, int64_t hd) { return stream.tuning().tall_queries && hd == kTallDim && tall_fits(stream); }

/// Queries of a block: low blocks for few, so that less of them is empty; 32 a warp where that was asked for. The same bits.
int64_t queries_of(const Stream& stream, std::span<const AttentionSpan> spans, int64_t hd) {
  if (takes_tall(stream, hd)) return kTallWarps * 32;
  const TileRows asked = stream.tuning().queries;
  const bool few = std::all_of(spans.begin(), spans.end(), [](const AttentionSpan& span) { return span.count <= kFewWarps * 16; });
  return (asked == TileRows::automatic ? few : asked == TileRows::few) ? kFewWarps * 16 : kManyWarps * 16;
}

}  // namespace

bool attention_mma_fits(int64_t head_dim) { return head_dim == 32 || head_dim == 64 || head_dim == 96 || head_dim == 128; }

void attention_mma(Stream& stream, Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) {
  const int64_t hd = q.cols / heads, queries = queries_of(stream, spans, hd);
  std::vector<Buffer> made;
  const Tensor rounded = halves(stream, q, made);
  struct Keys {
    const uint16_t *k, *v;
    int64_t k_stride, v_stride;
  };
  const auto tiles = query_tiles<uint16_t>(q.rows, spans, queries, [&](size_t i) {
    const Tensor k = halves(stream, spans[i].k, made), v = halves(stream, spans[i].v, made);
    return Keys{static_cast<const uint16_t*>(k.data), static_cast<const uint16_t*>(v.data), k.stride, v.stride};
  });
  const Heads layout{heads / kv_heads, 1.4426950408889634f / std::sqrt(static_cast<float>(hd)), rounded.stride, out.stride,
                     out.type == DType::bf16};
  const Blocks all{tiles, q.rows, heads, static_cast<const uint16_t*>(rounded.data), layout, out.data};
  if (takes_tall(stream, hd)) return attend_tall(stream, all);
  queries == kFewWarps * 16 ? launch_warps<kFewWarps>(stream, hd, all) : launch_warps<kManyWarps>(stream, hd, all);
}

}  // namespace dimoo::cuda

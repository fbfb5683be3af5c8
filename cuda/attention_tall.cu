// attention_mma.cu's arithmetic with 32 queries a warp, for many queries of heads of 128: each fragment of keys and values that comes out
// of shared memory is multiplied with two tiles of queries, which halves what is read. Sums of 32 queries fill a thread's registers, so
// queries and each row's maximum and sum of weights stay in shared memory, and what the chunks before left lies in device memory, touched
// once every 512 keys. Keys and values take turns: values arrive while scores are computed, the next keys while values are added.
#include <cmath>

#include "cuda/attention_blocks.h"
#include "cuda/attention_warps.cuh"

namespace dimoo::cuda {
namespace {

using namespace attention;

constexpr int kDim = kTallDim, kM = 2;
using Lies = Turning<kDim>;
constexpr int kTileBytes = kKeys * Lies::kPitch;

constexpr int kThreads = kTallWarps * 32, kQueries = kTallWarps * 32;
constexpr int64_t kShared = kQueries * Lies::kPitch + 2 * kTileBytes;

/// What threads keep of their rows out of their registers' way: of all chunks so far, and of this one. 16 bytes of neighbours lie side by
/// side, so that eight lanes meet every bank once.
struct alignas(16) Totals {
  Running<2> of[kM][kThreads], chunk[kM][kThreads];
};

/// Block (tile, head). `before` (rows, heads * hd) f32.
__global__ void __launch_bounds__(kThreads, 2)
    attention_tall_kernel(const QueryBlock* tiles, const uint16_t* q, Heads heads, float* before, void* out) {
  __shared__ QueryBlock tile;  // read where it is needed: registers are few
  __shared__ Totals totals;
  const uint32_t queries = ptx::dynamic_shared_start(), keys = queries + kQueries * Lies::kPitch, values_room = keys + kTileBytes;
  if (threadIdx.x == 0) {
    const int64_t key_column = static_cast<int64_t>(blockIdx.y / heads.group) * kDim;
    tile = tiles[blockIdx.x];
    tile.k += key_column, tile.v += key_column;
  }
  __syncthreads();
  if (tile.count == 0) return;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, count = tile.keys;
  const auto load = [&](const uint16_t* QueryBlock::*from, int64_t QueryBlock::*stride, int first, uint32_t to) {
    if (first < tile.keys) {
      load_rows<Lies, kDim, kKeys, kThreads>(tile.*from + first * (tile.*stride), tile.*stride, min(kKeys, tile.keys - first), to);
    }
    ptx::cp_async_commit();
  };
  const auto query = [&](int step, uint32_t(&a)[kM][4]) {
    const Place at = place_a(lane);
#pragma unroll
    for (int m = 0; m < kM; m++) ptx::ldmatrix(a[m], queries + Lies::at(warp * 32 + m * 16 + at.row, step * 2 + at.chunk));
  };
  load_rows<Lies, kDim, kQueries, kThreads>(q + tile.first * heads.q_stride + static_cast<int64_t>(blockIdx.y) * kDim, heads.q_stride,
                                            tile.count, queries);
  load(&QueryBlock::k, &QueryBlock::k_stride, 0, keys);
  for (int m = 0; m < kM; m++) totals.of[m][threadIdx.x] = {{-INFINITY, -INFINITY}, {0, 0}};
  for (int chunk = 0; chunk == 0 || chunk < count; chunk += kChunk) {
#pragma unroll
    for (int m = 0; m < kM; m++) totals.chunk[m][threadIdx.x] = {{-INFINITY, -INFINITY}, {0, 0}};
    float values[kM][kDim / 8][4] = {};
    const int end = min(chunk + kChunk, count);
    for (int first = chunk; first < end; first += kKeys) {
      ptx::cp_async_wait<0>();
      __syncthreads();  // these keys have arrived for all, and all are done with the values before
      load(&QueryBlock::v, &QueryBlock::v_stride, first, values_room);
      ScoreTile score[kM];
      score_tile<Lies, kDim>(query, keys, score);
      ptx::cp_async_wait<0>();
      __syncthreads();  // so have the values, and all are done with the keys
      load(&QueryBlock::k, &QueryBlock::k_stride, first + kKeys, keys);
      WeightTile weight[kM];
#pragma unroll
      for (int m = 0; m < kM; m++) {
        Running<2> running = totals.chunk[m][threadIdx.x];
        weigh<kDim>(score[m], count - first, heads.scale, running, values[m]);
        totals.chunk[m][threadIdx.x] = running;
        pack_weights(score[m], weight[m]);
      }
      add_values<Lies, kDim>(weight, values_room, values);
    }
    const bool last = chunk + kChunk >= count;
    const int64_t column = static_cast<int64_t>(blockIdx.y) * kDim + sum_column(lane, 0);
#pragma unroll
    for (int m = 0; m < kM; m++) {
      Running<2> running = totals.chunk[m][threadIdx.x];
      add_lanes(running);
      Running<2>& total = totals.of[m][threadIdx.x];
#pragma unroll
      for (int r = 0; r < 2; r++) {
        const int row = warp * 32 + m * 16 + sum_row(lane, r * 2);
        const Shares shares = count > 0 ? add_chunk(total, running, r, heads.scale) : Shares{};
        if (row >= tile.count) continue;
        // Two neighbouring sums of each eight channels: those of the chunks before, and the results.
        float* const kept = before + (tile.first + row) * static_cast<int64_t>(gridDim.y) * kDim + column;
        const int64_t at = (tile.first + row) * heads.out_stride + column;
        const float divisor = count > 0 ? total.sum[r] : 1.0f;
#pragma unroll
        for (int i = 0; i < kDim / 8; i++) {
          auto& two = *reinterpret_cast<float2*>(kept + i * 8);
          const float2 were = chunk > 0 ? two : float2{0, 0};
          const float one = were.x * shares.mine + values[m][i][r * 2] * shares.others,
                      other = were.y * shares.mine + values[m][i][r * 2 + 1] * shares.others;
          if (last)
            put_both(out, heads.narrow, at + i * 8, one / divisor, other / divisor);
          else
            two = {one, other};
        }
      }
    }
  }
}

}  // namespace

bool attention::tall_fits(const Stream& stream) {
  return stream.shared_bytes() >= 2 * (kShared + static_cast<int64_t>(sizeof(Totals)) + 2 * Stream::kReservedShared);
}

void attention::attend_tall(Stream& stream, const Blocks& b) {
  const Buffer list = stream.list(b.tiles), before = stream.scratch(b.rows * b.heads * kDim * 4);
  stream.expect(b.effort(kDim, kQueries));
  stream.launch("attention tall", attention_tall_kernel, dim3(static_cast<unsigned>(b.tiles.size()), static_cast<unsigned>(b.heads)),
                kThreads, kShared, static_cast<const QueryBlock*>(list.data()), b.q, b.layout, static_cast<float*>(before.data()), b.out);
}

}  // namespace dimoo::cuda

// out (r, heads * hd) = softmax(q k^T / sqrt(hd)) v in f32, any head dimension up to 256. Keys go by in tiles of 32 from the first on and
// are combined with a running maximum (Milakov and Gimelshein 2018), so a query's result does not depend on its tile.
// 4 r n hd operations a head; a block of 16 queries reads its branch's keys and values once.
#include <cmath>

#include "cuda/attention_tiles.h"
#include "cuda/kernels.h"
#include "cuda/ptx/shared.cuh"
#include "cuda/reduce.cuh"

namespace dimoo::cuda {
namespace {

constexpr int kWarps = 4, kEach = 4;  // queries of a warp
constexpr int kQueries = kWarps * kEach, kKeys = kWarp, kThreads = kWarps * kWarp;
constexpr unsigned kAll = 0xffffffffu;

struct Heads {
  int group;  // query heads of one key head
  int hd;
  float scale;
};

/// Rows of shared memory: queries (16, hd), keys (32, hd + 1), values (32, hd), weights of a tile's keys (16, 32).
int64_t shared_bytes(int64_t hd) { return 4 * (kQueries * hd + kKeys * (hd + 1) + kKeys * hd + kQueries * kKeys); }

/// Block (tile, head). Lane i scores key i of a tile and owns values i, i + 32, ... of the results; kValues = ceil(hd / 32).
template <int kValues>
__global__ void __launch_bounds__(kThreads)
    attention_f32_kernel(const QueryTile<float>* tiles, const float* q, int64_t q_stride, Heads heads, float* out, int64_t out_stride) {
  float* room = ptx::dynamic_shared<float>();
  const QueryTile<float> tile = tiles[blockIdx.x];
  const int hd = heads.hd, lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int64_t column = static_cast<int64_t>(blockIdx.y) * hd, key_column = static_cast<int64_t>(blockIdx.y / heads.group) * hd;
  float *queries = room, *keys = queries + kQueries * hd, *values = keys + kKeys * (hd + 1), *weights = values + kKeys * hd;
  for (int i = threadIdx.x; i < kQueries * hd; i += kThreads)
    queries[i] = i / hd < tile.count ? q[(tile.first + i / hd) * q_stride + column + i % hd] : 0.0f;
  float top[kEach], sum[kEach], result[kEach][kValues] = {};
  for (int e = 0; e < kEach; e++) top[e] = -INFINITY, sum[e] = 0;
  for (int first = 0; first < tile.keys; first += kKeys) {
    __syncthreads();  // the tile before is used up
    for (int i = threadIdx.x; i < kKeys * hd; i += kThreads) {
      const int key = i / hd, at = i % hd;
      const bool inside = first + key < tile.keys;
      keys[key * (hd + 1) + at] = inside ? tile.k[(first + key) * tile.k_stride + key_column + at] : 0.0f;
      values[i] = inside ? tile.v[(first + key) * tile.v_stride + key_column + at] : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int e = 0; e < kEach; e++) {
      const float* query = queries + (warp * kEach + e) * hd;
      float score = 0;
      for (int i = 0; i < hd; i++) score = __fmaf_rn(query[i], keys[lane * (hd + 1) + i], score);
      score = first + lane < tile.keys ? score * heads.scale : -INFINITY;
      float highest = score;
      for (int step = kWarp / 2; step > 0; step /= 2) highest = fmaxf(highest, __shfl_xor_sync(kAll, highest, step));
      highest = fmaxf(highest, top[e]);
      const float correction = expf(top[e] - highest), weight = expf(score - highest);
      top[e] = highest;
      float total = weight;
      for (int step = kWarp / 2; step > 0; step /= 2) total += __shfl_xor_sync(kAll, total, step);
      sum[e] = sum[e] * correction + total;
#pragma unroll
      for (int i = 0; i < kValues; i++) result[e][i] *= correction;
      float* shown = weights + (warp * kEach + e) * kKeys;
      shown[lane] = weight;
      __syncwarp();
      for (int key = 0; key < kKeys; key++) {
        const float w = shown[key];
#pragma unroll
        for (int i = 0; i < kValues; i++)
          if (lane + i * kWarp < hd) result[e][i] = __fmaf_rn(w, values[key * hd + lane + i * kWarp], result[e][i]);
      }
    }
  }
#pragma unroll
  for (int e = 0; e < kEach; e++)
#pragma unroll
    for (int i = 0; i < kValues; i++)
      if (warp * kEach + e < tile.count && lane + i * kWarp < hd)
        out[(tile.first + warp * kEach + e) * out_stride + column + lane + i * kWarp] = tile.keys > 0 ? result[e][i] / sum[e] : 0.0f;
}

/// Calls `body` with ceil(hd / 32), rounded up to what is compiled.
template <class Body>
void with_values(int64_t hd, Body body) {
  if (hd <= 32) return body.template operator()<1>();
  if (hd <= 64) return body.template operator()<2>();
  if (hd <= 128) return body.template operator()<4>();
  body.template operator()<8>();
}

}  // namespace

void attention_f32(Stream& stream, Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) {
  struct Keys {
    const float *k, *v;
    int64_t k_stride, v_stride;
  };
  const int64_t hd = q.cols / heads;
  const auto tiles = query_tiles<float>(q.rows, spans, kQueries, [&](size_t i) {
    return Keys{spans[i].k.f32(), spans[i].v.f32(), spans[i].k.stride, spans[i].v.stride};
  });
  const Buffer list = stream.list(std::span(tiles));
  const Heads layout{heads / kv_heads, static_cast<int>(hd), 1.0f / std::sqrt(static_cast<float>(hd))};
  Effort effort;
  for (const AttentionSpan& span : spans)
    effort.plain += 4.0 * static_cast<double>(span.count) * static_cast<double>(span.k.rows) * static_cast<double>(q.cols);
  stream.expect(effort);
  with_values(hd, [&]<int kValues>() {
    stream.launch("attention f32", attention_f32_kernel<kValues>,
                  dim3(blocks(static_cast<int64_t>(tiles.size()), 1), static_cast<unsigned>(heads)), kThreads, shared_bytes(hd),
                  static_cast<const QueryTile<float>*>(list.data()), q.f32(), q.stride, layout, out.f32(), out.stride);
  });
}

}  // namespace dimoo::cuda

// One block of a transformer (docs/model.md#network): attention with rotary positions, then a gated MLP, each on normalised rows and added
// to the residual stream. Its width, heads and whose keys its rows attend to are its caller's: it knows no network and owns no rows.
#pragma once
#include <memory>
#include <span>

#include "device/device.h"

namespace dimoo {

struct BlockShape {
  int64_t heads = 0, kv_heads = 0;
  float eps = 0;  // of both norms
};

/// Rows that a block works in, as many as those it computes.
struct BlockScratch {
  Tensor h, q, a, m;  // normalised rows; queries; what they find; MLP
};

struct Block {
  BlockShape shape;
  Tensor attn_norm, ffn_norm;
  std::unique_ptr<Weight> q, k, v, o, gate, up, down;

  /// h = norm(x): what queries, keys and values are made of.
  void normalise(Device& device, Tensor x, Tensor h) const { device.norm(x, attn_norm, shape.eps, h); }
  /// Keys, turned, and values of the rows of `h`, to `k_out` and `v_out` or where the placements say.
  void keys_and_values(Device& device, Tensor h, std::span<const int32_t> positions, Tensor angles, std::span<const Placement> keys,
                       std::span<const Placement> values, Tensor k_out, Tensor v_out) const {
    device.project(h, *k, {positions, angles, static_cast<int>(shape.kv_heads)}, keys, k_out);
    device.project(h, *v, {}, values, v_out);
  }
  /// x += what the queries of `h`, its normalised rows, find; x += MLP(norm(x)). `h` may be scratch.h or scratch.a.
  void advance(Device& device, Tensor x, Tensor h, std::span<const int32_t> positions, Tensor angles, std::span<const AttentionSpan> spans,
               const BlockScratch& scratch) const {
    const auto heads = static_cast<int>(shape.heads), kv_heads = static_cast<int>(shape.kv_heads);
    device.project(h, *q, {positions, angles, heads}, {}, scratch.q);
    device.attention(scratch.q, spans, heads, kv_heads, scratch.a);
    device.linear_add(scratch.a, *o, x);
    device.norm(x, ffn_norm, shape.eps, scratch.h);
    device.gated(scratch.h, *gate, *up, scratch.m);
    device.linear_add(scratch.m, *down, x);
  }
};

}  // namespace dimoo

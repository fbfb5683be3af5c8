// Rows of activations in the form the products of one weight need, piece of K after piece: a piece of a block's rows is one stretch of
// memory, which the machine's prefetchers follow. f32 and pairs of bf16 lie as [piece][tile][k][rows], int8 as kernels.h's Int8Rows.
#pragma once
#include <algorithm>

#include "cpu/product.h"

namespace dimoo::cpu {

struct Activations {
  Compute compute;
  Int8Form form;     // of int8
  int64_t k, count;  // values and rows; of the matrix
  int64_t padded;    // rows in memory: whole tiles
  const std::byte* data;
  const float *scale, *sum;  // of int8

  /// Units of K: 32-bit groups, but values of int8.
  int64_t units() const { return compute == Compute::bf16 ? (k + 1) / 2 : k; }
  int64_t depth(int64_t from) const { return std::min<int64_t>(kDepth, units() - from); }
  /// The piece at `from` of rows that begin a tile: f32 or pairs of bf16.
  const uint32_t* plain(int64_t from, int64_t first) const {
    return reinterpret_cast<const uint32_t*>(data) + from * padded + first * depth(from);
  }
  Int8Rows int8(int64_t from) const {
    const auto* u = reinterpret_cast<const uint8_t*>(data) + from * padded * bytes_of(form);
    return {u, scale + from / kGroup * padded, sum + from / kGroup * padded, depth(from)};
  }
};

/// In the scratch that a job shares; valid until the next call.
Activations pack_activations(const Products& products, Tensor x, const CpuWeight& w);

}  // namespace dimoo::cpu

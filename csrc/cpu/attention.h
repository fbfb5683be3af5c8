// Bidirectional attention: for each head and block of queries, keys in fixed chunks of 512 combined in order with a running
// maximum (Milakov and Gimelshein 2018), so no n x n buffer exists and a row's result does not depend on its block.
#pragma once
#include <span>

#include "cpu/product.h"

namespace dimoo::cpu {

void attention(const Products& products, Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out);

}  // namespace dimoo::cpu

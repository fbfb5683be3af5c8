// Query tiles of packed spans: what one block of an attention kernel works on. A tile never crosses spans; which tile a query falls into
// does not change its arithmetic.
#pragma once
#include <algorithm>
#include <span>
#include <vector>

#include "device/device.h"

namespace dimoo::cuda {

/// Queries [first, first + count) and the keys of their branch.
template <class Key>
struct QueryTile {
  int64_t first;
  int32_t count, keys;
  const Key *k, *v;
  int64_t k_stride, v_stride;  // in elements
};

/// `keys_of(index)` gives {k, v, k_stride, v_stride} of a span.
template <class Key, class KeysOf>
std::vector<QueryTile<Key>> query_tiles(std::span<const AttentionSpan> spans, int64_t rows, KeysOf keys_of) {
  std::vector<QueryTile<Key>> tiles;
  for (size_t i = 0; i < spans.size(); i++) {
    const AttentionSpan& s = spans[i];
    const auto [k, v, k_stride, v_stride] = keys_of(i);
    for (int64_t from = 0; from < s.count; from += rows)
      tiles.push_back(
          {s.first + from, static_cast<int32_t>(std::min(rows, s.count - from)), static_cast<int32_t>(s.k.rows), k, v, k_stride, v_stride});
  }
  return tiles;
}

}  // namespace dimoo::cuda

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
  int64_t first = 0;
  int32_t count = 0, keys = 0;
  const Key *k = nullptr, *v = nullptr;
  int64_t k_stride = 0, v_stride = 0;  // in elements
};

/// `keys_of(index)` gives {k, v, k_stride, v_stride} of a span. Behind the tiles of all spans come empty ones, up to as many as these spans
/// could ever take of q's rows: passes that differ in the rows of their branches then have equal grids.
template <class Key, class KeysOf>
std::vector<QueryTile<Key>> query_tiles(int64_t q_rows, std::span<const AttentionSpan> spans, int64_t rows, KeysOf keys_of) {
  std::vector<QueryTile<Key>> tiles;
  for (size_t i = 0; i < spans.size(); i++) {
    const AttentionSpan& s = spans[i];
    const auto [k, v, k_stride, v_stride] = keys_of(i);
    for (int64_t from = 0; from < s.count; from += rows)
      tiles.push_back(
          {s.first + from, static_cast<int32_t>(std::min(rows, s.count - from)), static_cast<int32_t>(s.k.rows), k, v, k_stride, v_stride});
  }
  const auto most = static_cast<size_t>(q_rows / rows) + spans.size();
  if (tiles.size() < most) tiles.resize(most);
  return tiles;
}

}  // namespace dimoo::cuda

// llama.cpp's converter reorders the rows of Q and K within each head so that its rotary can work on neighbouring pairs: its row
// 2 j + i is the original's row i * head_dim/2 + j (i = 0, 1). Blocks of quantised types lie within rows, so rows move whole.
// Undoing it costs a private copy of these two matrices per block (15 % of the released model's transformer); the file's own
// pages are read once and stay reclaimable.
#pragma once
#include <vector>

#include "device/device.h"
#include "model/hyperparameters.h"

namespace dimoo {

/// The original's row that lies at `row` of llama.cpp's order.
inline int64_t half_split_row(int64_t row, int64_t head_dim) {
  const int64_t within = row % head_dim;
  return row - within + within % 2 * (head_dim / 2) + within / 2;
}

/// A copy of Q or K (heads * head_dim rows) in the original's order.
std::vector<std::byte> half_split_rows(const HostTensor& tensor, int64_t head_dim);

/// Bytes of all such copies of a checkpoint; 0 where its rows lie as in the original.
int64_t half_split_bytes(const Hyperparameters& hyper, const Source& source);

}  // namespace dimoo

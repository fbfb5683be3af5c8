// A plain reordering: no value is decoded.
#include "model/rotary_rows.h"

#include <cstring>

namespace dimoo {

std::vector<std::byte> half_split_rows(const HostTensor& tensor, int64_t head_dim) {
  if (head_dim < 2 || head_dim % 2 || tensor.rows % head_dim)
    fail(Code::internal, tensor.name, ": expected rows in heads of ", head_dim, ", got ", tensor.rows);
  const int64_t row_bytes = type_bytes(tensor.type, tensor.cols);
  std::vector<std::byte> copy(static_cast<size_t>(tensor.bytes()));
  for (int64_t row = 0; row < tensor.rows; row++)
    std::memcpy(copy.data() + half_split_row(row, head_dim) * row_bytes, tensor.data + row * row_bytes, static_cast<size_t>(row_bytes));
  return copy;
}

int64_t half_split_bytes(const Hyperparameters& hyper, const Source& source) {
  if (hyper.rotary_rows == RotaryRows::half_split) return 0;
  int64_t bytes = 0;
  for (const SourceTensor& tensor : source.tensors())
    if (tensor.name.ends_with(".attn_q.weight") || tensor.name.ends_with(".attn_k.weight")) bytes += tensor.bytes;
  return bytes;
}

}  // namespace dimoo

// A branch is walked by position; nothing is laid out twice.
#include "diffusion/layout.h"

namespace dimoo {

int64_t Layout::sequence(int64_t branch) const {
  const auto b = static_cast<size_t>(branch);
  return static_cast<int64_t>(prefixes[b].size()) + target() + static_cast<int64_t>(suffixes[b].size());
}

int64_t Layout::all_rows() const {
  int64_t all = 0;
  for (int64_t branch = 0; branch < branches(); branch++) all += sequence(branch);
  return all;
}

int64_t Layout::position(int64_t branch, int64_t cell) const {
  return static_cast<int64_t>(prefixes[static_cast<size_t>(branch)].size()) + cell + (row_ends ? cell / columns : 0);
}

int32_t Layout::token(int64_t branch, int64_t position, const std::vector<int32_t>& cells) const {
  const auto& prefix = prefixes[static_cast<size_t>(branch)];
  const auto before = static_cast<int64_t>(prefix.size());
  if (position < before) return prefix[static_cast<size_t>(position)];
  const int64_t at = position - before, width = columns + row_ends;
  if (at >= target()) return suffixes[static_cast<size_t>(branch)][static_cast<size_t>(at - target())];
  if (at % width == columns) return row_end_token;
  const int32_t value = cells[static_cast<size_t>(at / width * columns + at % width)];
  return value < 0 ? mask_token : offset + value;
}

}  // namespace dimoo

// Where the cells of a target lie in the sequences that the network sees (docs/model.md#sequences). A sequence is
// prefix + target + suffix, one per branch; branches share the target. A picture's rows of cells are each closed by the row-end
// token; an answer is one row without an end. A cell's vocabulary id is `offset` + its value.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dimoo {

struct Layout {
  std::vector<std::vector<int32_t>> prefixes, suffixes;  // one per branch, conditional first
  int64_t rows = 0, columns = 0;
  bool row_ends = true;
  int32_t mask_token = 0, row_end_token = 0, offset = 0;

  int64_t cells() const { return rows * columns; }
  int64_t branches() const { return static_cast<int64_t>(prefixes.size()); }
  int64_t target() const { return rows * (columns + row_ends); }  // tokens
  int64_t sequence(int64_t branch) const;                         // tokens of that branch
  int64_t all_rows() const;                                       // tokens of all branches
  /// Index of a cell within the sequence of a branch.
  int64_t position(int64_t branch, int64_t cell) const;
  /// Token at a position of a branch; cells hold values, -1 = masked.
  int32_t token(int64_t branch, int64_t position, const std::vector<int32_t>& cells) const;
};

}  // namespace dimoo

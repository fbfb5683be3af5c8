// How many cells stay masked after each step (docs/model.md#schedule). Pure arithmetic, in the original's fp32.
#pragma once
#include <cstdint>
#include <vector>

namespace dimoo {

/// Cells that stay masked after `step` of `steps`: max(1, floor(masked * cos(pi/2 * (step+1)/steps))), 0 after the last.
int64_t cosine_keep(int64_t masked, int64_t step, int64_t steps);
/// The fp32 ratio cos(pi/2 * (step+1)/steps) behind it.
float cosine_ratio(int64_t step, int64_t steps);

struct Schedule {
  enum class Kind { cosine, linear, table };
  Kind kind = Kind::cosine;
  std::vector<float> table;  // share still masked after each step, for Kind::table

  int64_t keep(int64_t masked, int64_t step, int64_t steps) const;
};

}  // namespace dimoo

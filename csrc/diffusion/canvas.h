// One picture being decoded: which cells are fixed, what goes into the network next, what comes out of a step. Pure logic.
// A sequence is prefix + rows of cells, each closed by the row-end token, + suffix (golden README section 5); branches differ
// only in their prefix.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "diffusion/schedule.h"

namespace dimoo {

/// What all pictures of a run share.
struct CanvasLayout {
  std::vector<std::vector<int32_t>> prefixes;  // one per branch, conditional first
  std::vector<int32_t> suffix;
  int64_t rows = 0, columns = 0;
  int32_t mask_token = 0, row_end_token = 0, code_offset = 0;

  int64_t cells() const { return rows * columns; }
  int64_t branches() const { return static_cast<int64_t>(prefixes.size()); }
  int64_t sequence(int64_t branch) const;  // tokens of that branch
  /// Index of a cell within the sequence of a branch.
  int64_t position(int64_t branch, int64_t cell) const;
};

class Canvas {
 public:
  /// `cells`: codes, -1 where masked.
  Canvas(std::shared_ptr<const CanvasLayout> layout, std::vector<int32_t> cells, Schedule schedule, int64_t steps, uint64_t seed);

  bool done() const { return masked_.empty() || step_ >= steps_; }
  int64_t step() const { return step_; }
  int64_t steps() const { return steps_; }
  uint64_t seed() const { return seed_; }
  const std::vector<int32_t>& cells() const { return cells_; }    // codes, -1 = masked
  const std::vector<int32_t>& guess() const { return guess_; }    // codes; the model's present guess where masked
  const std::vector<int32_t>& masked() const { return masked_; }  // masked cells, ascending
  /// Cells that stay masked after the step to come.
  int64_t keep() const;
  /// Appends one branch's tokens with their positions to a pass.
  void append(int64_t branch, std::vector<int32_t>& tokens, std::vector<int32_t>& positions) const;

  /// Takes a step's outcome, in the order of masked(): code, confidence and whether the cell stays masked. Returns the
  /// cells fixed by it, ascending, with their confidence.
  struct Fixed {
    std::vector<uint32_t> cells;
    std::vector<float> confidence;
  };
  Fixed apply(const std::vector<int32_t>& codes, const std::vector<float>& confidence, const std::vector<uint8_t>& stays);

 private:
  std::shared_ptr<const CanvasLayout> layout_;
  std::vector<int32_t> cells_, guess_, masked_;
  Schedule schedule_;
  int64_t steps_ = 0, step_ = 0, masked_at_start_ = 0;
  uint64_t seed_ = 0;
};

}  // namespace dimoo

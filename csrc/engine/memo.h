// What reuse keeps of one canvas between steps (docs/contracts.md#memory): per branch the keys and values of all rows; for ML-Cache also
// the largest logit of every row, the logits of the cells still masked, and the rows that the next cached step computes.
#pragma once
#include <memory>

#include "diffusion/canvas.h"
#include "model/kv_cache.h"

namespace dimoo {

class Memo {
 public:
  /// Memory for the keys and values of every branch.
  Memo(Device& device, const Hyperparameters& hyper, DType kv_type, const Layout& layout);

  static int64_t kv_bytes(const Hyperparameters& hyper, DType kv_type, const Layout& layout);
  /// `wanted` cells of which logits of `width` values are kept, for every branch, and the largest logit of every row.
  static int64_t logits_bytes(const Layout& layout, int64_t wanted, int64_t width);

  const KvCache& kv(int64_t branch) const { return branches_[static_cast<size_t>(branch)].kv; }
  /// Rows that the next cached step computes.
  const std::vector<int32_t>& rows(int64_t branch) const { return branches_[static_cast<size_t>(branch)].rows; }
  /// A full step begins that surveys: room for all maxima and for the logits of the cells it wants.
  void begin(const Canvas& canvas, int64_t width);
  /// Rows of `logits(branch)` that belong to these cells.
  std::vector<int32_t> slots(const std::vector<int32_t>& cells) const;
  Tensor logits(int64_t branch) const;
  /// (n, 1): the largest logit of every row as it was last computed, on the device.
  Tensor maxima(int64_t branch) const;
  /// The rows of the next cached step, once a survey is done.
  void choose(int64_t branch, std::vector<int32_t> rows) { branches_[static_cast<size_t>(branch)].rows = std::move(rows); }

 private:
  struct Branch {
    KvCache kv;
    Buffer maxima;
    std::vector<int32_t> rows;
  };
  Device& device_;
  std::vector<Branch> branches_;
  Buffer logits_;
  std::vector<int32_t> slot_;  // per cell its row, -1 = none
  int64_t wanted_ = 0, width_ = 0;
};

}  // namespace dimoo

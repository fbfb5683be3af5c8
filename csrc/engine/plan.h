// Memory is planned before a run starts (docs/contracts.md#memory): what does not fit is refused with both numbers.
#pragma once
#include "engine/run.h"

namespace dimoo {

/// What a run needs at once.
struct RunShape {
  int64_t pass_rows = 0;                    // rows of its largest pass
  int64_t code_rows = 0, text_rows = 0;     // of those, rows whose logits over codes or over the vocabulary lie in memory together
  int64_t held_kv = 0, held_logits = 0;     // bytes that reuse keeps between steps
  int64_t grid_rows = 0, grid_columns = 0;  // of one picture
};

struct MemoryPlan {
  int64_t weights = 0, panels = 0, kv = 0, logits = 0, activations = 0, vq = 0;
  int64_t copied = 0;  // of the weights, on a device that holds its own; they are mapped then too, but need not stay
  int64_t available = 0;
  int64_t vq_maps = -1;  // bytes that the image tokenizer's maps may take at once; -1: all of a picture's, no strips
  /// What must be there besides mapped weights.
  int64_t needed() const { return copied + panels + kv + logits + activations + vq; }
  int64_t total() const { return (copied > 0 ? 0 : weights) + needed(); }
  bool fits() const { return needed() <= available; }
};

/// Panels are what is free after the rest, at most what packing everything takes and at most `panel_budget`.
MemoryPlan plan_memory(const Device& device, const Hyperparameters& hyper, const Source& source, Precision precision, const RunShape& shape,
                       int64_t panel_budget, int64_t available);

/// One canvas of a request, keys and values kept in this type.
RunShape canvas_shape(const Hyperparameters& hyper, DType kv_type, const RunRequest& request);
/// `images` of them: as many at once as the budget of a pass holds, at least one; what reuse keeps is kept for all.
RunShape times(const RunShape& one, int64_t images, int64_t budget);
/// Both at once: they share passes up to the budget.
RunShape together(const RunShape& a, const RunShape& b, int64_t budget);

/// What the device may hold in all: what is free and what it has already, at most `limit` unless that is negative.
int64_t available_bytes(const Device& device, int64_t limit);

int64_t weight_bytes(const Source& source);

/// Budget for panels unless one is stated: the weights' size, but at least 64 MiB.
int64_t default_panel_budget(const Source& source);

}  // namespace dimoo

// Sums of what the parts say of themselves; no part is guessed.
#include "engine/plan.h"

#include <algorithm>

#include "model/backbone.h"
#include "model/rotary_rows.h"
#include "model/vq.h"

namespace dimoo {

int64_t weight_bytes(const Source& source) {
  int64_t bytes = 0;
  for (const SourceTensor& tensor : source.tensors()) bytes += tensor.bytes;
  return bytes;
}

int64_t default_panel_budget(const Source& source) { return std::max<int64_t>(weight_bytes(source), int64_t{64} << 20); }

int64_t picture_rows(int64_t branches, int64_t prompt_tokens, int64_t rows, int64_t columns) {
  return branches * (prompt_tokens + 4 + rows * (columns + 1));
}

RunShape run_shape(int64_t images, int64_t picture_rows, int64_t heads, int64_t rows, int64_t columns, int64_t budget) {
  const int64_t at_once = std::clamp<int64_t>(budget / picture_rows, 1, images);
  return {at_once * picture_rows, at_once * heads, rows, columns};
}

RunShape together(const RunShape& a, const RunShape& b, int64_t budget) {
  RunShape both = a.grid_rows * a.grid_columns < b.grid_rows * b.grid_columns ? b : a;
  both.pass_rows = std::max({a.pass_rows, b.pass_rows, std::min(a.pass_rows + b.pass_rows, budget)});
  both.head_rows = std::min(a.head_rows + b.head_rows, both.pass_rows);
  return both;
}

int64_t available_bytes(const Device& device, int64_t limit) {
  const MemoryReport memory = device.memory();
  const int64_t there = memory.free + memory.used;
  return limit >= 0 ? std::min(there, limit) : there;
}

MemoryPlan plan_memory(const Device& device, const Hyperparameters& hyper, const Source& source, Precision precision, const RunShape& shape,
                       int64_t panel_budget, int64_t available) {
  MemoryPlan plan;
  plan.weights = weight_bytes(source) + half_split_bytes(hyper, source);
  plan.kv = Backbone::kv_bytes(hyper, shape.pass_rows);
  plan.logits = Backbone::logits_bytes(hyper, shape.head_rows, Slice::codes);
  plan.activations = Backbone::activation_bytes(hyper, shape.pass_rows) + device.scratch_bytes(shape.pass_rows, hyper.d_model, hyper.mlp);
  if (hyper.has_images()) plan.vq = Vq::workspace_bytes(hyper.vq, shape.grid_rows, shape.grid_columns);
  plan.available = available;
  const int64_t all = Backbone::panel_bytes(device, hyper, source, precision) + Vq::panel_bytes(device, source);
  if (panel_budget < all && hyper.has_images()) plan.vq += Vq::largest_panel_bytes(device, source);
  plan.panels = std::clamp<int64_t>(available - plan.needed(), 0, std::min(panel_budget, all));
  return plan;
}

}  // namespace dimoo

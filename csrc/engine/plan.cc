// Sums of what the parts say of themselves; no part is guessed.
#include "engine/plan.h"

#include <algorithm>

#include "engine/pass.h"
#include "model/rotary_rows.h"
#include "model/vq.h"

namespace dimoo {

int64_t weight_bytes(const Source& source) {
  int64_t bytes = 0;
  for (const SourceTensor& tensor : source.tensors()) bytes += tensor.bytes;
  return bytes;
}

int64_t default_panel_budget(const Source& source) { return std::max<int64_t>(weight_bytes(source), int64_t{64} << 20); }

RunShape canvas_shape(const Hyperparameters& hyper, DType kv_type, const RunRequest& request) {
  const Layout& layout = *request.layout;
  const bool picture = request.picture() != nullptr;
  const int64_t wanted = picture ? layout.cells() : request.answer()->block;
  RunShape shape;
  shape.pass_rows = layout.all_rows();
  (picture ? shape.code_rows : shape.text_rows) = layout.branches() * wanted;
  if (request.reuse->keeps_rows()) shape.held_kv = Memo::kv_bytes(hyper, kv_type, layout);
  if (request.reuse->keeps_logits()) shape.held_logits = Memo::logits_bytes(layout, wanted, picture ? hyper.vq.codebook_size : hyper.vocab);
  if (picture) shape.grid_rows = layout.rows, shape.grid_columns = layout.columns;
  return shape;
}

RunShape times(const RunShape& one, int64_t images, int64_t budget) {
  RunShape all = one;
  const int64_t at_once = std::clamp<int64_t>(budget / one.pass_rows, 1, images);
  all.pass_rows *= at_once, all.code_rows *= at_once, all.text_rows *= at_once;
  all.held_kv *= images, all.held_logits *= images;
  return all;
}

RunShape together(const RunShape& a, const RunShape& b, int64_t budget) {
  RunShape both = a.grid_rows * a.grid_columns < b.grid_rows * b.grid_columns ? b : a;
  both.pass_rows = std::max({a.pass_rows, b.pass_rows, std::min(a.pass_rows + b.pass_rows, budget)});
  both.code_rows = std::min(a.code_rows + b.code_rows, both.pass_rows);
  both.text_rows = std::min(a.text_rows + b.text_rows, both.pass_rows);
  both.held_kv = a.held_kv + b.held_kv, both.held_logits = a.held_logits + b.held_logits;
  return both;
}

int64_t available_bytes(const Device& device, int64_t limit) {
  const MemoryReport memory = device.memory();
  const int64_t there = memory.free + memory.used;
  return limit >= 0 ? std::min(there, limit) : there;
}

namespace {

/// The image tokenizer is f32 there, the rest is as stored.
int64_t copied_bytes(const Device& device, const Source& source) {
  int64_t bytes = 0;
  if (!device.copies_weights()) return bytes;
  for (const SourceTensor& tensor : source.tensors()) bytes += tensor.name.starts_with("vq.") ? tensor.values() * 4 : tensor.bytes;
  return bytes;
}

/// A picture's maps at once where there is room for them, in strips otherwise.
void plan_vq(const Device& device, const Hyperparameters& hyper, const Source& source, const RunShape& shape, bool packs,
             MemoryPlan& plan) {
  const int64_t packed = packs ? Vq::largest_panel_bytes(device, source) : 0;
  const auto maps = [&](int64_t budget) { return Vq::workspace_bytes(hyper.vq, shape.grid_rows, shape.grid_columns, budget); };
  plan.vq = packed + maps(-1);
  if (plan.fits()) return;
  plan.vq = packed;
  plan.vq_maps = std::max<int64_t>(0, plan.available - plan.needed());
  plan.vq += maps(plan.vq_maps);
}

}  // namespace

MemoryPlan plan_memory(const Device& device, const Hyperparameters& hyper, const Source& source, Precision precision, const RunShape& shape,
                       int64_t panel_budget, int64_t available) {
  MemoryPlan plan;
  const int64_t rows = device.filled_rows(shape.pass_rows);
  plan.weights = weight_bytes(source) + half_split_bytes(hyper, source);
  plan.copied = copied_bytes(device, source);
  plan.kv = Backbone::kv_bytes(hyper, Backbone::kv_type(device, hyper, source, precision), rows) + shape.held_kv;
  plan.logits = shape.held_logits;
  if (shape.held_logits > 0)
    plan.logits += Pass::kept_logits_bytes(hyper, shape.pass_rows, shape.text_rows > 0 ? Slice::vocabulary : Slice::codes);
  else
    plan.logits +=
        std::max(Pass::logits_bytes(hyper, shape.code_rows, Slice::codes), Pass::logits_bytes(hyper, shape.text_rows, Slice::vocabulary));
  plan.activations =
      Backbone::activation_bytes(device, hyper, source, precision, rows) + device.scratch_bytes(rows, hyper.d_model, hyper.mlp);
  plan.available = available;
  const int64_t all = Backbone::panel_bytes(device, hyper, source, precision) + Vq::panel_bytes(device, source);
  if (shape.grid_rows > 0) plan_vq(device, hyper, source, shape, panel_budget < all, plan);
  plan.panels = std::clamp<int64_t>(available - plan.needed(), 0, std::min(panel_budget, all));
  return plan;
}

}  // namespace dimoo

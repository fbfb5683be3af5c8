#include "engine/admission.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/size_text.h"

namespace dimoo {
namespace {

/// Everything that a plan of one run goes by.
struct Planner {
  const Device& device;
  const Weights& weights;
  const LoadOptions& options;
  const RunRequest& request;
  int64_t images = static_cast<int64_t>(request.seeds.size());
  RunShape one = canvas_shape(weights.hyper, Backbone::kv_type(device, weights.hyper, *weights.source, weights.precision), request);
  int64_t available = available_bytes(device, options.max_host_bytes);  // asks the system: once is enough

  MemoryPlan plan(const RunShape& shape) const {
    const int64_t panels = options.panel_bytes >= 0 ? options.panel_bytes : default_panel_budget(*weights.source);
    return plan_memory(device, weights.hyper, *weights.source, weights.precision, shape, panels, available);
  }
  /// Mates fill a pass to its budget.
  RunShape among_mates(int64_t budget) const {
    RunShape all = times(one, images, 1);
    if (budget <= one.pass_rows) return all;
    // Of a text pass with reuse every row may be read, of any other no larger a share than of one run.
    const auto share = [&](int64_t rows) {
      return rows == 0 || !request.reuse->keeps_rows() ? (budget * rows + one.pass_rows - 1) / one.pass_rows : budget;
    };
    all.pass_rows = budget, all.code_rows = share(one.code_rows), all.text_rows = share(one.text_rows);
    return all;
  }
};

/// What there is, and whether the caller set that limit.
std::string room_text(const Device& device, const LoadOptions& options, int64_t available) {
  const MemoryReport memory = device.memory();
  const bool own = options.max_host_bytes >= 0 && options.max_host_bytes < memory.free + memory.used;
  return text(device.id(), " has ", size_text(available), own ? " of the limit that memory.maxHostBytes sets" : "");
}

}  // namespace

Admission plan_run(const Device& device, const Weights& weights, const LoadOptions& options, const RunRequest& request) {
  const Planner planner{device, weights, options, request};
  const int64_t own = planner.one.pass_rows;
  Admission admission;
  admission.budget = options.row_budget(device);
  while (admission.budget > own && !planner.plan(planner.among_mates(admission.budget)).fits())
    admission.budget = std::max(own, admission.budget / 2);
  const MemoryPlan least = planner.plan(times(planner.one, planner.images, 1));
  admission.plan = least.fits() ? planner.plan(times(planner.one, planner.images, admission.budget)) : least;
  admission.vq_maps = least.vq_maps;
  admission.held = (planner.one.held_kv + planner.one.held_logits) * planner.images;
  admission.room = planner.available - (least.needed() - least.panels - admission.held);
  return admission;
}

MemoryPlan plan_runs(const Device& device, const Weights& weights, const LoadOptions& options, std::span<const RunRequest> requests) {
  int64_t budget = options.row_budget(device);
  std::vector<Planner> planners;
  planners.reserve(requests.size());
  for (const RunRequest& request : requests) {
    budget = std::min(budget, plan_run(device, weights, options, request).budget);
    planners.push_back({device, weights, options, request});
  }
  const auto plan = [&] {
    RunShape all;
    for (const Planner& planner : planners) all = together(all, times(planner.one, planner.images, budget), budget);
    return planners.front().plan(all);
  };
  MemoryPlan found = plan();
  while (!found.fits() && budget > 1) budget /= 2, found = plan();
  return found;
}

Admission admit_run(const Device& device, const Weights& weights, const LoadOptions& options, const RunRequest& request) {
  Admission admission = plan_run(device, weights, options, request);
  const MemoryPlan& plan = admission.plan;
  if (plan.fits()) return admission;
  const bool picture = request.picture() != nullptr;
  const size_t images = request.seeds.size();
  throw Error(Code::device_out_of_memory,
              text(picture ? "a picture of " : "an answer of ", request.layout->columns, " x ", request.layout->rows,
                   picture ? " cells" : " tokens", images > 1 ? text(" (", images, " of them)") : std::string(), " needs ",
                   size_text(plan.needed()), ", ", room_text(device, options, plan.available)),
              plan.needed(), plan.available);
}

VqAdmission admit_vq(const Device& device, const Weights& weights, const LoadOptions& options, const char* what, int64_t columns,
                     int64_t rows) {
  const VqHyperparameters& vq = weights.hyper.vq;
  const int64_t scale = vq.scale(), pixels = rows * columns * scale * scale;
  VqAdmission admission;
  admission.available = std::max<int64_t>(0, available_bytes(device, options.max_host_bytes) - device.memory().used);
  const int64_t kernels = Vq::largest_panel_bytes(device, *weights.source), rgb = pixels * 3 * (1 + 4);  // bytes, and as f32
  admission.maps = std::max<int64_t>(0, admission.available - Vq::panel_bytes(device, *weights.source) - rgb);
  const int64_t whole = Vq::workspace_bytes(vq, rows, columns, admission.maps);
  admission.needed = kernels + rgb + whole;
  if (admission.needed > admission.available)
    throw Error(Code::device_out_of_memory,
                text(what, " of ", columns * scale, " x ", rows * scale, " pixels needs ", size_text(admission.needed), ", ",
                     room_text(device, options, admission.available)),
                admission.needed, admission.available);
  return admission;
}

}  // namespace dimoo

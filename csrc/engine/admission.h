// Which memory a run is admitted with: the plan it goes by, and what of the device's memory that leaves to it and to others.
#pragma once
#include <span>

#include "engine/load_options.h"
#include "engine/plan.h"
#include "engine/weights.h"

namespace dimoo {

struct Admission {
  MemoryPlan plan;       // as it runs; where nothing fits, the least that it would need
  int64_t budget = 0;    // rows of a pass that it may share: fewer where memory is short, its own at least
  int64_t held = 0;      // bytes that reuse keeps while it is under way
  int64_t room = 0;      // bytes that all such runs may keep together
  int64_t vq_maps = -1;  // bytes of the image tokenizer's maps (MemoryPlan)
};

/// The request was checked.
Admission plan_run(const Device& device, const Weights& weights, const LoadOptions& options, const RunRequest& request);
/// One or more of them, under way at the same time: of one, the plan that it is admitted with.
MemoryPlan plan_runs(const Device& device, const Weights& weights, const LoadOptions& options, std::span<const RunRequest> requests);
/// device/out-of-memory with both numbers where its plan does not fit.
Admission admit_run(const Device& device, const Weights& weights, const LoadOptions& options, const RunRequest& request);

/// What one picture through the image tokenizer needs at once: its maps within what is free, its packed kernels, and its pixels here.
struct VqAdmission {
  int64_t needed = 0, available = 0;
  int64_t maps = 0;  // bytes that its maps may take
};
/// device/out-of-memory naming `what` where that does not fit. `columns` x `rows` cells.
VqAdmission admit_vq(const Device& device, const Weights& weights, const LoadOptions& options, const char* what, int64_t columns,
                     int64_t rows);

}  // namespace dimoo

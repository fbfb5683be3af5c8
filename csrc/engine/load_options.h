// How a checkpoint is bound to a device and how its runs share it.
#pragma once
#include <cstdint>
#include <string>

#include "device/device.h"
#include "engine/scheduler.h"

namespace dimoo {

/// plans: nothing is bound to the device, so that a checkpoint may be looked at that would not fit on it.
enum class Use { runs, plans };

struct LoadOptions {
  std::string source, device = "cpu", variant;
  Precision precision = Precision::fast;
  int threads = 0;                                // 0: as many as this process may use
  int64_t max_host_bytes = -1, panel_bytes = -1;  // -1: what there is; what suits
  int64_t max_rows_per_pass = 0;                  // 0: about where the device's throughput saturates
  int64_t max_active = 64, max_queue = 1024;      // runs under way at once, and beyond them
  Policy policy = Policy::fair;
  int64_t batch_window_ms = 0;
  Use use = Use::runs;

  int64_t row_budget(const Device& on) const { return max_rows_per_pass > 0 ? max_rows_per_pass : on.saturating_rows(); }
};

}  // namespace dimoo

// How fast this machine multiplies the weights of a checkpoint: one layer of it, a few seconds. An estimate of what a step costs before
// anybody waits for one; `bench` measures the real thing.
#pragma once
#include "base/cancel.h"
#include "engine/load_options.h"

namespace dimoo {

struct SpeedOptions {
  LoadOptions load;
  double seconds = 5;
};

struct SpeedReport {
  int64_t rows = 0, passes = 0;
  double seconds = 0;                // median of the passes
  double operations = 0;             // of one pass: multiplications and additions
  double operations_per_second = 0;  // what a step of any size may count on
};

/// model/*, device/*, aborted.
SpeedReport speed(const SpeedOptions& options, const CancelToken& cancel);

}  // namespace dimoo

// `planMemory` for a checkpoint that is not loaded: what runs of these sizes would need together.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/load_options.h"
#include "engine/plan.h"

namespace dimoo {

struct PlannedRun {
  std::optional<int64_t> width, height;  // pixels; by default the checkpoint's
  int64_t images = 1, prompt_tokens = 64;
  int64_t text_tokens = 0;  // an answer of so many tokens in place of pictures
  double guidance = 1;
  bool cache = false;
};
struct RunsPlan {
  MemoryPlan memory;
  std::vector<std::string> warnings;  // runs of more positions than the checkpoint states
};
/// Of no runs: of one with every default.
RunsPlan plan_runs(const LoadOptions& load, std::vector<PlannedRun> runs);

}  // namespace dimoo

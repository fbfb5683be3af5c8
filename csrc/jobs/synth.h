// `dimoo synth`: random models of the right shapes and sizes, for benches and tests. Weights are uniform and scaled so that
// activations stay near 1; the same seed gives the same values on any number of threads.
#pragma once
#include <string>

#include "base/cancel.h"
#include "base/progress.h"
#include "jobs/stored_type.h"

namespace dimoo {

/// llada: the transformer alone as llama.cpp's text architecture: the same values of the same seed, rows of Q and K in llama.cpp's order.
enum class SynthLayout { dimoo, llada };

struct SynthOptions {
  std::string shape;  // tiny, 0.5b, 2b or 8b
  std::string output;
  TypeRules types;
  uint64_t seed = 0;
  SynthLayout layout = SynthLayout::dimoo;
  int threads = 0;  // 0: as many as this process may use
};

struct SynthReport {
  int64_t tensors = 0, bytes = 0;
};

/// request/invalid, output/failed, aborted.
SynthReport synth(const SynthOptions& options, const Progress& progress, const CancelToken& cancel);

}  // namespace dimoo

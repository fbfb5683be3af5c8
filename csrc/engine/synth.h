// `dimoo synth`: random models of the right shapes and sizes, for benches and tests. Weights are uniform and scaled so that
// activations stay near 1; the same seed gives the same values on any number of threads.
#pragma once
#include "base/cancel.h"
#include "base/json.h"
#include "engine/progress.h"

namespace dimoo {

/// {shape: "tiny" | "0.5b" | "2b" | "8b", output, type, seed, layout?: "dimoo" | "llada", threads?} -> {tensors, bytes}.
/// `llada` writes the transformer alone as llama.cpp's text architecture: the same values of the same seed, rows of Q and K in
/// llama.cpp's order. request/invalid, output/failed, aborted.
Json synth(const Json& options, const Progress& progress, const CancelToken& cancel);

}  // namespace dimoo

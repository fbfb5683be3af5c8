// `dimoo convert`: any source to one GGUF file of a chosen type, streaming in bounded memory. The output appears complete or
// not at all.
#pragma once
#include "base/cancel.h"
#include "base/json.h"
#include "engine/progress.h"

namespace dimoo {

/// {source, output, type, vqType?, threads?} -> {tensors, bytes, fallbacks: [{name, type}], ignored: [name], seconds}.
/// `ignored`: tensors of the source that the model does not use. model/*, request/invalid, output/failed, aborted.
Json convert(const Json& options, const Progress& progress, const CancelToken& cancel);

}  // namespace dimoo

// Loading a model, with a look at every weight where that is asked for.
#pragma once
#include <memory>

#include "base/progress.h"
#include "engine/model.h"

namespace dimoo {

/// sizes: headers only. full: every weight is read once, and one that is not finite refused by name.
enum class Verify { sizes, full };

/// Phases: "open", "upload" (to a device with memory of its own), "verify", "read" once all is done. model/*, device/*, aborted.
std::shared_ptr<Model> load_model(const LoadOptions& options, Verify verify, const Progress& progress, const CancelToken& cancel);

}  // namespace dimoo

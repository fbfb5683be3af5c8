// What `inspectDevices`, `planMemory`, `dimoo doctor` and a loaded model say, as JSON.
#pragma once
#include "base/cancel.h"
#include "base/json.h"
#include "engine/engine.h"

namespace dimoo {

/// [{id, usable, reason?, name, totalBytes, freeBytes, computeCapability?, driverVersion?, requiredDriverVersion?}]
Json devices_report();
/// {source, device, precision, memory?, runs: [{width, height, images, promptTokens, guidance?}]} -> MemoryPlan for all of them at once.
Json plan_report(const Json& options);
/// {cpu: {name, features, threads, variants: [{op, chosen, available}]}, cuda: {...}, verify?: engine/variant_errors.h}
Json doctor_report(const Json& options, const CancelToken& cancel);
/// {compiler, sanitizer, cuda, cudaArchitectures}
Json build_report(const char* compiler, const char* sanitizer);
/// {name, architecture, format, weights}: what a checkpoint is; `weights` is the type of most of its blocks' bytes.
Json source_report(const Source& source, const Hyperparameters& hyper);
/// ModelInfo of lib/native/info.ts.
Json model_report(const Model& model);
/// SchedulerStats of lib/model.ts.
Json stats_report(const Model& model);
/// The options of `load` (NativeLoadOptions of lib/native/binding.ts).
LoadOptions parse_load_options(const Json& options);

}  // namespace dimoo

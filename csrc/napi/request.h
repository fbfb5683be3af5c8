// NativeRequest of lib/native/binding.ts as the core's RunRequest. Tags and types are checked here, bounds by the model.
#pragma once
#include <napi.h>

#include "engine/run_request.h"

namespace dimoo::napi {

/// Throws request/invalid naming the field that is absent or of another type.
RunRequest parse_request(const Napi::Object& object, const Hyperparameters& hyper);
/// "exact" or "present".
Resume resume_named(const std::string& name);

}  // namespace dimoo::napi

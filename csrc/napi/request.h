// NativeRequest of lib/native/binding.ts as the core's RunRequest. Tags and types are checked here, bounds by the model.
#pragma once
#include <napi.h>

#include "engine/run.h"

namespace dimoo::napi {

/// Throws request/invalid naming the field that is absent or of another type.
RunRequest parse_request(const Napi::Object& object, const Hyperparameters& hyper);

}  // namespace dimoo::napi

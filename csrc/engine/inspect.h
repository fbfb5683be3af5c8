// `dimoo inspect`: what a checkpoint holds. Headers only, unless asked to verify, which reads every weight once.
#pragma once
#include "base/cancel.h"
#include "base/json.h"
#include "engine/progress.h"

namespace dimoo {

/// {source, verify?} -> {format, architecture, path, bytes, settings, tensors: [{name, type, shape, bytes}],
/// types: {type: {count, bytes}}, parameters, verify?: {ok, nonFinite: [{tensor, count}]}}. Tensors carry their GGUF names,
/// shapes are outermost first; long texts and arrays of the settings are given as their length. model/* for what is no model.
Json inspect(const Json& options, const Progress& progress, const CancelToken& cancel);

}  // namespace dimoo

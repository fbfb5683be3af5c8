// The one asynchronous mechanism: work on a thread of its own, a promise settled through the doorbell, and a way to cancel.
#pragma once
#include <functional>

#include "base/progress.h"
#include "napi/addon_data.h"

namespace dimoo::napi {

/// Makes the result on the environment's thread.
using Settle = std::function<Napi::Value(Napi::Env)>;
/// Runs on the job's thread; returns how to make the result.
using Work = std::function<Settle(const Progress& progress, const std::shared_ptr<CancelToken>& cancel)>;

/// {promise, cancel()}. `progress` (a function taking JSON text, or undefined) hears at most one report per wake-up.
Napi::Value start_job(Napi::Env env, Napi::Value progress, Work work);

}  // namespace dimoo::napi

// Picture arithmetic of lib/native/binding.ts, each call a job on a thread of its own.
#pragma once
#include <napi.h>

namespace dimoo::napi {

/// Adds resize, crop, canny and composite.
void export_image_jobs(Napi::Object exports);

}  // namespace dimoo::napi

// The options of jobs and of loading, JSON text of lib/native/binding.ts, as the structs that jobs take. request/invalid names the option.
#pragma once
#include "base/json.h"
#include "jobs/bench.h"
#include "jobs/convert.h"
#include "jobs/export.h"
#include "jobs/inspect.h"
#include "jobs/load.h"
#include "jobs/speed.h"
#include "jobs/synth.h"

namespace dimoo::napi {

LoadOptions load_options(const Json& options);
Verify verify_option(const Json& options);
ConvertOptions convert_options(const Json& options);
ExportOptions export_options(const Json& options);
SynthOptions synth_options(const Json& options);
InspectOptions inspect_options(const Json& options);
BenchOptions bench_options(const Json& options);
DoctorOptions doctor_options(const Json& options);
SpeedOptions speed_options(const Json& options);

}  // namespace dimoo::napi

// What jobs and models report, as the JSON of lib/native/binding.ts. Field names are the API's.
#pragma once
#include "base/json.h"
#include "engine/plan.h"
#include "jobs/bench.h"
#include "jobs/convert.h"
#include "jobs/export.h"
#include "jobs/inspect.h"
#include "jobs/reports.h"
#include "jobs/speed.h"
#include "jobs/synth.h"

namespace dimoo::napi {

/// {tensors, bytes, fallbacks: [{name, type}], ignored: [name], seconds}
Json to_json(const ConvertReport& report);
/// {tensors, bytes, files, seconds}
Json to_json(const ExportReport& report);
/// {tensors, bytes}
Json to_json(const SynthReport& report);
/// {format, architecture, path, bytes, settings, tensors: [{name, type, shape, bytes}], types: {type: {count, bytes}}, parameters,
/// verify?: {ok, nonFinite: [{tensor, count}], zeros: [tensor]}}
Json to_json(const InspectReport& report);
/// {name, architecture, format, weights, device, processor, threads, precision, variants: {op: name}, rows, repetitions, medianSeconds,
/// rowsPerSecond, rowsPerSecondAllRows, gigaOperations, phases: {name: seconds}, ceilings: {f32, bf16, int8} in Gop/s, fractionOfCeiling,
/// productsFractionOfCeiling, picture?: {width, height, steps, rows, stepSeconds, phases, fractionOfCeiling, decodeSeconds,
/// secondsPerPicture, picturesPerMinute}}
Json to_json(const BenchReport& report);
/// {rows, passes, seconds, operations, operationsPerSecond}
Json to_json(const SpeedReport& report);
/// {cpu: {name, features, threads, variants: [{op, chosen, available}], byName}, cuda: {built, architectures}, verify?: [{op, variant,
/// type, relativeError}]}
Json to_json(const DoctorReport& report);
/// [{id, usable, reason?, name, totalBytes, freeBytes, computeCapability?, driverVersion?, requiredDriverVersion?}]
Json to_json(const std::vector<DeviceReport>& reports);
/// {weightsBytes, panelBytes, kvBytes, logitsBytes, activationsBytes, vqBytes, totalBytes, fits, availableBytes}
Json to_json(const MemoryPlan& plan);
/// {compiler, sanitizer, cuda, cudaArchitectures}
Json build_json(const char* compiler, const char* sanitizer);
/// ModelInfo of lib/native/info.ts.
Json info_json(const Model& model);
/// {running, queued, paused, completed, aborted, failed, forwardPasses, forwardMs, rowsPerPass, meanRowsPerPass, stepsPerSecond,
/// reusedRowRatio, deviceBytesUsed, deviceBytesFree, estimatedWaitMs}
Json stats_json(const Model& model);

}  // namespace dimoo::napi

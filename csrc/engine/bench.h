// `dimoo bench`: how fast a checkpoint runs on this machine, where the time goes, and which fraction of the machine that is.
#pragma once
#include "base/cancel.h"
#include "base/json.h"
#include "engine/progress.h"

namespace dimoo {

/// {source, device, precision, threads, rows? 512, repetitions? 7, width?, height?, steps?} ->
/// {name, architecture, weights, device, processor, threads, precision, variants: {op: name}, rows, repetitions, medianSeconds,
///  rowsPerSecond, rowsPerSecondAllRows, gigaOperations, phases: {name: seconds}, ceilings: {f32, bf16, int8} in Gop/s, fractionOfCeiling,
///  productsFractionOfCeiling, picture?}.
/// `rowsPerSecond`: rows over the median wall time of one exact full pass over one branch of `rows` positions, embedding to final norm,
/// and the head on its last row (the last layer computes what that row needs); `...AllRows`: every layer and the final norm on every row.
/// `picture` (models with image codes): {width, height, steps, rows, stepSeconds, phases, fractionOfCeiling, decodeSeconds,
/// secondsPerPicture, picturesPerMinute}: the first step of a guided picture, which has the most to do, times `steps`, and the VQ.
/// request/invalid, model/*, device/*, aborted.
Json bench(const Json& options, const Progress& progress, const CancelToken& cancel);

}  // namespace dimoo

// `dimoo bench`: how fast a checkpoint runs on this machine, where the time goes, and which fraction of the machine that is.
#pragma once
#include <map>
#include <optional>

#include "base/cancel.h"
#include "base/progress.h"
#include "engine/load_options.h"
#include "jobs/reports.h"

namespace dimoo {

struct BenchOptions {
  LoadOptions load;
  int64_t rows = 512, repetitions = 7;
  std::optional<int64_t> width, height, steps;  // of the picture; by default the checkpoint's, at most 256 pixels a side
};

using Phases = std::map<std::string, double>;  // seconds by phase

/// The first step of a guided picture, which has the most to do, times `steps`, and the image tokenizer.
struct PictureBench {
  int64_t width = 0, height = 0, steps = 0, rows = 0;
  double step_seconds = 0, decode_seconds = 0, fraction_of_ceiling = 0;
  Phases phases;
  double seconds_per_picture() const { return static_cast<double>(steps) * step_seconds + decode_seconds; }
};

struct BenchReport {
  SourceSummary source;
  std::string device, processor;
  int threads = 0;
  Precision precision = Precision::fast;
  std::vector<VariantReport> variants;
  int64_t rows = 0, repetitions = 0;
  /// Median wall time of one exact full pass over one branch of `rows` positions, embedding to final norm, and the head on its last row
  /// (the last layer computes what that row needs); `...all_rows`: every layer and the final norm on every row.
  double median_seconds = 0, rows_per_second = 0, rows_per_second_all_rows = 0;
  double operations = 0;
  Phases phases;
  double ceilings[3] = {};  // operations a second, by Arithmetic
  double fraction_of_ceiling = 0, products_fraction_of_ceiling = 0;
  std::optional<PictureBench> picture;  // of models with image codes
};

/// request/invalid, model/*, device/*, aborted.
BenchReport bench(const BenchOptions& options, const Progress& progress, const CancelToken& cancel);

}  // namespace dimoo

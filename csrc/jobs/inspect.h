// `dimoo inspect`: what a checkpoint holds. Headers only, unless asked to verify, which reads every weight once.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "base/progress.h"
#include "jobs/verify.h"

namespace dimoo {

struct InspectOptions {
  std::string source;
  bool verify = false;
};

struct TensorSummary {
  std::string name;  // as in GGUF
  DType type;
  std::vector<int64_t> shape;  // outermost first
  int64_t bytes = 0;
};

struct TypeSummary {
  int64_t count = 0, bytes = 0;
};

struct InspectReport {
  Source::Format format;
  std::string architecture, path;
  int64_t bytes = 0, parameters = 0;
  Json settings;  // the file's own, long texts and arrays given as their length
  std::vector<TensorSummary> tensors;
  std::map<std::string, TypeSummary> types;  // by the type's name
  std::optional<WeightScan> weights;
};

/// model/* for what is no model.
InspectReport inspect(const InspectOptions& options, const Progress& progress, const CancelToken& cancel);

}  // namespace dimoo

// What `inspectDevices`, `dimoo doctor` and a loaded model say of themselves.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "device/registry.h"
#include "engine/model.h"
#include "jobs/variant_errors.h"

namespace dimoo {

/// What this process can use, and why it cannot use the rest.
std::vector<DeviceReport> list_devices();

struct DoctorOptions {
  bool verify = false;
};
struct DoctorReport {
  std::string processor;
  std::vector<std::string> features;  // of the processor, that a variant asks for
  int threads = 0;
  std::vector<VariantReport> variants;
  std::string cuda_architectures;  // that this build has code for; empty: none
  std::optional<std::vector<VariantError>> errors;
};
DoctorReport doctor(const DoctorOptions& options, const CancelToken& cancel);

/// Architectures that this build has code for; empty: built without CUDA.
std::string cuda_build();

/// What a checkpoint is; `weights` is the type of most of its blocks' bytes.
struct SourceSummary {
  std::string name, architecture;
  Source::Format format = Source::Format::gguf;
  DType weights = DType::f32;
};
SourceSummary summary_of(const Source& source, const Hyperparameters& hyper);

/// What a loaded model is, and where.
struct ModelReport {
  SourceSummary source;
  DeviceReport device;
  std::vector<VariantReport> variants;
  int64_t weight_bytes = 0;
};
ModelReport describe(const Model& model);

struct StatsReport {
  EngineStats counts;
  int64_t rows_per_pass = 0;  // at most
  double mean_rows_per_pass = 0, steps_per_second = 0, estimated_wait_ms = 0;
  double reused_row_ratio = 0;  // of all rows of branches, those that were not computed
  MemoryReport memory;
};
StatsReport stats_of(const Model& model);

}  // namespace dimoo

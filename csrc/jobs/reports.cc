// Facts and figures; how they are written is csrc/napi's business.
#include "jobs/reports.h"

#include <algorithm>
#include <map>

#include "device/cuda_devices.h"

namespace dimoo {
namespace {

/// The type of most bytes among the blocks' matrices.
DType main_type(const Source& source) {
  std::map<DType, int64_t> bytes;
  for (const SourceTensor& tensor : source.tensors())
    if (tensor.name.starts_with("blk.") && tensor.shape.size() > 1) bytes[tensor.type] += tensor.bytes;
  const auto most = std::max_element(bytes.begin(), bytes.end(), [](auto& a, auto& b) { return a.second < b.second; });
  return most == bytes.end() ? DType::f32 : most->first;
}

std::string model_name(const Source& source) {
  if (source.format() == Source::Format::gguf) {
    const std::string name = source.settings().string_or("general.name", "");
    if (!name.empty()) return name;
  }
  std::string path = source.path();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  path = path.substr(path.rfind('/') + 1);
  return path.ends_with(".gguf") ? path.substr(0, path.size() - 5) : path;
}

std::vector<std::string> cpu_features() {
  std::vector<std::string> names;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) names.emplace_back("avx2");
  if (__builtin_cpu_supports("fma")) names.emplace_back("fma");
  if (__builtin_cpu_supports("avx512f")) names.emplace_back("avx512f");
  if (__builtin_cpu_supports("avx512vnni")) names.emplace_back("avx512_vnni");
  if (__builtin_cpu_supports("avx512bf16")) names.emplace_back("avx512_bf16");
#elif defined(__aarch64__)
  names.emplace_back("neon");  // the variants' names tell what else there is
#endif
  return names;
}

}  // namespace

std::vector<DeviceReport> list_devices() { return inspect_devices(); }

std::string cuda_build() { return cuda_architectures(); }

DoctorReport doctor(const DoctorOptions& options, const CancelToken& cancel) {
  const auto device = create_device("cpu", {});
  DoctorReport report;
  report.processor = device->name();
  report.features = cpu_features();
  report.threads = device->threads();
  report.variants = device->variants();
  report.cuda_architectures = cuda_build();
  if (options.verify) report.errors = variant_errors(report.variants.front().available, cancel);
  return report;
}

SourceSummary summary_of(const Source& source, const Hyperparameters& hyper) {
  return {model_name(source), hyper.has_images() ? "lumina-dimoo" : "llada", source.format(), main_type(source)};
}

ModelReport describe(const Model& model) {
  const Weights& weights = model.weights();
  const MemoryReport memory = model.device().memory();
  ModelReport report;
  report.source = summary_of(*weights.source, weights.hyper);
  report.device.id = model.device().id();
  report.device.usable = true;
  report.device.name = model.device().name();
  report.device.total_bytes = memory.total, report.device.free_bytes = memory.free;
  report.variants = model.device().variants();
  report.weight_bytes = weight_bytes(*weights.source);
  return report;
}

StatsReport stats_of(const Model& model) {
  StatsReport report;
  const EngineStats& stats = report.counts = model.stats();
  const auto ratio = [](double part, double whole) { return whole > 0 ? part / whole : 0.0; };
  const auto rows = static_cast<double>(stats.rows), reused = static_cast<double>(stats.reused_rows);
  report.rows_per_pass = model.row_budget();
  report.mean_rows_per_pass = ratio(rows, static_cast<double>(stats.forward_passes));
  report.steps_per_second = ratio(static_cast<double>(stats.steps), stats.busy_ms / 1000);
  report.reused_row_ratio = ratio(reused, rows + reused);
  report.estimated_wait_ms = ratio(stats.busy_ms, static_cast<double>(stats.completed)) * static_cast<double>(stats.queued);
  report.memory = model.device().memory();
  return report;
}

}  // namespace dimoo

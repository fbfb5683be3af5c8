// The first pass packs the layer's weights and is not counted; then passes follow until the time is up.
#include "jobs/speed.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include "device/registry.h"
#include "engine/plan.h"
#include "model/backbone.h"

namespace dimoo {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int64_t kRows = 256, kFewest = 3, kMost = 1000;

/// Of one layer for `rows` rows that all attend to each other, as many operations as its products and its attention have.
double layer_operations(const Hyperparameters& hyper, int64_t rows) {
  const auto r = static_cast<double>(rows), d = static_cast<double>(hyper.d_model);
  const double kv = static_cast<double>(hyper.kv_heads * hyper.head_dim), mlp = static_cast<double>(hyper.mlp);
  return r * 2 * (2 * d * d + 2 * kv * d + 3 * d * mlp) + 4 * r * r * d;
}

}  // namespace

SpeedReport speed(const SpeedOptions& options, const CancelToken& cancel) {
  const LoadOptions& load = options.load;
  const auto source = Source::open(load.source);
  Hyperparameters hyper = read_hyperparameters(*source);
  hyper.layers = 1;
  DeviceOptions device_options;
  device_options.threads = load.threads, device_options.variant = load.variant;
  const auto device = create_device(load.device, device_options);
  device->set_panel_budget(load.panel_bytes >= 0 ? load.panel_bytes : default_panel_budget(*source));
  device->set_cancel(&cancel);
  Backbone backbone(*device, hyper, *source, load.precision);
  std::vector<int32_t> tokens(kRows), positions(kRows);
  std::iota(positions.begin(), positions.end(), 0);
  for (int64_t i = 0; i < kRows; i++) tokens[static_cast<size_t>(i)] = static_cast<int32_t>(i * 7919 % hyper.code_offset);
  const BranchRows branch{0, kRows};
  const auto last = static_cast<int32_t>(kRows - 1);
  const Batch batch{tokens, positions, {&branch, 1}, {&last, 1}};
  const auto pass = [&] {
    const auto start = Clock::now();
    backbone.forward_all(batch);
    device->settle();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  SpeedReport report;
  report.rows = kRows, report.operations = layer_operations(hyper, kRows);
  pass();
  std::vector<double> times;
  for (double spent = 0; report.passes < kMost && (report.passes < kFewest || spent < options.seconds); report.passes++) {
    cancel.check();
    times.push_back(pass());
    spent += times.back();
  }
  std::sort(times.begin(), times.end());
  report.seconds = times[times.size() / 2];
  report.operations_per_second = report.operations / report.seconds;
  return report;
}

}  // namespace dimoo

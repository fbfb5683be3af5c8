// Medians of wall-clock time after a warm-up that packs the weights; ceilings are measured between the repetitions, so a busy
// machine bends both alike. Weights, activations and logits are real; tokens are arbitrary.
#include "jobs/bench.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "device/registry.h"
#include "diffusion/picture.h"
#include "engine/pass.h"
#include "engine/plan.h"
#include "jobs/timed_device.h"
#include "model/backbone.h"
#include "model/vq.h"

namespace dimoo {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int64_t kPrompt = 64;  // tokens before a picture's grid
constexpr int64_t kPictureRepetitions = 3;
constexpr int64_t kLargestSide = 256;  // pixels, unless a size is asked for

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

int64_t within(const char* name, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) fail(Code::request_invalid, "bench: ", name, " must lie in ", low, "..", high, ", got ", value);
  return value;
}

/// Repetitions of one body: medians of its wall time and of every phase's, and what it multiplies.
struct Measured {
  double seconds = 0;
  Phases phases;
  double ideal = 0, products = 0, products_ideal = 0;  // seconds at the ceiling; of the products: measured, at the ceiling
  double operations = 0;
};

class Bench {
 public:
  Bench(Device& device, Precision precision, const CancelToken& cancel) : timed(device, precision), cancel_(cancel) {}

  template <class Body>
  Measured measure(int64_t repetitions, Body body) {
    body();
    timed.take();
    std::vector<double> seconds;
    std::map<std::string, std::vector<double>> phases;
    PhaseTimes last;
    for (int64_t i = 0; i < repetitions; i++) {
      cancel_.check();
      for (int kind = 0; kind < 3; kind++) peaks_[static_cast<size_t>(kind)].push_back(timed.peak(static_cast<Arithmetic>(kind)));
      const auto start = Clock::now();
      body();
      seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
      last = timed.take();
      for (const auto& [name, time] : last) phases[name].push_back(time.seconds);
    }
    return summary(seconds, phases, last);
  }

  double ceiling(int kind) const { return median(peaks_[static_cast<size_t>(kind)]); }

  TimedDevice timed;

 private:
  Measured summary(const std::vector<double>& seconds, const std::map<std::string, std::vector<double>>& phases, const PhaseTimes& work) {
    Measured measured;
    measured.seconds = median(seconds);
    double known = 0;
    for (const auto& [name, times] : phases) known += measured.phases[name] = median(times);
    measured.phases["other"] = std::max(0.0, measured.seconds - known);
    for (const auto& [name, phase] : work)
      for (int kind = 0; kind < 3; kind++) {
        const double peak = ceiling(kind), ideal = peak > 0 ? phase.operations[kind] / peak : 0;
        measured.operations += phase.operations[kind];
        measured.ideal += ideal;
        if (name == "products") measured.products_ideal += ideal;
      }
    measured.products = measured.phases["products"];
    return measured;
  }

  const CancelToken& cancel_;
  std::array<std::vector<double>, 3> peaks_;
};

std::vector<int32_t> arbitrary_tokens(int64_t count, int64_t vocabulary) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; i++) ids.push_back(static_cast<int32_t>(i * 7919 % vocabulary));
  return ids;
}

struct Loaded {
  std::unique_ptr<Source> source;
  Hyperparameters hyper;
  std::unique_ptr<Device> device;
  Precision precision;
};

/// The exact full pass that `rowsPerSecond` counts.
void bench_rows(Bench& bench, Backbone& backbone, const Loaded& loaded, BenchReport& report) {
  const int64_t rows = report.rows, repetitions = report.repetitions;
  const int64_t vocabulary = loaded.hyper.vocab;
  const Buffer memory = loaded.device->allocate(vocabulary * 4);
  const Tensor logits(static_cast<float*>(memory.data()), 1, vocabulary);
  std::vector<float> host(static_cast<size_t>(vocabulary));
  const std::vector<int32_t> tokens = arbitrary_tokens(rows, loaded.hyper.code_offset);
  std::vector<int32_t> positions(tokens.size());
  std::iota(positions.begin(), positions.end(), 0);
  const BranchRows branch{0, rows};
  const auto last = static_cast<int32_t>(rows - 1);
  const Batch batch{tokens, positions, {&branch, 1}, {&last, 1}};
  const Measured one = bench.measure(repetitions, [&] {
    backbone.head(backbone.forward(batch), Slice::vocabulary, logits);
    bench.timed.download(host.data(), logits);
    bench.timed.settle();
  });
  const Measured all = bench.measure(repetitions, [&] {
    backbone.head(backbone.forward_all(batch).read, Slice::vocabulary, logits);
    bench.timed.download(host.data(), logits);
    bench.timed.settle();
  });
  const auto count = static_cast<double>(rows);
  report.median_seconds = one.seconds, report.rows_per_second = count / one.seconds;
  report.rows_per_second_all_rows = count / all.seconds;
  report.operations = one.operations, report.phases = one.phases;
  for (int kind = 0; kind < 3; kind++) report.ceilings[kind] = bench.ceiling(kind);
  report.fraction_of_ceiling = one.ideal / one.seconds;
  report.products_fraction_of_ceiling = one.products > 0 ? one.products_ideal / one.products : 0.0;
}

struct Size {
  int64_t width, height, steps;
};

Size picture_size(const BenchOptions& options, const Loaded& loaded) {
  const Json* image = loaded.source->generation().find("image");
  const auto standard = [&](const char* key, int64_t fallback) { return image ? image->int_or(key, fallback) : fallback; };
  const int64_t scale = loaded.hyper.vq.scale();
  const auto side = [&](const char* name, std::optional<int64_t> given) {
    const int64_t pixels = within(name, given.value_or(std::min(standard(name, 1024), kLargestSide)), scale, 1 << 14);
    if (pixels % scale) fail(Code::request_invalid, "bench: ", name, " must be a multiple of ", scale, ", got ", pixels);
    return pixels;
  };
  return {side("width", options.width), side("height", options.height),
          within("steps", options.steps.value_or(standard("steps", 64)), 1, 4096)};
}

/// The sequences of a guided picture, of which every cell is masked.
std::shared_ptr<const Layout> guided_layout(const Hyperparameters& hyper, int64_t rows, int64_t columns) {
  auto layout = std::make_shared<Layout>();
  layout->rows = rows, layout->columns = columns;
  layout->mask_token = hyper.tokens.mask, layout->row_end_token = hyper.tokens.row_end, layout->offset = hyper.code_offset;
  layout->prefixes.assign(2, arbitrary_tokens(kPrompt, hyper.code_offset));
  layout->suffixes.resize(2);
  return layout;
}

/// One step that decides every cell, which is the first one's work; then the codes become pixels.
PictureBench bench_picture(Bench& bench, Backbone& backbone, const Loaded& loaded, const Size& size) {
  const Hyperparameters& hyper = loaded.hyper;
  const auto layout = guided_layout(hyper, size.height / hyper.vq.scale(), size.width / hyper.vq.scale());
  std::vector<int32_t> codes(static_cast<size_t>(layout->cells()), -1);
  const PictureRequest request{codes, 1, {}};
  Pass pass(bench.timed, backbone);
  const float guidance = 4;
  const Measured step = bench.measure(kPictureRepetitions, [&] {
    Picture canvas(layout, request, {}, 0);
    Seat seat;
    seat.canvas = &canvas, seat.guidance = {&guidance, 1}, seat.temperature = 1;
    pass.run({&seat, 1});
    codes = canvas.cells();
  });
  std::vector<uint8_t> rgb(static_cast<size_t>(size.width * size.height * 3));
  Vq vq(bench.timed, hyper.vq, *loaded.source);
  const Measured decode = bench.measure(kPictureRepetitions, [&] { vq.decode(codes, layout->rows, layout->columns, rgb); });
  return {size.width, size.height, size.steps, layout->all_rows(), step.seconds, decode.seconds, step.ideal / step.seconds, step.phases};
}

}  // namespace

BenchReport bench(const BenchOptions& options, const Progress& progress, const CancelToken& cancel) {
  BenchReport report;
  report.rows = within("rows", options.rows, 1, 1 << 16), report.repetitions = within("repetitions", options.repetitions, 5, 1000);
  const LoadOptions& load = options.load;
  Loaded loaded{Source::open(load.source), {}, nullptr, load.precision};
  loaded.hyper = read_hyperparameters(*loaded.source);
  const Size size = loaded.hyper.has_images() ? picture_size(options, loaded) : Size{};
  DeviceOptions device_options;
  device_options.threads = load.threads;
  device_options.variant = load.variant;
  loaded.device = create_device(load.device, device_options);
  loaded.device->set_panel_budget(load.panel_bytes >= 0 ? load.panel_bytes : default_panel_budget(*loaded.source));
  loaded.device->set_cancel(&cancel);
  Bench all(*loaded.device, load.precision, cancel);
  Backbone backbone(all.timed, loaded.hyper, *loaded.source, load.precision);
  report.source = summary_of(*loaded.source, loaded.hyper);
  report.device = loaded.device->id(), report.processor = loaded.device->name(), report.threads = loaded.device->threads();
  report.precision = load.precision, report.variants = loaded.device->variants();
  if (progress) progress("pass", 0, 2);
  bench_rows(all, backbone, loaded, report);
  if (progress) progress("picture", 1, 2);
  if (loaded.hyper.has_images()) report.picture = bench_picture(all, backbone, loaded, size);
  if (progress) progress("picture", 2, 2);
  return report;
}

}  // namespace dimoo

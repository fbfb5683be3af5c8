// `dimoo bench`: what it reports is complete and adds up, for our files and llama.cpp's; the device that times ops changes nothing.
// Speed itself is never tested.
#include "jobs/bench.h"

#include "device/registry.h"
#include "jobs/synth.h"
#include "jobs/timed_device.h"
#include "model/backbone.h"
#include "test/native/check.h"
#include "test/native/temporary.h"

using namespace dimoo;

namespace {

const CancelToken kNever;

std::string synth_file(const TemporaryFolder& folder, SynthLayout layout) {
  SynthOptions options;
  options.shape = "tiny", options.output = folder.at("model.gguf"), options.types = TypeRules::make("q8_0", ""), options.layout = layout;
  synth(options, {}, kNever);
  return options.output;
}

BenchOptions options_for(const std::string& path) {
  BenchOptions options;
  options.load.source = path, options.load.threads = 2;
  options.rows = 40, options.repetitions = 5;
  return options;
}

}  // namespace

TEST(a_report_is_complete_and_adds_up) {
  const TemporaryFolder folder;
  BenchOptions options = options_for(synth_file(folder, SynthLayout::dimoo));
  options.width = 64, options.height = 32, options.steps = 3;
  const BenchReport report = bench(options, {}, kNever);
  CHECK_EQ(report.source.architecture, "lumina-dimoo");
  CHECK(report.source.weights == DType::q8_0);
  CHECK_EQ(report.rows, 40);
  CHECK_EQ(report.threads, 2);
  CHECK_NEAR(report.rows_per_second * report.median_seconds, 40, 1e-9);
  // tiny: 2 layers of d 256, mlp 512; the last layer's queries and MLP, and the head, on one row.
  const double d = 256, mlp = 512, rows = 40, both = 2 * d * d, rest = 2 * d * d + 3 * d * mlp;
  const double products = 2 * (rows * (both + rest) + rows * both + rest + 4096 * d);
  const double attention = 4 * d * (rows * rows + rows);
  CHECK_NEAR(report.operations, products + attention, 1);
  CHECK(report.fraction_of_ceiling > 0);
  for (const char* phase : {"products", "attention", "head", "norm", "rotary", "embed", "other"}) CHECK(report.phases.at(phase) >= 0);
  for (const double ceiling : report.ceilings) CHECK(ceiling > 0);
  const PictureBench& picture = report.picture.value();
  CHECK_EQ(picture.rows, 2 * (64 + 2 * (4 + 1)));
  CHECK_NEAR(picture.seconds_per_picture(), 3 * picture.step_seconds + picture.decode_seconds, 1e-9);
  CHECK(picture.phases.at("unmask") > 0);
}

TEST(text_files_have_no_picture) {
  const TemporaryFolder folder;
  const BenchReport report = bench(options_for(synth_file(folder, SynthLayout::llada)), {}, kNever);
  CHECK_EQ(report.source.architecture, "llada");
  CHECK(report.rows_per_second > 0 && report.rows_per_second_all_rows > 0);
  CHECK(!report.picture);
}

TEST(bad_options_are_refused) {
  const TemporaryFolder folder;
  const std::string path = synth_file(folder, SynthLayout::dimoo);
  const auto refused = [&](const char* why, const auto& change) {
    BenchOptions options = options_for(path);
    change(options);
    CHECK_THROWS(bench(options, {}, kNever), Code::request_invalid, why);
  };
  refused("rows must lie in 1..65536, got 0", [](BenchOptions& o) { o.rows = 0; });
  refused("rows must lie in", [](BenchOptions& o) { o.rows = int64_t{1} << 40; });
  refused("repetitions must lie in 5..1000, got 4", [](BenchOptions& o) { o.repetitions = 4; });
  refused("width must be a multiple of 16, got 40", [](BenchOptions& o) { o.width = 40; });
  refused("steps must lie in 1..4096, got 0", [](BenchOptions& o) { o.steps = 0; });
  CancelToken cancelled;
  cancelled.cancel();
  CHECK_THROWS(bench(options_for(path), {}, cancelled), Code::aborted, "");
}

TEST(timing_changes_no_logit) {
  const TemporaryFolder folder;
  const auto source = Source::open(synth_file(folder, SynthLayout::dimoo));
  const Hyperparameters hyper = read_hyperparameters(*source);
  const auto device = create_device("cpu", {});
  TimedDevice timed(*device, Precision::fast);
  std::vector<int32_t> tokens, positions;
  for (int32_t i = 0; i < 20; i++) tokens.push_back(i * 37), positions.push_back(i);
  const std::vector<int32_t> heads{3, 19};
  const BranchRows branch{0, 20};
  const auto logits = [&](Device& on) {
    Backbone backbone(on, hyper, *source, Precision::fast);
    std::vector<float> out(static_cast<size_t>(2 * hyper.vocab));
    backbone.head(backbone.forward({tokens, positions, {&branch, 1}, heads}), Slice::vocabulary, Tensor(out.data(), 2, hyper.vocab));
    return out;
  };
  CHECK(logits(timed) == logits(*device));
  const PhaseTimes phases = timed.take();
  CHECK_NEAR(phases.at("head").operations[static_cast<int>(Arithmetic::int8)], 2.0 * 2 * 4096 * 256, 0);
  CHECK(phases.at("products").seconds > 0 && timed.take().empty());
}

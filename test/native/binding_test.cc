// Binding a checkpoint: what it tells of its progress, and that it can be stopped on the way with nothing left behind.
#include "device/registry.h"
#include "engine/model.h"
#include "engine/plan.h"
#include "jobs/synth.h"
#include "test/native/check.h"
#include "test/native/engine_fixture.h"
#include "test/native/temporary.h"

using namespace dimoo;

namespace {

void check_told(const Source& source) {
  const Hyperparameters hyper = read_hyperparameters(source);
  const auto device = create_device("cpu", {});
  int64_t told = 0;
  const Backbone backbone(*device, hyper, source, Precision::f32, [&](int64_t bytes) {
    CHECK(bytes > 0);
    told += bytes;
  });
  CHECK_EQ(told, Backbone::matrix_bytes(hyper, source));
}

}  // namespace

TEST(every_matrix_is_told_once) {
  check_told(*Source::open(golden::path("checkpoint")));
  const TemporaryFolder folder;
  for (const SynthLayout layout : {SynthLayout::dimoo, SynthLayout::llada}) {
    SynthOptions options;
    options.shape = "tiny", options.output = folder.at("model.gguf"), options.types = TypeRules::make("q8_0", ""), options.layout = layout;
    synth(options, {}, CancelToken());
    check_told(*Source::open(options.output));
  }
}

TEST(binding_may_be_stopped_and_leaves_nothing) {
  const auto source = Source::open(golden::path("checkpoint"));
  const Hyperparameters hyper = read_hyperparameters(*source);
  const auto device = create_device("cpu", {});
  const int64_t before = device->memory().used;
  int matrices = 0;
  CHECK_THROWS(Backbone(*device, hyper, *source, Precision::f32,
                        [&](int64_t) {
                          if (++matrices == 5) fail(Code::aborted, "stop here");
                        }),
               Code::aborted, "stop here");
  CHECK_EQ(matrices, 5);
  CHECK_EQ(device->memory().used, before);
}

/// "upload", from the first matrix to all bytes, on devices that have their own copy; nothing on others.
TEST(a_model_tells_of_its_upload) {
  for (const DeviceReport& report : inspect_devices()) {
    if (!report.usable) continue;
    LoadOptions options = engine_fixture::options_for();
    options.device = report.id;
    std::vector<int64_t> seen;
    int64_t total = 0;
    const Model model(options, [&](const char* phase, int64_t done, int64_t all) {
      CHECK_EQ(std::string(phase), "upload");
      seen.push_back(done), total = all;
    });
    CHECK_EQ(seen.empty(), report.id == "cpu");
    if (seen.empty()) continue;
    CHECK(std::is_sorted(seen.begin(), seen.end()));
    CHECK(seen.front() > 0);
    CHECK_EQ(seen.back(), total);
    CHECK_EQ(total, Backbone::matrix_bytes(model.weights().hyper, *model.weights().source));
  }
}

/// Where weights are copied, what a run needs includes the copies: `available` counts what the device holds already.
TEST(a_plan_counts_the_copies_of_weights) {
  const auto source = Source::open(golden::path("checkpoint"));
  const Hyperparameters hyper = read_hyperparameters(*source);
  for (const DeviceReport& report : inspect_devices()) {
    if (!report.usable) continue;
    const auto device = create_device(report.id, {});
    RunShape shape;
    shape.pass_rows = shape.code_rows = 10;
    const MemoryPlan plan = plan_memory(*device, hyper, *source, Precision::f32, shape, 0, INT64_MAX);
    CHECK_EQ(plan.copied > 0, device->copies_weights());
    if (plan.copied == 0) continue;
    CHECK(plan.copied >= weight_bytes(*source));
    CHECK_EQ(plan.total(), plan.needed());
    const auto bound = golden::Bound(*source, "", 1, Precision::f32, report.id);
    CHECK(bound.device->memory().used <= plan.copied + plan.copied / 8);  // rows are padded
    CHECK(bound.device->memory().used >= Backbone::matrix_bytes(hyper, *source));
  }
}

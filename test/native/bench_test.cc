// `dimoo bench`: what it reports is complete and adds up, for our files and llama.cpp's; the device that times ops changes nothing.
// Speed itself is never tested.
#include "engine/bench.h"

#include "device/registry.h"
#include "engine/synth.h"
#include "engine/timed_device.h"
#include "model/backbone.h"
#include "test/native/check.h"
#include "test/native/temporary.h"

using namespace dimoo;

namespace {

const CancelToken kNever;

std::string synth_file(const TemporaryFolder& folder, const std::string& layout) {
  const std::string path = folder.at(layout + ".gguf");
  Json options{Json::Object{}};
  synth(options.set("shape", "tiny").set("output", path).set("type", "q8_0").set("layout", layout), {}, kNever);
  return path;
}

Json options_for(const std::string& path, int64_t rows = 40, int64_t repetitions = 5) {
  return Json(Json::Object{}).set("source", path).set("threads", 2).set("rows", rows).set("repetitions", repetitions);
}

double number(const Json& object, const char* name) {
  const Json* value = object.find(name);
  CHECK(value && value->is_number());
  return value->as_double();
}

}  // namespace

TEST(a_report_is_complete_and_adds_up) {
  const TemporaryFolder folder;
  const Json report = bench(options_for(synth_file(folder, "dimoo")).set("width", 64).set("height", 32).set("steps", 3), {}, kNever);
  CHECK_EQ(report.string_or("architecture", ""), std::string("lumina-dimoo"));
  CHECK_EQ(report.string_or("weights", ""), std::string("q8_0"));
  CHECK_EQ(report.int_or("rows", 0), 40);
  CHECK_EQ(report.int_or("threads", 0), 2);
  CHECK_NEAR(number(report, "rowsPerSecond") * number(report, "medianSeconds"), 40, 1e-9);
  // tiny: 2 layers of d 256, mlp 512; the last layer's queries and MLP, and the head, on one row.
  const double d = 256, mlp = 512, rows = 40, both = 2 * d * d, rest = 2 * d * d + 3 * d * mlp;
  const double products = 2 * (rows * (both + rest) + rows * both + rest + 4096 * d);
  const double attention = 4 * d * (rows * rows + rows);
  CHECK_NEAR(number(report, "gigaOperations") * 1e9, products + attention, 1);
  CHECK(number(report, "fractionOfCeiling") > 0);
  for (const char* phase : {"products", "attention", "head", "norm", "rotary", "embed", "other"})
    CHECK(number(*report.find("phases"), phase) >= 0);
  for (const char* kind : {"f32", "bf16", "int8"}) CHECK(number(*report.find("ceilings"), kind) > 0);
  const Json& picture = *report.find("picture");
  CHECK_EQ(picture.int_or("rows", 0), 2 * (64 + 2 * (4 + 1)));
  CHECK_NEAR(number(picture, "secondsPerPicture"), 3 * number(picture, "stepSeconds") + number(picture, "decodeSeconds"), 1e-9);
  CHECK_NEAR(number(picture, "picturesPerMinute") * number(picture, "secondsPerPicture"), 60, 1e-9);
  CHECK(number(*picture.find("phases"), "unmask") > 0);
}

TEST(text_files_have_no_picture) {
  const TemporaryFolder folder;
  const Json report = bench(options_for(synth_file(folder, "llada")), {}, kNever);
  CHECK_EQ(report.string_or("architecture", ""), std::string("llada"));
  CHECK(number(report, "rowsPerSecond") > 0 && number(report, "rowsPerSecondAllRows") > 0);
  CHECK(!report.find("picture"));
}

TEST(bad_options_are_refused) {
  const TemporaryFolder folder;
  const std::string path = synth_file(folder, "dimoo");
  const auto run = [&](Json options) { return bench(options, {}, kNever); };
  CHECK_THROWS(run(options_for(path, 0)), Code::request_invalid, "rows must lie in 1..65536, got 0");
  CHECK_THROWS(run(options_for(path, int64_t{1} << 40)), Code::request_invalid, "rows must lie in");
  CHECK_THROWS(run(options_for(path, 40, 4)), Code::request_invalid, "repetitions must lie in 5..1000, got 4");
  CHECK_THROWS(run(options_for(path).set("width", 40)), Code::request_invalid, "width must be a multiple of 16, got 40");
  CHECK_THROWS(run(options_for(path).set("steps", 0)), Code::request_invalid, "steps must lie in 1..4096, got 0");
  CancelToken cancelled;
  cancelled.cancel();
  CHECK_THROWS(bench(options_for(path), {}, cancelled), Code::aborted, "");
}

TEST(timing_changes_no_logit) {
  const TemporaryFolder folder;
  const auto source = Source::open(synth_file(folder, "dimoo"));
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

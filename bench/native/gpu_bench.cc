// The CUDA device on the released model's shapes, against ceilings of the same run. Prints one JSON object; without a GPU it says so.
//
//   gpu_bench ops [reference.json]
// products, attention and row ops, as fractions of what bench/torch/gpu_reference.py measured;
//
//   gpu_bench switches [seconds 75]
// every way that cuda/tuning.h knows beside the default, each on the shapes that it is for, in turns, as many as there is time for;
//
//   gpu_bench one product|attention
// the largest product, or attention, a few times: for a profiler;
//
//   gpu_bench model <model.gguf> [steps 64]
// upload, pictures of 1024 x 1024 exactly and with ML-Cache, by kind of pass; memory, launches, waits, groups (cuda/pace.h);
//
//   gpu_bench synth <shape> <model.gguf> <type>
// a model for it.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>

#include "bench/native/gpu_switches.h"
#include "diffusion/picture.h"
#include "engine/pass.h"
#include "engine/plan.h"
#include "jobs/synth.h"
#include "model/vq.h"

using namespace dimoo;

namespace {

using namespace gpu_rows;

/// A number of the reference under "group" / "name", 0 where there is none.
double reference_of(const Json& reference, const char* group, const std::string& name) {
  const Json* values = reference.find(group);
  return values ? values->double_or(name.c_str(), 0) : 0;
}

Json measured(const std::string& shape, double operations, double seconds, double ceiling, const char* fraction) {
  Json entry(Json::Object{});
  entry.set("shape", shape).set("seconds", seconds).set("tflops", operations / seconds / 1e12);
  if (ceiling > 0) entry.set(fraction, operations / seconds / 1e12 / ceiling);
  return entry;
}

Json products(Device& device, const Json& reference) {
  constexpr int64_t kWidth = 4096, kHidden = 12288, kCodes = 8192;
  Json::Array list;
  const Rows any(device, 1, 1);
  for (const DType type : {DType::bf16, DType::q8_0, DType::q4_k})
    for (const auto& [n, k] : {std::pair{kWidth, kWidth}, {kHidden, kWidth}, {kWidth, kHidden}, {kCodes, kWidth}}) {
      const std::vector<std::byte> data = bench::random_matrix(type, n, k, 0.02f);
      const auto weight = device.prepare({"w", type, n, k, data.data()}, Precision::fast);
      for (const int64_t rows : {8442, 845, 128, 32}) {
        const MovedRows x(device, weight->operand(), rows, k);
        const Rows out(device, rows, n);
        const std::string shape = text(rows, "x", n, "x", k);
        const double seconds = seconds_of(device, any.tensor, [&] { device.linear(x.tensor, *weight, out.tensor); });
        Json entry = measured(shape, 2.0 * static_cast<double>(rows * n * k), seconds, reference_of(reference, "products", shape),
                              "fractionOfCublas");
        list.push_back(entry.set("type", type_info(type).name));
      }
    }
  return Json(std::move(list));
}

Json attention(Device& device, const Json& reference) {
  constexpr int kHeads = 32;
  constexpr int64_t kDim = 128, kWidth = kHeads * kDim, kFirst = 4264, kSecond = 4178;
  const DType type = device.kv_type(Precision::fast, kDim);
  const MovedRows k(device, type, kFirst + kSecond, kWidth), v(device, type, kFirst + kSecond, kWidth);
  const Rows any(device, 1, 1);
  Json::Array list;
  for (const int64_t every : {1, 10, 128}) {  // all rows, ML-Cache's share, a text block's
    const int64_t first = kFirst / every, second = kSecond / every;
    const MovedRows q(device, type, first + second, kWidth), out(device, type, first + second, kWidth);
    const AttentionSpan spans[] = {{0, first, k.tensor.slice(0, kFirst), v.tensor.slice(0, kFirst), Precision::fast},
                                   {first, second, k.tensor.slice(kFirst, kSecond), v.tensor.slice(kFirst, kSecond), Precision::fast}};
    const double operations = 4.0 * static_cast<double>((first * kFirst + second * kSecond) * kWidth);
    const std::string shape = text(first, "+", second, " queries of ", kFirst, "+", kSecond, " keys");
    const double seconds = seconds_of(device, any.tensor, [&] { device.attention(q.tensor, spans, kHeads, kHeads, out.tensor); });
    list.push_back(measured(shape, operations, seconds, every == 1 ? reference_of(reference, "attention", "sdpa") : 0, "fractionOfSdpa"));
  }
  return Json(std::move(list));
}

/// Ops that memory bounds: bytes per second, and of a copy's.
Json row_ops(Device& device) {
  constexpr int64_t kRows = 8442, kWidth = 4096;
  const Rows x(device, kRows, kWidth), out(device, kRows, kWidth), weight(device, 1, kWidth), any(device, 1, 1), table(device, kRows, 128);
  std::vector<int32_t> positions;
  for (int32_t i = 0; i < kRows; i++) positions.push_back(i);
  const double bytes = 8.0 * kRows * kWidth;
  std::map<std::string, double> seconds;
  seconds["copy"] = seconds_of(device, any.tensor, [&] { device.gather(x.tensor, positions, out.tensor); });
  seconds["norm"] = seconds_of(device, any.tensor, [&] { device.norm(x.tensor, weight.tensor, 1e-5f, out.tensor); });
  seconds["rotary"] = seconds_of(device, any.tensor, [&] { device.rotary(out.tensor, positions, table.tensor, 32); });
  Json::Array list;
  for (const auto& [name, time] : seconds) {
    Json entry(Json::Object{});
    list.push_back(entry.set("op", name).set("gigabytesPerSecond", bytes / time / 1e9).set("fractionOfCopy", seconds["copy"] / time));
  }
  return Json(std::move(list));
}

Json ops(Device& device, const char* file) {
  Json reference(Json::Object{});
  if (file) {
    std::ifstream in(file);
    reference = Json::parse(std::string(std::istreambuf_iterator<char>(in), {}), file);
  }
  Json report(Json::Object{});
  report.set("device", device.name()).set("commit", bench::commit());
  return report.set("products", products(device, reference)).set("attention", attention(device, reference)).set("rows", row_ops(device));
}

/// 1024 x 1024 with guidance; prompts of the usual lengths.
std::shared_ptr<Layout> picture_layout(const Hyperparameters& hyper, int64_t rows, int64_t columns) {
  auto layout = std::make_shared<Layout>();
  layout->rows = rows, layout->columns = columns, layout->offset = hyper.code_offset;
  layout->mask_token = hyper.tokens.mask, layout->row_end_token = hyper.tokens.row_end;
  for (const int64_t prefix : {102, 16}) {
    layout->prefixes.emplace_back();
    for (int32_t i = 0; i < prefix; i++) layout->prefixes.back().push_back(i * 37 % 1000);
    layout->suffixes.push_back({hyper.tokens.image_end, hyper.tokens.answer_end});
  }
  return layout;
}

Json picture(Device& device, Backbone& backbone, Vq& vq, const Hyperparameters& hyper, int64_t steps, ReusePtr reuse) {
  const int64_t side = 1024 / hyper.vq.scale();
  const auto layout = picture_layout(hyper, side, side);
  PictureRequest request;
  request.cells.assign(static_cast<size_t>(layout->cells()), -1), request.steps = steps;
  Picture canvas(layout, request, reuse, 1);
  std::unique_ptr<Memo> memo = !reuse->keeps_rows() ? nullptr : std::make_unique<Memo>(device, hyper, backbone.kv_type(), *layout);
  Pass pass(device, backbone);
  const float guidance[] = {4};
  std::map<std::string, std::vector<double>> times;
  Json last(Json::Object{});
  const auto start = Clock::now();
  while (!canvas.done()) {
    Seat seat;
    seat.canvas = &canvas, seat.memo = memo.get(), seat.guidance = guidance, seat.temperature = 1;
    const Activity before = device.activity();
    const auto begin = Clock::now();
    pass.run({&seat, 1});
    times[pass_name(seat.pass)].push_back(seconds_since(begin));
    const Activity after = device.activity();
    Json each(Json::Object{});
    last.set(pass_name(seat.pass), each.set("rows", seat.rows)
                                       .set("launches", after.launches - before.launches)
                                       .set("replays", after.replays - before.replays)
                                       .set("waits", after.waits - before.waits)
                                       .set("groups", after.groups - before.groups));
  }
  const double decided = seconds_since(start);
  std::vector<uint8_t> pixels(static_cast<size_t>(1024 * 1024 * 3));
  vq.set_map_budget(int64_t{1} << 30);
  vq.decode(canvas.cells(), side, side, pixels);
  Json report(Json::Object{});
  report.set("seconds", seconds_since(start)).set("decodeSeconds", seconds_since(start) - decided).set("steps", steps);
  for (auto& [kind, each] : times) {
    std::sort(each.begin(), each.end());
    report.set(kind + "StepSeconds", each[each.size() / 2]);
  }
  return report.set("perStep", last).set("peakBytes", device.memory().peak);
}

Json model(Device& device, const char* path, int64_t steps) {
  const auto source = Source::open(path);
  const Hyperparameters hyper = read_hyperparameters(*source);
  const auto start = Clock::now();
  Backbone backbone(device, hyper, *source, Precision::fast);
  Vq vq(device, hyper.vq, *source);
  float value = 0;
  const Buffer any = device.allocate(4);
  device.download(&value, Tensor(static_cast<float*>(any.data()), 1, 1));
  Json upload(Json::Object{});
  upload.set("bytes", weight_bytes(*source)).set("seconds", seconds_since(start));
  Json report(Json::Object{});
  report.set("device", device.name()).set("commit", bench::commit()).set("upload", upload);
  report.set("exact", picture(device, backbone, vq, hyper, steps, no_reuse()));
  report.set("mlCache", picture(device, backbone, vq, hyper, steps, ml_cache(0.9, 0.3, 5)));
  return report;
}

int run(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "synth" && argc > 4) {
    SynthOptions options;
    options.shape = argv[2], options.output = argv[3], options.types = TypeRules::make(argv[4], ""), options.seed = 1;
    const SynthReport report = synth(options, {}, {});
    std::printf("{\"tensors\":%lld,\"bytes\":%lld}\n", static_cast<long long>(report.tensors), static_cast<long long>(report.bytes));
    return 0;
  }
  const bool known = what == "ops" || what == "switches" || (argc > 2 && (what == "model" || what == "one"));
  if (!known) return std::fprintf(stderr, "usage: gpu_bench ops|switches|one|model|synth ...\n"), 2;
  const auto device = gpu();
  if (!device) return std::printf("{\"device\": null, \"skipped\": \"no usable GPU\"}\n"), 0;
  if (what == "one") return one(*device, argv[2]), 0;
  const Json report = what == "ops"        ? ops(*device, argc > 2 ? argv[2] : nullptr)
                      : what == "switches" ? switches(argc > 2 ? std::atof(argv[2]) : 75)
                                           : model(*device, argv[2], argc > 3 ? std::atoll(argv[3]) : 64);
  std::printf("%s\n", report.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "gpu_bench: %s\n", error.what()), 1;
  }
}

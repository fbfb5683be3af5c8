// Every op of the CPU device as a fraction of this machine's ceiling for its type, as one JSON object on stdout.
//   ops_bench [--threads n] [--repeats n] [--op part-of-a-name] [--variant name]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bench/native/burn.h"
#include "bench/native/report.h"
#include "device/registry.h"
#include "source/quantize.h"

using namespace dimoo;
using bench::Kind;

namespace {

struct Bench {
  bench::Options options;
  ThreadPool pool;  // of the ceilings; the device has its own, as many threads
  std::unique_ptr<Device> device;
  Json::Array results;

  explicit Bench(const bench::Options& o) : options(o), pool(o.threads) {
    DeviceOptions d;
    d.threads = pool.threads();
    d.variant = o.variant;
    device = create_device("cpu", d);
  }

  template <class Body>
  void report(const std::string& op, Kind kind, double operations, Body body) {
    if (op.find(options.only) == std::string::npos) return;
    const bench::Measured m = bench::measure(pool, kind, options.repeats, body);
    Json entry{Json::Object{}};
    entry.set("op", op).set("milliseconds", m.seconds * 1e3).set("gops", operations / m.seconds * 1e-9);
    entry.set("ceiling", bench::kind_name(kind)).set("ceilingGops", m.ceiling).set("fraction", operations / m.seconds * 1e-9 / m.ceiling);
    results.push_back(entry);
    std::fprintf(stderr, "%-34s %9.3f ms %8.1f Gop/s %5.1f %% of %s %.0f\n", op.c_str(), m.seconds * 1e3, operations / m.seconds * 1e-9,
                 operations / m.seconds * 1e-7 / m.ceiling, bench::kind_name(kind), m.ceiling);
  }
};

Kind kind_of(DType type, Precision precision) {
  if (precision == Precision::f32 || type == DType::f32) return Kind::f32;
  return is_quantized(type) ? Kind::int8 : Kind::bf16;
}

void products(Bench& b, DType type, Precision precision, int64_t rows, int64_t n, int64_t k) {
  const std::vector<std::byte> data = bench::random_matrix(type, n, k);
  const auto weight = b.device->prepare({"w", type, n, k, data.data()}, precision);
  std::vector<float> x = bench::random_values(rows * k), out(static_cast<size_t>(rows * n));
  const char* const suffix = precision == Precision::f32 ? "" : " fast";
  b.report(text("linear ", type_info(type).name, suffix, " ", rows, "x", n, "x", k), kind_of(type, precision),
           2.0 * static_cast<double>(rows * n) * static_cast<double>(k),
           [&] { b.device->linear(Tensor(x.data(), rows, k), *weight, Tensor(out.data(), rows, n)); });
}

void attention(Bench& b, int64_t n, int heads, int64_t hd, Precision precision) {
  std::vector<float> q = bench::random_values(n * heads * hd), k = bench::random_values(n * heads * hd), out(q.size());
  const Tensor keys(k.data(), n, heads * hd);
  const AttentionSpan span{0, n, keys, keys, precision};
  const bool fast = precision == Precision::fast;
  b.report(text("attention ", n, " keys, ", heads, " heads of ", hd, fast ? " fast" : ""), fast ? Kind::bf16 : Kind::f32,
           4.0 * static_cast<double>(n * n * heads * hd), [&] {
             b.device->attention(Tensor(q.data(), n, heads * hd), {&span, 1}, heads, heads, Tensor(out.data(), n, heads * hd));
           });
}

void convolution(Bench& b, int64_t side, int64_t in, int64_t out_channels, int64_t size) {
  const std::vector<std::byte> data = bench::random_matrix(DType::f32, out_channels, in * size * size);
  const auto kernel = b.device->prepare_conv({"w", DType::f32, out_channels, in * size * size, data.data()}, in, size, Sampling::same);
  std::vector<float> x = bench::random_values(side * side * in), out(static_cast<size_t>(side * side * out_channels));
  std::vector<float> bias = bench::random_values(out_channels);
  b.report(text("conv ", size, "x", size, " ", side, "x", side, " ", in, " to ", out_channels), Kind::f32,
           2.0 * static_cast<double>(side * side * in * size * size * out_channels), [&] {
             b.device->conv({Tensor(x.data(), side * side, in), side, side}, {}, *kernel, Tensor(bias.data(), 1, out_channels), {},
                            {Tensor(out.data(), side * side, out_channels), side, side});
           });
}

/// Ops that move more than they compute: operations are counted all the same, so the numbers compare between runs.
void small_ops(Bench& b, int64_t rows, int64_t d) {
  std::vector<float> x = bench::random_values(rows * d), weight = bench::random_values(d), out(x.size());
  const Tensor in(x.data(), rows, d), to(out.data(), rows, d), w(weight.data(), 1, d);
  b.report(text("norm ", rows, "x", d), Kind::f32, 4.0 * static_cast<double>(rows * d), [&] { b.device->norm(in, w, 1e-5f, to); });
  std::vector<float> angles = bench::random_values(rows * 128);
  std::vector<int32_t> positions(static_cast<size_t>(rows));
  for (size_t i = 0; i < positions.size(); i++) positions[i] = static_cast<int32_t>(i);
  b.report(text("rotary ", rows, "x", d), Kind::f32, 3.0 * static_cast<double>(rows * d),
           [&] { b.device->rotary(to, positions, Tensor(angles.data(), rows, 128), static_cast<int>(d / 128)); });
}

void unmask(Bench& b, int64_t rows, int64_t codes) {
  std::vector<float> logits = bench::random_values(2 * rows * codes);
  std::vector<int32_t> cells(static_cast<size_t>(rows)), chosen(cells.size());
  std::vector<float> confidence(cells.size());
  std::vector<uint8_t> stays(cells.size());
  for (size_t i = 0; i < cells.size(); i++) cells[i] = static_cast<int32_t>(i);
  for (const float temperature : {0.0f, 1.0f}) {
    UnmaskJob job;
    job.rows = rows, job.branches = 2, job.guidance[0] = 4, job.temperature = temperature, job.keep = rows / 2;
    const Tensor all(logits.data(), 2 * rows, codes);
    job.logits[0].tensor = all.slice(0, rows), job.logits[1].tensor = all.slice(rows, rows);
    job.cells = cells.data(), job.codes = chosen.data(), job.confidence = confidence.data(), job.stays = stays.data();
    b.report(text("unmask ", rows, "x", codes, " temperature ", temperature), Kind::f32, 8.0 * static_cast<double>(rows * codes), [&] {
      b.device->unmask({&job, 1}), b.device->settle();
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  Bench b(bench::parse(argc, argv));
  for (const auto& [n, k] : {std::pair<int64_t, int64_t>{2048, 2048}, {6144, 2048}, {2048, 6144}, {4096, 4096}})
    products(b, DType::f32, Precision::f32, 512, n, k);
  for (const DType type : {DType::bf16, DType::q8_0, DType::q6_k, DType::q4_k, DType::q4_0})
    products(b, type, Precision::fast, 512, 4096, 4096);
  for (const int64_t rows : {1, 16, 64, 4096}) products(b, DType::f32, Precision::f32, rows, 2048, 2048);
  for (const Precision precision : {Precision::f32, Precision::fast})
    attention(b, 512, 16, 128, precision), attention(b, 4096, 4, 128, precision);
  for (const auto& [side, channels] : {std::pair<int64_t, int64_t>{32, 768}, {64, 512}, {128, 256}, {256, 128}})
    convolution(b, side, channels, channels, 3);
  convolution(b, 256, 128, 3, 3);
  convolution(b, 64, 768, 512, 1);
  small_ops(b, 512, 2048);
  unmask(b, 512, 8192);
  Json report{Json::Object{}};
  report.set("bench", "ops").set("machine", b.device->name()).set("threads", b.device->threads()).set("commit", bench::commit());
  report.set("variant", b.device->variants().front().chosen).set("repeats", b.options.repeats).set("results", b.results);
  std::printf("%s\n", report.dump().c_str());
}

// Decoding of one picture by a checkpoint's image tokenizer, whole and in strips, against the f32 ceiling on the same threads:
//   vq_bench <model.gguf> [rows 64] [columns 64] [threads 2] [repetitions 1]
// Prints one JSON object: medians of wall-clock seconds, operations counted from the shapes, and planned bytes of the maps.
#include <cstdio>
#include <cstdlib>

#include "bench/native/burn.h"
#include "device/registry.h"
#include "model/vq.h"

using namespace dimoo;

namespace {

/// Multiply-adds of the decoder, times two.
double operations(const VqHyperparameters& h, int64_t rows, int64_t columns) {
  double pixels = static_cast<double>(rows * columns), sum = 0;
  const auto conv = [&](int64_t in, int64_t out, int64_t taps) { sum += 2 * pixels * static_cast<double>(in * out * taps); };
  const auto residual = [&](int64_t in, int64_t out) {
    conv(in, out, 9), conv(out, out, 9);
    if (in != out) conv(in, out, 1);
  };
  conv(h.embed_dim, h.latent_channels, 1), conv(h.latent_channels, h.channels.back(), 9);
  for (int i = 0; i < 2; i++) residual(h.channels.back(), h.channels.back());
  int64_t channels = h.channels.back();
  for (size_t level = h.channels.size(); level-- > 0;) {
    for (int64_t i = 0; i <= h.layers_per_block; i++) residual(channels, h.channels[level]), channels = h.channels[level];
    if (level == 0) break;
    pixels *= 4;
    conv(channels, channels, 9);
  }
  conv(channels, 3, 9);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: vq_bench <model.gguf> [rows] [columns] [threads] [repetitions]\n"), 2;
  const auto number = [&](int at, int fallback) { return argc > at ? std::atoi(argv[at]) : fallback; };
  const int64_t rows = number(2, 64), columns = number(3, 64);
  const auto source = Source::open(argv[1]);
  const Hyperparameters hyper = read_hyperparameters(*source);
  DeviceOptions options;
  options.threads = number(4, 2);
  const auto device = create_device("cpu", options);
  ThreadPool pool(options.threads);  // of the ceilings
  Vq vq(*device, hyper.vq, *source);
  const int64_t side = hyper.vq.scale();
  std::vector<int32_t> codes(static_cast<size_t>(rows * columns));
  for (size_t i = 0; i < codes.size(); i++) codes[i] = static_cast<int32_t>(static_cast<int64_t>(i) * 7919 % hyper.vq.codebook_size);
  std::vector<uint8_t> rgb(static_cast<size_t>(rows * columns * side * side * 3));
  vq.decode(std::span(codes).first(1), 1, 1, std::span(rgb).first(static_cast<size_t>(side * side * 3)));  // packs the kernels
  const double work = operations(hyper.vq, rows, columns);
  std::vector<double> seconds[2], fractions[2];
  for (int i = 0; i < number(5, 1); i++)
    for (const int strips : {0, 1}) {
      vq.set_map_budget(strips ? 0 : -1);
      const double before = bench::ceiling(pool, bench::Kind::f32);
      const auto start = std::chrono::steady_clock::now();
      vq.decode(codes, rows, columns, rgb);
      seconds[strips].push_back(bench::seconds_since(start));
      const double ceiling = (before + bench::ceiling(pool, bench::Kind::f32)) / 2 * 1e9;
      fractions[strips].push_back(work / seconds[strips].back() / ceiling);
    }
  std::printf("{\"bench\":\"vq\",\"rows\":%lld,\"columns\":%lld,\"threads\":%d,\"gigaOperations\":%.0f", static_cast<long long>(rows),
              static_cast<long long>(columns), pool.threads(), work * 1e-9);
  for (const int strips : {0, 1})
    std::printf(",\"%s\":{\"seconds\":%.3f,\"fractionOfF32Ceiling\":%.3f,\"mapBytes\":%lld}", strips ? "strips" : "whole",
                bench::median(seconds[strips]), bench::median(fractions[strips]),
                static_cast<long long>(Vq::workspace_bytes(*device, hyper.vq, rows, columns, strips ? 0 : -1)));
  std::printf("}\n");
}

// One forward pass of a checkpoint against the f32 ceiling of this machine, on the same threads, interleaved, in one run:
//   forward_bench <model.gguf> [rows 512] [threads 2] [repetitions 7] [precision fast|f32]
// Prints one JSON object: medians of wall-clock seconds, operations counted from the shapes, and the fraction of the ceiling.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/thread_pool.h"
#include "cpu/dispatch.h"
#include "device/registry.h"
#include "model/backbone.h"

using namespace dimoo;
using Clock = std::chrono::steady_clock;

namespace {

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Multiply-adds of one pass over n rows of one branch with the head on `o` rows, times two. The last block's queries and MLP run on o
/// rows.
double operations(const Hyperparameters& h, double n, double o) {
  const double d = static_cast<double>(h.d_model), kv = static_cast<double>(h.kv_heads * h.head_dim), mlp = static_cast<double>(h.mlp);
  const auto block = [&](double rows) { return rows * (2 * d * d + 3 * d * mlp) + n * 2 * d * kv + 2 * rows * n * d; };
  return 2 * ((static_cast<double>(h.layers) - 1) * block(n) + block(o) + o * d * static_cast<double>(h.vq.codebook_size));
}

double ceiling(ThreadPool& pool, const cpu::Kernels& kernels) {
  constexpr int64_t kRounds = 4'000'000;
  std::vector<float> out(static_cast<size_t>(pool.threads()) * 16);
  int64_t each = 0;
  const auto start = Clock::now();
  pool.run(pool.threads(), [&](int64_t task, int) { each = kernels.peak_f32(kRounds, 0.5f, &out[static_cast<size_t>(task) * 16]); });
  return static_cast<double>(each * pool.threads()) / seconds_since(start);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: forward_bench <model.gguf> [rows] [threads] [repetitions] [fast|f32]\n"), 2;
  const int64_t rows = argc > 2 ? std::atoll(argv[2]) : 512;
  DeviceOptions options;
  options.threads = argc > 3 ? std::atoi(argv[3]) : 2;
  const int repetitions = argc > 4 ? std::atoi(argv[4]) : 7;
  const Precision precision = argc > 5 && std::string(argv[5]) == "f32" ? Precision::f32 : Precision::fast;
  const auto source = Source::open(argv[1]);
  const Hyperparameters hyper = read_hyperparameters(*source);
  const auto device = create_device("cpu", options);
  const cpu::Kernels* kernels = cpu::choose_variant("").kernels;
  if (!kernels) return std::fprintf(stderr, "no vector variant on this machine: there is no ceiling to compare with\n"), 1;
  ThreadPool pool(options.threads);
  Backbone backbone(*device, hyper, *source, precision);

  std::vector<int32_t> tokens, positions, heads;
  for (int64_t i = 0; i < rows; i++) {
    tokens.push_back(static_cast<int32_t>(i * 7919 % hyper.vocab));
    positions.push_back(static_cast<int32_t>(i));
    heads.push_back(static_cast<int32_t>(i));
  }
  const BranchRows branch{0, rows};
  std::vector<float> logits(static_cast<size_t>(rows * hyper.vq.codebook_size));
  const auto pass = [&] {
    const auto start = Clock::now();
    backbone.head(backbone.forward({tokens, positions, {&branch, 1}, heads}), Slice::codes,
                  Tensor(logits.data(), rows, hyper.vq.codebook_size));
    return seconds_since(start);
  };
  pass();  // packs the panels
  std::vector<double> times, peaks, fractions;
  const double work = operations(hyper, static_cast<double>(rows), static_cast<double>(rows));
  for (int i = 0; i < repetitions; i++) {
    const double before = ceiling(pool, *kernels), time = pass(), after = ceiling(pool, *kernels);
    times.push_back(time);
    peaks.push_back((before + after) / 2);
    fractions.push_back(work / time / peaks.back());
  }
  std::printf(
      "{\"model\":\"%s\",\"rows\":%lld,\"threads\":%d,\"variant\":\"%s\",\"precision\":\"%s\",\"repetitions\":%d,\"gigaOperations\":%.1f,"
      "\"medianSeconds\":%.4f,\"rowsPerSecond\":%.1f,\"gigaOperationsPerSecond\":%.1f,\"f32CeilingGigaOperationsPerSecond\":%.1f,"
      "\"fractionOfF32Ceiling\":%.3f}\n",
      argv[1], static_cast<long long>(rows), options.threads, kernels->name, precision == Precision::f32 ? "f32" : "fast", repetitions,
      work / 1e9, median(times), static_cast<double>(rows) / median(times), work / median(times) / 1e9, median(peaks) / 1e9,
      median(fractions));
}

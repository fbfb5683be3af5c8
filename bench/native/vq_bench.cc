// One picture through a checkpoint's image tokenizer within a budget for its maps (-1: whole), against the f32 ceiling on the same threads:
//   vq_bench <model.gguf> decode|encode <map bytes> [rows 64] [columns 64] [threads 2] [repeats 1]
// Prints one JSON object: medians of wall-clock seconds, operations counted from the shapes as the original does them and as done here,
// planned bytes of the maps, and the high-water mark of resident memory above what was there before the first picture, with the
// weights: maps, packed kernels and scratch.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "bench/native/burn.h"
#include "bench/native/report.h"
#include "device/registry.h"
#include "model/vq.h"
#include "model/vq_memory.h"

using namespace dimoo;

namespace {

struct Operations {
  double original = 0, done = 0;  // done: upsampling convolutions have 4 taps a pixel in place of 9
};

/// Multiply-adds of one half, times two. Strips compute some convolutions more than once, which does not count.
struct Count {
  const VqHyperparameters& hyper;
  double pixels;
  Operations sum;

  void conv(int64_t in, int64_t out, int64_t taps, int64_t taps_done) {
    const double pairs = 2 * pixels * static_cast<double>(in * out);
    sum.original += pairs * static_cast<double>(taps), sum.done += pairs * static_cast<double>(taps_done);
  }
  void conv(int64_t in, int64_t out, int64_t taps) { conv(in, out, taps, taps); }
  void residual(int64_t in, int64_t out) {
    conv(in, out, 9), conv(out, out, 9);
    if (in != out) conv(in, out, 1);
  }
};

Operations decoding(const VqHyperparameters& h, int64_t rows, int64_t columns) {
  Count count{h, static_cast<double>(rows * columns), {}};
  int64_t channels = h.channels.back();
  count.conv(h.embed_dim, h.latent_channels, 1), count.conv(h.latent_channels, channels, 9);
  for (int i = 0; i < 2; i++) count.residual(channels, channels);
  for (size_t level = h.channels.size(); level-- > 0; count.pixels *= 4) {
    for (int64_t i = 0; i <= h.layers_per_block; i++) count.residual(channels, h.channels[level]), channels = h.channels[level];
    if (level == 0) break;
    count.pixels *= 4, count.conv(channels, channels, 9, 4), count.pixels /= 4;
  }
  count.conv(channels, 3, 9);
  return count.sum;
}

Operations encoding(const VqHyperparameters& h, int64_t rows, int64_t columns) {
  Count count{h, static_cast<double>(rows * columns * h.scale() * h.scale()), {}};
  int64_t channels = h.channels.front();
  count.conv(3, channels, 9);
  for (size_t level = 0; level < h.channels.size(); level++) {
    for (int64_t i = 0; i < h.layers_per_block; i++) count.residual(channels, h.channels[level]), channels = h.channels[level];
    if (level + 1 < h.channels.size()) count.pixels /= 4, count.conv(channels, channels, 9);
  }
  for (int i = 0; i < 2; i++) count.residual(channels, channels);
  count.conv(channels, h.latent_channels, 9), count.conv(h.latent_channels, h.embed_dim, 1);
  return count.sum;
}

/// A line of /proc/self/status in kB, as bytes.
int64_t status(const std::string& key) {
  std::ifstream file("/proc/self/status");
  std::string word;
  int64_t value = 0;
  while (file >> word)
    if (word == key + ":" && file >> value) return value * 1024;
  return 0;
}

/// Makes the tokenizer's weights resident; returns a sum of bytes, so that they are read.
int64_t touch(const Source& source) {
  int64_t sum = 0;
  for (const SourceTensor& tensor : source.tensors())
    for (int64_t i = 0; tensor.name.starts_with("vq.") && i < tensor.bytes; i += 4096) sum += std::to_integer<int64_t>(tensor.data[i]);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4)
    return std::fprintf(stderr, "usage: vq_bench <model.gguf> decode|encode <map bytes> [rows] [columns] [threads] [repeats]\n"), 2;
  const auto number = [&](int at, int fallback) { return argc > at ? std::atoi(argv[at]) : fallback; };
  const bool decodes = std::string(argv[2]) == "decode";
  const int64_t budget = std::atoll(argv[3]), rows = number(4, 64), columns = number(5, 64);
  const auto source = Source::open(argv[1]);
  const VqHyperparameters hyper = read_hyperparameters(*source).vq;
  DeviceOptions options;
  options.threads = number(6, 2);
  const auto device = create_device("cpu", options);
  ThreadPool pool(options.threads);  // of the ceilings
  Vq tokenizer(*device, hyper, *source);
  const int64_t height = rows * hyper.scale(), width = columns * hyper.scale(), cell = hyper.scale() * hyper.scale() * 3;
  std::vector<int32_t> codes(static_cast<size_t>(rows * columns));
  for (size_t i = 0; i < codes.size(); i++) codes[i] = static_cast<int32_t>(static_cast<int64_t>(i) * 7919 % hyper.codebook_size);
  std::vector<uint8_t> rgb(static_cast<size_t>(height * width * 3), 1);
  if (touch(*source) == 0) return std::fprintf(stderr, "vq_bench: %s has no image tokenizer\n", argv[1]), 1;
  const int64_t resident = status("VmRSS");
  const auto run = [&](int64_t down, int64_t across) {
    const auto pixels = std::span(rgb).first(static_cast<size_t>(down * across * cell));
    const auto cells = std::span(codes).first(static_cast<size_t>(down * across));
    decodes ? tokenizer.decode(cells, down, across, pixels) : tokenizer.encode(pixels, down * hyper.scale(), across * hyper.scale(), cells);
  };
  run(1, 1);  // packs the kernels
  tokenizer.set_map_budget(budget);
  std::vector<double> seconds, ceilings;
  const auto look_at_ceiling = [&] {
    for (int i = 0; i < 5; i++) ceilings.push_back(bench::ceiling(pool, bench::Kind::f32));
  };
  look_at_ceiling();
  const Operations work = decodes ? decoding(hyper, rows, columns) : encoding(hyper, rows, columns);
  for (int i = 0; i < number(7, 1); i++) {
    const auto start = std::chrono::steady_clock::now();
    run(rows, columns);
    seconds.push_back(bench::seconds_since(start));
    look_at_ceiling();
  }
  const auto rounded = [](double value) { return std::round(value * 1000) / 1000; };
  const double fraction = work.original / bench::median(seconds) / bench::median(ceilings) * 1e-9;
  Json report{Json::Object{}};
  report.set("variant", device->variants().front().chosen).set("threads", pool.threads());
  report.set("gigaOperations", std::round(work.original * 1e-9)).set("gigaOperationsDone", std::round(work.done * 1e-9));
  report.set("seconds", rounded(bench::median(seconds))).set("ceilingGops", rounded(bench::median(ceilings)));
  report.set("fractionOfF32Ceiling", rounded(fraction)).set("fractionDone", rounded(fraction * work.done / work.original));
  report.set("plannedMapBytes", static_cast<double>((decodes ? vq::plan_decoder : vq::plan_encoder)(hyper, rows, columns, budget).bytes));
  if (decodes) report.set("plannedPanelBytes", static_cast<double>(Vq::panel_bytes(*device, *source)));
  report.set("peakBytes", static_cast<double>(status("VmHWM") - resident));
  std::printf("%s\n", report.dump().c_str());
}

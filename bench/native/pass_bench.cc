// One exact pass of a checkpoint on demand, so that a script can ask several programs in turns (bench/compare-*):
//   pass_bench <model.gguf> <rows> <threads> <fast|f32>
// stdin `pass` -> the seconds of one pass over `rows` tokens, head on the last row; `all` -> every layer on every row; `logits
// <file>` -> f32 logits of the rows 0, rows/2 and rows-1; `peak <f32|bf16|int8>` -> operations per second. One line each.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "device/registry.h"
#include "engine/plan.h"
#include "model/backbone.h"

using namespace dimoo;

namespace {

struct Pass {
  std::vector<int32_t> tokens, positions;
  BranchRows branch;

  explicit Pass(int64_t rows, int64_t vocabulary) {
    for (int64_t i = 0; i < rows; i++)
      tokens.push_back(static_cast<int32_t>(i * 7919 % vocabulary)), positions.push_back(static_cast<int32_t>(i));
    branch.count = rows;
  }
  Batch batch(const std::vector<int32_t>& heads) const { return {tokens, positions, {&branch, 1}, heads}; }
};

template <class Body>
void answer_seconds(Body body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  std::cout << std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return std::fprintf(stderr, "usage: pass_bench <model.gguf> <rows> <threads> <fast|f32>\n"), 2;
  const auto source = Source::open(argv[1]);
  const Hyperparameters hyper = read_hyperparameters(*source);
  const int32_t rows = std::atoi(argv[2]);
  DeviceOptions options;
  options.threads = std::atoi(argv[3]);
  options.panel_bytes = default_panel_budget(*source);
  const auto device = create_device("cpu", options);
  Backbone backbone(*device, hyper, *source, std::string(argv[4]) == "f32" ? Precision::f32 : Precision::fast);
  const Pass pass(rows, hyper.vocab);
  std::vector<float> logits(static_cast<size_t>(3 * hyper.vocab));
  const auto head = [&](Tensor rows) { backbone.head(rows, Slice::vocabulary, Tensor(logits.data(), rows.rows, hyper.vocab)); };
  const auto compute = [&](const std::vector<int32_t>& heads) { head(backbone.forward(pass.batch(heads))); };
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "pass") answer_seconds([&] { compute({rows - 1}); });
    if (line == "all") answer_seconds([&] { head(backbone.forward_all(pass.batch({rows - 1})).read); });
    if (line.starts_with("peak "))
      std::cout << device->peak(line == "peak f32"    ? Arithmetic::f32
                                : line == "peak bf16" ? Arithmetic::bf16
                                                      : Arithmetic::int8)
                << std::endl;
    if (line.starts_with("logits ")) {
      compute({0, rows / 2, rows - 1});
      std::ofstream(line.substr(7), std::ios::binary)
          .write(reinterpret_cast<const char*>(logits.data()), static_cast<std::streamsize>(logits.size()) * 4);
      std::cout << hyper.vocab << std::endl;
    }
  }
}

// One canvas' seat in a pass: what is asked of it and what came out.
#pragma once
#include <exception>
#include <span>
#include <vector>

#include "engine/memo.h"
#include "model/backbone.h"

namespace dimoo {

struct Seat {
  Canvas* canvas = nullptr;
  Memo* memo = nullptr;  // where the canvas reuses anything
  Slice slice = Slice::codes;
  std::span<const float> guidance;  // one weight per unconditional branch
  float floor = 0;                  // of pictures: see UnmaskJob
  float temperature = 0;
  std::span<const int32_t> probe;       // ids whose probabilities at the first wanted cell are asked for
  const float* sample_noise = nullptr;  // recorded uniforms (tests)
  const float* cut_noise = nullptr;
  const double* text_noise = nullptr;
  // Results.
  Sampled sampled;  // in the order of wanted() before the step
  std::vector<double> probabilities;
  Fixed fixed;
  PassKind pass = PassKind::full;
  int64_t rows = 0, block = 0;  // rows computed for this seat; the block it worked on
  std::exception_ptr error;     // what kept its canvas from taking the step: nothing of it can be used any more
};

}  // namespace dimoo

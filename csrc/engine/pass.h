// One pass: the branches of any number of canvases laid side by side, one forward, one unmask, and the outcome written back.
// Knows no threads and no runs; what travels along never changes a canvas' result.
#pragma once
#include <span>
#include <vector>

#include "diffusion/canvas.h"
#include "model/backbone.h"

namespace dimoo {

/// One picture's seat in a pass.
struct Seat {
  Canvas* canvas = nullptr;
  const CanvasLayout* layout = nullptr;
  std::span<const float> guidance;  // one weight per unconditional branch
  float temperature = 0;
  const float* sample_noise = nullptr;  // recorded uniforms (tests)
  const float* cut_noise = nullptr;
  // Results.
  std::vector<int32_t> codes;  // what was sampled, in the order of masked() before the step
  std::vector<float> confidence;
  std::vector<uint8_t> stays;
  Canvas::Fixed fixed;
  int64_t rows = 0;  // rows computed for this seat
};

class Pass {
 public:
  Pass(Device& device, Backbone& backbone, const Hyperparameters& hyper) : device_(device), backbone_(backbone), hyper_(hyper) {}
  /// Takes one step of every seat's canvas. On an error no canvas has changed.
  void run(std::span<Seat> seats);
  int64_t bytes() const { return static_cast<int64_t>(logits_.bytes()); }

 private:
  Device& device_;
  Backbone& backbone_;
  const Hyperparameters& hyper_;
  Buffer logits_;
};

}  // namespace dimoo

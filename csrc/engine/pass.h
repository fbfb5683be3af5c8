// One pass: the rows of any number of canvases laid side by side, one forward, one unmask, and the outcome written back. Knows no
// threads and no runs; what travels along never changes a canvas' result.
#pragma once
#include <span>
#include <vector>

#include "engine/memo.h"
#include "model/backbone.h"

namespace dimoo {

/// One canvas' seat in a pass.
struct Seat {
  Canvas* canvas = nullptr;
  Memo* memo = nullptr;  // where the canvas reuses anything
  Slice slice = Slice::codes;
  std::span<const float> guidance;  // one weight per unconditional branch
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
};

/// Rows that a canvas' step to come computes, over all branches.
int64_t rows_to_compute(const Canvas& canvas, const Memo* memo);

class Pass {
 public:
  /// Bytes of the pieces in which logits are computed that outlive a pass.
  static constexpr int64_t kPieces = int64_t{64} << 20;
  Pass(Device& device, Backbone& backbone) : device_(device), backbone_(backbone) {}
  /// Takes one step of every seat's canvas. On an error no canvas has changed, and the step may be tried again.
  void run(std::span<Seat> seats);
  /// Milliseconds that the last one spent in the network, head included.
  double forward_ms() const { return forward_ms_; }

 private:
  struct Packed;
  void compute(std::span<Seat> seats, Packed& packed);
  void pack(Seat& seat, Packed& packed);
  void direct_logits(Packed& packed, Tensor hidden);
  void remember(Packed& packed, Tensor hidden);
  void decide(std::span<Seat> seats, Packed& packed);
  Tensor scratch(Buffer& buffer, int64_t rows, int64_t cols);

  Device& device_;
  Backbone& backbone_;
  Buffer logits_, chunk_, picked_, maxima_;  // pieces of at most kPieces
  double forward_ms_ = 0;
};

}  // namespace dimoo

// One pass: the rows of any number of canvases laid side by side, one forward, one unmask, and the outcome written back. Knows no
// threads and no runs; what travels along never changes a canvas' result.
#pragma once
#include <span>
#include <vector>

#include "engine/decisions.h"

namespace dimoo {

/// Rows that a canvas' step to come computes, over all branches.
int64_t rows_to_compute(const Canvas& canvas, const Memo* memo);

class Pass {
 public:
  Pass(Device& device, Backbone& backbone) : device_(device), backbone_(backbone) {}
  /// Takes one step of every seat's canvas. On an error no canvas has changed, and the step may be tried again; a canvas that could not
  /// take its outcome says so in its seat.
  void run(std::span<Seat> seats);
  /// Milliseconds that the last one spent in the network, head included.
  double forward_ms() const { return forward_ms_; }

  /// Rows whose logits over `width` values are computed at a time.
  static int64_t piece_rows(int64_t width);
  /// Bytes for the logits of a pass that reads this many rows of a slice, and for what is kept of one piece until the last.
  static int64_t logits_bytes(const Hyperparameters& hyper, int64_t rows, Slice slice);
  /// The same for rows of which reuse keeps the logits.
  static int64_t kept_logits_bytes(const Hyperparameters& hyper, int64_t rows, Slice slice);
  /// Smaller pieces than piece_rows() (tests); at least one row of every branch.
  void set_most_piece_rows(int64_t rows) { most_piece_rows_ = rows; }

 private:
  struct Packed;
  struct Piece;
  void compute(std::span<Seat> seats, Packed& packed);
  void pack(Seat& seat, Packed& packed);
  void head(Tensor rows, Slice slice, Tensor logits);
  void decide_direct(Packed& packed, Tensor hidden, Slice slice, Decisions& decisions);
  void decide_piece(const Packed& packed, Tensor hidden, Slice slice, const Piece& piece, Decisions& decisions);
  void remember(Packed& packed, Tensor hidden);
  void decide_kept(const Packed& packed, Decisions& decisions);
  void settle(const Batch& batch);
  Tensor scratch(Buffer& buffer, int64_t rows, int64_t cols);

  Device& device_;
  Backbone& backbone_;
  Buffer logits_, picked_, maxima_;
  int64_t most_piece_rows_ = INT64_MAX;
  double forward_ms_ = 0;
};

}  // namespace dimoo

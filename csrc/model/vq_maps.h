// Feature maps and what the image tokenizer does to them. A map is (h * w, c), channels innermost, in memory of its own for as long as
// it is needed. Norms are folded into the convolutions behind them; their statistics are of the whole picture, summed row by row, so
// strips change no bit.
#pragma once
#include "base/function_ref.h"
#include "model/vq_layers.h"

namespace dimoo::vq {

struct Map {
  Buffer memory;
  Image image;
};

class Maps {
 public:
  Maps(Device& device, int64_t norm_groups) : device_(device), groups_(norm_groups) {}
  /// Bytes of maps from which on a residual is computed in strips (model/vq_memory.h); negative: no limit.
  void set_limit(int64_t bytes) { limit_ = bytes; }

  Map make(int64_t height, int64_t width, int64_t channels);
  Map conv(const Map& x, const Conv& c);
  /// conv(silu(norm(x))).
  Map normed_conv(const Map& x, const Norm& norm, const Conv& c);
  /// The residual behind x, or behind up(x): x + conv2(silu(norm2(conv1(silu(norm1(x)))))).
  Map residual(Map x, const Residual& r, const Conv* up = nullptr);

 private:
  struct Factors;
  class Strips;
  Factors factors(const Norm& norm, const std::vector<double>& sums, int64_t pixels) const;
  void normed_conv(Image x, const Norm& norm, const Conv& c, Image residual, Image out);
  Map shortcut(Map x, const Residual& r);

  Device& device_;
  int64_t groups_;
  int64_t limit_ = -1;
};

}  // namespace dimoo::vq

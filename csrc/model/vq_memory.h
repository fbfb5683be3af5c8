// What the image tokenizer's maps take, and when a residual is computed in strips instead: the one account that both the model and the
// plan before a run go by.
#pragma once
#include <algorithm>
#include <cstdint>

#include "model/hyperparameters.h"

namespace dimoo::vq {

int64_t map_bytes(int64_t pixels, int64_t channels);
/// Rows of a strip of a map of this width.
int64_t strip_rows(int64_t width);

/// A residual, with the upsampling before it where its channels change there.
///   whole: inner = conv1(x), then conv2(inner) is added to x, or to shortcut(x), which lies in x's own memory where it fits.
///   in strips: inner is computed twice, strip by strip: once for its statistics, once for conv2; so is the upsampled x.
struct Block {
  int64_t height, width;  // of x
  int64_t in, out;        // channels
  int64_t held;           // bytes of the memory that x lies in or is upsampled from
  bool upsamples = false;

  int64_t x() const { return map_bytes(height * width, in); }
  int64_t behind() const { return map_bytes(height * width, out); }

  int64_t whole() const {
    const int64_t begin = upsamples ? x() : held;
    return std::max(upsamples ? held + x() : 0, begin + behind() + (out > in ? behind() : 0));
  }
  int64_t in_strips() const {
    const int64_t inner = strip_bytes(2, out);
    return held + (upsamples || in != out ? behind() : 0) + 2 * inner + (upsamples ? strip_bytes(4, in) : 0);
  }
  /// Negative: no limit.
  bool takes_strips(int64_t limit) const { return limit >= 0 && whole() > limit && in_strips() < whole(); }
  int64_t bytes(int64_t limit) const { return takes_strips(limit) ? in_strips() : whole(); }
  /// Bytes of the memory that the result lies in.
  int64_t left(int64_t limit) const {
    if (takes_strips(limit)) return upsamples || in != out ? behind() : held;
    return out > in ? behind() : upsamples ? x() : held;
  }

 private:
  int64_t strip_bytes(int64_t more, int64_t channels) const {
    return map_bytes(std::min(height, strip_rows(width) + more) * width, channels);
  }
};

/// What keeps the maps of a picture of rows x columns codes within a budget, where anything does.
struct MapPlan {
  int64_t limit = -1;  // that each residual goes by
  int64_t bytes = 0;   // the most that maps take at once
};
/// Negative budget: no limit.
MapPlan plan_encoder(const VqHyperparameters& hyper, int64_t rows, int64_t columns, int64_t budget);
MapPlan plan_decoder(const VqHyperparameters& hyper, int64_t rows, int64_t columns, int64_t budget);

}  // namespace dimoo::vq

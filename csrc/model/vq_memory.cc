// Each walk follows the model's own (model/vq.cc), with bytes in place of maps.
#include "model/vq_memory.h"

namespace dimoo::vq {
namespace {

constexpr int64_t kStripPixels = 64 << 10;  // of a strip, about; fixed rows, so the extra rows of its neighbours cost little

/// The map that the model holds and the most it ever took.
struct Walk {
  int64_t height, width, channels;
  int64_t budget;
  int64_t held = 0, most = 0;

  /// A convolution into a map of its own, which is kept.
  void into(int64_t to_height, int64_t to_width, int64_t out) {
    const int64_t bytes = map_bytes(to_height * to_width, out);
    most = std::max(most, held + bytes);
    height = to_height, width = to_width, channels = out, held = bytes;
  }
  void into(int64_t out) { into(height, width, out); }
  void residual(int64_t out, bool upsamples = false) {
    if (upsamples) height *= 2, width *= 2;
    const Block block{height, width, channels, out, held, upsamples};
    most = std::max(most, block.bytes(budget));
    channels = out, held = block.left(budget);
  }
};

}  // namespace

int64_t map_bytes(int64_t pixels, int64_t channels) { return (pixels * channels * 4 + 63) / 64 * 64; }

int64_t strip_rows(int64_t width) { return std::max<int64_t>(8, kStripPixels / width); }

int64_t encoder_bytes(const VqHyperparameters& hyper, int64_t rows, int64_t columns, int64_t budget) {
  const int64_t side = hyper.scale();
  Walk walk{rows * side, columns * side, 3, budget};
  walk.into(3), walk.into(hyper.channels.front());
  for (size_t level = 0; level < hyper.channels.size(); level++) {
    for (int64_t i = 0; i < hyper.layers_per_block; i++) walk.residual(hyper.channels[level]);
    if (level + 1 < hyper.channels.size()) walk.into(walk.height / 2, walk.width / 2, walk.channels);
  }
  for (int i = 0; i < 2; i++) walk.residual(walk.channels);
  walk.into(hyper.latent_channels), walk.into(hyper.embed_dim);
  return walk.most;
}

int64_t decoder_bytes(const VqHyperparameters& hyper, int64_t rows, int64_t columns, int64_t budget) {
  Walk walk{rows, columns, hyper.embed_dim, budget};
  walk.into(hyper.embed_dim), walk.into(hyper.latent_channels), walk.into(hyper.channels.back());
  for (int i = 0; i < 2; i++) walk.residual(walk.channels);
  for (size_t level = hyper.channels.size(); level-- > 0;) {
    const int64_t out = hyper.channels[level];
    const bool below = level + 1 < hyper.channels.size(), joined = below && walk.channels != out;
    if (below && !joined) walk.into(walk.height * 2, walk.width * 2, walk.channels);
    for (int64_t i = 0; i <= hyper.layers_per_block; i++) walk.residual(out, joined && i == 0);
  }
  walk.into(3);
  return walk.most;
}

int64_t normed_bytes(const VqHyperparameters& hyper, int64_t rows, int64_t columns) {
  int64_t most = 0, pixels = rows * columns, above = hyper.channels.back();
  for (size_t level = hyper.channels.size(); level-- > 0; pixels *= 4) {
    int64_t widest = std::max<int64_t>({hyper.channels[level], above, level > 0 ? hyper.channels[level - 1] : 3});
    if (level + 1 == hyper.channels.size()) widest = std::max({widest, hyper.latent_channels, hyper.embed_dim});
    most = std::max(most, 3 * map_bytes(pixels, widest));  // the map, its normed copy, and what is computed from them
    above = hyper.channels[level];
  }
  return most;
}

}  // namespace dimoo::vq

// Each walk follows the model's own (model/vq.cc), with bytes in place of maps.
#include "model/vq_memory.h"

#include "base/function_ref.h"

namespace dimoo::vq {
namespace {

constexpr int64_t kStripPixels = 64 << 10;  // of a strip, about; fixed rows, so the extra rows of its neighbours cost little

/// The map that the model holds and the most it ever took.
struct Walk {
  int64_t height, width, channels;
  int64_t limit;
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
    most = std::max(most, block.bytes(limit));
    channels = out, held = block.left(limit);
  }
};

int64_t encoder_bytes(const VqHyperparameters& hyper, int64_t rows, int64_t columns, int64_t limit) {
  const int64_t side = hyper.scale();
  Walk walk{rows * side, columns * side, 3, limit};
  walk.into(3), walk.into(hyper.channels.front());
  for (size_t level = 0; level < hyper.channels.size(); level++) {
    for (int64_t i = 0; i < hyper.layers_per_block; i++) walk.residual(hyper.channels[level]);
    if (level + 1 < hyper.channels.size()) walk.into(walk.height / 2, walk.width / 2, walk.channels);
  }
  for (int i = 0; i < 2; i++) walk.residual(walk.channels);
  walk.into(hyper.latent_channels), walk.into(hyper.embed_dim);
  return walk.most;
}

int64_t decoder_bytes(const VqHyperparameters& hyper, int64_t rows, int64_t columns, int64_t limit) {
  Walk walk{rows, columns, hyper.embed_dim, limit};
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

/// Strips only where they are needed: what the largest residual takes in strips, the others may take whole.
MapPlan plan(FunctionRef<int64_t(int64_t limit)> bytes_within, int64_t budget) {
  if (budget < 0) return {-1, bytes_within(-1)};
  const int64_t least = bytes_within(0), limit = std::max(budget, least), bytes = bytes_within(limit);
  return bytes <= limit ? MapPlan{limit, bytes} : MapPlan{0, least};
}

}  // namespace

int64_t map_bytes(int64_t pixels, int64_t channels) { return (pixels * channels * 4 + 63) / 64 * 64; }

int64_t strip_rows(int64_t width) { return std::max<int64_t>(8, kStripPixels / width); }

MapPlan plan_encoder(const VqHyperparameters& hyper, int64_t rows, int64_t columns, int64_t budget) {
  return plan([&](int64_t limit) { return encoder_bytes(hyper, rows, columns, limit); }, budget);
}

MapPlan plan_decoder(const VqHyperparameters& hyper, int64_t rows, int64_t columns, int64_t budget) {
  return plan([&](int64_t limit) { return decoder_bytes(hyper, rows, columns, limit); }, budget);
}

}  // namespace dimoo::vq

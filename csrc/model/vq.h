// The image tokenizer (docs/model.md#image-tokenizer): RGB pixels to codes and back. Convolutional, one codebook, always f32.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "model/hyperparameters.h"

namespace dimoo {

class Vq {
 public:
  /// Binds every "vq." tensor; `source` must outlive this.
  Vq(Device& device, const VqHyperparameters& hyper, const Source& source);
  ~Vq();

  /// rgb (height * width * 3) u8, sides multiples of the scale -> codes (height/scale * width/scale), row by row.
  void encode(std::span<const uint8_t> rgb, int64_t height, int64_t width, std::span<int32_t> codes);
  /// codes (rows * columns) -> rgb (rows*scale * columns*scale * 3): clipped to [0, 1], times 255, rounded half to even.
  void decode(std::span<const int32_t> codes, int64_t rows, int64_t columns, std::span<uint8_t> rgb);

  // For tests: the same on f32, channels innermost. Latents (h*w, embed_dim) after quant_conv; decoded pixels unclipped.
  void encode_latents(std::span<const float> rgb, int64_t height, int64_t width, std::span<float> latents);
  void decode_pixels(std::span<const int32_t> codes, int64_t rows, int64_t columns, std::span<float> rgb);

  /// Device bytes that maps may take at once: where a residual takes more, it is computed in strips of the picture, which takes less
  /// memory and up to half more time (model/vq_memory.h). The result is the same bits. Any thread; the default is no limit.
  void set_map_budget(int64_t bytes);
  /// Device bytes of the maps for one picture of rows x columns cells, encoding and decoding: what they take within `budget`, which is
  /// more than `budget` where strips do not suffice. Negative: no limit. A device that does not fold norms takes no strips.
  static int64_t workspace_bytes(const VqHyperparameters& hyper, int64_t rows, int64_t columns, int64_t budget = -1);
  /// Bytes of packed kernels once the decoder was used.
  static int64_t panel_bytes(const Device& device, const Source& source);
  /// Bytes of the largest kernel packed: what one convolution takes where the cache has no room.
  static int64_t largest_panel_bytes(const Device& device, const Source& source);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dimoo

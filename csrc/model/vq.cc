// The walks through the tokenizer's layers, and what they take. The maps and what happens to them are model/vq_maps.h's.
#include "model/vq.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <utility>

#include "model/vq_maps.h"
#include "model/vq_memory.h"

namespace dimoo {

using vq::Conv, vq::Half, vq::Level, vq::Map, vq::Residual;

struct Vq::Impl {
  Device& device;
  const VqHyperparameters hyper;
  vq::Layers layers;
  vq::Maps maps;
  std::atomic<int64_t> budget{-1};

  Impl(Device& device, const VqHyperparameters& hyper, const Source& source)
      : device(device), hyper(hyper), layers(vq::bind_layers(device, hyper, source)), maps(device, hyper.norm_groups) {}

  /// Latents (h*w, embed).
  Map encode(std::span<const float> rgb, int64_t height, int64_t width) {
    const Half& encoder = layers.encoder;
    maps.set_limit(vq::plan_encoder(hyper, height / hyper.scale(), width / hyper.scale(), budget).limit);
    Map x = maps.make(height, width, 3);
    device.upload(x.image.pixels, rgb.data());
    x = maps.conv(x, encoder.in);
    for (const Level& level : encoder.levels) {
      for (const Residual& r : level.residuals) x = maps.residual(std::move(x), r);
      if (level.resample.kernel) x = maps.conv(x, level.resample);
    }
    for (const Residual& r : encoder.mid) x = maps.residual(std::move(x), r);
    x = maps.normed_conv(x, encoder.norm_out, encoder.out);
    return maps.conv(x, layers.quant);
  }

  /// Pixels (h*w, 3), unclipped.
  Map decode(std::span<const int32_t> codes, int64_t rows, int64_t columns) {
    const Half& decoder = layers.decoder;
    maps.set_limit(vq::plan_decoder(hyper, rows, columns, budget).limit);
    Map x = maps.make(rows, columns, hyper.embed_dim);
    device.embed(*layers.codebook, codes, x.image.pixels);
    x = maps.conv(x, layers.post_quant);
    x = maps.conv(x, decoder.in);
    for (const Residual& r : decoder.mid) x = maps.residual(std::move(x), r);
    const Conv* up = nullptr;  // of the level before
    for (const Level& level : decoder.levels) {
      if (up && !level.residuals.front().shortcut.kernel) x = maps.conv(x, *std::exchange(up, nullptr));
      for (const Residual& r : level.residuals) x = maps.residual(std::move(x), r, std::exchange(up, nullptr));
      up = level.resample.kernel ? &level.resample : nullptr;
    }
    return maps.normed_conv(x, decoder.norm_out, decoder.out);
  }
};

Vq::Vq(Device& device, const VqHyperparameters& hyper, const Source& source) : impl_(std::make_unique<Impl>(device, hyper, source)) {}

Vq::~Vq() = default;

void Vq::set_map_budget(int64_t bytes) { impl_->budget = bytes; }

int64_t Vq::workspace_bytes(const VqHyperparameters& hyper, int64_t rows, int64_t columns, int64_t budget) {
  return std::max(vq::plan_encoder(hyper, rows, columns, budget).bytes, vq::plan_decoder(hyper, rows, columns, budget).bytes);
}

int64_t Vq::panel_bytes(const Device& device, const Source& source) {
  const std::vector<int64_t> bytes = vq::decoder_kernel_bytes(device, source);
  return std::accumulate(bytes.begin(), bytes.end(), int64_t{0});
}

int64_t Vq::largest_panel_bytes(const Device& device, const Source& source) {
  const std::vector<int64_t> bytes = vq::decoder_kernel_bytes(device, source);
  return bytes.empty() ? 0 : *std::max_element(bytes.begin(), bytes.end());
}

void Vq::encode_latents(std::span<const float> rgb, int64_t height, int64_t width, std::span<float> latents) {
  impl_->device.download(latents.data(), impl_->encode(rgb, height, width).image.pixels);
}

void Vq::encode(std::span<const uint8_t> rgb, int64_t height, int64_t width, std::span<int32_t> codes) {
  std::vector<float> scaled(rgb.size());
  for (size_t i = 0; i < rgb.size(); i++) scaled[i] = static_cast<float>(rgb[i]) / 255.0f;
  const Map map = impl_->encode(scaled, height, width);
  const Tensor latents = map.image.pixels;
  std::vector<float> values(static_cast<size_t>(latents.rows * latents.cols));
  impl_->device.download(values.data(), latents);
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
    fail(Code::model_corrupt, "vq: latents are not finite (damaged weights?)");
  impl_->device.nearest(latents, *impl_->layers.codebook, codes);
}

void Vq::decode_pixels(std::span<const int32_t> codes, int64_t rows, int64_t columns, std::span<float> rgb) {
  impl_->device.download(rgb.data(), impl_->decode(codes, rows, columns).image.pixels);
}

void Vq::decode(std::span<const int32_t> codes, int64_t rows, int64_t columns, std::span<uint8_t> rgb) {
  constexpr int64_t kPiece = 64 << 10;  // pixels
  const Map map = impl_->decode(codes, rows, columns);
  const Tensor pixels = map.image.pixels;
  std::vector<float> piece;
  auto to = rgb.begin();
  for (int64_t first = 0; first < pixels.rows; first += kPiece) {
    const Tensor part = pixels.slice(first, std::min(kPiece, pixels.rows - first));
    piece.resize(static_cast<size_t>(part.rows * part.cols));
    impl_->device.download(piece.data(), part);
    for (const float value : piece) {
      if (!std::isfinite(value)) fail(Code::model_corrupt, "vq: decoded pixels are not finite (damaged weights?)");
      *to++ = static_cast<uint8_t>(std::nearbyint(std::clamp(value, 0.0f, 1.0f) * 255.0f));
    }
  }
}

}  // namespace dimoo

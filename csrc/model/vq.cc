// Feature maps are (h * w, c), channels innermost. Three buffers take turns: the map, and two for what is computed from it.
#include "model/vq.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "model/backbone.h"

namespace dimoo {
namespace {

constexpr float kEps = 1e-6f;

struct Norm {
  Tensor weight, bias;
};
struct Conv {
  std::unique_ptr<Weight> kernel;
  Tensor bias;
  int64_t out = 0;
};
struct Residual {
  Norm norm1, norm2;
  Conv conv1, conv2, shortcut;  // shortcut without a kernel: the same number of channels
};
struct Level {
  std::vector<Residual> residuals;
  Conv resample;  // without a kernel: the last level
};
struct Half {
  Conv in, out;
  Norm norm_out;
  std::vector<Residual> mid;
  std::vector<Level> levels;
};

}  // namespace

struct Vq::Impl {
  Device& device;
  VqHyperparameters hyper;
  const Source* source = nullptr;  // while binding
  std::vector<Buffer> owned;
  Half encoder, decoder;
  Conv quant, post_quant;
  std::unique_ptr<Weight> codebook;
  Buffer memory;
  float* maps[3] = {};

  Impl(Device& device, const VqHyperparameters& hyper) : device(device), hyper(hyper) {}

  Tensor vector(const std::string& name) {
    const std::vector<float> values = host_vector(*source, name);
    owned.push_back(device.allocate(static_cast<int64_t>(values.size()) * 4));
    const Tensor tensor(static_cast<float*>(owned.back().data()), 1, static_cast<int64_t>(values.size()));
    device.upload(tensor, values.data());
    return tensor;
  }
  Norm norm(const std::string& name) { return {vector("vq." + name + ".weight"), vector("vq." + name + ".bias")}; }
  Conv conv(const std::string& name) {
    const SourceTensor& tensor = *source->find("vq." + name + ".weight");
    const int64_t out = tensor.shape[0], in = tensor.shape[1], size = tensor.shape[2];
    const HostTensor kernel{tensor.name, tensor.type, out, in * size * size, tensor.data};
    return {device.prepare_conv(kernel, in, size), vector("vq." + name + ".bias"), out};
  }
  Residual residual(const std::string& name) {
    Residual r{norm(name + ".norm1"), norm(name + ".norm2"), conv(name + ".conv1"), conv(name + ".conv2"), {}};
    if (source->find("vq." + name + ".conv_shortcut.weight")) r.shortcut = conv(name + ".conv_shortcut");
    return r;
  }
  Half half(const std::string& side, const std::string& blocks, const std::string& resample, int64_t residuals) {
    Half h{conv(side + ".conv_in"), conv(side + ".conv_out"), norm(side + ".conv_norm_out"), {}, {}};
    for (int j = 0; j < 2; j++) h.mid.push_back(residual(side + ".mid_block.resnets." + std::to_string(j)));
    for (size_t i = 0; i < hyper.channels.size(); i++) {
      const std::string name = side + "." + blocks + "." + std::to_string(i);
      Level level;
      for (int64_t j = 0; j < residuals; j++) level.residuals.push_back(residual(name + ".resnets." + std::to_string(j)));
      if (i + 1 < hyper.channels.size()) level.resample = conv(name + "." + resample + ".0.conv");
      h.levels.push_back(std::move(level));
    }
    return h;
  }

  void reserve(int64_t rows, int64_t columns) {
    const int64_t bytes = workspace_bytes(hyper, rows, columns);
    if (static_cast<int64_t>(memory.bytes()) < bytes) {
      memory = Buffer();
      memory = device.allocate(bytes);
    }
    for (int i = 0; i < 3; i++) maps[i] = static_cast<float*>(memory.data()) + i * (bytes / 12);
  }
  Image image(int map, int64_t height, int64_t width, int64_t channels) {
    return {Tensor(maps[map], height * width, channels), height, width};
  }

  // Each takes the map in buffer 0 and leaves its result there.
  Image apply(Image x, const Conv& c, Sampling sampling) {
    const int64_t height = sampling == Sampling::half ? x.height / 2 : sampling == Sampling::twice ? x.height * 2 : x.height;
    const int64_t width = sampling == Sampling::half ? x.width / 2 : sampling == Sampling::twice ? x.width * 2 : x.width;
    const Image out = image(1, height, width, c.out);
    device.conv(x, *c.kernel, c.bias, sampling, {}, out);
    std::swap(maps[0], maps[1]);
    return out;
  }
  Image apply(Image x, const Norm& n, Activation act) {
    device.group_norm(x, n.weight, n.bias, static_cast<int>(hyper.norm_groups), kEps, act, x);
    return x;
  }
  Image apply(Image x, const Residual& r) {
    const int groups = static_cast<int>(hyper.norm_groups);
    const Image a = image(1, x.height, x.width, x.channels());
    device.group_norm(x, r.norm1.weight, r.norm1.bias, groups, kEps, Activation::silu, a);
    const Image b = image(2, x.height, x.width, r.conv1.out);
    device.conv(a, *r.conv1.kernel, r.conv1.bias, Sampling::same, {}, b);
    const Image n = image(1, x.height, x.width, r.conv1.out);
    device.group_norm(b, r.norm2.weight, r.norm2.bias, groups, kEps, Activation::silu, n);
    if (r.shortcut.kernel) {
      device.conv(x, *r.shortcut.kernel, r.shortcut.bias, Sampling::same, {}, b);
      const Image out = image(0, x.height, x.width, r.conv2.out);
      device.conv(n, *r.conv2.kernel, r.conv2.bias, Sampling::same, b, out);
      return out;
    }
    device.conv(n, *r.conv2.kernel, r.conv2.bias, Sampling::same, x, b);
    std::swap(maps[0], maps[2]);
    return b;
  }
  Image apply(Image x, const Level& level, Sampling sampling) {
    for (const Residual& r : level.residuals) x = apply(x, r);
    return level.resample.kernel ? apply(x, level.resample, sampling) : x;
  }
  Image finish(Image x, const Half& h) { return apply(apply(x, h.norm_out, Activation::silu), h.out, Sampling::same); }

  /// Latents (h*w, embed) in buffer 0.
  Image encode(std::span<const float> rgb, int64_t height, int64_t width) {
    reserve(height / hyper.scale(), width / hyper.scale());
    Image x = image(0, height, width, 3);
    device.upload(x.pixels, rgb.data());
    x = apply(x, encoder.in, Sampling::same);
    for (const Level& level : encoder.levels) x = apply(x, level, Sampling::half);
    for (const Residual& r : encoder.mid) x = apply(x, r);
    return apply(finish(x, encoder), quant, Sampling::same);
  }

  Image decode(std::span<const int32_t> codes, int64_t rows, int64_t columns) {
    reserve(rows, columns);
    Image x = image(0, rows, columns, hyper.embed_dim);
    device.embed(*codebook, codes, x.pixels);
    x = apply(apply(x, post_quant, Sampling::same), decoder.in, Sampling::same);
    for (const Residual& r : decoder.mid) x = apply(x, r);
    for (const Level& level : decoder.levels) x = apply(x, level, Sampling::twice);
    return finish(x, decoder);
  }
};

Vq::Vq(Device& device, const VqHyperparameters& hyper, const Source& source) : impl_(std::make_unique<Impl>(device, hyper)) {
  impl_->source = &source;
  impl_->encoder = impl_->half("encoder", "down_blocks", "downsamplers", hyper.layers_per_block);
  impl_->decoder = impl_->half("decoder", "up_blocks", "upsamplers", hyper.layers_per_block + 1);
  impl_->quant = impl_->conv("quant_conv");
  impl_->post_quant = impl_->conv("post_quant_conv");
  const SourceTensor& codebook = *source.find("vq.quantize.embedding.weight");
  impl_->codebook = device.prepare({codebook.name, codebook.type, codebook.shape[0], codebook.shape[1], codebook.data}, Precision::f32);
  impl_->source = nullptr;
}

Vq::~Vq() = default;

int64_t Vq::workspace_bytes(const VqHyperparameters& hyper, int64_t rows, int64_t columns) {
  int64_t most = rows * columns * std::max(hyper.latent_channels, hyper.embed_dim);
  int64_t pixels = rows * columns;
  for (size_t level = hyper.channels.size(); level-- > 0; pixels *= 4) {
    // A level's map begins with as many channels as its neighbour's had.
    int64_t channels = hyper.channels[level];
    if (level + 1 < hyper.channels.size()) channels = std::max(channels, hyper.channels[level + 1]);
    if (level > 0) channels = std::max(channels, hyper.channels[level - 1]);
    most = std::max(most, pixels * std::max<int64_t>(channels, 3));
  }
  return (most + 15) / 16 * 16 * 4 * 3;
}

namespace {

/// Calls body(bytes) for the packed size of every kernel that decoding uses.
template <class Body>
void each_decoder_kernel(const Device& device, const Source& source, Body body) {
  for (const SourceTensor& tensor : source.tensors()) {
    const bool decodes = tensor.name.starts_with("vq.decoder.") || tensor.name.starts_with("vq.post_quant");
    if (!decodes || tensor.shape.size() < 2) continue;
    body(device.panel_bytes({tensor.name, tensor.type, tensor.shape[0], tensor.values() / tensor.shape[0], tensor.data}, Precision::f32));
  }
}

}  // namespace

int64_t Vq::panel_bytes(const Device& device, const Source& source) {
  int64_t sum = 0;
  each_decoder_kernel(device, source, [&](int64_t bytes) { sum += bytes; });
  return sum;
}

int64_t Vq::largest_panel_bytes(const Device& device, const Source& source) {
  int64_t most = 0;
  each_decoder_kernel(device, source, [&](int64_t bytes) { most = std::max(most, bytes); });
  return most;
}

void Vq::encode_latents(std::span<const float> rgb, int64_t height, int64_t width, std::span<float> latents) {
  impl_->device.download(latents.data(), impl_->encode(rgb, height, width).pixels);
}

void Vq::encode(std::span<const uint8_t> rgb, int64_t height, int64_t width, std::span<int32_t> codes) {
  std::vector<float> scaled(rgb.size());
  for (size_t i = 0; i < rgb.size(); i++) scaled[i] = static_cast<float>(rgb[i]) / 255.0f;
  const Tensor latents = impl_->encode(scaled, height, width).pixels;
  std::vector<float> values(static_cast<size_t>(latents.rows * latents.cols));
  impl_->device.download(values.data(), latents);
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
    fail(Code::model_corrupt, "vq: latents are not finite (damaged weights?)");
  impl_->device.nearest(latents, *impl_->codebook, codes);
}

void Vq::decode_pixels(std::span<const int32_t> codes, int64_t rows, int64_t columns, std::span<float> rgb) {
  impl_->device.download(rgb.data(), impl_->decode(codes, rows, columns).pixels);
}

void Vq::decode(std::span<const int32_t> codes, int64_t rows, int64_t columns, std::span<uint8_t> rgb) {
  std::vector<float> pixels(rgb.size());
  decode_pixels(codes, rows, columns, pixels);
  for (size_t i = 0; i < rgb.size(); i++) {
    if (!std::isfinite(pixels[i])) fail(Code::model_corrupt, "vq: decoded pixels are not finite (damaged weights?)");
    rgb[i] = static_cast<uint8_t>(std::nearbyint(std::clamp(pixels[i], 0.0f, 1.0f) * 255.0f));
  }
}

}  // namespace dimoo

// Feature maps are (h * w, c), channels innermost, each in memory of its own for as long as it is needed. Norms are folded into the
// convolutions behind them where the device can; statistics are of the whole picture, summed row by row, so strips change no bit.
#include "model/vq.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>

#include "model/backbone.h"

namespace dimoo {
namespace {

constexpr float kEps = 1e-6f;
constexpr int64_t kStripPixels = 32 << 10;  // of a strip, about; fixed rows, so the extra rows of its neighbours cost little

struct Norm {
  Tensor weight, bias;
  std::vector<float> host_weight, host_bias;
};
/// A feature map and the memory it lies in.
struct Map {
  Buffer memory;
  Image image;
};
/// What a folded norm does to each channel.
struct Factors {
  std::vector<float> scale, shift;
  ChannelScale with(Activation act) const { return {scale, shift, act}; }
};

int64_t map_bytes(int64_t pixels, int64_t channels) { return (pixels * channels * 4 + 63) / 64 * 64; }
int64_t strip_rows(int64_t width) { return std::max<int64_t>(8, kStripPixels / width); }

/// How a level of the decoder begins: a map is upsampled, then a residual changes its channels.
struct Entry {
  int64_t height, width, channels;  // before upsampling
  int64_t between, out;             // channels after it, and behind the residual

  int64_t before() const { return map_bytes(height * width, channels); }
  int64_t behind() const { return map_bytes(4 * height * width, out); }
  int64_t whole() const {
    const int64_t x = map_bytes(4 * height * width, between);
    return std::max(before() + x, between == out ? x + behind() : x + 2 * behind());
  }
  int64_t in_strips() const {
    const int64_t rows = std::min(2 * height, strip_rows(2 * width) + 2);
    return before() + 2 * behind() + map_bytes(rows * 2 * width, between);
  }
  bool takes_strips(int64_t budget) const { return budget >= 0 && between != out && whole() > budget && in_strips() < whole(); }
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
  std::atomic<int64_t> budget{-1};

  Impl(Device& device, const VqHyperparameters& hyper) : device(device), hyper(hyper) {}

  Tensor vector(const std::string& name) {
    const std::vector<float> values = host_vector(*source, name);
    owned.push_back(device.allocate(static_cast<int64_t>(values.size()) * 4));
    const Tensor tensor(static_cast<float*>(owned.back().data()), 1, static_cast<int64_t>(values.size()));
    device.upload(tensor, values.data());
    return tensor;
  }
  Norm norm(const std::string& name) {
    const std::string weight = "vq." + name + ".weight", bias = "vq." + name + ".bias";
    return {vector(weight), vector(bias), host_vector(*source, weight), host_vector(*source, bias)};
  }
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

  Map map(int64_t height, int64_t width, int64_t channels, int64_t rows = -1, int64_t first = 0) {
    const int64_t pixels = (rows < 0 ? height : rows) * width;
    Map made{device.allocate(map_bytes(pixels, channels)), {}};
    made.image = {Tensor(static_cast<float*>(made.memory.data()), pixels, channels), height, width, first};
    return made;
  }

  // Norms --------------------------------------------------------------------------------------------------------------
  Factors factors(const Norm& norm, const std::vector<double>& sums, int64_t pixels) {
    const auto channels = norm.host_weight.size(), width = channels / static_cast<size_t>(hyper.norm_groups);
    Factors f{std::vector<float>(channels), std::vector<float>(channels)};
    for (size_t g = 0; g < channels; g += width) {
      double sum = 0, squares = 0;
      for (size_t c = g; c < g + width; c++) sum += sums[c], squares += sums[channels + c];
      const double count = static_cast<double>(pixels) * static_cast<double>(width), mean = sum / count;
      const double factor = 1.0 / std::sqrt(std::max(0.0, squares / count - mean * mean) + kEps);
      for (size_t c = g; c < g + width; c++) {
        f.scale[c] = static_cast<float>(factor * norm.host_weight[c]);
        f.shift[c] = static_cast<float>(norm.host_bias[c] - mean * factor * norm.host_weight[c]);
      }
    }
    return f;
  }
  Factors factors(const Norm& norm, Image x) {
    std::vector<double> sums(norm.host_weight.size() * 2);
    device.channel_sums(x, sums);
    return factors(norm, sums, x.height * x.width);
  }
  /// out = conv(silu(norm(x))) + residual; `residual` may be `out`.
  void normed_conv(Image x, const Norm& norm, const Conv& c, Image residual, Image out) {
    if (device.folds_norms()) {
      const Factors f = factors(norm, x);
      return device.conv_scaled(x, f.with(Activation::silu), *c.kernel, c.bias, Sampling::same, residual, out);
    }
    const Map normed = map(x.height, x.width, x.channels());
    device.group_norm(x, norm.weight, norm.bias, static_cast<int>(hyper.norm_groups), kEps, Activation::silu, normed.image);
    device.conv(normed.image, *c.kernel, c.bias, Sampling::same, residual, out);
  }

  // Blocks -------------------------------------------------------------------------------------------------------------
  Map apply(const Map& x, const Conv& c, Sampling sampling) {
    const auto side = [&](int64_t n) { return sampling == Sampling::half ? n / 2 : sampling == Sampling::twice ? n * 2 : n; };
    Map out = map(side(x.image.height), side(x.image.width), c.out);
    device.conv(x.image, *c.kernel, c.bias, sampling, {}, out.image);
    return out;
  }
  Map apply(Map x, const Residual& r) {
    Map inner = map(x.image.height, x.image.width, r.conv1.out);
    normed_conv(x.image, r.norm1, r.conv1, {}, inner.image);
    if (r.shortcut.kernel) x = apply(x, r.shortcut, Sampling::same);
    normed_conv(inner.image, r.norm2, r.conv2, x.image, x.image);
    return x;
  }
  /// The upsampling convolution of `x` and the residual behind it, without the map between them: its strips are computed twice, for
  /// the statistics and for the convolutions.
  Map apply_in_strips(Map x, const Conv& up, const Residual& r) {
    const int64_t height = x.image.height * 2, width = x.image.width * 2, rows = strip_rows(width);
    const auto between = [&](int64_t first, int64_t end) {
      Map strip = map(height, width, up.out, end - first, first);
      device.conv_scaled(x.image, {}, *up.kernel, up.bias, Sampling::twice, {}, strip.image);
      return strip;
    };
    std::vector<double> sums(static_cast<size_t>(up.out) * 2);
    for (int64_t y = 0; y < height; y += rows) device.channel_sums(between(y, std::min(height, y + rows)).image, sums);
    const Factors f = factors(r.norm1, sums, height * width);
    const Map inner = map(height, width, r.conv1.out);
    Map out = map(height, width, r.conv2.out);
    const auto strip_of = [&](const Map& whole, int64_t first, int64_t count) {
      return Image{whole.image.pixels.slice(first * width, count * width), height, width, first};
    };
    for (int64_t y = 0; y < height; y += rows) {
      const int64_t count = std::min(rows, height - y);
      const Map strip = between(std::max<int64_t>(0, y - 1), std::min(height, y + count + 1));
      device.conv_scaled(strip.image, f.with(Activation::silu), *r.conv1.kernel, r.conv1.bias, Sampling::same, {},
                         strip_of(inner, y, count));
      device.conv_scaled(strip.image, {}, *r.shortcut.kernel, r.shortcut.bias, Sampling::same, {}, strip_of(out, y, count));
    }
    x = {};
    normed_conv(inner.image, r.norm2, r.conv2, out.image, out.image);
    return out;
  }
  Map finish(const Map& x, const Half& h) {
    Map out = map(x.image.height, x.image.width, h.out.out);
    normed_conv(x.image, h.norm_out, h.out, {}, out.image);
    return out;
  }

  /// Latents (h*w, embed).
  Map encode(std::span<const float> rgb, int64_t height, int64_t width) {
    Map x = map(height, width, 3);
    device.upload(x.image.pixels, rgb.data());
    x = apply(x, encoder.in, Sampling::same);
    for (const Level& level : encoder.levels) {
      for (const Residual& r : level.residuals) x = apply(std::move(x), r);
      if (level.resample.kernel) x = apply(x, level.resample, Sampling::half);
    }
    for (const Residual& r : encoder.mid) x = apply(std::move(x), r);
    return apply(finish(x, encoder), quant, Sampling::same);
  }

  Map decode(std::span<const int32_t> codes, int64_t rows, int64_t columns) {
    const int64_t limit = budget;
    Map x = map(rows, columns, hyper.embed_dim);
    device.embed(*codebook, codes, x.image.pixels);
    x = apply(apply(x, post_quant, Sampling::same), decoder.in, Sampling::same);
    for (const Residual& r : decoder.mid) x = apply(std::move(x), r);
    const Conv* up = nullptr;  // of the level before
    for (const Level& level : decoder.levels) {
      size_t done = 0;
      if (up) {
        const Residual& first = level.residuals.front();
        const Entry entry{x.image.height, x.image.width, x.image.channels(), up->out, first.conv1.out};
        if (device.folds_norms() && entry.takes_strips(limit))
          x = apply_in_strips(std::move(x), *up, first), done = 1;
        else
          x = apply(x, *up, Sampling::twice);
      }
      for (; done < level.residuals.size(); done++) x = apply(std::move(x), level.residuals[done]);
      up = level.resample.kernel ? &level.resample : nullptr;
    }
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

void Vq::set_map_budget(int64_t bytes) { impl_->budget = bytes; }

int64_t Vq::workspace_bytes(const VqHyperparameters& hyper, int64_t rows, int64_t columns) {
  int64_t most = 0, pixels = rows * columns, above = hyper.channels.back();
  for (size_t level = hyper.channels.size(); level-- > 0; pixels *= 4) {
    int64_t widest = std::max<int64_t>({hyper.channels[level], above, level > 0 ? hyper.channels[level - 1] : 3});
    if (level + 1 == hyper.channels.size()) widest = std::max({widest, hyper.latent_channels, hyper.embed_dim});
    most = std::max(most, 3 * map_bytes(pixels, widest));  // the map, its normed copy, and what is computed from them
    above = hyper.channels[level];
  }
  return most;
}

int64_t Vq::workspace_bytes(const Device& device, const VqHyperparameters& hyper, int64_t rows, int64_t columns, int64_t budget) {
  if (!device.folds_norms()) return workspace_bytes(hyper, rows, columns);
  const auto& channels = hyper.channels;
  int64_t pixels = rows * columns, side = 1;
  int64_t most = 3 * map_bytes(pixels, std::max({channels.back(), hyper.latent_channels, hyper.embed_dim}));
  for (size_t level = channels.size() - 1; level-- > 0; pixels *= 4, side *= 2) {
    const Entry entry{rows * side, columns * side, channels[level + 1], channels[level + 1], channels[level]};
    most = std::max(most, entry.takes_strips(budget) ? entry.in_strips() : entry.whole());
    // Residuals within the level; the encoder's are as wide, and it halves the map behind them.
    most = std::max(most, 2 * map_bytes(4 * pixels, channels[level]) + map_bytes(pixels, channels[level]));
    // The encoder's next level begins with the channels of this one.
    most = std::max(most, map_bytes(pixels, channels[level]) + 2 * map_bytes(pixels, channels[level + 1]));
  }
  return most + map_bytes(pixels, 3);
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
  impl_->device.nearest(latents, *impl_->codebook, codes);
}

void Vq::decode_pixels(std::span<const int32_t> codes, int64_t rows, int64_t columns, std::span<float> rgb) {
  impl_->device.download(rgb.data(), impl_->decode(codes, rows, columns).image.pixels);
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

// Names as in the published checkpoint, with "vq." before them.
#include "model/vq_layers.h"

#include "model/backbone.h"

namespace dimoo::vq {
namespace {

/// Binds layers one by one.
struct Binder {
  Device& device;
  const Source& source;
  std::vector<Buffer>& vectors;

  Tensor vector(const std::string& name) {
    const std::vector<float> values = host_vector(source, name);
    vectors.push_back(device.allocate(static_cast<int64_t>(values.size()) * 4));
    const Tensor tensor(static_cast<float*>(vectors.back().data()), 1, static_cast<int64_t>(values.size()));
    device.upload(tensor, values.data());
    return tensor;
  }
  Norm norm(const std::string& name) {
    return {host_vector(source, "vq." + name + ".weight"), host_vector(source, "vq." + name + ".bias")};
  }
  Conv conv(const std::string& name, Sampling sampling = Sampling::same) {
    const SourceTensor& tensor = *source.find("vq." + name + ".weight");
    const int64_t out = tensor.shape[0], in = tensor.shape[1], size = tensor.shape[2];
    const HostTensor kernel{tensor.name, tensor.type, out, in * size * size, tensor.data};
    return {device.prepare_conv(kernel, in, size, sampling), vector("vq." + name + ".bias"), out, sampling};
  }
  Residual residual(const std::string& name) {
    Residual r{norm(name + ".norm1"), norm(name + ".norm2"), conv(name + ".conv1"), conv(name + ".conv2"), {}};
    if (source.find("vq." + name + ".conv_shortcut.weight")) r.shortcut = conv(name + ".conv_shortcut");
    return r;
  }
  /// `blocks` and `samplers` are what the file calls the levels and what lies between them.
  Half half(const std::string& side, const std::string& blocks, const std::string& samplers, Sampling sampling, size_t levels,
            int64_t residuals) {
    Half h{conv(side + ".conv_in"), conv(side + ".conv_out"), norm(side + ".conv_norm_out"), {}, {}};
    for (int j = 0; j < 2; j++) h.mid.push_back(residual(side + ".mid_block.resnets." + std::to_string(j)));
    for (size_t i = 0; i < levels; i++) {
      const std::string name = side + "." + blocks + "." + std::to_string(i);
      Level level;
      for (int64_t j = 0; j < residuals; j++) level.residuals.push_back(residual(name + ".resnets." + std::to_string(j)));
      if (i + 1 < levels) level.resample = conv(name + "." + samplers + ".0.conv", sampling);
      h.levels.push_back(std::move(level));
    }
    return h;
  }
};

}  // namespace

Layers bind_layers(Device& device, const VqHyperparameters& hyper, const Source& source) {
  Layers layers;
  Binder binder{device, source, layers.vectors};
  const size_t levels = hyper.channels.size();
  layers.encoder = binder.half("encoder", "down_blocks", "downsamplers", Sampling::half, levels, hyper.layers_per_block);
  layers.decoder = binder.half("decoder", "up_blocks", "upsamplers", Sampling::twice, levels, hyper.layers_per_block + 1);
  layers.quant = binder.conv("quant_conv"), layers.post_quant = binder.conv("post_quant_conv");
  const SourceTensor& codebook = *source.find("vq.quantize.embedding.weight");
  layers.codebook = device.prepare({codebook.name, codebook.type, codebook.shape[0], codebook.shape[1], codebook.data}, Precision::f32);
  return layers;
}

std::vector<int64_t> decoder_kernel_bytes(const Device& device, const Source& source) {
  std::vector<int64_t> bytes;
  for (const SourceTensor& tensor : source.tensors()) {
    const bool decodes = tensor.name.starts_with("vq.decoder.") || tensor.name.starts_with("vq.post_quant");
    if (!decodes || tensor.shape.size() < 2) continue;
    const Sampling sampling = tensor.name.find(".upsamplers.") != std::string::npos ? Sampling::twice : Sampling::same;
    const HostTensor kernel{tensor.name, tensor.type, tensor.shape[0], tensor.values() / tensor.shape[0], tensor.data};
    bytes.push_back(device.conv_panel_bytes(kernel, sampling));
  }
  return bytes;
}

}  // namespace dimoo::vq

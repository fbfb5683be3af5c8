// Every tensor that a checkpoint of given numbers must have: the transformer in the order it runs, then the image tokenizer.
#include "model/hyperparameters.h"

namespace dimoo {

std::vector<ExpectedTensor> expected_tensors(const Hyperparameters& hyper) {
  const int64_t d = hyper.d_model, kv = hyper.kv_heads * hyper.head_dim, mlp = hyper.mlp;
  std::vector<ExpectedTensor> all{{"token_embd.weight", {hyper.vocab, d}, true}, {"output_norm.weight", {d}, false}};
  for (int64_t i = 0; i < hyper.layers; i++) {
    const std::string block = "blk." + std::to_string(i) + ".";
    all.push_back({block + "attn_norm.weight", {d}, false});
    all.push_back({block + "attn_q.weight", {d, d}, true});
    all.push_back({block + "attn_k.weight", {kv, d}, true});
    all.push_back({block + "attn_v.weight", {kv, d}, true});
    all.push_back({block + "attn_output.weight", {d, d}, true});
    all.push_back({block + "ffn_norm.weight", {d}, false});
    all.push_back({block + "ffn_gate.weight", {mlp, d}, true});
    all.push_back({block + "ffn_up.weight", {mlp, d}, true});
    all.push_back({block + "ffn_down.weight", {d, mlp}, true});
  }
  if (!hyper.tied) all.push_back({"output.weight", {hyper.vocab, d}, true});
  if (hyper.has_images()) append_vq_tensors(hyper.vq, all);
  return all;
}

void append_vq_tensors(const VqHyperparameters& vq, std::vector<ExpectedTensor>& all) {
  const auto conv = [&](const std::string& name, int64_t in, int64_t out, int64_t size) {
    all.push_back({"vq." + name + ".weight", {out, in, size, size}, false});
    all.push_back({"vq." + name + ".bias", {out}, false});
  };
  const auto norm = [&](const std::string& name, int64_t channels) {
    all.push_back({"vq." + name + ".weight", {channels}, false});
    all.push_back({"vq." + name + ".bias", {channels}, false});
  };
  const auto residual = [&](const std::string& name, int64_t in, int64_t out) {
    norm(name + ".norm1", in), conv(name + ".conv1", in, out, 3), norm(name + ".norm2", out), conv(name + ".conv2", out, out, 3);
    if (in != out) conv(name + ".conv_shortcut", in, out, 1);
  };
  const auto& c = vq.channels;
  const size_t levels = c.size();
  const int64_t top = c.back();
  conv("encoder.conv_in", 3, c[0], 3);
  for (size_t i = 0; i < levels; i++) {
    const std::string level = "encoder.down_blocks." + std::to_string(i);
    for (int64_t j = 0; j < vq.layers_per_block; j++)
      residual(level + ".resnets." + std::to_string(j), j == 0 && i > 0 ? c[i - 1] : c[i], c[i]);
    if (i + 1 < levels) conv(level + ".downsamplers.0.conv", c[i], c[i], 3);
  }
  for (const char* side : {"encoder", "decoder"})
    for (int j = 0; j < 2; j++) residual(std::string(side) + ".mid_block.resnets." + std::to_string(j), top, top);
  norm("encoder.conv_norm_out", top);
  conv("encoder.conv_out", top, vq.latent_channels, 3);
  conv("quant_conv", vq.latent_channels, vq.embed_dim, 1);
  all.push_back({"vq.quantize.embedding.weight", {vq.codebook_size, vq.embed_dim}, false});
  conv("post_quant_conv", vq.embed_dim, vq.latent_channels, 1);
  conv("decoder.conv_in", vq.latent_channels, top, 3);
  for (size_t i = 0; i < levels; i++) {
    const std::string level = "decoder.up_blocks." + std::to_string(i);
    const int64_t width = c[levels - 1 - i], before = i == 0 ? top : c[levels - i];
    for (int64_t j = 0; j <= vq.layers_per_block; j++) residual(level + ".resnets." + std::to_string(j), j == 0 ? before : width, width);
    if (i + 1 < levels) conv(level + ".upsamplers.0.conv", width, width, 3);
  }
  norm("decoder.conv_norm_out", c[0]);
  conv("decoder.conv_out", c[0], 3, 3);
}

}  // namespace dimoo

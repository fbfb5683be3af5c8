// What the engine does not need stands here for the original's code: it has to find every key of its configuration classes.
#include "model/hf_config.h"

#include <cstdlib>

namespace dimoo {
namespace {

/// The shortest decimals that read back as this f32, so that 1e-5f is 1e-05 and not 9.999999747378752e-06.
double shortest(float value) {
  for (int digits = 1; digits < 9; digits++) {
    char decimals[32];
    std::snprintf(decimals, sizeof decimals, "%.*g", digits, static_cast<double>(value));
    if (std::strtof(decimals, nullptr) == value) return std::strtod(decimals, nullptr);
  }
  return value;
}

Json repeated(const char* word, size_t count) { return Json::Array(count, word); }

}  // namespace

Json transformer_config(const Hyperparameters& hyper, const char* torch_dtype) {
  if (hyper.heads * hyper.head_dim != hyper.d_model)
    fail(Code::model_unsupported, "config.json: expected heads of ", hyper.d_model / hyper.heads, " values, got ", hyper.head_dim);
  Json config(Json::Object{});
  config.set("architectures", Json::Array{"LLaDAForMultiModalGeneration"}).set("model_type", "llada");
  config.set("d_model", hyper.d_model).set("n_heads", hyper.heads).set("n_kv_heads", hyper.kv_heads).set("n_layers", hyper.layers);
  config.set("mlp_hidden_size", hyper.mlp).set("mlp_ratio", 4).set("activation_type", "silu");
  config.set("block_type", "llama").set("block_group_size", 1);
  config.set("alibi", false).set("rope", true).set("rope_full_precision", true).set("rope_theta", shortest(hyper.rope_theta));
  config.set("layer_norm_type", "rms").set("layer_norm_with_affine", true).set("rms_norm_eps", shortest(hyper.rms_eps));
  config.set("attention_layer_norm", false).set("input_emb_norm", false);
  config.set("include_bias", false).set("include_qkv_bias", false).set("bias_for_layer_norm", false);
  config.set("weight_tying", hyper.tied).set("scale_logits", false).set("flash_attention", false);
  config.set("attention_dropout", 0.0).set("residual_dropout", 0.0).set("embedding_dropout", 0.0);
  config.set("max_sequence_length", hyper.context_length).set("vocab_size", hyper.vocab).set("embedding_size", hyper.vocab);
  config.set("mask_token_id", hyper.tokens.mask).set("eos_token_id", hyper.tokens.end_of_text);
  config.set("pad_token_id", hyper.tokens.end_of_text).set("init_device", "cpu").set("torch_dtype", torch_dtype).set("use_cache", false);
  return config;
}

Json image_tokenizer_config(const VqHyperparameters& vq) {
  Json config(Json::Object{});
  Json::Array channels;
  for (const int64_t width : vq.channels) channels.emplace_back(width);
  const size_t levels = vq.channels.size();
  config.set("_class_name", "VQModel").set("act_fn", "silu").set("block_out_channels", std::move(channels));
  config.set("down_block_types", repeated("DownEncoderBlock2D", levels)).set("up_block_types", repeated("UpDecoderBlock2D", levels));
  config.set("in_channels", 3).set("out_channels", 3).set("latent_channels", vq.latent_channels);
  config.set("layers_per_block", vq.layers_per_block).set("lookup_from_codebook", true).set("mid_block_add_attention", false);
  config.set("norm_num_groups", vq.norm_groups).set("norm_type", "group").set("num_vq_embeddings", vq.codebook_size);
  config.set("vq_embed_dim", vq.embed_dim).set("force_upcast", true).set("sample_size", 32).set("scaling_factor", 0.18215);
  return config;
}

}  // namespace dimoo

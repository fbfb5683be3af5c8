// Two readers, one truth: config.json with its null fields (docs/files.md#hugging-face-folder) or GGUF keys (docs/files.md#gguf), then
// the same checks against the tensors.
#include "model/hyperparameters.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/sha256.h"

namespace dimoo {
namespace {

constexpr std::string_view kArchitecture = "lumina-dimoo", kTextArchitecture = "llada";

struct Role {
  int32_t TokenRoles::*id;
  const char* key;   // lumina-dimoo.token.<key>
  const char* text;  // as the tokenizer spells it
};
constexpr Role kRoles[] = {
    {&TokenRoles::mask, "mask", "<|mdm_mask|>"},
    {&TokenRoles::row_end, "row_end", "<|reserved_token_0|>"},
    {&TokenRoles::padding, "padding", "<padding>"},
    {&TokenRoles::end_of_text, "end_of_text", "<|endoftext|>"},
    {&TokenRoles::image_begin, "image_begin", "<IMAGE>"},
    {&TokenRoles::image_end, "image_end", "</IMAGE>"},
    {&TokenRoles::uncondition, "uncondition", "<uncondition>"},
    {&TokenRoles::answer_begin, "answer_begin", "<answer>"},
    {&TokenRoles::answer_end, "answer_end", "</answer>"},
};

constexpr int64_t kMostRows = 1 << 24, kMostWidth = 1 << 17;

/// Limits that no checkpoint of this family comes near. A number is bounded before anything is computed from it.
int64_t bounded(const Source& source, const char* what, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) fail(Code::model_corrupt, source.path(), ": ", what, " must lie in ", low, "..", high, ", got ", value);
  return value;
}

/// Fields whose other values would change the forward pass in ways we do not have.
void refuse_unsupported(const Source& source, const Json& config) {
  const auto refuse = [&](const char* field, const std::string& expected, const std::string& actual) {
    if (expected != actual)
      fail(Code::model_unsupported, source.path(), ": config.json ", field, ": expected ", expected, ", got ", actual);
  };
  refuse("model_type", "llada", config.string_or("model_type", "llada"));
  refuse("block_type", "llama", config.string_or("block_type", "llama"));
  refuse("activation_type", "silu", config.string_or("activation_type", "silu"));
  refuse("layer_norm_type", "rms", config.string_or("layer_norm_type", "rms"));
  const std::pair<const char*, bool> flags[] = {
      {"rope", true},          {"alibi", false},          {"include_bias", false},         {"include_qkv_bias", false},
      {"scale_logits", false}, {"input_emb_norm", false}, {"attention_layer_norm", false}, {"bias_for_layer_norm", false}};
  for (const auto& [field, expected] : flags)
    refuse(field, expected ? "true" : "false", config.bool_or(field, expected) ? "true" : "false");
}

/// Ids of special tokens and the highest id, from tokenizer.json.
struct TokenizerIds {
  std::vector<std::pair<std::string, int64_t>> added;
  const Json* vocabulary = nullptr;
  int64_t highest = -1;

  int64_t find(std::string_view text) const {
    for (const auto& [content, id] : added)
      if (content == text) return id;
    const Json* id = vocabulary ? vocabulary->find(text) : nullptr;
    return id ? id->as_int() : -1;
  }
};

TokenizerIds read_tokenizer(const Source& source, const Json& tokenizer) {
  TokenizerIds ids;
  const auto checked = [&](const Json& id) { return bounded(source, "tokenizer.json: ids", id.as_int(), 0, INT32_MAX); };
  if (const Json* added = tokenizer.find("added_tokens"); added && added->is_array())
    for (const Json& token : added->as_array()) {
      const Json *content = token.find("content"), *id = token.find("id");
      if (!content || !content->is_string() || !id || !id->is_integer()) continue;
      ids.added.emplace_back(content->as_string(), checked(*id));
      ids.highest = std::max(ids.highest, ids.added.back().second);
    }
  const Json* model = tokenizer.find("model");
  if (const Json* vocabulary = model ? model->find("vocab") : nullptr; vocabulary && vocabulary->is_object()) {
    ids.vocabulary = vocabulary;
    for (const auto& [token, id] : vocabulary->as_object())
      if (id.is_integer()) ids.highest = std::max(ids.highest, checked(id));
  }
  return ids;
}

void read_vq_config(const Source& source, const Json& config, VqHyperparameters& vq) {
  const Json* channels = config.find("block_out_channels");
  if (!channels || !channels->is_array()) fail(Code::model_corrupt, source.path(), ": vqvae/config.json: expected block_out_channels");
  for (const Json& count : channels->as_array()) vq.channels.push_back(count.as_int());
  vq.layers_per_block = config.int_or("layers_per_block", 1);
  vq.latent_channels = config.int_or("latent_channels", 0);
  vq.embed_dim = config.int_or("vq_embed_dim", vq.latent_channels);
  vq.norm_groups = config.int_or("norm_num_groups", 32);
  vq.codebook_size = bounded(source, "codebook", config.int_or("num_vq_embeddings", 0), 1, kMostRows);
  if (config.bool_or("mid_block_add_attention", false) || config.string_or("act_fn", "silu") != "silu" ||
      config.string_or("norm_type", "group") != "group" || config.int_or("in_channels", 3) != 3 || config.int_or("out_channels", 3) != 3)
    fail(Code::model_unsupported, source.path(), ": vqvae/config.json: expected group norms, silu, 3 channels and no attention");
}

Hyperparameters read_folder(const Source& source) {
  const Json& config = *source.settings().find("config");
  refuse_unsupported(source, config);
  Hyperparameters hyper;
  hyper.d_model = bounded(source, "width", config.int_or("d_model", 0), 8, kMostWidth);
  hyper.layers = config.int_or("n_layers", 0);
  hyper.heads = config.int_or("n_heads", 0);
  hyper.kv_heads = config.int_or("n_kv_heads", config.bool_or("multi_query_attention", false) ? 1 : hyper.heads);
  const Json* mlp = config.find("mlp_hidden_size");
  const bool by_ratio = !mlp || mlp->is_null();
  hyper.mlp = by_ratio ? bounded(source, "mlp_ratio", config.int_or("mlp_ratio", 4), 1, 1024) * hyper.d_model : mlp->as_int();
  hyper.vocab = bounded(source, "vocabulary", config.int_or("embedding_size", config.int_or("vocab_size", 0)), 2, kMostRows);
  hyper.context_length = config.int_or("max_sequence_length", 0);
  hyper.rope_theta = static_cast<float>(config.double_or("rope_theta", 10000.0));
  hyper.rms_eps = static_cast<float>(config.double_or("rms_norm_eps", 1e-5));
  hyper.head_dim = hyper.heads > 0 ? hyper.d_model / hyper.heads : 0;
  hyper.tied = config.bool_or("weight_tying", false);
  if (const Json* vq = source.settings().find("vq"); vq && !vq->is_null()) read_vq_config(source, *vq, hyper.vq);
  if (source.tokenizer_json().empty()) fail(Code::model_corrupt, source.path(), ": expected tokenizer.json");
  const Json tokenizer = Json::parse(source.tokenizer_json(), source.path() + "/tokenizer.json");
  const TokenizerIds ids = read_tokenizer(source, tokenizer);
  for (const Role& role : kRoles) hyper.tokens.*role.id = static_cast<int32_t>(ids.find(role.text));
  // LLaDA itself is the same transformer without pictures; a model whose tokenizer knows pictures is not whole without its VQ.
  if (!hyper.has_images() && hyper.tokens.image_begin >= 0)
    fail(Code::model_corrupt, source.path(),
         ": expected vqvae/config.json and vqvae/diffusion_pytorch_model.safetensors, got no vqvae; the one of ",
         "Alpha-VLLM/Lumina-DiMOO fits every model of this family");
  hyper.code_offset = static_cast<int32_t>(hyper.vocab - hyper.vq.codebook_size);
  if (const int64_t mask = config.int_or("mask_token_id", hyper.tokens.mask); mask != hyper.tokens.mask)
    fail(Code::model_unsupported, source.path(), ": config.json mask_token_id: expected ", hyper.tokens.mask, " (<|mdm_mask|>), got ",
         mask);
  const bool codes_in_tokenizer = ids.highest >= hyper.code_offset && ids.highest == hyper.vocab - 1;
  if (hyper.vq.codebook_size > 0 && !codes_in_tokenizer && ids.highest + 1 != hyper.code_offset)
    fail(Code::model_unsupported, source.path(), ": image codes must begin after the tokenizer's last id: expected ", ids.highest + 1,
         " (rows of the output minus codebook), got ", hyper.code_offset);
  return hyper;
}

/// What else llama.cpp's keys could ask of the forward pass.
void refuse_unsupported_keys(const Source& source, const Hyperparameters& hyper) {
  const Json& keys = source.settings();
  for (const char* name : {"llada.rope.dimension_count", "llada.attention.value_length"})
    if (const int64_t value = keys.int_or(name, hyper.head_dim); value != hyper.head_dim)
      fail(Code::model_unsupported, source.path(), ": ", name, ": expected ", hyper.head_dim, ", got ", value);
  if (const std::string scaling = keys.string_or("llada.rope.scaling.type", "none"); scaling != "none")
    fail(Code::model_unsupported, source.path(), ": llada.rope.scaling.type: expected none, got ", scaling);
}

/// Roles by the tokens' strings where the file has a tokenizer; mask and end of text as its keys say.
void read_text_roles(const Json& keys, TokenRoles& roles) {
  if (const Json* tokens = keys.find("tokenizer.ggml.tokens"); tokens && tokens->is_array()) {
    const Json::Array& texts = tokens->as_array();
    for (size_t id = 0; id < texts.size(); id++)
      for (const Role& role : kRoles)
        if (texts[id].is_string() && texts[id].as_string() == role.text) roles.*role.id = static_cast<int32_t>(id);
  }
  const auto given = [&](const char* key, int32_t& id) {
    id = static_cast<int32_t>(std::clamp<int64_t>(keys.int_or(key, id), -1, INT32_MAX));
  };
  given("tokenizer.ggml.mask_token_id", roles.mask);
  given("tokenizer.ggml.eos_token_id", roles.end_of_text);
}

/// The keys of the image codes and the VQ.
void read_image_keys(const Source& source, Hyperparameters& hyper) {
  const Json& keys = source.settings();
  const auto key = [&](const char* name) { return std::string(kArchitecture) + "." + name; };
  const auto number = [&](const char* name) {
    const Json* value = keys.find(key(name));
    if (!value || !value->is_number()) fail(Code::model_corrupt, source.path(), ": expected the key ", key(name));
    return value->as_int();
  };
  for (const Role& role : kRoles)
    hyper.tokens.*role.id = static_cast<int32_t>(std::clamp<int64_t>(keys.int_or(key("token.") + role.key, -1), -1, INT32_MAX));
  hyper.code_offset = static_cast<int32_t>(hyper.vocab);
  if (hyper.tokens.image_begin < 0 && !keys.find(key("image.codebook_size"))) return;  // a converted text model
  hyper.vq.codebook_size = bounded(source, "codebook", number("image.codebook_size"), 1, kMostRows);
  const Json* channels = keys.find(key("vq.block_out_channels"));
  if (!channels || !channels->is_array()) fail(Code::model_corrupt, source.path(), ": expected the key ", key("vq.block_out_channels"));
  for (const Json& count : channels->as_array()) hyper.vq.channels.push_back(count.as_int());
  hyper.vq.layers_per_block = number("vq.layers_per_block");
  hyper.vq.latent_channels = number("vq.latent_channels");
  hyper.vq.embed_dim = number("vq.embed_dim");
  hyper.vq.norm_groups = number("vq.norm_groups");
  hyper.code_offset = static_cast<int32_t>(hyper.vocab - hyper.vq.codebook_size);
  if (const int64_t offset = number("image.code_offset"); offset != hyper.code_offset)
    fail(Code::model_unsupported, source.path(), ": image.code_offset: expected ", hyper.code_offset, " (rows minus codebook), got ",
         offset);
}

Hyperparameters read_gguf(const Source& source) {
  const Json& keys = source.settings();
  const std::string architecture = keys.string_or("general.architecture", "");
  const bool text_only = architecture == kTextArchitecture;
  if (architecture != kArchitecture && !text_only)
    fail(Code::model_unsupported, source.path(), ": general.architecture: expected ", kArchitecture, " or ", kTextArchitecture, ", got ",
         architecture);
  const auto key = [&](const char* name) { return architecture + "." + name; };
  const auto number = [&](const char* name) {
    const Json* value = keys.find(key(name));
    if (!value || !value->is_number()) fail(Code::model_corrupt, source.path(), ": expected the key ", key(name));
    return value->as_int();
  };
  Hyperparameters hyper;
  hyper.context_length = keys.int_or(key("context_length"), 0);
  hyper.d_model = bounded(source, "width", number("embedding_length"), 8, kMostWidth);
  hyper.layers = number("block_count");
  hyper.mlp = number("feed_forward_length");
  const SourceTensor* table = text_only && !keys.find(key("vocab_size")) ? source.find("token_embd.weight") : nullptr;
  hyper.vocab = bounded(source, "vocabulary", table ? table->shape.front() : number("vocab_size"), 2, kMostRows);
  hyper.heads = number("attention.head_count");
  hyper.kv_heads = keys.int_or(key("attention.head_count_kv"), hyper.heads);
  hyper.head_dim = keys.int_or(key("attention.key_length"), hyper.heads > 0 ? hyper.d_model / hyper.heads : 0);
  hyper.rms_eps = static_cast<float>(keys.double_or(key("attention.layer_norm_rms_epsilon"), 1e-5));
  hyper.rope_theta = static_cast<float>(keys.double_or(key("rope.freq_base"), 10000.0));
  if (keys.bool_or(key("attention.causal"), false))
    fail(Code::model_unsupported, source.path(), ": ", key("attention.causal"), ": expected false, got true");
  if (!text_only) {
    read_image_keys(source, hyper);
    return hyper;
  }
  hyper.code_offset = static_cast<int32_t>(hyper.vocab);
  hyper.rotary_rows = RotaryRows::neighbours;
  hyper.tied = !source.find("output.weight");
  refuse_unsupported_keys(source, hyper);
  read_text_roles(keys, hyper.tokens);
  return hyper;
}

void check_vq(const Source& source, const Hyperparameters& hyper) {
  bounded(source, "codebook", hyper.vq.codebook_size, 1, hyper.vocab - 1);
  bounded(source, "VQ levels", static_cast<int64_t>(hyper.vq.channels.size()), 1, 8);
  bounded(source, "VQ layers per block", hyper.vq.layers_per_block, 1, 16);
  bounded(source, "VQ latent channels", hyper.vq.latent_channels, 1, 4096);
  bounded(source, "VQ embedding", hyper.vq.embed_dim, 1, 4096);
  for (const int64_t channels : hyper.vq.channels) {
    bounded(source, "VQ channels", channels, 1, 8192);
    if (hyper.vq.norm_groups < 1 || channels % hyper.vq.norm_groups)
      fail(Code::model_corrupt, source.path(), ": VQ channels must be a multiple of the norm's groups ", hyper.vq.norm_groups, ", got ",
           channels);
  }
}

void check_roles(const Source& source, const Hyperparameters& hyper) {
  for (const Role& role : kRoles) {
    const int32_t id = hyper.tokens.*role.id;
    const bool needed = hyper.has_images() || role.id == &TokenRoles::mask || role.id == &TokenRoles::end_of_text;
    if ((id < 0 && needed) || id >= hyper.code_offset)
      fail(Code::model_unsupported, source.path(), ": token ", role.text, ": expected an id in 0..", hyper.code_offset - 1, ", got ",
           id < 0 ? std::string("none") : std::to_string(id));
  }
}

/// Biases, scaled rotary and the like: tensors of a text file that the forward pass would leave out.
void refuse_unknown_tensors(const Source& source, const std::vector<ExpectedTensor>& expected) {
  if (source.tensors().size() == expected.size()) return;
  for (const SourceTensor& tensor : source.tensors())
    if (std::none_of(expected.begin(), expected.end(), [&](const ExpectedTensor& known) { return known.name == tensor.name; }))
      fail(Code::model_unsupported, source.path(), ": tensor ", tensor.name, ": expected none of this name, got one");
}

void check_numbers(const Source& source, const Hyperparameters& hyper) {
  bounded(source, "layers", hyper.layers, 1, 1024);
  bounded(source, "heads", hyper.heads, 1, 1024);
  bounded(source, "key/value heads", hyper.kv_heads, 1, hyper.heads);
  bounded(source, "MLP width", hyper.mlp, 1, 1 << 19);
  if (hyper.d_model % hyper.heads || hyper.head_dim != hyper.d_model / hyper.heads || hyper.heads % hyper.kv_heads || hyper.head_dim % 2)
    fail(Code::model_corrupt, source.path(), ": ", hyper.heads, " heads of ", hyper.head_dim, " with ", hyper.kv_heads,
         " key/value heads do not fit a width of ", hyper.d_model);
  if (!(hyper.rope_theta > 0) || !(hyper.rms_eps >= 0) || !std::isfinite(hyper.rope_theta) || !std::isfinite(hyper.rms_eps))
    fail(Code::model_corrupt, source.path(), ": rope base and epsilon must be positive and finite, got ", hyper.rope_theta, " and ",
         hyper.rms_eps);
}

}  // namespace

Hyperparameters read_hyperparameters(const Source& source) {
  Hyperparameters hyper;
  try {
    hyper = source.format() == Source::Format::gguf ? read_gguf(source) : read_folder(source);
  } catch (const Error& error) {
    if (error.text().starts_with(shortened(source.path()))) throw;
    fail(error.code(), source.path(), ": settings: ", OwnWords{std::string(error.text())});
  }
  check_numbers(source, hyper);
  if (hyper.has_images()) check_vq(source, hyper);
  check_roles(source, hyper);
  const std::vector<ExpectedTensor> all = expected_tensors(hyper);
  constexpr size_t most_named = 12;
  std::string named;
  size_t wrong = 0;
  for (const ExpectedTensor& expected : all) {
    const SourceTensor* tensor = source.find(expected.name);
    if (tensor && tensor->shape == expected.shape && tensor->type != DType::i8 && tensor->type != DType::i32) continue;
    if (wrong++ >= most_named) continue;
    named += text(named.empty() ? "" : "; ", expected.name, tensor ? " has another shape or type" : " is missing");
  }
  if (wrong > most_named) named += text("; and ", wrong - most_named, " more");
  if (wrong > 0) fail(Code::model_corrupt, source.path(), ": ", OwnWords{named});
  if (!hyper.has_images()) refuse_unknown_tensors(source, all);
  return hyper;
}

void write_hyperparameters(const Hyperparameters& hyper, GgufWriter& writer) {
  const auto key = [](const char* name) { return std::string(kArchitecture) + "." + name; };
  const auto put = [&](const char* name, int64_t value) { writer.set_u32(key(name), static_cast<uint32_t>(value)); };
  put("context_length", hyper.context_length);
  put("embedding_length", hyper.d_model);
  put("block_count", hyper.layers);
  put("feed_forward_length", hyper.mlp);
  put("vocab_size", hyper.vocab);
  put("attention.head_count", hyper.heads);
  put("attention.head_count_kv", hyper.kv_heads);
  put("attention.key_length", hyper.head_dim);
  put("rope.dimension_count", hyper.head_dim);
  writer.set_f32(key("attention.layer_norm_rms_epsilon"), hyper.rms_eps);
  writer.set_f32(key("rope.freq_base"), hyper.rope_theta);
  writer.set_bool(key("attention.causal"), false);
  for (const Role& role : kRoles)
    if (hyper.tokens.*role.id >= 0) writer.set_u32(key("token.") + role.key, static_cast<uint32_t>(hyper.tokens.*role.id));
  if (!hyper.has_images()) return;
  put("image.code_offset", hyper.code_offset);
  put("image.codebook_size", hyper.vq.codebook_size);
  std::vector<uint32_t> channels(hyper.vq.channels.begin(), hyper.vq.channels.end());
  writer.set_u32s(key("vq.block_out_channels"), channels);
  put("vq.layers_per_block", hyper.vq.layers_per_block);
  put("vq.latent_channels", hyper.vq.latent_channels);
  put("vq.embed_dim", hyper.vq.embed_dim);
  put("vq.norm_groups", hyper.vq.norm_groups);
}

std::string token_text(int role) { return kRoles[role].text; }

std::string fingerprint(const Hyperparameters& hyper, const Source& source) {
  constexpr int64_t kEdge = 65536;
  Sha256 hash;
  hash.update(text(hyper.d_model, ' ', hyper.layers, ' ', hyper.heads, ' ', hyper.kv_heads, ' ', hyper.head_dim, ' ', hyper.mlp, ' ',
                   hyper.vocab, ' ', hyper.rope_theta, ' ', hyper.rms_eps, ' ', hyper.code_offset, ' ', hyper.vq.codebook_size));
  for (const Role& role : kRoles) hash.update(text(' ', hyper.tokens.*role.id));
  for (const ExpectedTensor& expected : expected_tensors(hyper)) {
    const SourceTensor& tensor = *source.find(expected.name);
    hash.update(text('\n', tensor.name, ' ', type_info(tensor.type).name));
    for (const int64_t side : tensor.shape) hash.update(text(' ', side));
    const int64_t edge = std::min(kEdge, tensor.bytes);
    hash.update({tensor.data, static_cast<size_t>(edge)});
    hash.update({tensor.data + tensor.bytes - edge, static_cast<size_t>(edge)});
  }
  return hash.hex();
}

}  // namespace dimoo

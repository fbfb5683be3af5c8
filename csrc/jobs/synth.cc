// One value = one Philox lane: key = seed, counter = (quad in the chunk, chunk, tensor, a stream of its own). Layouts differ in the
// order of rows, never in a value.
#include "jobs/synth.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "jobs/previews.h"
#include "jobs/stored_type.h"
#include "jobs/synth_tokenizer.h"
#include "jobs/tensor_stream.h"
#include "model/rotary_rows.h"
#include "source/gguf.h"

namespace dimoo {
namespace {

constexpr uint32_t kSynthStream = 1000;  // apart from the streams of decoding

struct Shape {
  const char* name;
  int64_t d_model, layers, heads, mlp, vocab, codes, context;
};
constexpr Shape kShapes[] = {
    {"tiny", 256, 2, 4, 512, 4096, 1024, 4096},
    {"0.5b", 2048, 8, 16, 6144, 16384, 8192, 4096},
    {"2b", 3072, 16, 24, 8192, 32768, 8192, 4096},
    {"8b", 4096, 32, 32, 12288, 126356 + 8192, 8192, 4096},
};

const Shape& shape_of(const std::string& name) {
  for (const Shape& shape : kShapes)
    if (name == shape.name) return shape;
  fail(Code::request_invalid, "shape: expected one of tiny, 0.5b, 2b, 8b, got '", name, "'");
}

Hyperparameters hyperparameters_of(const Shape& shape, const TokenRoles& roles) {
  Hyperparameters hyper;
  hyper.d_model = shape.d_model;
  hyper.layers = shape.layers;
  hyper.heads = hyper.kv_heads = shape.heads;
  hyper.head_dim = shape.d_model / shape.heads;
  hyper.mlp = shape.mlp;
  hyper.vocab = shape.vocab;
  hyper.context_length = shape.context;
  hyper.tokens = roles;
  hyper.code_offset = static_cast<int32_t>(shape.vocab - shape.codes);
  const bool tiny = shape.d_model == 256;
  hyper.vq.channels = tiny ? std::vector<int64_t>{32, 32, 64, 64, 64} : std::vector<int64_t>{128, 256, 256, 512, 768};
  hyper.vq.codebook_size = shape.codes;
  return hyper;
}

bool is_vq(const ExpectedTensor& tensor) { return tensor.name.starts_with("vq."); }

/// Uniform in [-range, range] around `centre`. Norms are 1, biases 0; the two matrices that write to the residual stream are
/// smaller, so that the stream does not grow with depth.
struct Spread {
  float centre, range;
};
Spread spread_of(const ExpectedTensor& tensor, int64_t layers) {
  const bool vector = tensor.shape.size() == 1;
  if (vector) return {tensor.name.ends_with("bias") ? 0.0f : 1.0f, 0.0f};
  double inputs = 1;
  for (size_t i = 1; i < tensor.shape.size(); i++) inputs *= static_cast<double>(tensor.shape[i]);
  if (tensor.name == "token_embd.weight" || tensor.name == "vq.quantize.embedding.weight") inputs = 1;
  if (tensor.name.ends_with("attn_output.weight") || tensor.name.ends_with("ffn_down.weight")) inputs *= 2 * static_cast<double>(layers);
  return {0.0f, static_cast<float>(std::sqrt(3.0 / inputs))};  // a uniform of this range has variance 1 / inputs
}

/// Values [first, first + count) of a tensor; `first` is a multiple of 4.
void fill_uniform(uint64_t seed, size_t tensor, int64_t first, int64_t count, const Spread& spread, float* to) {
  for (int64_t i = 0; i < count; i += 4) {
    const int64_t at = first + i;
    const Words words = philox(seed, static_cast<uint32_t>(at % kChunkValues / 4), static_cast<uint32_t>(at / kChunkValues),
                               static_cast<uint32_t>(tensor), kSynthStream);
    for (int64_t j = i; j < std::min(i + 4, count); j++) to[j] = spread.centre + spread.range * (2.0f * to_uniform(words.w[j - i]) - 1.0f);
  }
}

/// The same for a chunk of whole or cut rows of Q or K in llama.cpp's order: row f of the file holds row half_split_row(f).
void fill_rotary_rows(uint64_t seed, const Chunk& chunk, int64_t cols, int64_t head_dim, const Spread& spread, float* to) {
  for (int64_t done = 0; done < chunk.count;) {
    const int64_t at = chunk.first + done, column = at % cols, count = std::min(cols - column, chunk.count - done);
    fill_uniform(seed, chunk.tensor, half_split_row(at / cols, head_dim) * cols + column, count, spread, to + done);
    done += count;
  }
}

bool has_rotary_rows(const std::string& name) { return name.ends_with(".attn_q.weight") || name.ends_with(".attn_k.weight"); }

void write_common(const std::string& architecture, const Shape& shape, DType type, GgufWriter& writer) {
  writer.set_string("general.architecture", architecture);
  writer.set_string("general.name", text("synth ", shape.name));
  writer.set_u32("general.alignment", 32);
  writer.set_u32("general.file_type", gguf_file_type(type));
  writer.set_u32("general.quantization_version", 2);
}

void write_llada_keys(const Hyperparameters& hyper, GgufWriter& writer) {
  const auto put = [&](const char* name, int64_t value) { writer.set_u32(text("llada.", name), static_cast<uint32_t>(value)); };
  put("context_length", hyper.context_length);
  put("embedding_length", hyper.d_model);
  put("block_count", hyper.layers);
  put("feed_forward_length", hyper.mlp);
  put("vocab_size", hyper.vocab);
  put("attention.head_count", hyper.heads);
  put("attention.head_count_kv", hyper.kv_heads);
  put("attention.key_length", hyper.head_dim);
  put("attention.value_length", hyper.head_dim);
  put("rope.dimension_count", hyper.head_dim);
  writer.set_f32("llada.attention.layer_norm_rms_epsilon", hyper.rms_eps);
  writer.set_f32("llada.rope.freq_base", hyper.rope_theta);
  writer.set_bool("llada.attention.causal", false);
  writer.set_string("tokenizer.ggml.model", "no_vocab");
  writer.set_u32("tokenizer.ggml.mask_token_id", static_cast<uint32_t>(hyper.tokens.mask));
  writer.set_u32("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(hyper.tokens.end_of_text));
}

}  // namespace

SynthReport synth(const SynthOptions& options, const Progress& progress, const CancelToken& cancel) {
  const Shape& shape = shape_of(options.shape);
  const bool llada = options.layout == SynthLayout::llada;
  const TypeRules& rules = options.types;
  const uint64_t seed = options.seed;
  const SynthTokenizer tokenizer = make_synth_tokenizer(static_cast<int32_t>(shape.vocab - shape.codes));
  const Hyperparameters hyper = hyperparameters_of(shape, tokenizer.roles);

  GgufWriter writer(options.output);
  write_common(llada ? "llada" : "lumina-dimoo", shape, rules.matrices, writer);
  if (llada) {
    write_llada_keys(hyper, writer);
  } else {
    write_hyperparameters(hyper, writer);
    // A small model is for small pictures; the others keep the released model's defaults.
    if (shape.d_model == 256) writer.set_string("lumina-dimoo.generation.json", R"({"image":{"width":256,"height":256,"steps":16}})");
    writer.set_string("tokenizer.huggingface.json", tokenizer.json);
  }
  std::vector<OutTensor> tensors;
  std::vector<Spread> spreads;
  for (const ExpectedTensor& tensor : expected_tensors(hyper)) {
    if (llada && is_vq(tensor)) continue;
    tensors.push_back({tensor.name, stored_type(tensor, rules).given, tensor.shape});
    spreads.push_back(spread_of(tensor, hyper.layers));
  }
  std::vector<uint32_t> preview;  // random patches
  if (!llada) {
    const int64_t words = hyper.vq.codebook_size * kPreviewBytes / 4;
    for (int64_t i = 0; i < words; i++) preview.push_back(philox(seed, static_cast<uint32_t>(i), 0, 0, kSynthStream + 1).w[0]);
    tensors.push_back({kPreviewTensor, DType::i8, preview_shape(hyper.vq), reinterpret_cast<const std::byte*>(preview.data())});
  }
  ThreadPool pool(options.threads);
  const auto fill = [&](const Chunk& chunk, float* to) {
    const OutTensor& tensor = tensors[chunk.tensor];
    const Spread& spread = spreads[chunk.tensor];
    if (llada && has_rotary_rows(tensor.name)) return fill_rotary_rows(seed, chunk, tensor.shape.back(), hyper.head_dim, spread, to);
    fill_uniform(seed, chunk.tensor, chunk.first, chunk.count, spread, to);
  };
  const auto done = [](const Chunk&) {};
  stream_tensors(writer, tensors, {fill, done}, pool, progress, "synth", cancel);
  const int64_t bytes = writer.file_bytes();
  writer.finish();
  return {static_cast<int64_t>(tensors.size()), bytes};
}

}  // namespace dimoo

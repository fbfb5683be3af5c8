// The jobs that read and write checkpoints: convert keeps every value that the type can hold, synth repeats itself, inspect
// says what is there; none leaves half a file behind.
#include "jobs/convert.h"

#include <cstring>
#include <limits>

#include "jobs/inspect.h"
#include "jobs/synth.h"
#include "model/hyperparameters.h"
#include "source/quantize.h"
#include "test/native/check.h"
#include "test/native/temporary.h"

using namespace dimoo;

namespace {

constexpr const char* kCheckpoint = DIMOO_GOLDEN "/checkpoint";

ConvertOptions job_options(const std::string& source, const std::string& output, const char* type) {
  ConvertOptions options;
  options.source = source, options.output = output, options.types = TypeRules::make(type, "");
  return options;
}
ConvertReport run_convert(const ConvertOptions& options) { return convert(options, {}, CancelToken()); }
/// Without drafts, which take long to make.
ConvertOptions quick_options(const std::string& source, const std::string& output, const char* type) {
  ConvertOptions options = job_options(source, output, type);
  options.preview = false;
  return options;
}
ConvertReport run_convert(const std::string& source, const std::string& output, const char* type) {
  return run_convert(quick_options(source, output, type));
}
SynthReport run_synth(const std::string& output, const char* type, uint64_t seed = 1, int threads = 1,
                      SynthLayout layout = SynthLayout::dimoo) {
  SynthOptions options;
  options.shape = "tiny", options.output = output, options.types = TypeRules::make(type, "");
  options.seed = seed, options.threads = threads, options.layout = layout;
  return synth(options, {}, CancelToken());
}
InspectReport run_inspect(const std::string& source, bool verify = false) { return inspect({source, verify}, {}, CancelToken()); }

std::vector<float> values_of(const SourceTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.values()));
  dequantize(tensor.type, tensor.data, tensor.values(), values.data());
  return values;
}

/// Overwrites value `index` of an F32 tensor in a GGUF file.
void plant(const std::string& path, const char* tensor, int64_t index, float value) {
  int64_t offset = 0;
  {
    const auto source = Source::open(path);
    const SourceTensor& found = *source->find(tensor);
    CHECK(found.type == DType::f32);
    offset = found.data - source->files().front().bytes().data() + index * 4;
  }
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(offset);
  file.write(reinterpret_cast<const char*>(&value), 4);
}

DType type_of(const Source& source, const char* tensor) { return source.find(tensor)->type; }

}  // namespace

TEST(exact_types_keep_every_value) {
  const TemporaryFolder folder;
  const auto from = Source::open(kCheckpoint);
  for (const char* type : {"f32", "bf16"}) {
    const std::string path = folder.at(std::string(type) + ".gguf");
    const bool drafts = type == std::string_view("bf16") && !check::sanitized();
    ConvertOptions options = job_options(kCheckpoint, path, type);
    options.preview = drafts;
    const ConvertReport report = run_convert(options);
    CHECK(report.fallbacks.empty() && report.ignored.empty());
    CHECK_EQ(report.bytes, static_cast<int64_t>(std::filesystem::file_size(path)));
    const auto to = Source::open(path);
    CHECK_EQ(to->tensors().size(), from->tensors().size() + drafts);
    for (const SourceTensor& tensor : from->tensors()) {
      const SourceTensor* copy = to->find(tensor.name);
      CHECK(copy && copy->shape == tensor.shape);
      if (values_of(*copy) != values_of(tensor)) check::failed(__FILE__, __LINE__, type, ": ", tensor.name, " differs");
    }
    CHECK(to->tokenizer_json() == from->tokenizer_json());
    CHECK_EQ(read_hyperparameters(*to).tokens.mask, 583);
  }
  CHECK_EQ(folder.count(), 2u);
}

TEST(writes_the_keys_of_the_format) {
  const TemporaryFolder folder;
  run_convert(kCheckpoint, folder.at("x.gguf"), "q8_0");
  const Json settings = Source::open(folder.at("x.gguf"))->settings();
  CHECK_EQ(settings.string_or("general.architecture", ""), "lumina-dimoo");
  CHECK_EQ(settings.string_or("general.name", ""), "checkpoint");
  CHECK_EQ(settings.int_or("general.file_type", 0), 7);
  CHECK_EQ(settings.int_or("general.quantization_version", 0), 2);
  CHECK_EQ(settings.int_or("lumina-dimoo.attention.head_count_kv", 0), 4);
  CHECK_EQ(settings.int_or("lumina-dimoo.token.mask", 0), 583);
  CHECK_EQ(settings.int_or("lumina-dimoo.image.code_offset", 0), 603);
  CHECK_EQ(settings.find("lumina-dimoo.vq.block_out_channels")->dump(), "[16,16,32,32,32]");
  CHECK(!settings.bool_or("lumina-dimoo.attention.causal", true));
}

TEST(types_follow_the_rules) {
  const TemporaryFolder folder;
  run_synth(folder.at("f32.gguf"), "f32");
  const auto options = [&](const char* output, const char* type) { return quick_options(folder.at("f32.gguf"), folder.at(output), type); };
  CHECK(run_convert(options("q4.gguf", "q4_k")).fallbacks.empty());
  const auto q4 = Source::open(folder.at("q4.gguf"));
  CHECK(type_of(*q4, "blk.0.attn_q.weight") == DType::q4_k && type_of(*q4, "blk.1.ffn_down.weight") == DType::q4_k);
  CHECK(type_of(*q4, "token_embd.weight") == DType::q6_k && type_of(*q4, "output.weight") == DType::q6_k);
  CHECK(type_of(*q4, "blk.0.attn_norm.weight") == DType::f32 && type_of(*q4, "vq.decoder.conv_in.bias") == DType::f32);
  CHECK(type_of(*q4, "vq.decoder.conv_in.weight") == DType::f16 && type_of(*q4, "vq.post_quant_conv.weight") == DType::f16);
  for (const char* decides : {"vq.encoder.conv_in.weight", "vq.quant_conv.weight", "vq.quantize.embedding.weight"})
    CHECK(type_of(*q4, decides) == DType::f32);
  run_convert(options("q8.gguf", "q8_0"));
  CHECK(type_of(*Source::open(folder.at("q8.gguf")), "token_embd.weight") == DType::q8_0);
  const auto both = [&](const char* output, const char* vq) {
    ConvertOptions chosen = options(output, "q8_0");
    chosen.types = TypeRules::make("q8_0", vq);
    run_convert(chosen);
  };
  both("vq.gguf", "f32");
  CHECK(type_of(*Source::open(folder.at("vq.gguf")), "vq.decoder.conv_in.weight") == DType::f32);
  both("half.gguf", "f16");
  CHECK(type_of(*Source::open(folder.at("half.gguf")), "vq.encoder.conv_in.weight") == DType::f16);
  run_convert(options("bf16.gguf", "bf16"));
  CHECK(type_of(*Source::open(folder.at("bf16.gguf")), "vq.decoder.conv_in.weight") == DType::f32);
}

TEST(rows_that_blocks_do_not_divide_fall_back) {
  const TemporaryFolder folder;  // width 64, MLP 160: no multiples of 256
  const ConvertReport report = run_convert(kCheckpoint, folder.at("x.gguf"), "q5_k");
  CHECK_EQ(report.fallbacks.size(), 3u * 7u + 2u);
  for (const Fallback& fallback : report.fallbacks) CHECK(fallback.type == DType::q8_0);
  CHECK(type_of(*Source::open(folder.at("x.gguf")), "blk.0.ffn_down.weight") == DType::q8_0);
}

TEST(copies_what_is_already_of_the_type) {
  const TemporaryFolder folder;
  run_synth(folder.at("a.gguf"), "q4_k");
  run_convert(job_options(folder.at("a.gguf"), folder.at("b.gguf"), "q4_k"));
  CHECK(read_file(folder.at("a.gguf")) == read_file(folder.at("b.gguf")));
}

TEST(threads_do_not_change_the_file) {
  const TemporaryFolder folder;
  for (const int threads : {1, 5}) {
    ConvertOptions options = job_options(kCheckpoint, folder.at(std::to_string(threads) + ".gguf"), "q8_0");
    options.threads = threads, options.preview = !check::sanitized();
    run_convert(options);
  }
  CHECK(read_file(folder.at("1.gguf")) == read_file(folder.at("5.gguf")));
}

TEST(a_tied_head_is_written_out) {
  const TemporaryFolder folder;
  std::filesystem::copy(kCheckpoint, folder.path() / "tied", std::filesystem::copy_options::recursive);
  const auto replace = [&](const char* file, std::string_view from, std::string_view to) {
    std::string content = read_file(folder.at(file));
    const size_t at = content.find(from);
    CHECK(at != std::string::npos);
    folder.write(file, content.replace(at, from.size(), to));
  };
  replace("tied/config.json", "\"weight_tying\": false", "\"weight_tying\": true");
  const std::string index = read_file(folder.at("tied/model.safetensors.index.json"));
  const size_t begin = index.find("\"model.transformer.ff_out.weight\""), end = index.find_first_of(",}", begin);
  CHECK(begin != std::string::npos);
  replace("tied/model.safetensors.index.json", std::string_view(index).substr(begin, end + 1 - begin), "");
  run_convert(folder.at("tied"), folder.at("x.gguf"), "f32");
  const auto source = Source::open(folder.at("x.gguf"));
  CHECK(values_of(*source->find("output.weight")) == values_of(*source->find("token_embd.weight")));
}

TEST(tensors_without_use_are_named) {
  const TemporaryFolder folder;
  std::filesystem::copy(kCheckpoint, folder.path() / "more", std::filesystem::copy_options::recursive);
  const std::string path = folder.at("more/vqvae/diffusion_pytorch_model.safetensors");
  std::string bytes = read_file(path);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  const std::string entry = R"("quantize.usage":{"dtype":"F32","shape":[1],"data_offsets":[)" + std::to_string(bytes.size() - 8 - length) +
                            "," + std::to_string(bytes.size() - 4 - length) + "]},";
  bytes.insert(bytes.find('{', 8) + 1, entry);
  length += entry.size();
  std::memcpy(bytes.data(), &length, 8);
  std::ofstream(path, std::ios::binary) << bytes << std::string(4, '\0');
  CHECK(run_convert(folder.at("more"), folder.at("x.gguf"), "f32").ignored == std::vector<std::string>{"vq.quantize.usage"});
}

TEST(an_interrupted_conversion_leaves_nothing) {
  const TemporaryFolder folder;
  CancelToken cancel;
  const Progress progress = [&](const char* phase, int64_t done, int64_t total) {
    CHECK(std::strcmp(phase, "convert") == 0 && done > 0 && done <= total);
    if (done < total) cancel.cancel();
  };
  run_synth(folder.at("x.gguf"), "f32");
  ConvertOptions options = job_options(folder.at("x.gguf"), folder.at("y.gguf"), "q8_0");
  options.threads = 1;
  CHECK_THROWS(convert(options, progress, cancel), Code::aborted, "aborted");
  CHECK_EQ(folder.count(), 1u);
}

TEST(progress_ends_at_the_total) {
  const TemporaryFolder folder;
  int64_t last = 0, all = -1;
  convert(
      quick_options(kCheckpoint, folder.at("x.gguf"), "bf16"), [&](const char*, int64_t done, int64_t total) { last = done, all = total; },
      CancelToken());
  CHECK_EQ(last, all);
}

TEST(weights_that_are_not_finite_are_refused_by_name) {
  const TemporaryFolder folder;
  const std::string path = folder.at("x.gguf");
  run_synth(path, "f32");
  CHECK(run_inspect(path, true).weights->non_finite.empty());
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    plant(path, "blk.1.ffn_up.weight", 70000, bad);
    for (const char* type : {"f32", "bf16", "q4_k"})
      CHECK_THROWS(run_convert(path, folder.at("y.gguf"), type), Code::model_corrupt,
                   "tensor blk.1.ffn_up.weight: expected finite weights");
  }
  const std::vector<NonFinite> found = run_inspect(path, true).weights->non_finite;
  CHECK_EQ(found.size(), size_t{1});
  CHECK_EQ(found[0].tensor, "blk.1.ffn_up.weight");
  CHECK_EQ(found[0].count, 1);
  CHECK(!run_inspect(path).weights);
  CHECK_EQ(folder.count(), 1u);
}

TEST(values_too_large_for_the_type_are_refused) {
  const TemporaryFolder folder;
  run_synth(folder.at("x.gguf"), "f32");
  plant(folder.at("x.gguf"), "blk.0.attn_v.weight", 5, 1e30f);
  for (const char* type : {"f16", "q8_0", "q4_0", "q6_k"})
    CHECK_THROWS(run_convert(folder.at("x.gguf"), folder.at("y.gguf"), type), Code::request_invalid,
                 "blk.0.attn_v.weight has a value of 1e+30");
  run_convert(folder.at("x.gguf"), folder.at("y.gguf"), "bf16");
}

TEST(bad_options_are_refused) {
  const TemporaryFolder folder;
  const std::string path = folder.at("x.gguf");
  run_synth(path, "q8_0");
  CHECK_THROWS(run_convert(path, folder.at("y.gguf"), "q3_k"), Code::request_invalid, "type: expected one of f32, f16");
  CHECK_THROWS(run_convert(path, folder.at("y.gguf"), "i8"), Code::request_invalid, "type: expected one of");
  CHECK_THROWS(TypeRules::make("f32", "q8_0"), Code::request_invalid, "vqType: expected f32");
  CHECK_THROWS(run_convert(path, path, "f32"), Code::request_invalid, "other than the source");
  std::filesystem::create_hard_link(path, folder.at("link.gguf"));
  CHECK_THROWS(run_convert(path, folder.at("link.gguf"), "f32"), Code::request_invalid, "other than the source");
  CHECK_THROWS(run_convert(folder.at("none.gguf"), folder.at("y.gguf"), "f32"), Code::model_not_found, "none.gguf");
  CHECK_THROWS(run_convert(path, folder.at("none/y.gguf"), "f32"), Code::output_failed, "cannot be created");
  CHECK_EQ(folder.count(), 2u);
}

TEST(synth_repeats_itself) {
  const TemporaryFolder folder;
  run_synth(folder.at("1.gguf"), "q8_0", 7, 1);
  run_synth(folder.at("4.gguf"), "q8_0", 7, 4);
  run_synth(folder.at("8.gguf"), "q8_0", 8, 1);
  CHECK(read_file(folder.at("1.gguf")) == read_file(folder.at("4.gguf")));
  CHECK(read_file(folder.at("1.gguf")) != read_file(folder.at("8.gguf")));
}

TEST(synth_is_a_model) {
  const TemporaryFolder folder;
  run_synth(folder.at("x.gguf"), "bf16");
  const auto source = Source::open(folder.at("x.gguf"));
  const Hyperparameters hyper = read_hyperparameters(*source);
  CHECK_EQ(hyper.d_model, 256);
  CHECK_EQ(hyper.vocab, 4096);
  CHECK_EQ(hyper.code_offset, 3072);
  CHECK_EQ(hyper.vq.scale(), 16);
  CHECK_EQ(hyper.tokens.mask, 3052);
  CHECK_EQ(hyper.tokens.answer_end, 3071);
  const Json tokenizer = Json::parse(source->tokenizer_json(), "tokenizer");
  CHECK_EQ(tokenizer.find("model")->find("vocab")->int_or("A", -1), 65);
  const auto values = values_of(*source->find("blk.0.attn_q.weight"));  // variance 1 / 256
  double square = 0;
  for (const float value : values) square += static_cast<double>(value) * value;
  CHECK_NEAR(square / static_cast<double>(values.size()) * 256, 1.0, 0.02);
}

TEST(synth_writes_llama_layout) {
  const TemporaryFolder folder;
  run_synth(folder.at("x.gguf"), "q8_0", 1, 1, SynthLayout::llada);
  const auto source = Source::open(folder.at("x.gguf"));
  CHECK_EQ(source->settings().string_or("general.architecture", ""), "llada");
  CHECK_EQ(source->settings().string_or("tokenizer.ggml.model", ""), "no_vocab");
  CHECK_EQ(source->settings().int_or("llada.vocab_size", 0), 4096);
  CHECK_EQ(source->tensors().size(), 3u + 2u * 9u);
  CHECK(source->find("vq.decoder.conv_in.weight") == nullptr);
  CHECK_EQ(run_inspect(folder.at("x.gguf")).architecture, "llada");
}

TEST(synth_refuses_bad_options) {
  const TemporaryFolder folder;
  SynthOptions options;
  options.shape = "3b", options.output = folder.at("x.gguf");
  CHECK_THROWS(synth(options, {}, CancelToken()), Code::request_invalid, "shape: expected one of tiny");
  CHECK_THROWS(TypeRules::make("q2", ""), Code::request_invalid, "type: expected one of");
  CHECK_EQ(run_synth(folder.at("x.gguf"), "bf16", ~uint64_t{0}).tensors, 291);
}

TEST(inspect_lists_what_is_there) {
  const InspectReport report = run_inspect(kCheckpoint);
  CHECK(report.format == Source::Format::safetensors);
  CHECK_EQ(report.architecture, "lumina-dimoo");
  CHECK_EQ(report.parameters, 691811);
  CHECK_EQ(report.types.at("bf16").count, 30);
  const TensorSummary& first = report.tensors.front();
  CHECK(!first.name.empty() && !first.shape.empty() && first.bytes > 0);
  const TemporaryFolder folder;
  run_convert(kCheckpoint, folder.at("x.gguf"), "bf16");
  const InspectReport gguf = run_inspect(folder.at("x.gguf"));
  CHECK_EQ(gguf.bytes, static_cast<int64_t>(std::filesystem::file_size(folder.at("x.gguf"))));
  CHECK_EQ(gguf.settings.string_or("tokenizer.huggingface.json", ""), "(30258 bytes)");
}

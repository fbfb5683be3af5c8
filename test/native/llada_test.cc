// llama.cpp's `llada` files: the same weights give the same logits as in our own layout, bit for bit and in every type; numbers
// and roles come from its keys, none of which is trusted; what such a file cannot do is refused in words.
#include <limits>

#include "engine/model.h"
#include "engine/plan.h"
#include "jobs/convert.h"
#include "jobs/inspect.h"
#include "jobs/synth.h"
#include "model/rotary_rows.h"
#include "test/native/check.h"
#include "test/native/engine_fixture.h"
#include "test/native/gguf_bytes.h"
#include "test/native/temporary.h"

using namespace dimoo;

namespace {

const CancelToken kNever;

std::string synth_file(const TemporaryFolder& folder, const std::string& type, SynthLayout layout) {
  SynthOptions options;
  options.shape = "tiny", options.types = TypeRules::make(type, ""), options.seed = 5, options.layout = layout;
  options.output = folder.at(type + (layout == SynthLayout::llada ? "-llada" : "-dimoo") + ".gguf");
  synth(options, {}, kNever);
  return options.output;
}

std::vector<float> logits_of(const std::string& path, Precision precision) {
  const auto source = Source::open(path);
  const Hyperparameters hyper = read_hyperparameters(*source);
  const auto device = create_device("cpu", {});
  Backbone backbone(*device, hyper, *source, precision);
  std::vector<int32_t> tokens, positions;
  for (int32_t i = 0; i < 37; i++) tokens.push_back(i * 911 % 4096), positions.push_back(i);
  const std::vector<int32_t> heads{0, 17, 36};
  const BranchRows branch{0, 37};
  std::vector<float> logits(heads.size() * static_cast<size_t>(hyper.vocab));
  backbone.head(backbone.forward({tokens, positions, {&branch, 1}, heads}), Slice::vocabulary, Tensor(logits.data(), 3, hyper.vocab));
  return logits;
}

/// A `llada` file whose keys and tensors can be changed.
class Edited : public Source {
 public:
  explicit Edited(const Source& from) {
    path_ = from.path();
    tensors_ = from.tensors();
    settings_ = from.settings();
    index_tensors();
  }
  Format format() const override { return Format::gguf; }
  Edited& key(const std::string& name, Json value) {
    drop_key(name);
    settings_.set(name, std::move(value));
    return *this;
  }
  Edited& drop_key(const std::string& name) {
    Json::Object members = settings_.as_object();
    std::erase_if(members, [&](const auto& member) { return member.first == name; });
    settings_ = Json(std::move(members));
    return *this;
  }
  Edited& drop(std::string_view name) {
    std::erase_if(tensors_, [&](const SourceTensor& tensor) { return tensor.name == name; });
    index_tensors();
    return *this;
  }
  Edited& add(const std::string& name, std::vector<int64_t> shape) {
    SourceTensor tensor = tensors_.front();
    tensor.name = name, tensor.shape = std::move(shape);
    tensors_.push_back(tensor);
    index_tensors();
    return *this;
  }
};

struct File {
  TemporaryFolder folder;
  std::unique_ptr<Source> source = Source::open(synth_file(folder, "q4_0", SynthLayout::llada));
};
const Source& file() {
  static const File only;
  return *only.source;
}

void refused(const Source& source, const std::string& what) {
  try {
    read_hyperparameters(source);
  } catch (const Error& error) {
    const bool named = error.text().starts_with(source.path());
    if (named && (error.code() == Code::model_corrupt || error.code() == Code::model_unsupported)) return;
    check::failed(__FILE__, __LINE__, what, ": threw ", code_name(error.code()), " ", error.text());
  }
  check::failed(__FILE__, __LINE__, what, ": was accepted");
}

}  // namespace

TEST(logits_equal_those_of_our_own_layout_bit_for_bit) {
  const TemporaryFolder folder;
  for (const char* type : {"f32", "bf16", "f16", "q8_0", "q6_k", "q4_k", "q4_0"}) {
    const std::string ours = synth_file(folder, type, SynthLayout::dimoo), theirs = synth_file(folder, type, SynthLayout::llada);
    for (const Precision precision : {Precision::f32, Precision::fast}) CHECK(logits_of(ours, precision) == logits_of(theirs, precision));
    // The files do differ: without the reordering the logits would too.
    const auto a = Source::open(ours), b = Source::open(theirs);
    const SourceTensor &q = *a->find("blk.0.attn_q.weight"), &p = *b->find("blk.0.attn_q.weight");
    CHECK(std::memcmp(q.data, p.data, static_cast<size_t>(q.bytes)) != 0);
    const SourceTensor &v = *a->find("blk.0.attn_v.weight"), &w = *b->find("blk.0.attn_v.weight");
    CHECK(std::memcmp(v.data, w.data, static_cast<size_t>(v.bytes)) == 0);
  }
}

TEST(rows_go_back_to_where_llama_cpp_took_them_from) {
  // permute of its converter on a head of 6 rows: reshape (2, 3), swap, flatten -> 0 3 1 4 2 5.
  const std::vector<int64_t> theirs{0, 3, 1, 4, 2, 5};
  for (int64_t row = 0; row < 12; row++) CHECK_EQ(half_split_row(row, 6), row / 6 * 6 + theirs[static_cast<size_t>(row % 6)]);
  const float values[] = {10, 11, 40, 41, 20, 21, 50, 51, 30, 31, 60, 61};
  const auto copy = half_split_rows({"q", DType::f32, 6, 2, reinterpret_cast<const std::byte*>(values)}, 6);
  const float expected[] = {10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 60, 61};
  CHECK(copy.size() == sizeof expected && std::memcmp(copy.data(), expected, sizeof expected) == 0);
  CHECK_THROWS(half_split_rows({"q", DType::f32, 6, 2, nullptr}, 4), Code::internal, "heads of 4, got 6");
}

TEST(numbers_and_roles_come_from_its_keys) {
  const Hyperparameters hyper = read_hyperparameters(file());
  CHECK_EQ(hyper.d_model, 256);
  CHECK_EQ(hyper.vocab, 4096);
  CHECK_EQ(hyper.code_offset, 4096);
  CHECK(!hyper.has_images() && hyper.rotary_rows == RotaryRows::neighbours && !hyper.tied);
  CHECK(hyper.tokens.mask >= 0 && hyper.tokens.end_of_text >= 0 && hyper.tokens.answer_end == -1);
  CHECK(half_split_bytes(hyper, file()) == 4 * file().find("blk.0.attn_q.weight")->bytes);
  // As llama.cpp has it: a missing output matrix is the embedding, a missing vocab_size the embedding's rows.
  CHECK(read_hyperparameters(Edited(file()).drop("output.weight")).tied);
  CHECK_EQ(read_hyperparameters(Edited(file()).drop_key("llada.vocab_size")).vocab, 4096);
  // With a tokenizer, roles are also found by their strings.
  Json::Array tokens(4096, Json("x"));
  tokens[7] = "</answer>", tokens[8] = "<|mdm_mask|>", tokens[9] = "<|endoftext|>", tokens[10] = 3;
  Edited with_tokens(file());
  with_tokens.key("tokenizer.ggml.tokens", tokens).drop_key("tokenizer.ggml.mask_token_id");
  CHECK_EQ(read_hyperparameters(with_tokens).tokens.answer_end, 7);
  CHECK_EQ(read_hyperparameters(with_tokens).tokens.mask, 8);
  CHECK_EQ(read_hyperparameters(with_tokens).tokens.end_of_text, hyper.tokens.end_of_text);
}

TEST(no_key_is_trusted) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max(), kLeast = std::numeric_limits<int64_t>::min();
  const Json absurd[] = {0, -1, kMost, kLeast, int64_t{1} << 32, int64_t{1} << 62, 0.5, "64", Json(Json::Array{1, 2})};
  for (const char* name : {"embedding_length", "block_count", "feed_forward_length", "vocab_size", "attention.head_count",
                           "attention.head_count_kv", "attention.key_length"})
    for (const Json& value : absurd) refused(Edited(file()).key(text("llada.", name), value), text(name, " ", value.dump()));
  for (const char* name : {"attention.value_length", "rope.dimension_count"})
    for (const Json& value : {Json(0), Json(32), Json(kMost), Json(kLeast)})
      refused(Edited(file()).key(text("llada.", name), value), text(name, " ", value.dump()));
  for (const char* name : {"attention.layer_norm_rms_epsilon", "rope.freq_base"})
    for (const Json& value : {Json(-1.0), Json(1e300), Json("x")})
      refused(Edited(file()).key(text("llada.", name), value), text(name, " ", value.dump()));
  for (const char* name : {"mask_token_id", "eos_token_id"}) {
    const std::string key = text("tokenizer.ggml.", name);
    const int64_t good = file().settings().find(key)->as_int();
    for (const int64_t bad : {good + (int64_t{1} << 32), int64_t{-1}, int64_t{4096}, kMost, kLeast})
      refused(Edited(file()).key(key, bad), text(key, " ", bad));
    refused(Edited(file()).drop_key(key), text("no ", key));
  }
}

TEST(what_the_forward_pass_would_leave_out_is_refused_by_name) {
  CHECK_THROWS(read_hyperparameters(Edited(file()).key("llada.attention.causal", true)), Code::model_unsupported, "expected false");
  CHECK_THROWS(read_hyperparameters(Edited(file()).key("llada.rope.scaling.type", "yarn")), Code::model_unsupported, "got yarn");
  CHECK_THROWS(read_hyperparameters(Edited(file()).add("blk.0.attn_q.bias", {256})), Code::model_unsupported, "blk.0.attn_q.bias");
  CHECK_THROWS(read_hyperparameters(Edited(file()).add("rope_freqs.weight", {32})), Code::model_unsupported, "rope_freqs.weight");
  CHECK_THROWS(read_hyperparameters(Edited(file()).drop("blk.1.attn_k.weight")), Code::model_corrupt, "blk.1.attn_k.weight is missing");
  CHECK_THROWS(read_hyperparameters(Edited(file()).key("general.architecture", "llada-moe")), Code::model_unsupported, "or llada, got");
}

TEST(answers_equal_those_of_our_own_layout) {
  const TemporaryFolder folder;
  const auto answer = [](const std::string& path) {
    Model model(engine_fixture::options_for(path));
    auto layout = std::make_shared<Layout>();
    layout->rows = 1, layout->columns = 16, layout->row_ends = false, layout->mask_token = model.weights().hyper.tokens.mask;
    layout->prefixes = {{11, 12, 13, 14, 15}};
    layout->suffixes = {{16}};
    AnswerRequest target;
    target.length = 16, target.block = 8, target.steps = 8;
    RunRequest request;
    request.layout = layout, request.target = target, request.seeds = {3}, request.temperature = 0.5f;
    return engine_fixture::Reader(model, std::move(request)).end().answer;
  };
  const auto ours = answer(synth_file(folder, "q8_0", SynthLayout::dimoo));
  CHECK(!ours.empty());
  CHECK(ours == answer(synth_file(folder, "q8_0", SynthLayout::llada)));
}

TEST(pictures_are_refused_in_words) {
  LoadOptions options;
  options.source = file().path();
  Model model(options);
  CHECK(!model.weights().vq);
  const auto request_for = [](const Model& m, uint64_t seed) {
    RunRequest request = engine_fixture::request_for(m, seed);
    auto layout = std::make_shared<Layout>(*request.layout);
    layout->prefixes = {{5, 6}, {7}}, layout->suffixes = {{8}, {8}};  // this file has no image tokens
    request.layout = layout;
    return request;
  };
  const std::vector<uint8_t> rgb(3 * 16 * 16);
  const std::vector<int32_t> codes(4);
  CHECK_THROWS(model.start(request_for(model, 1), {}), Code::model_unsupported, "text only");
  CHECK_THROWS(model.encode(rgb, 16, 16, nullptr), Code::model_unsupported, "text only");
  CHECK_THROWS(model.decode(codes, 2, 2, nullptr), Code::model_unsupported, "text only");
  const TemporaryFolder folder;
  ConvertOptions to;
  to.source = file().path(), to.output = folder.at("x.gguf");
  CHECK_THROWS(convert(to, {}, kNever), Code::model_unsupported, "llama.cpp's text layout");
  CHECK_EQ(inspect({file().path(), false}, {}, kNever).architecture, "llada");
}

TEST(its_tokenizer_is_handed_on_as_it_is) {
  CHECK(file().tokenizer_json().empty());
  const auto strings = [](const std::vector<std::string>& all) {
    std::string out = GgufBytes::le<uint32_t>(8) + GgufBytes::le<uint64_t>(all.size());
    for (const std::string& one : all) out += GgufBytes::str(one);
    return out;
  };
  const auto with = [&](const std::string& architecture, const std::string& model) {
    GgufBytes bytes;
    bytes.key("general.architecture", 8, GgufBytes::str(architecture)).key("tokenizer.ggml.model", 8, GgufBytes::str(model));
    bytes.key("tokenizer.ggml.pre", 8, GgufBytes::str("llada-moe")).key("tokenizer.ggml.tokens", 9, strings({"a", "\"", "a\""}));
    bytes.key("tokenizer.ggml.merges", 9, strings({"a \""}));
    bytes.key("tokenizer.ggml.token_type", 9, GgufBytes::le<uint32_t>(5) + GgufBytes::le<uint64_t>(1) + GgufBytes::le<int32_t>(3));
    return bytes.bytes();
  };
  const TemporaryFolder folder;
  const auto json = [&](const std::string& bytes) {
    folder.write("t.gguf", bytes);
    return std::string(Source::open(folder.at("t.gguf"))->tokenizer_json());
  };
  CHECK_EQ(json(with("llada", "gpt2")),
           std::string(R"({"ggml":{"model":"gpt2","pre":"llada-moe","tokens":["a","\"","a\""],"token_type":[3],"merges":["a \""]}})"));
  CHECK_EQ(json(with("llada", "no_vocab")), std::string());
  CHECK_EQ(json(with("lumina-dimoo", "gpt2")), std::string());
}

// What a checkpoint's numbers may be: the fallbacks of config.json, GGUF keys both ways, token roles by their strings, and a
// refusal that names the field for everything the forward pass does not have. No number from a file is trusted.
#include "model/hyperparameters.h"

#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "base/sha256.h"
#include "test/native/check.h"
#include "test/native/temporary.h"

using namespace dimoo;

namespace {

constexpr const char* kCheckpoint = DIMOO_GOLDEN "/checkpoint";
constexpr int64_t kMost = std::numeric_limits<int64_t>::max(), kLeast = std::numeric_limits<int64_t>::min();

Json with(const Json& object, const std::string& key, Json value) {
  Json::Object members = object.as_object();
  std::erase_if(members, [&](const auto& member) { return member.first == key; });
  members.emplace_back(key, std::move(value));
  return members;
}

/// A checkpoint whose settings, tokenizer or tensors can be changed.
class Edited : public Source {
 public:
  explicit Edited(const Source& from) : format_(from.format()), tokenizer_text_(from.tokenizer_json()) {
    path_ = from.path();
    tensors_ = from.tensors();
    settings_ = from.settings();
    tokenizer_ = tokenizer_text_;
    index_tensors();
  }
  Format format() const override { return format_; }

  /// One field of "config" or "vq" of a folder.
  Edited& set(const char* part, const std::string& field, Json value) {
    settings_ = with(settings_, part, with(*settings_.find(part), field, std::move(value)));
    return *this;
  }
  /// One key of a GGUF file.
  Edited& key(const std::string& name, Json value) {
    settings_ = with(settings_, name, std::move(value));
    return *this;
  }
  Edited& tokenizer(std::string_view from, std::string_view to) {
    const size_t at = tokenizer_text_.find(from);
    CHECK(at != std::string::npos);
    tokenizer_text_.replace(at, from.size(), to);
    tokenizer_ = tokenizer_text_;
    return *this;
  }
  Edited& shape(std::string_view ending, const std::vector<int64_t>& shape) {
    for (SourceTensor& tensor : tensors_)
      if (tensor.name.ends_with(ending)) tensor.shape = shape;
    return *this;
  }
  Edited& drop(std::string_view name) {
    std::erase_if(tensors_, [&](const SourceTensor& tensor) { return tensor.name == name; });
    index_tensors();
    return *this;
  }

 private:
  Format format_;
  std::string tokenizer_text_;
};

const Source& folder() {
  static const std::unique_ptr<Source> source = Source::open(kCheckpoint);
  return *source;
}

/// The keys that we write, read back; the tensors are the folder's.
class WrittenKeys : public Source {
 public:
  explicit WrittenKeys(const Hyperparameters& hyper) {
    const TemporaryFolder temporary;
    GgufWriter writer(temporary.at("keys.gguf"));
    writer.set_string("general.architecture", "lumina-dimoo");
    write_hyperparameters(hyper, writer);
    const int64_t shape[] = {1};
    const float value[] = {1};
    writer.declare("some.weight", DType::f32, shape);
    writer.write(std::as_bytes(std::span(value)));
    writer.finish();
    settings_ = Source::open(temporary.at("keys.gguf"))->settings();
    path_ = "keys.gguf";
    tensors_ = folder().tensors();
    index_tensors();
  }
  Format format() const override { return Format::gguf; }
};

/// Refused as a damaged or foreign checkpoint, naming the file: never accepted, never anything else.
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

std::string say(const Json& value) { return value.dump(); }

}  // namespace

TEST(folder_gives_its_numbers_and_roles) {
  const Hyperparameters hyper = read_hyperparameters(folder());
  CHECK_EQ(hyper.d_model, 64);
  CHECK_EQ(hyper.layers, 3);
  CHECK_EQ(hyper.heads, 4);
  CHECK_EQ(hyper.kv_heads, 4);
  CHECK_EQ(hyper.head_dim, 16);
  CHECK_EQ(hyper.mlp, 160);
  CHECK_EQ(hyper.vocab, 667);
  CHECK_EQ(hyper.rope_theta, 500000.0f);
  CHECK_EQ(hyper.rms_eps, 1e-5f);
  CHECK(!hyper.tied);
  const TokenRoles& t = hyper.tokens;
  const std::vector<int32_t> roles{t.mask,      t.row_end,     t.padding,      t.end_of_text, t.image_begin,
                                   t.image_end, t.uncondition, t.answer_begin, t.answer_end};
  CHECK(roles == (std::vector<int32_t>{583, 580, 586, 577, 596, 597, 598, 601, 602}));
  CHECK_EQ(hyper.code_offset, 603);
  CHECK_EQ(hyper.vq.codebook_size, 64);
  CHECK(hyper.vq.channels == (std::vector<int64_t>{16, 16, 32, 32, 32}));
  CHECK_EQ(hyper.vq.scale(), 16);
}

TEST(null_fields_fall_back) {
  Edited source(folder());
  source.set("config", "n_kv_heads", nullptr).set("config", "embedding_size", nullptr);
  source.set("config", "mlp_hidden_size", nullptr).set("config", "mlp_ratio", 2);
  source.shape("ffn_gate.weight", {128, 64}).shape("ffn_up.weight", {128, 64}).shape("ffn_down.weight", {64, 128});
  const Hyperparameters hyper = read_hyperparameters(source);
  CHECK_EQ(hyper.kv_heads, 4);
  CHECK_EQ(hyper.vocab, 667);
  CHECK_EQ(hyper.mlp, 128);
  source.set("config", "multi_query_attention", true).shape("attn_k.weight", {16, 64}).shape("attn_v.weight", {16, 64});
  CHECK_EQ(read_hyperparameters(source).kv_heads, 1);
  // What is not needed is not read.
  CHECK_EQ(read_hyperparameters(Edited(folder()).set("config", "mlp_ratio", 2.6875)).mlp, 160);
}

TEST(what_the_forward_pass_does_not_have_is_refused_by_name) {
  const std::pair<const char*, Json> fields[] = {{"model_type", "llama"},
                                                 {"block_type", "sequential"},
                                                 {"activation_type", "gelu"},
                                                 {"layer_norm_type", "default"},
                                                 {"rope", false},
                                                 {"alibi", true},
                                                 {"include_bias", true},
                                                 {"include_qkv_bias", true},
                                                 {"scale_logits", true},
                                                 {"input_emb_norm", true},
                                                 {"attention_layer_norm", true},
                                                 {"bias_for_layer_norm", true}};
  for (const auto& [field, value] : fields) {
    const std::string got = value.is_string() ? value.as_string() : value.dump();
    CHECK_THROWS(read_hyperparameters(Edited(folder()).set("config", field, value)), Code::model_unsupported, text(field, ": expected "));
    CHECK_THROWS(read_hyperparameters(Edited(folder()).set("config", field, value)), Code::model_unsupported, text(", got ", got));
  }
  CHECK_THROWS(read_hyperparameters(Edited(folder()).set("vq", "mid_block_add_attention", true)), Code::model_unsupported, "attention");
}

TEST(roles_are_found_by_their_strings) {
  CHECK_THROWS(read_hyperparameters(Edited(folder()).tokenizer("<|mdm_mask|>", "<|mask|>")), Code::model_unsupported, "mask_token_id");
  CHECK_THROWS(read_hyperparameters(Edited(folder()).tokenizer("<uncondition>", "<nothing>")), Code::model_unsupported, "<uncondition>");
  CHECK_THROWS(read_hyperparameters(Edited(folder()).set("config", "mask_token_id", 5)), Code::model_unsupported, "got 5");
  // Codes must begin right after the tokenizer's last id, or be in the tokenizer themselves.
  CHECK_THROWS(read_hyperparameters(Edited(folder()).tokenizer("\"id\": 602", "\"id\": 604")), Code::model_unsupported, "last id");
  CHECK_EQ(read_hyperparameters(Edited(folder()).tokenizer("\"id\": 578", "\"id\": 666")).code_offset, 603);
}

TEST(ids_beyond_their_range_are_not_wrapped_round) {
  // 583 - 2^32 is 583 in 32 bits.
  refused(Edited(folder()).tokenizer("\"id\": 583", "\"id\": -4294966713"), "an id of the tokenizer below zero");
  for (const char* id : {"-1", "4294967879", "9223372036854775807", "-9223372036854775808"})
    refused(Edited(folder()).tokenizer("\"id\": 583", text("\"id\": ", id)), id);
  const WrittenKeys keys(read_hyperparameters(folder()));
  for (const char* name : {"token.mask", "token.row_end", "token.answer_end", "image.code_offset"}) {
    const std::string key = text("lumina-dimoo.", name);
    const int64_t good = keys.settings().find(key)->as_int();
    for (const int64_t bad : {good + (int64_t{1} << 32), good - (int64_t{1} << 32), int64_t{-1}, int64_t{667}, kMost, kLeast})
      refused(Edited(keys).key(key, bad), text(key, " ", bad));
  }
}

TEST(numbers_out_of_range_are_refused_without_arithmetic_on_them) {
  const Json absurd[] = {0, -1, kMost, kLeast, int64_t{1} << 32, int64_t{1} << 62, 0.5, "64"};
  for (const char* field : {"d_model", "n_layers", "n_heads", "n_kv_heads", "mlp_hidden_size", "embedding_size"})
    for (const Json& value : absurd) refused(Edited(folder()).set("config", field, value), text(field, " ", say(value)));
  for (const Json& value : absurd) {
    refused(Edited(folder()).set("config", "mlp_hidden_size", nullptr).set("config", "mlp_ratio", value), text("mlp_ratio ", say(value)));
    refused(Edited(folder()).set("config", "embedding_size", nullptr).set("config", "vocab_size", value), text("vocab_size ", say(value)));
    refused(Edited(folder()).set("vq", "block_out_channels", Json(Json::Array{value})), text("channels ", say(value)));
  }
  for (const char* field : {"layers_per_block", "latent_channels", "vq_embed_dim", "norm_num_groups", "num_vq_embeddings"})
    for (const Json& value : absurd) refused(Edited(folder()).set("vq", field, value), text(field, " ", say(value)));
  for (const char* field : {"rope_theta", "rms_norm_eps"})
    for (const Json& value : {Json(-1.0), Json(1e300), Json("x")})
      refused(Edited(folder()).set("config", field, value), text(field, " ", say(value)));
}

TEST(keys_are_read_back_as_written) {
  const Hyperparameters hyper = read_hyperparameters(folder());
  const WrittenKeys keys(hyper);
  const Hyperparameters read = read_hyperparameters(keys);
  CHECK_EQ(fingerprint(read, folder()), fingerprint(hyper, folder()));
  CHECK_EQ(read.context_length, hyper.context_length);
  CHECK_EQ(read.tokens.answer_end, hyper.tokens.answer_end);
  CHECK(read.vq.channels == hyper.vq.channels);
  CHECK_EQ(read.vq.norm_groups, hyper.vq.norm_groups);
  const Json absurd[] = {0, -1, kMost, kLeast, int64_t{1} << 32, 0.5, "64"};
  for (const char* name :
       {"embedding_length", "block_count", "feed_forward_length", "vocab_size", "attention.head_count", "attention.head_count_kv",
        "attention.key_length", "image.codebook_size", "vq.layers_per_block", "vq.latent_channels", "vq.embed_dim", "vq.norm_groups"})
    for (const Json& value : absurd) refused(Edited(keys).key(text("lumina-dimoo.", name), value), text(name, " ", say(value)));
  CHECK_THROWS(read_hyperparameters(Edited(keys).key("lumina-dimoo.attention.causal", true)), Code::model_unsupported, "expected false");
}

TEST(every_missing_or_misshapen_tensor_is_listed) {
  Edited source(folder());
  source.drop("blk.1.attn_k.weight").drop("vq.quant_conv.bias").shape("output_norm.weight", {65});
  for (const char* part : {"blk.1.attn_k.weight is missing", "vq.quant_conv.bias is missing", "output_norm.weight has another shape"})
    CHECK_THROWS(read_hyperparameters(source), Code::model_corrupt, part);
}

TEST(a_tied_head_follows_the_configuration) {
  CHECK_THROWS(read_hyperparameters(Edited(folder()).drop("output.weight")), Code::model_corrupt, "output.weight is missing");
  CHECK(read_hyperparameters(Edited(folder()).drop("output.weight").set("config", "weight_tying", true)).tied);
  // The original ignores an output matrix that lies there all the same.
  CHECK(read_hyperparameters(Edited(folder()).set("config", "weight_tying", true)).tied);
}

TEST(sha256_of_known_texts) {
  const std::pair<std::string, const char*> known[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {std::string(55, 'a'), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
      {std::string(56, 'a'), "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
      {std::string(64, 'a'), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
      {std::string(1000, 'a'), "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"}};
  for (const auto& [content, digest] : known) {
    Sha256 hash;
    hash.update(std::string_view(content));
    CHECK_EQ(hash.hex(), std::string(digest));
  }
}

TEST(the_fingerprint_sees_numbers_names_and_both_ends_of_a_tensor) {
  const Hyperparameters hyper = read_hyperparameters(folder());
  const std::string whole = fingerprint(hyper, folder());
  CHECK_EQ(whole.size(), size_t{64});
  CHECK_EQ(fingerprint(hyper, folder()), whole);
  Hyperparameters other = hyper;
  other.rms_eps = 1e-6f;
  CHECK(fingerprint(other, folder()) != whole);
  other = hyper, other.tokens.padding++;
  CHECK(fingerprint(other, folder()) != whole);
  const SourceTensor& tensor = *folder().find("token_embd.weight");
  for (const int64_t at : {int64_t{0}, tensor.bytes - 1}) {
    std::vector<std::byte> copy(tensor.data, tensor.data + tensor.bytes);
    copy[static_cast<size_t>(at)] ^= std::byte{1};
    struct Changed : Edited {
      Changed(const Source& from, const std::byte* data) : Edited(from) {
        for (SourceTensor& t : tensors_)
          if (t.name == "token_embd.weight") t.data = data;
      }
    };
    CHECK(fingerprint(hyper, Changed(folder(), copy.data())) != whole);
  }
}

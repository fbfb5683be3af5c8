// Shards named by the index must lie in the folder itself: a name with a slash is refused.
#include "source/hf_folder.h"

#include <charconv>
#include <map>
#include <set>

#include "source/safetensors.h"

namespace dimoo {
namespace {

constexpr uint64_t kMostJson = uint64_t{32} << 20, kMostTokenizer = uint64_t{256} << 20;  // bytes
constexpr size_t kMostNamed = 5;                                                          // of what is missing

std::string_view text_of(const MappedFile& file) { return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}; }

/// A byte order mark is nobody's content.
std::string_view without_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

struct NamePair {
  std::string_view hf, gguf;
};
constexpr NamePair kTop[] = {
    {"wte.weight", "token_embd.weight"}, {"ln_f.weight", "output_norm.weight"}, {"ff_out.weight", "output.weight"}};
constexpr NamePair kBlock[] = {
    {"attn_norm.weight", "attn_norm.weight"}, {"q_proj.weight", "attn_q.weight"},        {"k_proj.weight", "attn_k.weight"},
    {"v_proj.weight", "attn_v.weight"},       {"attn_out.weight", "attn_output.weight"}, {"ff_norm.weight", "ffn_norm.weight"},
    {"ff_proj.weight", "ffn_gate.weight"},    {"up_proj.weight", "ffn_up.weight"},       {"ff_out.weight", "ffn_down.weight"},
};

constexpr const char* kIndex = "model.safetensors.index.json";

/// Tables that some exporters store; they follow from the configuration.
bool is_buffer(std::string_view name) { return name.ends_with("rotary_emb.inv_freq"); }

class HfFolder : public Source {
 public:
  explicit HfFolder(const std::string& path) {
    path_ = path;
    const Json config = read_json("config.json");
    add_transformer();
    Json vq;
    if (exists(path + "/vqvae/config.json")) {
      vq = read_json("vqvae/config.json");
      add_tensors("vqvae/diffusion_pytorch_model.safetensors", "vq.");
    }
    if (exists(path + "/tokenizer.json")) tokenizer_ = without_mark(text_of(add(path + "/tokenizer.json", kMostTokenizer)));
    if (exists(path + "/generation_config.json")) {
      const Json all = read_json("generation_config.json");
      if (const Json* ours = all.find("lumina_dimoo"); ours && ours->is_object()) generation_ = *ours;
    }
    settings_ = Json(Json::Object{});
    settings_.set("config", config).set("vq", vq);
    index_tensors();
  }
  Format format() const override { return Format::safetensors; }

 private:
  Json read_json(const std::string& name) {
    const std::string file = path_ + "/" + name;
    return Json::parse(text_of(add(file, kMostJson)), file, Code::model_corrupt, Json::Dialect::python);
  }

  /// One list of all that is missing.
  void check_shards(const std::map<std::string, std::set<std::string>>& shards) const {
    std::string names;
    size_t missing = 0;
    for (const auto& [shard, tensors] : shards)
      if (!exists(path_ + "/" + shard) && missing++ < kMostNamed) names += (names.empty() ? "" : ", ") + shard;
    if (missing > kMostNamed) names += text(" and ", missing - kMostNamed, " more");
    if (missing > 0)
      fail(Code::model_not_found, path_, ": ", missing, " of the ", shards.size(), " files that ", kIndex, " names are missing: ", names,
           "; fetch them again (dimoo pull)");
  }

  /// One file, or shards with an index; the index says which shard's copy of a tensor counts. A single file goes first, as
  /// everywhere in the ecosystem.
  void add_transformer() {
    if (exists(path_ + "/model.safetensors")) return add_tensors("model.safetensors", "");
    if (!exists(path_ + "/" + kIndex))
      fail(Code::model_not_found, path_, ": expected model.safetensors, or ", kIndex, " with the files that it names, got neither");
    std::map<std::string, std::set<std::string>> shards;
    const Json listing = read_json(kIndex);
    const Json* weights = listing.find("weight_map");
    if (!weights || !weights->is_object()) fail(Code::model_corrupt, path_, "/", kIndex, ": expected weight_map");
    for (const auto& [tensor, shard] : weights->as_object()) {
      if (!shard.is_string() || shard.as_string().find('/') != std::string::npos)
        fail(Code::model_corrupt, path_, "/", kIndex, ": ", tensor, ": expected the name of a file in the folder");
      shards[shard.as_string()].insert(tensor);
    }
    check_shards(shards);
    for (const auto& [shard, tensors] : shards) add_tensors(shard, "", &tensors);
  }

  void add_tensors(const std::string& name, const std::string& prefix, const std::set<std::string>* listed = nullptr) {
    const MappedFile& file = add(path_ + "/" + name);
    size_t found = 0;
    for (const SafetensorsEntry& entry : parse_safetensors(file.bytes(), file.path())) {
      if (listed && !listed->contains(entry.name)) continue;
      found++;
      if (is_buffer(entry.name)) continue;
      SourceTensor tensor;
      tensor.name = prefix.empty() ? gguf_name(entry.name) : prefix + entry.name;
      // A weight that we do not know would change the result.
      if (tensor.name.empty()) fail(Code::model_unsupported, file.path(), ": unknown tensor ", entry.name);
      if (entry.dtype == "F32")
        tensor.type = DType::f32;
      else if (entry.dtype == "F16")
        tensor.type = DType::f16;
      else if (entry.dtype == "BF16")
        tensor.type = DType::bf16;
      else
        fail(Code::model_unsupported, file.path(), ": tensor ", entry.name, ": expected F32, F16 or BF16, got ", entry.dtype);
      tensor.shape = entry.shape;
      if (entry.data.empty()) fail(Code::model_corrupt, file.path(), ": tensor ", entry.name, ": expected values, got an empty shape");
      tensor.data = entry.data.data();
      tensor.bytes = static_cast<int64_t>(entry.data.size());
      tensors_.push_back(std::move(tensor));
    }
    if (listed && found != listed->size())
      fail(Code::model_corrupt, path_, "/", kIndex, ": expected ", listed->size(), " tensors in ", name, ", got ", found);
  }
};

}  // namespace

std::string gguf_name(std::string_view hf_name) {
  constexpr std::string_view kPrefix = "model.transformer.", kBlocks = "blocks.";
  if (!hf_name.starts_with(kPrefix)) return {};
  hf_name.remove_prefix(kPrefix.size());
  for (const auto& [hf, gguf] : kTop)
    if (hf_name == hf) return std::string(gguf);
  if (!hf_name.starts_with(kBlocks)) return {};
  hf_name.remove_prefix(kBlocks.size());
  const size_t dot = hf_name.find('.');
  unsigned block = 0;
  if (dot == std::string_view::npos || dot > 6 || std::from_chars(hf_name.data(), hf_name.data() + dot, block).ptr != hf_name.data() + dot)
    return {};
  for (const auto& [hf, gguf] : kBlock)
    if (hf_name.substr(dot + 1) == hf) return text("blk.", block, ".", gguf);
  return {};
}

std::string hf_name(std::string_view gguf_name) {
  constexpr std::string_view kBlocks = "blk.";
  for (const auto& [hf, gguf] : kTop)
    if (gguf_name == gguf) return text("model.transformer.", hf);
  const size_t dot = gguf_name.find('.', kBlocks.size());
  if (gguf_name.starts_with(kBlocks) && dot != std::string_view::npos)
    for (const auto& [hf, gguf] : kBlock)
      if (gguf_name.substr(dot + 1) == gguf)
        return text("model.transformer.blocks.", gguf_name.substr(kBlocks.size(), dot - kBlocks.size()), ".", hf);
  return {};
}

std::unique_ptr<Source> open_hf_folder(const std::string& path) { return std::make_unique<HfFolder>(path); }

}  // namespace dimoo

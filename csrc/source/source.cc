// Decides what a path is, and finds tensors by name.
#include "source/source.h"

#include <algorithm>
#include <numeric>

#include "base/file_status.h"
#include "source/gguf.h"
#include "source/hf_folder.h"

namespace dimoo {
namespace {

/// The keys of llama.cpp's tokenizer, as they are; empty without one.
std::string ggml_tokenizer(const Json& keys) {
  const std::string model = keys.string_or("tokenizer.ggml.model", "no_vocab");
  if (model == "no_vocab") return "";
  Json found = Json(Json::Object{}).set("model", model).set("pre", keys.string_or("tokenizer.ggml.pre", "default"));
  for (const char* name : {"tokens", "token_type", "merges"})
    if (const Json* list = keys.find(text("tokenizer.ggml.", name))) found.set(name, *list);
  return Json(Json::Object{}).set("ggml", std::move(found)).dump();
}

class GgufFile : public Source {
 public:
  explicit GgufFile(const std::string& path) {
    path_ = path;
    files_.emplace_back(path);
    Gguf gguf = parse_gguf(files_.front().bytes(), path);
    tensors_ = std::move(gguf.tensors);
    settings_ = std::move(gguf.metadata);
    if (const Json* tokenizer = settings_.find("tokenizer.huggingface.json"); tokenizer && tokenizer->is_string())
      tokenizer_ = tokenizer->as_string();
    else if (settings_.string_or("general.architecture", "") == "llada")
      tokenizer_ = ggml_ = ggml_tokenizer(settings_);
    if (const Json* defaults = settings_.find("lumina-dimoo.generation.json"); defaults && defaults->is_string())
      generation_ = Json::parse(defaults->as_string(), path + ": lumina-dimoo.generation.json");
    index_tensors();
  }
  Format format() const override { return Format::gguf; }

 private:
  std::string ggml_;
};

}  // namespace

std::unique_ptr<Source> Source::open(const std::string& path) {
  if (path.find('\0') != std::string::npos) fail(Code::model_not_found, path.c_str(), ": a path cannot hold a NUL");
  const FileStatus status = file_status(path);
  if (!status.exists()) fail(Code::model_not_found, path, ": ", status.reason);
  if (status.kind != FileStatus::Kind::folder) return std::make_unique<GgufFile>(path);
  if (!file_status(path + "/config.json").exists())
    fail(Code::model_not_found, path, ": expected a .gguf file or a folder with config.json, got a folder without");
  return open_hf_folder(path);
}

void Source::index_tensors() {
  by_name_.resize(tensors_.size());
  std::iota(by_name_.begin(), by_name_.end(), 0u);
  std::sort(by_name_.begin(), by_name_.end(), [&](uint32_t a, uint32_t b) { return tensors_[a].name < tensors_[b].name; });
  for (size_t i = 1; i < by_name_.size(); i++)
    if (tensors_[by_name_[i - 1]].name == tensors_[by_name_[i]].name)
      fail(Code::model_corrupt, path_, ": tensor ", tensors_[by_name_[i]].name, " stands twice");
}

const SourceTensor* Source::find(std::string_view name) const {
  const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                   [&](uint32_t index, std::string_view wanted) { return tensors_[index].name < wanted; });
  return at != by_name_.end() && tensors_[*at].name == name ? &tensors_[*at] : nullptr;
}

}  // namespace dimoo

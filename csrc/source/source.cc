// Decides what a path is, and finds tensors by name.
#include "source/source.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
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

/// One file, or the first of several that llama.cpp's gguf-split made of one: the first holds the metadata, every one its own tensors.
class GgufFile : public Source {
 public:
  explicit GgufFile(const std::string& path) {
    path_ = path;
    settings_ = add_file(path);
    if (const int64_t count = settings_.int_or(kSplitCount, 1); count > 1) add_shards(count);
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
  static constexpr const char *kSplitCount = "split.count", *kSplitNumber = "split.no", *kSplitTensors = "split.tensors.count";
  static constexpr int64_t kMostShards = 99'999;

  Json add_file(const std::string& path) {
    Gguf gguf = parse_gguf(add(path).bytes(), path);
    for (SourceTensor& tensor : gguf.tensors) tensors_.push_back(std::move(tensor));
    return std::move(gguf.metadata);
  }

  static std::string suffix(int64_t number, int64_t count) {
    char text[64];
    std::snprintf(text, sizeof text, "-%05lld-of-%05lld.gguf", static_cast<long long>(number), static_cast<long long>(count));
    return text;
  }

  void add_shards(int64_t count) {
    const std::string first = suffix(1, count);
    if (count > kMostShards) fail(Code::model_corrupt, path_, ": ", kSplitCount, " must be at most ", kMostShards, ", got ", count);
    if (settings_.int_or(kSplitNumber, 0) != 0 || !path_.ends_with(first))
      fail(Code::model_unsupported, path_, ": expected the first of ", count, " files, whose name ends in ", first, ", got file ",
           settings_.int_or(kSplitNumber, 0) + 1);
    const std::string stem = path_.substr(0, path_.size() - first.size());
    for (int64_t i = 2; i <= count; i++) {
      const std::string name = stem + suffix(i, count);
      if (!exists(name)) fail(Code::model_corrupt, path_, ": file ", i, " of ", count, " is missing: expected ", name);
      const Json keys = add_file(name);
      if (keys.int_or(kSplitNumber, -1) != i - 1 || keys.int_or(kSplitCount, -1) != count)
        fail(Code::model_corrupt, name, ": expected file ", i, " of ", count, ", got ", keys.int_or(kSplitNumber, -1) + 1, " of ",
             keys.int_or(kSplitCount, -1));
    }
    const auto found = static_cast<int64_t>(tensors_.size());
    if (const int64_t all = settings_.int_or(kSplitTensors, found); all != found)
      fail(Code::model_corrupt, path_, ": expected ", all, " tensors in ", count, " files, got ", found);
  }

  std::string ggml_;
};

}  // namespace

std::unique_ptr<Source> Source::open(const std::string& path) {
  if (path.find('\0') != std::string::npos) fail(Code::model_not_found, path.c_str(), ": a path cannot hold a NUL");
  const FileStatus status = file_status(path);
  if (!status.exists()) fail(status.unreadable ? Code::model_unreadable : Code::model_not_found, path, ": ", status.reason);
  if (status.kind != FileStatus::Kind::folder) return std::make_unique<GgufFile>(path);
  if (!exists(path + "/config.json"))
    fail(Code::model_not_found, path, ": expected a .gguf file or a folder with config.json, got a folder without");
  return open_hf_folder(path);
}

bool Source::exists(const std::string& path) {
  const FileStatus status = file_status(path);
  if (status.unreadable) fail(Code::model_unreadable, path, ": ", status.reason);
  return status.exists();
}

const MappedFile& Source::add(const std::string& path, uint64_t most) {
  constexpr std::string_view kPointer = "version https://git-lfs.github.com/spec/";
  const MappedFile& file = files_.emplace_back(path, most);
  if (file.bytes().size() >= kPointer.size() && std::memcmp(file.bytes().data(), kPointer.data(), kPointer.size()) == 0)
    fail(Code::model_corrupt, path,
         ": expected a model's file, got a Git LFS pointer to it; fetch the file itself: git lfs pull, or dimoo pull");
  return file;
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

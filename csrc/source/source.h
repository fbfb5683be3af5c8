// Where weights come from, whichever files they lie in: a GGUF file or a Hugging Face folder. Everything is memory-mapped and
// nothing is trusted: every length, offset and shape is checked before it is used. Tensors carry their GGUF names
// ("blk.0.attn_q.weight", "vq.decoder.conv_in.weight"), shapes are outermost first (out, in, ...).
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/json.h"
#include "base/mapped_file.h"

namespace dimoo {

struct SourceTensor {
  std::string name;
  DType type = DType::f32;
  std::vector<int64_t> shape;  // outermost first
  const std::byte* data = nullptr;
  int64_t bytes = 0;

  int64_t values() const {
    int64_t count = 1;
    for (int64_t side : shape) count *= side;
    return count;
  }
};

class Source {
 public:
  enum class Format { gguf, safetensors };

  /// Opens a .gguf file or a folder in the Hugging Face layout. model/not-found, model/corrupt, model/unsupported.
  static std::unique_ptr<Source> open(const std::string& path);
  virtual ~Source() = default;

  virtual Format format() const = 0;
  const std::string& path() const { return path_; }
  const std::vector<SourceTensor>& tensors() const { return tensors_; }
  /// Null when there is none of that name.
  const SourceTensor* find(std::string_view name) const;
  /// GGUF: the metadata as one JSON object, key -> value ("general.architecture": "lumina-dimoo"; arrays as arrays). Folder: {"config":
  /// config.json, "vq": vqvae/config.json or null}.
  const Json& settings() const { return settings_; }
  /// tokenizer.json, byte for byte; of a `llada` file the keys {"ggml": {model, pre, tokens, token_type, merges}} of
  /// `tokenizer.ggml.*` as JSON (lib/prompt/ggml-tokenizer.ts reads them); empty when there is none.
  std::string_view tokenizer_json() const { return tokenizer_; }
  /// The defaults object (docs/files.md#hugging-face-folder); an empty object when there is none.
  const Json& generation() const { return generation_; }
  /// The files this is made of, in a fixed order.
  const std::vector<MappedFile>& files() const { return files_; }

 protected:
  /// Maps another of the files this is made of: at most so many bytes, and no pointer that a clone without git-lfs left in its place.
  const MappedFile& add(const std::string& path, uint64_t most = UINT64_MAX);
  /// model/unreadable where the system does not say whether it is there.
  static bool exists(const std::string& path);
  void index_tensors();  // sorts an index by name; refuses duplicates

  std::string path_;
  std::vector<MappedFile> files_;
  std::vector<SourceTensor> tensors_;
  std::vector<uint32_t> by_name_;
  Json settings_;
  Json generation_{Json::Object{}};
  std::string_view tokenizer_;  // into a mapping of files_, the settings or a member
};

}  // namespace dimoo

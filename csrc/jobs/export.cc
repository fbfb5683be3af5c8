// Tensors are written in the model's order; each is read chunk by chunk, and what keeps its type is copied as it lies in the source.
#include "jobs/export.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/output_file.h"
#include "jobs/tensor_stream.h"
#include "model/hf_config.h"
#include "model/hyperparameters.h"
#include "source/hf_folder.h"
#include "source/quantize.h"
#include "source/safetensors_writer.h"

namespace dimoo {
namespace {

namespace fs = std::filesystem;

/// A tensor on its way: its name and type in the folder.
struct Outgoing {
  std::string name;
  DType type;
  const SourceTensor* from;
  int64_t bytes() const { return type_bytes(type, from->values()); }
};

bool is_float(DType type) { return type == DType::f32 || type == DType::f16 || type == DType::bf16; }

/// Whether every value of an F32 tensor is one of this type.
bool holds(const SourceTensor& tensor, DType type) {
  std::vector<float> values(kChunkValues), back(kChunkValues);
  std::vector<std::byte> stored(static_cast<size_t>(type_bytes(type, kChunkValues)));
  for (int64_t first = 0; first < tensor.values(); first += kChunkValues) {
    const int64_t count = std::min(kChunkValues, tensor.values() - first);
    dequantize(tensor.type, tensor.data + type_bytes(tensor.type, first), count, values.data());
    quantize(type, values.data(), count, stored.data());
    dequantize(type, stored.data(), count, back.data());
    if (!std::equal(values.begin(), values.begin() + count, back.begin())) return false;
  }
  return true;
}

/// The type that most values of the blocks' matrices have; F32 where they are quantised.
DType matrix_type(const Source& source) {
  const DType type = source.find("blk.0.attn_q.weight")->type;
  return is_float(type) ? type : DType::f32;
}

/// As asked for; else its own where that is one of the folder's, F32 where it is quantised. Norms are F32 in GGUF files whatever the
/// original had: they take the matrices' type back where that changes no value.
DType type_in_folder(const SourceTensor& tensor, bool transformer, const ExportOptions& options, DType matrices) {
  if (!transformer) return is_float(tensor.type) ? tensor.type : DType::f32;
  if (options.type) return *options.type;
  if (!is_float(tensor.type)) return DType::f32;
  return tensor.shape.size() == 1 && tensor.type == DType::f32 && holds(tensor, matrices) ? matrices : tensor.type;
}

/// Writes into a folder beside the wanted one, which takes its name at the end.
class NewFolder {
 public:
  explicit NewFolder(const std::string& path) : path_(fs::path(path).lexically_normal()) {
    if (!path_.has_filename()) path_ = path_.parent_path();
    std::error_code error;
    if (path.empty() || (fs::exists(path_, error) && !(fs::is_directory(path_, error) && fs::is_empty(path_, error))))
      fail(Code::output_failed, path, ": expected a folder that does not exist yet or is empty");
    for (int attempt = 0; attempt < 1000; attempt++) {
      temporary_ = path_;
      temporary_ += text(".part-", attempt);
      if (fs::create_directory(temporary_, error)) return;
      if (error) break;
    }
    const fs::path wanted = std::exchange(temporary_, fs::path());
    fail(Code::output_failed, path, ": cannot be created: ", error ? error.message() : "names beside it are taken");
  }
  ~NewFolder() {
    std::error_code error;
    if (!temporary_.empty()) fs::remove_all(temporary_, error);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  std::string at(const std::string& name) const { return (temporary_ / name).string(); }
  void make(const std::string& name) const {
    std::error_code error;
    if (!fs::create_directory(temporary_ / name, error)) fail(Code::output_failed, at(name), ": cannot be created: ", error.message());
  }
  void finish() {
    std::error_code error;
    fs::remove(path_, error);  // an empty one
    fs::rename(temporary_, path_, error);
    if (error) fail(Code::output_failed, path_.string(), ": cannot be named: ", error.message());
    temporary_.clear();
  }

 private:
  fs::path path_, temporary_;
};

void write_text(const std::string& path, std::string_view contents) {
  OutputFile file(path);
  file.write(contents.data(), contents.size());
  file.finish();
}

class Export {
 public:
  Export(const ExportOptions& options, const Progress& progress, const CancelToken& cancel)
      : options_(options),
        progress_(progress),
        cancel_(cancel),
        source_(Source::open(options.source)),
        hyper_(numbers(*source_)),
        folder_(options.output) {}

  ExportReport run() {
    const auto start = std::chrono::steady_clock::now();
    const DType matrices = matrix_type(*source_);
    std::vector<Outgoing> transformer, image_tokenizer;
    for (const ExpectedTensor& tensor : expected_tensors(hyper_)) {
      const SourceTensor& from = *source_->find(tensor.name);
      const bool vq = tensor.name.starts_with("vq.");
      const DType type = type_in_folder(from, !vq, options_, matrices);
      (vq ? image_tokenizer : transformer).push_back({vq ? tensor.name.substr(3) : hf_name(tensor.name), type, &from});
    }
    for (const auto* list : {&transformer, &image_tokenizer})
      for (const Outgoing& tensor : *list) total_ += tensor.bytes();
    write_transformer(transformer);
    folder_.make("vqvae");
    write_tensors(folder_.at("vqvae/diffusion_pytorch_model.safetensors"), image_tokenizer);
    write_texts(options_.type.value_or(matrices));
    folder_.finish();
    report_.tensors = static_cast<int64_t>(transformer.size() + image_tokenizer.size());
    report_.bytes = total_;
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report_;
  }

 private:
  static Hyperparameters numbers(const Source& source) {
    Hyperparameters hyper = read_hyperparameters(source);
    if (!hyper.has_images())
      fail(Code::model_unsupported, source.path(), ": expected a checkpoint with an image tokenizer, got llama.cpp's text layout");
    return hyper;
  }

  /// One file, or as many as it takes and an index.
  void write_transformer(const std::vector<Outgoing>& tensors) {
    std::vector<std::vector<Outgoing>> shards(1);
    int64_t bytes = 0, all = 0;
    for (const Outgoing& tensor : tensors) {
      if (bytes > 0 && bytes + tensor.bytes() > options_.shard_bytes) shards.emplace_back(), bytes = 0;
      shards.back().push_back(tensor);
      bytes += tensor.bytes(), all += tensor.bytes();
    }
    if (shards.size() == 1) return write_tensors(folder_.at("model.safetensors"), shards[0]);
    Json map(Json::Object{});
    for (size_t i = 0; i < shards.size(); i++) {
      char name[64];
      std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", i + 1, shards.size());
      for (const Outgoing& tensor : shards[i]) map.set(tensor.name, name);
      write_tensors(folder_.at(name), shards[i]);
    }
    Json metadata(Json::Object{}), index(Json::Object{});
    metadata.set("total_size", all);
    index.set("metadata", std::move(metadata)).set("weight_map", std::move(map));
    write_text(folder_.at("model.safetensors.index.json"), index.dump());
  }

  void write_tensors(const std::string& path, const std::vector<Outgoing>& tensors) {
    SafetensorsWriter writer(path);
    for (const Outgoing& tensor : tensors) writer.declare(tensor.name, tensor.type, tensor.from->shape);
    for (const Outgoing& tensor : tensors) write_tensor(tensor, writer);
    writer.finish();
    report_.files++;
  }

  void write_tensor(const Outgoing& tensor, SafetensorsWriter& writer) {
    const SourceTensor& from = *tensor.from;
    for (int64_t first = 0; first < from.values(); first += kChunkValues) {
      cancel_.check();
      const int64_t count = std::min(kChunkValues, from.values() - first);
      const std::byte* at = from.data + type_bytes(from.type, first);
      const auto bytes = static_cast<size_t>(type_bytes(tensor.type, count));
      values_.resize(kChunkValues), stored_.resize(static_cast<size_t>(type_bytes(DType::f32, kChunkValues)));
      dequantize(from.type, at, count, values_.data());
      check(tensor, largest_magnitude(values_.data(), count));
      if (from.type != tensor.type) quantize(tensor.type, values_.data(), count, stored_.data());
      writer.write({from.type == tensor.type ? at : stored_.data(), bytes});
      done_ += static_cast<int64_t>(bytes);
      if (progress_) progress_("export", done_, total_);
    }
  }

  static void check(const Outgoing& tensor, uint32_t largest) {
    constexpr uint32_t kInfinity = 0x7f800000, kMostF16 = 0x477fefff;  // 65519.996: what rounds to 65504
    if (largest >= kInfinity) fail(Code::model_corrupt, tensor.from->name, ": expected finite values, got one that is not");
    if (tensor.type == DType::f16 && largest > kMostF16)
      fail(Code::request_invalid, "type: expected values that fit into f16, got a larger one in ", tensor.from->name);
  }

  void write_texts(DType matrices) {
    const Json* config = source_->settings().find("config");  // of a folder: its own words
    const Json* vq = source_->settings().find("vq");
    const char* dtype = matrices == DType::f32 ? "float32" : matrices == DType::f16 ? "float16" : "bfloat16";
    Json ours = config ? with(*config, "torch_dtype", dtype) : transformer_config(hyper_, dtype);
    write_text(folder_.at("config.json"), ours.dump());
    write_text(folder_.at("vqvae/config.json"), (vq && vq->is_object() ? *vq : image_tokenizer_config(hyper_.vq)).dump());
    if (!source_->tokenizer_json().empty()) write_tokenizer();
    if (source_->generation().as_object().empty()) return;
    Json generation(Json::Object{});
    generation.set("lumina_dimoo", source_->generation());
    write_text(folder_.at("generation_config.json"), generation.dump());
  }

  static Json with(const Json& object, std::string_view key, const char* value) {
    Json changed(Json::Object{});
    for (const auto& [name, old] : object.as_object())
      if (name != key) changed.set(name, old);
    changed.set(std::string(key), value);
    return changed;
  }

  /// And the two small files without which transformers does not know what it is.
  void write_tokenizer() {
    write_text(folder_.at("tokenizer.json"), source_->tokenizer_json());
    Json special(Json::Object{}), config(Json::Object{});
    for (const char* role : {"eos_token", "pad_token"}) special.set(role, "<|endoftext|>"), config.set(role, "<|endoftext|>");
    config.set("tokenizer_class", "PreTrainedTokenizerFast").set("clean_up_tokenization_spaces", false);
    config.set("model_max_length", hyper_.context_length);
    write_text(folder_.at("special_tokens_map.json"), special.dump());
    write_text(folder_.at("tokenizer_config.json"), config.dump());
  }

  const ExportOptions& options_;
  const Progress& progress_;
  const CancelToken& cancel_;
  const std::unique_ptr<Source> source_;
  const Hyperparameters hyper_;
  NewFolder folder_;
  std::vector<float> values_;
  std::vector<std::byte> stored_;
  int64_t done_ = 0, total_ = 0;
  ExportReport report_;
};

}  // namespace

ExportReport export_folder(const ExportOptions& options, const Progress& progress, const CancelToken& cancel) {
  return Export(options, progress, cancel).run();
}

}  // namespace dimoo

// Plans the tensors from the hyperparameters, then streams them; pages of the source that were read are given back at once.
#include "jobs/convert.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/file_status.h"
#include "device/registry.h"
#include "jobs/previews.h"
#include "jobs/stored_type.h"
#include "jobs/tensor_stream.h"
#include "model/hyperparameters.h"
#include "source/gguf.h"
#include "source/quantize.h"

namespace dimoo {
namespace {

/// What is written, and from what.
struct Selection {
  std::vector<OutTensor> tensors;
  std::vector<const SourceTensor*> from;  // of tensors, in their order; drafts come after them
};

void refuse_own_source(const Source& source, const std::string& output) {
  const FileStatus there = file_status(output);
  if (!there.exists()) return;
  for (const MappedFile& file : source.files())
    if (file.identity().device == there.device && file.identity().inode == there.inode)
      fail(Code::request_invalid, "output: expected a file other than the source, got ", output);
}

/// The tensors to write. A tied head is written out: GGUF files of this model always have one.
Selection select(const Source& source, const Hyperparameters& hyper, const TypeRules& rules, ConvertReport& report) {
  Selection chosen;
  std::vector<ExpectedTensor> wanted = expected_tensors(hyper);
  if (hyper.tied) wanted.push_back({"output.weight", {hyper.vocab, hyper.d_model}, true});
  for (const ExpectedTensor& tensor : wanted) {
    const bool tied_head = hyper.tied && tensor.name == "output.weight";
    const SourceTensor* from = source.find(tied_head ? "token_embd.weight" : tensor.name);
    if (!from) fail(Code::model_corrupt, source.path(), ": ", tensor.name, " is missing");
    const StoredType type = stored_type(tensor, rules);
    if (type.given != type.wanted) report.fallbacks.push_back({tensor.name, type.given});
    chosen.tensors.push_back({tensor.name, type.given, tensor.shape, from->type == type.given ? from->data : nullptr});
    chosen.from.push_back(from);
  }
  for (const SourceTensor& tensor : source.tensors())
    if (tensor.name != kPreviewTensor && std::find(chosen.from.begin(), chosen.from.end(), &tensor) == chosen.from.end())
      report.ignored.push_back(tensor.name);
  return chosen;
}

std::string name_of(const Source& source) {
  const auto path = std::filesystem::path(source.path()).lexically_normal();
  const auto last = path.has_filename() ? path : path.parent_path();
  return (source.format() == Source::Format::gguf ? last.stem() : last.filename()).string();
}

void write_keys(const Source& source, const Hyperparameters& hyper, DType type, GgufWriter& writer) {
  writer.set_string("general.architecture", "lumina-dimoo");
  const bool gguf = source.format() == Source::Format::gguf;
  writer.set_string("general.name", gguf ? source.settings().string_or("general.name", name_of(source)) : name_of(source));
  writer.set_u32("general.alignment", 32);
  writer.set_u32("general.file_type", gguf_file_type(type));
  writer.set_u32("general.quantization_version", 2);
  // Licence, author and the like travel along.
  if (gguf)
    for (const auto& [key, value] : source.settings().as_object())
      if (key.starts_with("general.") && key != "general.architecture" && key != "general.name" && value.is_string())
        writer.set_string(key, value.as_string());
  write_hyperparameters(hyper, writer);
  if (source.generation().is_object() && !source.generation().as_object().empty())
    writer.set_string("lumina-dimoo.generation.json", source.generation().dump());
  if (!source.tokenizer_json().empty()) writer.set_string("tokenizer.huggingface.json", source.tokenizer_json());
}

/// Gives back the mapped pages of values [first, first + count).
void release(const Source& source, const SourceTensor& tensor, const Chunk& chunk) {
  const std::byte* begin = tensor.data + type_bytes(tensor.type, chunk.first);
  for (const MappedFile& file : source.files()) {
    const auto bytes = file.bytes();
    if (begin >= bytes.data() && begin < bytes.data() + bytes.size())
      return file.release(static_cast<size_t>(begin - bytes.data()), static_cast<size_t>(type_bytes(tensor.type, chunk.count)));
  }
}

/// The source's own drafts, or new ones made by its decoder.
std::vector<uint8_t> preview_of(const Source& source, const Hyperparameters& hyper, int threads, const Progress& progress,
                                const CancelToken& cancel) {
  std::vector<uint8_t> table = stored_preview_table(source, hyper.vq);
  if (!table.empty()) return table;
  DeviceOptions options;
  options.threads = threads;
  const auto device = create_device("cpu", options);
  device->set_cancel(&cancel);
  Vq vq(*device, hyper.vq, source);
  int64_t done = 0;
  return make_preview_table(source, hyper.vq, [&](std::span<uint8_t> rgb, int64_t side, std::span<int32_t> codes) {
    vq.encode(rgb, side, side, codes);
    vq.decode(codes, side / hyper.vq.scale(), side / hyper.vq.scale(), rgb);
    if (progress) progress("preview", ++done, kPreviewPictures);
  });
}

}  // namespace

ConvertReport convert(const ConvertOptions& options, const Progress& progress, const CancelToken& cancel) {
  const auto start = std::chrono::steady_clock::now();
  const auto source = Source::open(options.source);
  refuse_own_source(*source, options.output);
  const Hyperparameters hyper = read_hyperparameters(*source);
  if (hyper.rotary_rows != RotaryRows::half_split)
    fail(Code::model_unsupported, source->path(),
         ": expected rows of Q and K as the original has them, got llama.cpp's text layout, which its own tools convert");
  ConvertReport report;
  Selection chosen = select(*source, hyper, options.types, report);
  std::vector<uint8_t> preview;
  if (options.preview && hyper.has_images()) preview = preview_of(*source, hyper, options.threads, progress, cancel);
  if (!preview.empty())
    chosen.tensors.push_back({kPreviewTensor, DType::i8, preview_shape(hyper.vq), reinterpret_cast<const std::byte*>(preview.data())});

  GgufWriter writer(options.output);
  write_keys(*source, hyper, options.types.matrices, writer);
  ThreadPool pool(options.threads);
  const auto fill = [&](const Chunk& chunk, float* to) {
    const SourceTensor& from = *chosen.from[chunk.tensor];
    dequantize(from.type, from.data + type_bytes(from.type, chunk.first), chunk.count, to);
  };
  const auto done = [&](const Chunk& chunk) {
    if (chunk.tensor < chosen.from.size()) release(*source, *chosen.from[chunk.tensor], chunk);
  };
  stream_tensors(writer, chosen.tensors, {fill, done}, pool, progress, "convert", cancel);
  report.tensors = static_cast<int64_t>(chosen.tensors.size());
  report.bytes = writer.file_bytes();
  writer.finish();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace dimoo

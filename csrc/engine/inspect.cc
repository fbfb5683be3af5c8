// Everything but verification follows from headers.
#include "engine/inspect.h"

#include <map>

#include "base/error.h"
#include "engine/verify.h"
#include "model/hyperparameters.h"

namespace dimoo {
namespace {

constexpr size_t kLongText = 1024, kLongArray = 64;

std::string architecture_of(const Source& source) {
  if (source.format() == Source::Format::safetensors) return "lumina-dimoo";
  return source.settings().string_or("general.architecture", "");
}

/// Tokenizers and score lists would drown the rest.
Json shortened(const Json& value) {
  if (value.is_string() && value.as_string().size() > kLongText) return text("(", value.as_string().size(), " bytes)");
  if (value.is_array() && value.as_array().size() > kLongArray) return text("(", value.as_array().size(), " values)");
  if (!value.is_object()) return value;
  Json out{Json::Object{}};
  for (const auto& [key, member] : value.as_object()) out.set(key, shortened(member));
  return out;
}

Json verify(const Source& source, const Progress& progress, const CancelToken& cancel) {
  Json::Array found;
  for (const NonFinite& entry : find_non_finite(source, progress, &cancel))
    found.push_back(Json(Json::Object{}).set("tensor", entry.tensor).set("count", entry.count));
  const bool ok = found.empty();
  return Json(Json::Object{}).set("ok", ok).set("nonFinite", std::move(found));
}

Json list_tensor(const SourceTensor& tensor) {
  Json::Array shape;
  for (const int64_t side : tensor.shape) shape.emplace_back(side);
  return Json(Json::Object{})
      .set("name", tensor.name)
      .set("type", type_info(tensor.type).name)
      .set("shape", std::move(shape))
      .set("bytes", tensor.bytes);
}

Json list_types(const Source& source) {
  std::map<std::string, std::pair<int64_t, int64_t>> sums;
  for (const SourceTensor& tensor : source.tensors()) {
    auto& [count, bytes] = sums[type_info(tensor.type).name];
    count++;
    bytes += tensor.bytes;
  }
  Json types{Json::Object{}};
  for (const auto& [name, sum] : sums) types.set(name, Json(Json::Object{}).set("count", sum.first).set("bytes", sum.second));
  return types;
}

}  // namespace

Json inspect(const Json& options, const Progress& progress, const CancelToken& cancel) {
  const auto source = Source::open(options.string_or("source", ""));
  const std::string architecture = architecture_of(*source);
  read_hyperparameters(*source);
  int64_t bytes = 0, parameters = 0;
  for (const MappedFile& file : source->files()) bytes += static_cast<int64_t>(file.bytes().size());
  Json::Array tensors;
  for (const SourceTensor& tensor : source->tensors()) {
    tensors.push_back(list_tensor(tensor));
    parameters += tensor.values();
  }
  Json report{Json::Object{}};
  report.set("format", source->format() == Source::Format::gguf ? "gguf" : "safetensors").set("architecture", architecture);
  report.set("path", source->path()).set("bytes", bytes).set("settings", shortened(source->settings()));
  report.set("tensors", std::move(tensors)).set("types", list_types(*source)).set("parameters", parameters);
  if (options.bool_or("verify", false)) report.set("verify", verify(*source, progress, cancel));
  return report;
}

}  // namespace dimoo

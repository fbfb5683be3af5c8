// Everything but verification follows from headers.
#include "jobs/inspect.h"

#include "base/error.h"
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

}  // namespace

InspectReport inspect(const InspectOptions& options, const Progress& progress, const CancelToken& cancel) {
  const auto source = Source::open(options.source);
  InspectReport report;
  report.format = source->format();
  report.architecture = architecture_of(*source);
  read_hyperparameters(*source);
  report.path = source->path();
  for (const MappedFile& file : source->files()) report.bytes += static_cast<int64_t>(file.bytes().size());
  report.settings = shortened(source->settings());
  for (const SourceTensor& tensor : source->tensors()) {
    report.tensors.push_back({tensor.name, tensor.type, tensor.shape, tensor.bytes});
    report.parameters += tensor.values();
    TypeSummary& sum = report.types[type_info(tensor.type).name];
    sum.count++, sum.bytes += tensor.bytes;
  }
  if (options.verify) report.weights = scan_weights(*source, progress, &cancel);
  return report;
}

}  // namespace dimoo

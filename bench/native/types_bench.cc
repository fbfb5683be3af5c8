// What each weight type costs in accuracy, as one JSON object on stdout:
//   types_bench <random f32 model, `dimoo synth tiny --type f32`> [--ggml libggml-base.so]
// blocks: root mean square errors of our quantiser on the golden rows, over those that ggml's own has. models: relative root mean square
// errors of logits against those of the weights as published, in f32: `weights` with f32 arithmetic on the quantised weights,
// `fast` in fast arithmetic by variant, and `ggmlWeights` as `weights` where ggml's quantiser made them (it is loaded, not linked).
// Rows that a type's blocks do not divide are stored as `dimoo convert` stores them.
#include <dlfcn.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <iterator>

#include "bench/native/report.h"
#include "device/registry.h"
#include "jobs/stored_type.h"
#include "model/backbone.h"
#include "source/safetensors.h"

using namespace dimoo;

namespace {

constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q6_k, DType::q5_k, DType::q4_k, DType::q4_0};

using Quantizer = std::function<void(DType type, const float* from, int64_t rows, int64_t cols, std::byte* to)>;

void our_quantizer(DType type, const float* from, int64_t rows, int64_t cols, std::byte* to) {
  for (int64_t r = 0; r < rows; r++) quantize(type, from + r * cols, cols, to + r * type_bytes(type, cols));
}

/// ggml_quantize_chunk of that library; the numbers are ggml's names for its types.
Quantizer ggml_quantizer(const char* library) {
  void* handle = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
  if (!handle) fail(Code::internal, dlerror());
  using Function = size_t (*)(int, const float*, void*, int64_t, int64_t, int64_t, const float*);
  const auto chunk = reinterpret_cast<Function>(dlsym(handle, "ggml_quantize_chunk"));
  if (!chunk) fail(Code::internal, library, ": expected ggml_quantize_chunk");
  return [chunk](DType type, const float* from, int64_t rows, int64_t cols, std::byte* to) {
    const int number = type == DType::q8_0   ? 8
                       : type == DType::q4_0 ? 2
                       : type == DType::q4_k ? 12
                       : type == DType::q5_k ? 13
                       : type == DType::q6_k ? 14
                                             : -1;
    if (number < 0) return our_quantizer(type, from, rows, cols, to);  // nothing to choose
    chunk(number, from, to, 0, rows, cols, nullptr);
  };
}

/// A checkpoint with its transformer's matrices in another type, in memory. `rest` gives the settings and the VQ where it has them.
class Requantized : public Source {
 public:
  Requantized(const Source& from, const Source& rest, DType type, const Quantizer& quantizer) {
    path_ = from.path();
    settings_ = from.settings();
    const bool complete = from.find("vq.quant_conv.weight") != nullptr;
    if (!complete) settings_ = Json(Json::Object{}).set("config", *from.settings().find("config")).set("vq", *rest.settings().find("vq"));
    tokenizer_ = rest.tokenizer_json();
    for (const SourceTensor& tensor : from.tensors())
      tensors_.push_back(tensor.name.starts_with("vq.") ? tensor : stored(tensor, type, quantizer));
    for (const SourceTensor& tensor : rest.tensors())
      if (!complete && tensor.name.starts_with("vq.")) tensors_.push_back(tensor);
    index_tensors();
    format_ = from.format();
  }
  Format format() const override { return format_; }
  int64_t fallbacks() const { return fallbacks_; }

 private:
  SourceTensor stored(SourceTensor tensor, DType type, const Quantizer& quantizer) {
    const ExpectedTensor expected{tensor.name, tensor.shape, tensor.shape.size() > 1};
    const StoredType as = stored_type(expected, {type, DType::f32});
    fallbacks_ += as.wanted != as.given;
    std::vector<float> values(static_cast<size_t>(tensor.values()));
    dequantize(tensor.type, tensor.data, tensor.values(), values.data());
    const int64_t cols = tensor.shape.back(), rows = tensor.values() / cols;
    data_.emplace_back(static_cast<size_t>(rows * type_bytes(as.given, cols)));
    quantizer(as.given, values.data(), rows, cols, data_.back().data());
    tensor.type = as.given, tensor.data = data_.back().data(), tensor.bytes = static_cast<int64_t>(data_.back().size());
    return tensor;
  }

  std::vector<std::vector<std::byte>> data_;
  int64_t fallbacks_ = 0;
  Format format_ = Format::gguf;
};

std::vector<float> logits(const Source& source, const std::vector<int32_t>& ids, Precision precision, const std::string& variant) {
  DeviceOptions options;
  options.variant = variant;
  const auto device = create_device("cpu", options);
  const Hyperparameters hyper = read_hyperparameters(source);
  Backbone backbone(*device, hyper, source, precision);
  std::vector<int32_t> positions;
  for (size_t i = 0; i < ids.size(); i++) positions.push_back(static_cast<int32_t>(i));
  const auto rows = static_cast<int64_t>(ids.size());
  const BranchRows branch{0, rows};
  std::vector<float> out(static_cast<size_t>(rows * hyper.vocab));
  backbone.head(backbone.forward({ids, positions, {&branch, 1}, positions}), Slice::vocabulary, Tensor(out.data(), rows, hyper.vocab));
  return out;
}

double error(const std::vector<float>& actual, const std::vector<float>& truth) {
  double square = 0, all = 0;
  for (size_t i = 0; i < truth.size(); i++) square += std::pow(double{actual[i]} - truth[i], 2), all += std::pow(double{truth[i]}, 2);
  return std::sqrt(square / all);
}

template <class T>
std::vector<T> values(const SafetensorsEntry& entry) {
  std::vector<T> list(entry.data.size() / sizeof(T));
  std::memcpy(list.data(), entry.data.data(), entry.data.size());
  return list;
}

Json model_errors(const char* name, const Source& from, const Source& rest, const std::vector<int32_t>& ids,
                  const std::vector<float>& truth, const Quantizer& ggml) {
  Json::Array types;
  const auto variants = create_device("cpu", {})->variants().front().available;
  for (const DType type : kTypes) {
    const Requantized source(from, rest, type, our_quantizer);
    Json fast{Json::Object{}}, entry{Json::Object{}};
    for (const std::string& variant : variants) fast.set(variant, error(logits(source, ids, Precision::fast, variant), truth));
    entry.set("type", type_info(type).name).set("tensorsStoredOtherwise", source.fallbacks());
    entry.set("weights", error(logits(source, ids, Precision::f32, ""), truth));
    if (ggml) entry.set("ggmlWeights", error(logits(Requantized(from, rest, type, ggml), ids, Precision::f32, ""), truth));
    types.push_back(entry.set("fast", fast));
    std::fprintf(stderr, "%s %s\n", name, types.back().dump().c_str());
  }
  return Json(Json::Object{}).set("model", name).set("rows", static_cast<int64_t>(ids.size())).set("types", Json(std::move(types)));
}

Json golden_errors(const std::string& folder, const char* checkpoint, const char* recorded, const Quantizer& ggml) {
  const auto from = Source::open(folder + "/" + checkpoint), rest = Source::open(folder + "/checkpoint");
  const SafetensorsFile file(folder + "/" + recorded);
  const std::string sequence = "s130";
  return model_errors(checkpoint, *from, *rest, values<int32_t>(file.at(sequence + ".ids")), values<float>(file.at(sequence + ".logits")),
                      ggml);
}

Json random_errors(const std::string& path, const Quantizer& ggml) {
  const auto source = Source::open(path);
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 130; i++) ids.push_back(i * 7919 % 3000);
  return model_errors("synth tiny", *source, *source, ids, logits(*source, ids, Precision::f32, "portable"), ggml);
}

/// By kind of row of the golden blocks: our error over ggml's.
Json block_errors(const std::string& folder) {
  const SafetensorsFile file(folder + "/gguf_blocks.safetensors");
  std::ifstream in(folder + "/gguf_blocks.json");
  const Json recorded = Json::parse(std::string(std::istreambuf_iterator<char>(in), {}), "gguf_blocks.json");
  const std::vector<float> all = values<float>(file.at("values"));
  const int64_t cols = recorded.int_or("columns", 0);
  Json types{Json::Object{}};
  for (const auto& [name, about] : recorded.find("types")->as_object()) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(c));
    const DType type = weight_type("type", lower);
    Json kinds{Json::Object{}};
    for (const auto& [kind, range] : recorded.find("rows")->as_object()) {
      const int64_t first = range.as_array()[0].as_int(), rows = range.as_array()[1].as_int() - first;
      std::vector<std::byte> bytes(static_cast<size_t>(rows * type_bytes(type, cols)));
      std::vector<float> back(static_cast<size_t>(rows * cols));
      our_quantizer(type, all.data() + first * cols, rows, cols, bytes.data());
      for (int64_t r = 0; r < rows; r++) dequantize(type, bytes.data() + r * type_bytes(type, cols), cols, back.data() + r * cols);
      double square = 0;
      for (size_t i = 0; i < back.size(); i++) square += std::pow(double{back[i]} - all[static_cast<size_t>(first * cols) + i], 2);
      const double ours = std::sqrt(square / static_cast<double>(back.size())), theirs = about.find("rms_error")->find(kind)->as_double();
      kinds.set(kind, ours == theirs ? 1.0 : ours / theirs);
    }
    types.set(type_info(type).name, kinds);
  }
  return types;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: types_bench <random f32 model> [--ggml libggml-base.so]\n"), 2;
  const Quantizer ggml = argc > 3 ? ggml_quantizer(argv[3]) : Quantizer();
  const std::string folder = DIMOO_GOLDEN;
  const auto device = create_device("cpu", {});
  Json report{Json::Object{}};
  report.set("bench", "types").set("machine", device->name()).set("commit", bench::commit()).set("blocks", block_errors(folder));
  report.set("models",
             Json(Json::Array{golden_errors(folder, "checkpoint", "forward.safetensors", ggml),
                              golden_errors(folder, "checkpoint_b", "forward_b.safetensors", ggml), random_errors(argv[1], ggml)}));
  std::printf("%s\n", report.dump().c_str());
}

// Field names are the API's.
#include "engine/reports.h"

#include <algorithm>
#include <map>

#include "base/thread_pool.h"
#include "device/cuda_devices.h"
#include "engine/variant_errors.h"

namespace dimoo {
namespace {

Json device_json(const DeviceReport& report) {
  Json json(Json::Object{});
  json.set("id", report.id).set("usable", report.usable);
  if (!report.reason.empty()) json.set("reason", report.reason);
  json.set("name", report.name).set("totalBytes", report.total_bytes).set("freeBytes", report.free_bytes);
  if (!report.compute_capability.empty()) json.set("computeCapability", report.compute_capability);
  if (!report.driver_version.empty()) json.set("driverVersion", report.driver_version);
  if (!report.required_driver_version.empty()) json.set("requiredDriverVersion", report.required_driver_version);
  return json;
}

Json texts(const std::vector<std::string>& list) {
  Json::Array items;
  for (const std::string& text : list) items.emplace_back(text);
  return Json(std::move(items));
}

/// The type of most bytes among the blocks' matrices.
const char* main_type(const Source& source) {
  std::map<DType, int64_t> bytes;
  for (const SourceTensor& tensor : source.tensors())
    if (tensor.name.starts_with("blk.") && tensor.shape.size() > 1) bytes[tensor.type] += tensor.bytes;
  const auto most = std::max_element(bytes.begin(), bytes.end(), [](auto& a, auto& b) { return a.second < b.second; });
  return most == bytes.end() ? "f32" : type_info(most->first).name;
}

std::string model_name(const Source& source) {
  if (source.format() == Source::Format::gguf) {
    const std::string name = source.settings().string_or("general.name", "");
    if (!name.empty()) return name;
  }
  std::string path = source.path();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  path = path.substr(path.rfind('/') + 1);
  return path.ends_with(".gguf") ? path.substr(0, path.size() - 5) : path;
}

Json plan_json(const MemoryPlan& plan) {
  Json json(Json::Object{});
  json.set("weightsBytes", plan.copied > 0 ? plan.copied : plan.weights)
      .set("panelBytes", plan.panels)
      .set("kvBytes", plan.kv)
      .set("logitsBytes", plan.logits);
  json.set("activationsBytes", plan.activations).set("vqBytes", plan.vq).set("totalBytes", plan.total());
  return json.set("fits", plan.fits()).set("availableBytes", plan.available);
}

std::vector<std::string> cpu_features() {
  std::vector<std::string> names;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) names.emplace_back("avx2");
  if (__builtin_cpu_supports("fma")) names.emplace_back("fma");
  if (__builtin_cpu_supports("avx512f")) names.emplace_back("avx512f");
  if (__builtin_cpu_supports("avx512vnni")) names.emplace_back("avx512_vnni");
  if (__builtin_cpu_supports("avx512bf16")) names.emplace_back("avx512_bf16");
#elif defined(__aarch64__)
  names.emplace_back("neon");  // the variants' names tell what else there is
#endif
  return names;
}

Precision parse_precision(const std::string& name) {
  if (name == "f32") return Precision::f32;
  if (name == "fast") return Precision::fast;
  fail(Code::request_invalid, "precision: expected fast or f32, got ", name);
}

Policy parse_policy(const std::string& name) {
  if (name == "fair") return Policy::fair;
  if (name == "fifo") return Policy::fifo;
  if (name == "shortest-remaining") return Policy::shortest;
  fail(Code::request_invalid, "policy: expected fair, fifo or shortest-remaining, got ", name);
}

}  // namespace

Json devices_report() {
  Json::Array all;
  for (const DeviceReport& report : inspect_devices()) all.push_back(device_json(report));
  return Json(std::move(all));
}

LoadOptions parse_load_options(const Json& options) {
  LoadOptions load;
  load.source = options.string_or("source", "");
  load.device = options.string_or("device", "cpu");
  load.variant = options.string_or("variant", "");
  load.precision = parse_precision(options.string_or("precision", "fast"));
  load.threads = static_cast<int>(options.int_or("threads", 0));
  load.verify_weights = options.string_or("verify", "sizes") == "full";
  load.max_host_bytes = options.int_or("maxHostBytes", -1);
  load.panel_bytes = options.int_or("panelBytes", -1);
  load.max_rows_per_pass = options.int_or("maxRowsPerPass", load.max_rows_per_pass);
  load.max_active = options.int_or("maxActive", load.max_active);
  load.max_queue = options.int_or("maxQueue", load.max_queue);
  load.policy = parse_policy(options.string_or("policy", "fair"));
  load.batch_window_ms = options.int_or("batchWindowMs", 0);
  return load;
}

Json plan_report(const Json& options) {
  Json merged = options;
  if (const Json* memory = options.find("memory"); memory && memory->is_object())
    for (const auto& [key, value] : memory->as_object()) merged.set(key, value);
  const LoadOptions load = parse_load_options(merged);
  DeviceOptions device_options;
  device_options.threads = load.threads;
  const auto device = create_device(load.device, device_options);
  const auto source = Source::open(load.source);
  const Hyperparameters hyper = read_hyperparameters(*source);
  const Json* image = source->generation().find("image");
  const auto standard = [&](const char* key, int64_t fallback) { return image ? image->int_or(key, fallback) : fallback; };
  if (!hyper.has_images())
    fail(Code::model_unsupported, source->path(), ": plan: expected a model with image codes, got one that answers in text only");
  const int64_t scale = hyper.vq.scale();
  RunShape shape;
  const Json* runs = options.find("runs");
  const Json::Array one{Json(Json::Object{})};
  for (const Json& run : runs && runs->is_array() && !runs->as_array().empty() ? runs->as_array() : one) {
    const auto cells = [&](const char* side) {
      const int64_t pixels = run.int_or(side, standard(side, 1024));
      if (pixels < scale || pixels % scale || pixels > (1 << 16))
        fail(Code::request_invalid, "plan: ", side, " must be a multiple of ", scale, " up to 65536, got ", pixels);
      return pixels / scale;
    };
    const int64_t columns = cells("width"), rows = cells("height");
    const size_t branches = run.double_or("guidance", 1) > 0 ? 2 : 1, prompt = static_cast<size_t>(run.int_or("promptTokens", 64)) + 4;
    const int64_t text_tokens = run.int_or("textTokens", 0);
    auto layout = std::make_shared<Layout>();
    layout->prefixes.assign(branches, std::vector<int32_t>(prompt)), layout->suffixes.resize(branches);
    layout->row_ends = text_tokens == 0;
    layout->rows = text_tokens ? 1 : rows, layout->columns = text_tokens ? text_tokens : columns;
    RunRequest request;
    request.target = PictureRequest{};
    if (text_tokens) request.target = AnswerRequest{text_tokens, text_tokens, text_tokens, {}, {}, {}, {}};
    request.layout = layout;
    if (run.bool_or("cache", false)) request.reuse.kind = ReusePolicy::Kind::ml_cache;
    const RunShape one = canvas_shape(hyper, Backbone::kv_type(*device, hyper, *source, load.precision), request);
    shape = together(shape, times(one, run.int_or("images", 1), load.max_rows_per_pass), load.max_rows_per_pass);
  }
  const int64_t panels = load.panel_bytes >= 0 ? load.panel_bytes : default_panel_budget(*source);
  return plan_json(plan_memory(*device, hyper, *source, load.precision, shape, panels, available_bytes(*device, load.max_host_bytes)));
}

Json doctor_report(const Json& options, const CancelToken& cancel) {
  const auto device = create_device("cpu", {});
  Json cpu(Json::Object{});
  cpu.set("name", device->name()).set("features", texts(cpu_features())).set("threads", device->threads());
  Json::Array variants;
  for (const VariantReport& report : device->variants()) {
    Json entry(Json::Object{});
    variants.push_back(entry.set("op", report.op).set("chosen", report.chosen).set("available", texts(report.available)));
  }
  cpu.set("variants", Json(std::move(variants))).set("byName", texts(device->variants().front().by_name));
  Json cuda(Json::Object{});
  cuda.set("built", *cuda_architectures() != 0).set("architectures", cuda_architectures());
  Json report(Json::Object{});
  report.set("cpu", cpu).set("cuda", cuda);
  if (options.bool_or("verify", false)) report.set("verify", variant_errors(device->variants().front().available, cancel));
  return report;
}

Json build_report(const char* compiler, const char* sanitizer) {
  Json build(Json::Object{});
  build.set("compiler", compiler).set("sanitizer", sanitizer);
  return build.set("cuda", *cuda_architectures() != 0).set("cudaArchitectures", cuda_architectures());
}

Json source_report(const Source& source, const Hyperparameters& hyper) {
  Json report(Json::Object{});
  report.set("name", model_name(source)).set("architecture", hyper.has_images() ? "lumina-dimoo" : "llada");
  report.set("format", source.format() == Source::Format::gguf ? "gguf" : "safetensors");
  return report.set("weights", main_type(source));
}

Json model_report(const Model& model) {
  const Weights& weights = model.weights();
  const Hyperparameters& h = weights.hyper;
  Json hyper(Json::Object{});
  hyper.set("d_model", h.d_model)
      .set("n_layers", h.layers)
      .set("n_heads", h.heads)
      .set("n_kv_heads", h.kv_heads)
      .set("head_dim", h.head_dim);
  hyper.set("mlp", h.mlp).set("vocab", h.vocab).set("context_length", h.context_length);
  hyper.set("rope_theta", static_cast<double>(h.rope_theta)).set("eps", static_cast<double>(h.rms_eps));
  const TokenRoles& t = h.tokens;
  Json tokens(Json::Object{});
  tokens.set("mask", t.mask).set("row_end", t.row_end).set("padding", t.padding).set("end_of_text", t.end_of_text);
  tokens.set("image_begin", t.image_begin).set("image_end", t.image_end).set("uncondition", t.uncondition);
  tokens.set("answer_begin", t.answer_begin).set("answer_end", t.answer_end);
  DeviceReport device;
  device.id = model.device().id();
  device.usable = true;
  device.name = model.device().name();
  const MemoryReport memory = model.device().memory();
  device.total_bytes = memory.total, device.free_bytes = memory.free;
  Json variants(Json::Object{});
  for (const VariantReport& report : model.device().variants()) variants.set(report.op, report.chosen);
  Json bytes(Json::Object{});
  bytes.set("weights", weight_bytes(*weights.source));
  Json info = source_report(*weights.source, h);
  info.set("embedded", false).set("sha256", weights.fingerprint).set("hyper", hyper).set("tokens", tokens);
  info.set("codebook_size", h.vq.codebook_size).set("code_offset", h.code_offset).set("scale", h.vq.scale());
  info.set("defaults", weights.source->generation()).set("device", device_json(device));
  info.set("precision", weights.precision == Precision::f32 ? "f32" : "fast").set("variants", variants);
  return info.set("bytes", bytes);
}

Json stats_report(const Model& model) {
  const EngineStats stats = model.stats();
  const MemoryReport memory = model.device().memory();
  const double seconds = stats.busy_ms / 1000;
  Json json(Json::Object{});
  json.set("running", stats.running).set("queued", stats.queued).set("completed", stats.completed).set("aborted", stats.aborted);
  json.set("failed", stats.failed).set("forwardPasses", stats.forward_passes).set("forwardMs", stats.forward_ms);
  json.set("meanRowsPerPass", stats.forward_passes ? static_cast<double>(stats.rows) / static_cast<double>(stats.forward_passes) : 0.0);
  json.set("stepsPerSecond", seconds > 0 ? static_cast<double>(stats.steps) / seconds : 0.0);
  const int64_t all_rows = stats.rows + stats.reused_rows;
  json.set("reusedRowRatio", all_rows ? static_cast<double>(stats.reused_rows) / static_cast<double>(all_rows) : 0.0);
  json.set("deviceBytesUsed", memory.used).set("deviceBytesFree", memory.free);
  const double mean = stats.completed ? stats.busy_ms / static_cast<double>(stats.completed) : 0.0;
  return json.set("estimatedWaitMs", mean * static_cast<double>(stats.queued));
}

}  // namespace dimoo

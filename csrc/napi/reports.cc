#include "napi/reports.h"

#include <algorithm>

namespace dimoo::napi {
namespace {

constexpr const char* kArithmetics[] = {"f32", "bf16", "int8"};

Json object() { return Json(Json::Object{}); }

template <class List, class Body>
Json list_of(const List& items, Body body) {
  Json::Array list;
  for (const auto& item : items) list.push_back(body(item));
  return Json(std::move(list));
}

Json texts(const std::vector<std::string>& list) {
  return list_of(list, [](const std::string& text) { return Json(text); });
}

Json device_json(const DeviceReport& report) {
  Json json = object();
  json.set("id", report.id).set("usable", report.usable);
  if (!report.reason.empty()) json.set("reason", report.reason);
  json.set("name", report.name).set("totalBytes", report.total_bytes).set("freeBytes", report.free_bytes);
  if (!report.compute_capability.empty()) json.set("computeCapability", report.compute_capability);
  if (!report.driver_version.empty()) json.set("driverVersion", report.driver_version);
  if (!report.required_driver_version.empty()) json.set("requiredDriverVersion", report.required_driver_version);
  return json;
}

const char* format_name(Source::Format format) { return format == Source::Format::gguf ? "gguf" : "safetensors"; }
const char* precision_name(Precision precision) { return precision == Precision::f32 ? "f32" : "fast"; }

Json chosen_variants(const std::vector<VariantReport>& reports) {
  Json variants = object();
  for (const VariantReport& report : reports) variants.set(report.op, report.chosen);
  return variants;
}

Json source_json(const SourceSummary& source) {
  return object()
      .set("name", source.name)
      .set("architecture", source.architecture)
      .set("format", format_name(source.format))
      .set("weights", type_info(source.weights).name);
}

Json phases_json(const Phases& phases) {
  Json json = object();
  for (const auto& [name, seconds] : phases) json.set(name, seconds);
  return json;
}

Json picture_json(const PictureBench& bench) {
  Json json = object();
  json.set("width", bench.width).set("height", bench.height).set("steps", bench.steps).set("rows", bench.rows);
  json.set("stepSeconds", bench.step_seconds).set("phases", phases_json(bench.phases));
  json.set("fractionOfCeiling", bench.fraction_of_ceiling).set("decodeSeconds", bench.decode_seconds);
  return json.set("secondsPerPicture", bench.seconds_per_picture()).set("picturesPerMinute", 60 / bench.seconds_per_picture());
}

Json verify_json(const WeightScan& scan) {
  return object()
      .set("ok", scan.non_finite.empty())
      .set("nonFinite",
           list_of(scan.non_finite, [](const NonFinite& entry) { return object().set("tensor", entry.tensor).set("count", entry.count); }))
      .set("zeros", texts(scan.zeros));
}

Json hyper_json(const Hyperparameters& h) {
  Json hyper = object();
  hyper.set("d_model", h.d_model).set("n_layers", h.layers).set("n_heads", h.heads).set("n_kv_heads", h.kv_heads);
  hyper.set("head_dim", h.head_dim).set("mlp", h.mlp).set("vocab", h.vocab).set("context_length", h.context_length);
  return hyper.set("rope_theta", static_cast<double>(h.rope_theta)).set("eps", static_cast<double>(h.rms_eps));
}

Json tokens_json(const TokenRoles& t) {
  Json tokens = object();
  tokens.set("mask", t.mask).set("row_end", t.row_end).set("padding", t.padding).set("end_of_text", t.end_of_text);
  tokens.set("image_begin", t.image_begin).set("image_end", t.image_end).set("uncondition", t.uncondition);
  return tokens.set("answer_begin", t.answer_begin).set("answer_end", t.answer_end);
}

}  // namespace

Json to_json(const ConvertReport& report) {
  Json json = object();
  json.set("tensors", report.tensors)
      .set("bytes", report.bytes)
      .set("fallbacks", list_of(report.fallbacks,
                                [](const Fallback& one) { return object().set("name", one.name).set("type", type_info(one.type).name); }));
  return json.set("ignored", texts(report.ignored)).set("seconds", report.seconds);
}

Json to_json(const ExportReport& report) {
  Json json = object().set("tensors", report.tensors).set("bytes", report.bytes);
  return json.set("files", report.files).set("seconds", report.seconds);
}

Json to_json(const SynthReport& report) { return object().set("tensors", report.tensors).set("bytes", report.bytes); }

Json to_json(const InspectReport& report) {
  Json json = object(), types = object();
  for (const auto& [name, sum] : report.types) types.set(name, object().set("count", sum.count).set("bytes", sum.bytes));
  json.set("format", format_name(report.format)).set("architecture", report.architecture).set("path", report.path);
  json.set("bytes", report.bytes).set("settings", report.settings).set("tensors", list_of(report.tensors, [](const TensorSummary& tensor) {
                                                                         return object()
                                                                             .set("name", tensor.name)
                                                                             .set("type", type_info(tensor.type).name)
                                                                             .set("shape", list_of(tensor.shape,
                                                                                                   [](int64_t side) { return Json(side); }))
                                                                             .set("bytes", tensor.bytes);
                                                                       }));
  json.set("types", std::move(types)).set("parameters", report.parameters);
  if (report.weights) json.set("verify", verify_json(*report.weights));
  return json;
}

Json to_json(const BenchReport& report) {
  Json json = source_json(report.source), ceilings = object();
  for (size_t kind = 0; kind < std::size(kArithmetics); kind++) ceilings.set(kArithmetics[kind], report.ceilings[kind] * 1e-9);
  json.set("device", report.device).set("processor", report.processor).set("threads", report.threads);
  json.set("precision", precision_name(report.precision)).set("variants", chosen_variants(report.variants));
  json.set("rows", report.rows).set("repetitions", report.repetitions).set("medianSeconds", report.median_seconds);
  json.set("rowsPerSecond", report.rows_per_second).set("rowsPerSecondAllRows", report.rows_per_second_all_rows);
  json.set("gigaOperations", report.operations * 1e-9).set("phases", phases_json(report.phases)).set("ceilings", std::move(ceilings));
  json.set("fractionOfCeiling", report.fraction_of_ceiling).set("productsFractionOfCeiling", report.products_fraction_of_ceiling);
  if (report.picture) json.set("picture", picture_json(*report.picture));
  return json;
}

Json to_json(const SpeedReport& report) {
  return object()
      .set("rows", report.rows)
      .set("passes", report.passes)
      .set("seconds", report.seconds)
      .set("operations", report.operations)
      .set("operationsPerSecond", report.operations_per_second);
}

Json to_json(const DoctorReport& report) {
  Json cpu = object(), cuda = object(), json = object();
  cpu.set("name", report.processor).set("features", texts(report.features)).set("threads", report.threads);
  cpu.set("variants", list_of(report.variants, [](const VariantReport& one) {
            return object().set("op", one.op).set("chosen", one.chosen).set("available", texts(one.available));
          }));
  cpu.set("byName", texts(report.variants.front().by_name));
  cuda.set("built", !report.cuda_architectures.empty()).set("architectures", report.cuda_architectures);
  json.set("cpu", std::move(cpu)).set("cuda", std::move(cuda));
  if (report.errors)
    json.set("verify", list_of(*report.errors, [](const VariantError& one) {
               return object().set("op", one.op).set("variant", one.variant).set("type", one.type).set("relativeError", one.relative_error);
             }));
  return json;
}

Json to_json(const std::vector<DeviceReport>& reports) { return list_of(reports, device_json); }

Json to_json(const MemoryPlan& plan) {
  Json json = object();
  json.set("weightsBytes", plan.copied > 0 ? plan.copied : plan.weights).set("panelBytes", plan.panels);
  json.set("kvBytes", plan.kv).set("logitsBytes", plan.logits).set("activationsBytes", plan.activations).set("vqBytes", plan.vq);
  return json.set("totalBytes", plan.total()).set("fits", plan.fits()).set("availableBytes", plan.available);
}

Json build_json(const char* compiler, const char* sanitizer) {
  const std::string architectures = cuda_build();
  Json build = object();
  build.set("compiler", compiler).set("sanitizer", sanitizer);
  return build.set("cuda", !architectures.empty()).set("cudaArchitectures", architectures);
}

Json info_json(const Model& model) {
  const Weights& weights = model.weights();
  const Hyperparameters& hyper = weights.hyper;
  const ModelReport report = describe(model);
  Json info = source_json(report.source);
  info.set("embedded", false).set("sha256", weights.fingerprint).set("hyper", hyper_json(hyper)).set("tokens", tokens_json(hyper.tokens));
  info.set("codebook_size", hyper.vq.codebook_size).set("code_offset", hyper.code_offset).set("scale", hyper.vq.scale());
  info.set("defaults", weights.source->generation()).set("device", device_json(report.device));
  info.set("precision", precision_name(weights.precision)).set("variants", chosen_variants(report.variants));
  return info.set("bytes", object().set("weights", report.weight_bytes));
}

Json stats_json(const Model& model) {
  const StatsReport report = stats_of(model);
  const EngineStats& stats = report.counts;
  Json json = object();
  json.set("running", stats.running)
      .set("queued", stats.queued)
      .set("paused", stats.paused)
      .set("completed", stats.completed)
      .set("aborted", stats.aborted);
  json.set("failed", stats.failed).set("forwardPasses", stats.forward_passes).set("forwardMs", stats.forward_ms);
  json.set("rowsPerPass", report.rows_per_pass);
  json.set("meanRowsPerPass", report.mean_rows_per_pass).set("stepsPerSecond", report.steps_per_second);
  json.set("reusedRowRatio", report.reused_row_ratio);
  json.set("deviceBytesUsed", report.memory.used).set("deviceBytesFree", report.memory.free);
  return json.set("estimatedWaitMs", report.estimated_wait_ms);
}

}  // namespace dimoo::napi

#include "napi/job_options.h"

#include <charconv>
#include <initializer_list>
#include <utility>

namespace dimoo::napi {
namespace {

/// One of two or three words; `fallback` where there is none.
template <class Value>
Value choose(const Json& options, const char* name, const char* expected, Value fallback,
             std::initializer_list<std::pair<std::string_view, Value>> choices) {
  const Json* given = options.find(name);
  if (!given || given->is_null()) return fallback;
  const std::string& found = given->as_string();
  for (const auto& [word, value] : choices)
    if (found == word) return value;
  fail(Code::request_invalid, name, ": expected ", expected, ", got ", found);
}

/// JSON numbers of JavaScript hold 53 bits: digits in a string, too.
uint64_t seed_of(const Json& options) {
  const Json* seed = options.find("seed");
  if (!seed || seed->is_null()) return 0;
  if (!seed->is_string()) return seed->as_uint();
  const std::string& digits = seed->as_string();
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size())
    fail(Code::request_invalid, "seed: expected a whole number below 2^64, got '", digits, "'");
  return value;
}

std::optional<int64_t> whole(const Json& options, const char* name) {
  const Json* value = options.find(name);
  if (!value || value->is_null()) return {};
  return value->as_int();
}

}  // namespace

LoadOptions load_options(const Json& options) {
  LoadOptions load;
  load.source = options.string_or("source", "");
  load.device = options.string_or("device", load.device);
  load.variant = options.string_or("variant", "");
  load.precision = choose(options, "precision", "fast or f32", load.precision, {{"fast", Precision::fast}, {"f32", Precision::f32}});
  load.threads = static_cast<int>(options.int_or("threads", load.threads));
  load.max_host_bytes = options.int_or("maxHostBytes", load.max_host_bytes);
  load.panel_bytes = options.int_or("panelBytes", load.panel_bytes);
  load.max_rows_per_pass = options.int_or("maxRowsPerPass", load.max_rows_per_pass);
  load.max_active = options.int_or("maxActive", load.max_active);
  load.max_queue = options.int_or("maxQueue", load.max_queue);
  load.policy = choose(options, "policy", "fair, fifo or shortest-remaining", load.policy,
                       {{"fair", Policy::fair}, {"fifo", Policy::fifo}, {"shortest-remaining", Policy::shortest}});
  load.use = choose(options, "use", "runs or plans", load.use, {{"runs", Use::runs}, {"plans", Use::plans}});
  load.batch_window_ms = options.int_or("batchWindowMs", load.batch_window_ms);
  return load;
}

Verify verify_option(const Json& options) {
  return choose(options, "verify", "sizes or full", Verify::sizes, {{"sizes", Verify::sizes}, {"full", Verify::full}});
}

ConvertOptions convert_options(const Json& options) {
  ConvertOptions convert;
  convert.source = options.string_or("source", "");
  convert.output = options.string_or("output", "");
  convert.types = TypeRules::make(options.string_or("type", "bf16"), options.string_or("vqType", ""));
  convert.preview = options.bool_or("preview", convert.preview);
  convert.threads = static_cast<int>(options.int_or("threads", convert.threads));
  return convert;
}

ExportOptions export_options(const Json& options) {
  ExportOptions out;
  out.source = options.string_or("source", "");
  out.output = options.string_or("output", "");
  out.type = choose<std::optional<DType>>(options, "type", "f32, f16 or bf16", std::nullopt,
                                          {{"f32", DType::f32}, {"f16", DType::f16}, {"bf16", DType::bf16}});
  out.shard_bytes = options.int_or("shardBytes", out.shard_bytes);
  return out;
}

SynthOptions synth_options(const Json& options) {
  SynthOptions synth;
  synth.shape = options.string_or("shape", "");
  synth.output = options.string_or("output", "");
  synth.types = TypeRules::make(options.string_or("type", "bf16"), "");
  synth.seed = seed_of(options);
  synth.layout = choose(options, "layout", "dimoo or llada", synth.layout, {{"dimoo", SynthLayout::dimoo}, {"llada", SynthLayout::llada}});
  synth.threads = static_cast<int>(options.int_or("threads", synth.threads));
  return synth;
}

InspectOptions inspect_options(const Json& options) { return {options.string_or("source", ""), options.bool_or("verify", false)}; }

BenchOptions bench_options(const Json& options) {
  BenchOptions bench;
  bench.load = load_options(options);
  bench.rows = options.int_or("rows", bench.rows);
  bench.repetitions = options.int_or("repetitions", bench.repetitions);
  bench.width = whole(options, "width"), bench.height = whole(options, "height"), bench.steps = whole(options, "steps");
  return bench;
}

DoctorOptions doctor_options(const Json& options) { return {options.bool_or("verify", false)}; }

SpeedOptions speed_options(const Json& options) { return {load_options(options), options.double_or("seconds", SpeedOptions{}.seconds)}; }

}  // namespace dimoo::napi

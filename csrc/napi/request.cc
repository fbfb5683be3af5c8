#include "napi/request.h"

#include "napi/values.h"

namespace dimoo::napi {
namespace {

/// One of a few words.
template <class Value>
Value choose(const Napi::Object& object, const char* name, std::initializer_list<std::pair<const char*, Value>> choices) {
  const std::string found = string_field(object, name);
  std::string known;
  for (const auto& [word, value] : choices) {
    if (found == word) return value;
    known += known.empty() ? word : text(", ", word);
  }
  fail(Code::request_invalid, name, ": expected one of ", OwnWords{known}, ", got ", found);
}

Schedule parse_schedule(const Napi::Object& object) {
  const Napi::Value value = field(object, "schedule");
  if (value.IsString())
    return {choose<Schedule::Kind>(object, "schedule", {{"cosine", Schedule::Kind::cosine}, {"linear", Schedule::Kind::linear}}), {}};
  return {Schedule::Kind::table, floats_of(value, "schedule")};
}

std::vector<StepNoise> parse_noise(const Napi::Object& object, bool picture) {
  std::vector<StepNoise> noise;
  const Napi::Value value = object.Get("noise");
  if (value.IsUndefined()) return noise;
  for (const Napi::Value& entry : list_of(value, "noise")) {
    if (!entry.IsObject()) fail(Code::request_invalid, "noise: expected objects");
    const auto step = entry.As<Napi::Object>();
    if (picture)
      noise.push_back({floats_of(field(step, "sample"), "noise.sample"), floats_of(field(step, "cut"), "noise.cut"), {}});
    else
      noise.push_back({{}, {}, doubles_of(field(step, "sample"), "noise.sample")});
  }
  return noise;
}

PictureRequest parse_picture(const Napi::Object& object, Layout& layout, const Hyperparameters& hyper) {
  layout.rows = int_field(object, "rows");
  layout.columns = int_field(object, "columns");
  layout.row_end_token = hyper.tokens.row_end;
  layout.offset = hyper.code_offset;
  PictureRequest picture{ints_of(field(object, "cells"), "cells"), int_field(object, "steps"), parse_schedule(object)};
  const Napi::Value start = object.Get("start");
  if (start.IsUndefined()) return picture;
  if (!start.IsObject()) fail(Code::request_invalid, "start: expected an object");
  const auto from = start.As<Napi::Object>();
  picture.cells = ints_of(field(from, "tokens"), "start.tokens");
  picture.first_step = int_field(from, "step");
  picture.pinned = uints_of(field(from, "pinned"), "start.pinned");
  return picture;
}

AnswerRequest parse_answer(const Napi::Object& object, Layout& layout) {
  AnswerRequest answer;
  answer.length = int_field(object, "length");
  answer.block = int_field(object, "block");
  answer.steps = int_field(object, "steps");
  answer.remasking = choose<Remasking>(object, "remasking", {{"confidence", Remasking::confidence}, {"random", Remasking::random}});
  if (!object.Get("threshold").IsUndefined()) answer.threshold = number_field(object, "threshold");
  answer.ends = ints_of(field(object, "ends"), "ends");
  answer.compat = choose<Compat>(object, "compat", {{"none", Compat::none}, {"reference", Compat::reference}});
  layout.rows = 1;
  layout.columns = answer.length;
  layout.row_ends = false;
  return answer;
}

ReusePtr parse_reuse(const Napi::Object& object, bool picture) {
  const Napi::Value cache = object.Get("cache");
  const bool prefix = !picture && choose<bool>(object, "reuse", {{"none", false}, {"prefix", true}});
  if (cache.IsUndefined()) return prefix ? prefix_reuse() : no_reuse();
  if (!cache.IsObject()) fail(Code::request_invalid, "cache: expected an object");
  if (prefix) fail(Code::request_invalid, "cache: expected reuse 'none' beside it, got 'prefix'");
  const auto options = cache.As<Napi::Object>();
  return ml_cache(number_field(options, "ratio"), number_field(options, "warmup"), int_field(options, "refresh"));
}

std::vector<std::vector<int32_t>> parse_sequences(const Napi::Object& object, const char* name) {
  std::vector<std::vector<int32_t>> sequences;
  for (const Napi::Value& one : list_of(field(object, name), name)) sequences.push_back(ints_of(one, name));
  return sequences;
}

}  // namespace

RunRequest parse_request(const Napi::Object& object, const Hyperparameters& hyper) {
  RunRequest request;
  auto layout = std::make_shared<Layout>();
  const bool picture = choose<bool>(object, "kind", {{"image", true}, {"text", false}});
  layout->prefixes = parse_sequences(object, "prefixes");
  layout->suffixes = parse_sequences(object, "suffixes");
  layout->mask_token = hyper.tokens.mask;
  if (picture)
    request.target = parse_picture(object, *layout, hyper);
  else
    request.target = parse_answer(object, *layout);
  request.layout = std::move(layout);
  for (const Napi::Value& weight : list_of(field(object, "guidance"), "guidance"))
    request.guidance.push_back(weight.ToNumber().FloatValue());
  if (picture && !object.Get("floor").IsUndefined()) request.floor = static_cast<float>(number_field(object, "floor"));
  request.seeds = bigints_of(field(object, "seeds"), "seeds");
  request.temperature = static_cast<float>(number_field(object, "temperature"));
  request.reuse = parse_reuse(object, picture);
  if (!picture && !object.Get("probe").IsUndefined()) request.probe = ints_of(object.Get("probe"), "probe");
  if (picture && !object.Get("pixels").IsUndefined()) request.pixels = object.Get("pixels").ToBoolean();
  request.priority = int_field(object, "priority");
  request.tag = string_field(object, "tag");
  if (!object.Get("id").IsUndefined()) request.id = string_field(object, "id");
  request.delivery = choose<Delivery>(object, "delivery", {{"latest", Delivery::latest}, {"all", Delivery::all}, {"none", Delivery::none}});
  request.buffer = int_field(object, "buffer");
  request.noise = parse_noise(object, picture);
  return request;
}

Resume resume_named(const std::string& name) {
  if (name == "exact") return Resume::exact;
  if (name == "present") return Resume::present;
  fail(Code::request_invalid, "resume: expected exact or present, got ", name);
}

}  // namespace dimoo::napi

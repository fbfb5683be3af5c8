// The event loop is held only while somebody waits for this run.
#include "napi/run_object.h"

#include "napi/values.h"

namespace dimoo::napi {
namespace {

constexpr napi_type_tag kTag = {0x6c756d696e612d72, 0x756e2d6f626a6563};

Napi::Object step_object(Napi::Env env, const StepEvent& event) {
  Napi::Object step = Napi::Object::New(env);
  const auto put = [&](const char* name, double value) { step.Set(name, value); };
  put("image", static_cast<double>(event.image));
  put("step", static_cast<double>(event.step));
  put("steps", static_cast<double>(event.steps));
  put("skipped", static_cast<double>(event.skipped));
  put("masked", static_cast<double>(event.masked));
  put("rows", static_cast<double>(event.rows));
  put("elapsedMs", event.elapsed_ms);
  step.Set("pass", "full");
  step.Set("tokens", typed_array<Napi::Int32Array>(env, event.tokens));
  step.Set("guess", typed_array<Napi::Int32Array>(env, event.guess));
  step.Set("changed", typed_array<Napi::Uint32Array>(env, event.changed));
  step.Set("confidence", typed_array<Napi::Float32Array>(env, event.confidence));
  return step;
}

Napi::Object outcome_object(Napi::Env env, const Outcome& outcome) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("state", run_state_name(outcome.state));
  if (outcome.error) object.Set("error", to_js(env, *outcome.error).Value());
  Napi::Array images = Napi::Array::New(env, outcome.pictures.size());
  for (size_t i = 0; i < outcome.pictures.size(); i++) {
    const Picture& picture = outcome.pictures[i];
    Napi::Object image = Napi::Object::New(env);
    image.Set("tokens", typed_array<Napi::Int32Array>(env, picture.tokens));
    image.Set("pixels", typed_array<Napi::Uint8Array>(env, picture.pixels));
    image.Set("width", static_cast<double>(picture.width));
    image.Set("height", static_cast<double>(picture.height));
    images.Set(static_cast<uint32_t>(i), image);
  }
  object.Set("images", images);
  const auto put = [&](const char* name, double value) { object.Set(name, value); };
  put("queuedMs", outcome.queued_ms);
  put("decodeMs", outcome.decode_ms);
  put("vqMs", outcome.vq_ms);
  put("totalMs", outcome.total_ms);
  put("steps", static_cast<double>(outcome.steps));
  put("forwardPasses", static_cast<double>(outcome.forward_passes));
  put("forwardTokens", static_cast<double>(outcome.forward_tokens));
  return object;
}

Schedule parse_schedule(const Napi::Value& value) {
  Schedule schedule;
  if (value.IsString()) {
    const std::string kind = value.As<Napi::String>();
    if (kind != "cosine" && kind != "linear")
      fail(Code::request_invalid, "schedule: expected cosine, linear or a Float32Array, got ", kind);
    schedule.kind = kind == "linear" ? Schedule::Kind::linear : Schedule::Kind::cosine;
  } else {
    schedule.kind = Schedule::Kind::table;
    schedule.table = floats_of(value, "schedule");
  }
  return schedule;
}

Delivery parse_delivery(const std::string& name) {
  if (name == "latest") return Delivery::latest;
  if (name == "all") return Delivery::all;
  if (name == "none") return Delivery::none;
  fail(Code::request_invalid, "delivery: expected latest, all or none, got ", name);
}

std::vector<StepNoise> parse_noise(const Napi::Value& value) {
  std::vector<StepNoise> noise;
  if (value.IsUndefined()) return noise;
  if (!value.IsArray()) fail(Code::request_invalid, "noise: expected an array");
  const auto list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    if (!list.Get(i).IsObject()) fail(Code::request_invalid, "noise: expected objects");
    const auto step = list.Get(i).As<Napi::Object>();
    noise.push_back({floats_of(field(step, "sample"), "noise.sample"), floats_of(field(step, "cut"), "noise.cut")});
  }
  return noise;
}

}  // namespace

RunRequest parse_request(const Napi::Object& object, const Hyperparameters& hyper) {
  RunRequest request;
  auto layout = std::make_shared<CanvasLayout>();
  const Napi::Value prefixes = field(object, "prefixes"), guidance = field(object, "guidance"), seeds = field(object, "seeds");
  if (!prefixes.IsArray() || !guidance.IsArray()) fail(Code::request_invalid, "prefixes, guidance: expected arrays");
  for (uint32_t i = 0; i < prefixes.As<Napi::Array>().Length(); i++)
    layout->prefixes.push_back(ints_of(prefixes.As<Napi::Array>().Get(i), "prefixes"));
  for (uint32_t i = 0; i < guidance.As<Napi::Array>().Length(); i++)
    request.guidance.push_back(guidance.As<Napi::Array>().Get(i).ToNumber().FloatValue());
  layout->suffix = ints_of(field(object, "suffix"), "suffix");
  layout->rows = int_field(object, "rows");
  layout->columns = int_field(object, "columns");
  layout->mask_token = hyper.tokens.mask;
  layout->row_end_token = hyper.tokens.row_end;
  layout->code_offset = hyper.code_offset;
  request.cells = ints_of(field(object, "cells"), "cells");
  if (!seeds.IsTypedArray() || seeds.As<Napi::TypedArray>().TypedArrayType() != napi_biguint64_array)
    fail(Code::request_invalid, "seeds: expected a BigUint64Array");
  const auto list = seeds.As<Napi::BigUint64Array>();
  request.seeds.assign(list.Data(), list.Data() + list.ElementLength());
  request.steps = int_field(object, "steps");
  request.temperature = static_cast<float>(number_field(object, "temperature"));
  request.schedule = parse_schedule(field(object, "schedule"));
  request.delivery = parse_delivery(string_field(object, "delivery"));
  request.buffer = int_field(object, "buffer");
  request.noise = parse_noise(object.Get("noise"));
  request.layout = std::move(layout);
  return request;
}

struct RunObject::Link {
  RunObject* object = nullptr;  // environment's thread only
};

Napi::Function RunObject::define(Napi::Env env) {
  return DefineClass(env, "NativeRun",
                     {InstanceMethod<&RunObject::next>("next"), InstanceMethod<&RunObject::outcome>("outcome"),
                      InstanceMethod<&RunObject::state>("state"), InstanceMethod<&RunObject::cancel>("cancel")});
}

RunObject::RunObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RunObject>(info), link_(std::make_shared<Link>()) {
  if (info.Length() < 1 || !info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "NativeRun is made by a model");
  info.This().As<Napi::Object>().TypeTag(&kTag);
  link_->object = this;
}

RunObject::~RunObject() {
  link_->object = nullptr;
  if (waiting_) bell_->release(Env());
  if (run_) run_->cancel();
}

Napi::Value RunObject::start(Napi::Env env, Model& model, RunRequest request, Napi::Function wake) {
  AddonData& data = AddonData::of(env);
  const Napi::Object made = data.run_class.New({Napi::External<Model>::New(env, &model)});
  RunObject* self = Unwrap(made);
  self->bell_ = data.bell;
  self->wake_ = Napi::Persistent(wake);
  self->run_ = model.start(std::move(request), [bell = data.bell, link = self->link_] {
    bell->ring([link](Napi::Env e) {
      if (link->object) link->object->woken(e);
    });
  });
  std::erase_if(data.runs, [](const auto& entry) { return entry.second.expired(); });
  data.runs[self->run_.get()] = self->run_;
  return made;
}

void RunObject::wait(Napi::Env env) {
  if (!std::exchange(waiting_, true)) bell_->hold(env);
}

void RunObject::woken(Napi::Env env) {
  if (std::exchange(waiting_, false)) bell_->release(env);
  try {
    wake_.Call({});
  } catch (const Napi::Error& error) {
    Doorbell::report(env, error);
  }
}

Napi::Value RunObject::next(const Napi::CallbackInfo& info) {
  StepEvent event;
  switch (run_->next(event)) {
    case Run::Next::step: return step_object(info.Env(), event);
    case Run::Next::ended: return info.Env().Null();
    case Run::Next::none: wait(info.Env()); break;
  }
  return info.Env().Undefined();
}

Napi::Value RunObject::outcome(const Napi::CallbackInfo& info) {
  if (const Outcome* outcome = run_->outcome()) return outcome_object(info.Env(), *outcome);
  wait(info.Env());
  return info.Env().Undefined();
}

Napi::Value RunObject::state(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), run_state_name(run_->state())); }

Napi::Value RunObject::cancel(const Napi::CallbackInfo& info) {
  run_->cancel();
  return info.Env().Undefined();
}

}  // namespace dimoo::napi

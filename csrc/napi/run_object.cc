// The event loop is held only while somebody waits for this run.
#include "napi/run_object.h"

#include "napi/entry.h"

namespace dimoo::napi {
namespace {

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
  put("block", static_cast<double>(event.block));
  put("blocks", static_cast<double>(event.blocks));
  step.Set("pass", pass_name(event.pass));
  step.Set("tokens", typed_array<Napi::Int32Array>(env, event.tokens));
  step.Set("guess", typed_array<Napi::Int32Array>(env, event.guess));
  step.Set("changed", typed_array<Napi::Uint32Array>(env, event.changed));
  step.Set("confidence", typed_array<Napi::Float32Array>(env, event.confidence));
  return step;
}

Napi::Array remasked_array(Napi::Env env, const std::vector<Remasked>& remasked) {
  Napi::Array list = Napi::Array::New(env, remasked.size());
  for (size_t i = 0; i < remasked.size(); i++) {
    Napi::Object one = Napi::Object::New(env);
    one.Set("image", static_cast<double>(remasked[i].image));
    one.Set("step", static_cast<double>(remasked[i].step));
    one.Set("cells", static_cast<double>(remasked[i].cells));
    list.Set(static_cast<uint32_t>(i), one);
  }
  return list;
}

Napi::Object outcome_object(Napi::Env env, const Outcome& outcome) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("state", run_state_name(outcome.state));
  if (outcome.error) object.Set("error", Napi::Value(env, error_value(env, *outcome.error)));
  Napi::Array images = Napi::Array::New(env, outcome.pictures.size());
  for (size_t i = 0; i < outcome.pictures.size(); i++) {
    const DecodedPicture& picture = outcome.pictures[i];
    Napi::Object image = Napi::Object::New(env);
    image.Set("tokens", typed_array<Napi::Int32Array>(env, picture.tokens));
    image.Set("pixels", typed_array<Napi::Uint8Array>(env, picture.pixels));
    image.Set("width", static_cast<double>(picture.width));
    image.Set("height", static_cast<double>(picture.height));
    images.Set(static_cast<uint32_t>(i), image);
  }
  object.Set("images", images);
  if (outcome.finish) {
    object.Set("answer", typed_array<Napi::Int32Array>(env, outcome.answer));
    object.Set("finish", *outcome.finish == Finish::stop ? "stop" : "length");
  }
  if (!outcome.probabilities.empty()) object.Set("probabilities", typed_array<Napi::Float64Array>(env, outcome.probabilities));
  object.Set("remasked", remasked_array(env, outcome.remasked));
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

}  // namespace

/// Between a run's doorbell and its object, which may have been collected meanwhile.
struct RunObject::Link : Rope {
  RunObject* object = nullptr;  // environment's thread only
  void answer(Napi::Env env) override {
    if (object) object->woken(env);
  }
};

Napi::Function RunObject::define(Napi::Env env) {
  return DefineClass(env, "NativeRun",
                     {method<RunObject, &RunObject::next>("next"), method<RunObject, &RunObject::outcome>("outcome"),
                      method<RunObject, &RunObject::state>("state"), method<RunObject, &RunObject::id>("id"),
                      method<RunObject, &RunObject::cancel>("cancel"), method<RunObject, &RunObject::pause>("pause"),
                      method<RunObject, &RunObject::go_on>("continue"), method<RunObject, &RunObject::remask>("remask"),
                      method<RunObject, &RunObject::snapshot>("snapshot")});
}

RunObject::RunObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<RunObject>(info), run_(std::move(AddonData::of(info.Env()).run_to_wrap)) {
  if (!run_) throw Napi::TypeError::New(info.Env(), "NativeRun is made by a model");
}

RunObject::~RunObject() {
  if (link_) link_->object = nullptr;
  if (waiting_) bell_->release(Env());
  if (run_) run_->cancel();
}

Napi::Value RunObject::start(Napi::Env env, Model& model, RunRequest request, Napi::Function wake) {
  AddonData& data = AddonData::of(env);
  const auto link = std::make_shared<Link>();
  const std::shared_ptr<Run> run = model.start(std::move(request), [bell = data.bell, link] { bell->pull(link); });
  try {
    std::erase_if(data.runs, [](const auto& entry) { return entry.second.expired(); });
    data.runs[run.get()] = run;
    data.run_to_wrap = run;
    const Napi::Object made = made_by(data.run_class);
    RunObject* self = link->object = Unwrap(made);
    self->link_ = link;
    self->bell_ = data.bell;
    self->wake_ = Napi::Persistent(wake);
    return made;
  } catch (...) {
    link->object = nullptr;
    run->cancel();
    throw;
  }
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

Napi::Value RunObject::id(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), run_->id()); }

Napi::Value RunObject::pause(const Napi::CallbackInfo& info) {
  run_->pause();
  return info.Env().Undefined();
}

Napi::Value RunObject::go_on(const Napi::CallbackInfo& info) {
  run_->go_on();
  return info.Env().Undefined();
}

Napi::Value RunObject::cancel(const Napi::CallbackInfo& info) {
  run_->cancel();
  return info.Env().Undefined();
}

Napi::Value RunObject::remask(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber()) fail(Code::request_invalid, "remask: expected (image, cells)");
  run_->remask(info[0].As<Napi::Number>().Int64Value(), uints_of(info[1], "cells"));
  return info.Env().Undefined();
}

Napi::Value RunObject::snapshot(const Napi::CallbackInfo& info) {
  if (const auto found = run_->snapshot()) {
    const Napi::Object object = Napi::Object::New(info.Env());
    object.Set("state", typed_array<Napi::Uint8Array>(info.Env(), found->state));
    object.Set("step", static_cast<double>(found->step));
    return object;
  }
  wait(info.Env());
  return info.Env().Undefined();
}

}  // namespace dimoo::napi

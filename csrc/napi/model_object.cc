// Under ten lines a method: convert, call, wrap.
#include "napi/model_object.h"

#include "jobs/previews.h"
#include "napi/entry.h"
#include "napi/job.h"
#include "napi/reports.h"
#include "napi/request.h"
#include "napi/run_object.h"

namespace dimoo::napi {

Napi::Function ModelObject::define(Napi::Env env) {
  return DefineClass(
      env, "NativeModel",
      {method<ModelObject, &ModelObject::info>("info"), method<ModelObject, &ModelObject::tokenizer_json>("tokenizerJson"),
       method<ModelObject, &ModelObject::plan>("plan"), method<ModelObject, &ModelObject::check_fits>("checkFits"),
       method<ModelObject, &ModelObject::run>("run"), method<ModelObject, &ModelObject::encode_vq>("encodeVq"),
       method<ModelObject, &ModelObject::decode_vq>("decodeVq"), method<ModelObject, &ModelObject::preview_table>("previewTable"),
       method<ModelObject, &ModelObject::stats>("stats"), method<ModelObject, &ModelObject::close>("close")});
}

ModelObject::ModelObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelObject>(info) {
  model_ = std::move(AddonData::of(info.Env()).model_to_wrap);
  if (!model_) throw Napi::TypeError::New(info.Env(), "NativeModel is made by load");
}

/// What destroys a model waits for the engine: on a thread of its own, unless there is none to be had.
ModelObject::~ModelObject() {
  if (!model_) return;
  std::shared_ptr<std::shared_ptr<Model>> last;
  try {
    last = std::make_shared<std::shared_ptr<Model>>(std::move(model_));
    std::thread([last] { last->reset(); }).detach();
  } catch (...) {
    (last ? *last : model_).reset();
  }
}

Napi::Value ModelObject::wrap(Napi::Env env, std::shared_ptr<Model> model) {
  AddonData& data = AddonData::of(env);
  data.model_to_wrap = std::move(model);
  return made_by(data.model_class);
}

const std::shared_ptr<Model>& ModelObject::open() const {
  if (!model_) fail(Code::disposed, "the model was closed");
  return model_;
}

Napi::Value ModelObject::info(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), info_json(*open()).dump()); }

Napi::Value ModelObject::tokenizer_json(const Napi::CallbackInfo& info) {
  const std::string_view text = open()->weights().source->tokenizer_json();
  return Napi::String::New(info.Env(), text.data(), text.size());
}

Napi::Value ModelObject::plan(const Napi::CallbackInfo& info) {
  if (!info[0].IsArray()) fail(Code::request_invalid, "plan: expected a list of requests");
  const Model& model = *open();
  const auto list = info[0].As<Napi::Array>();
  std::vector<RunRequest> requests;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value one = list.Get(i);
    if (!one.IsObject()) fail(Code::request_invalid, "plan: expected a list of requests");
    requests.push_back(parse_request(one.As<Napi::Object>(), model.weights().hyper));
  }
  return Napi::String::New(info.Env(), to_json(model.plan(requests)).dump());
}

Napi::Value ModelObject::check_fits(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) fail(Code::request_invalid, "checkFits: expected a request");
  const Model& model = *open();
  model.check_fits(parse_request(info[0].As<Napi::Object>(), model.weights().hyper));
  return info.Env().Undefined();
}

Napi::Value ModelObject::run(const Napi::CallbackInfo& info) {
  if (info.Length() < 2 || !info[0].IsObject() || !info[1].IsFunction()) fail(Code::request_invalid, "run: expected (request, wake)");
  Model& model = *open();
  RunRequest request = parse_request(info[0].As<Napi::Object>(), model.weights().hyper);
  if (info.Length() > 2 && !info[2].IsUndefined()) {
    const auto state = bytes_of(info[2], "state");
    if (state.empty()) fail(Code::request_invalid, "state: expected bytes, got none");
    request.state.assign(state.begin(), state.end());
    if (info.Length() > 3 && !info[3].IsUndefined()) request.resume = resume_named(info[3].ToString());
  }
  return RunObject::start(info.Env(), model, std::move(request), info[1].As<Napi::Function>());
}

Napi::Value ModelObject::preview_table(const Napi::CallbackInfo& info) {
  return start_job(info.Env(), info.Env().Undefined(), [model = open()](auto&, auto& cancel) {
    return [table = dimoo::preview_table(*model, cancel.get())](Napi::Env env) -> Napi::Value {
      return typed_array<Napi::Uint8Array>(env, table);
    };
  });
}

Napi::Value ModelObject::encode_vq(const Napi::CallbackInfo& info) {
  const auto bytes = bytes_of(info[0], "pixels");
  const int64_t width = info[1].ToNumber().Int64Value(), height = info[2].ToNumber().Int64Value();
  return start_job(info.Env(), info.Env().Undefined(),
                   [model = open(), rgb = std::vector(bytes.begin(), bytes.end()), width, height](auto&, auto& cancel) {
                     return [codes = model->encode(rgb, width, height, cancel.get())](Napi::Env env) -> Napi::Value {
                       return typed_array<Napi::Int32Array>(env, codes);
                     };
                   });
}

Napi::Value ModelObject::decode_vq(const Napi::CallbackInfo& info) {
  const int64_t rows = info[1].ToNumber().Int64Value(), columns = info[2].ToNumber().Int64Value();
  return start_job(info.Env(), info.Env().Undefined(),
                   [model = open(), codes = ints_of(info[0], "tokens"), rows, columns](auto&, auto& cancel) {
                     return [rgb = model->decode(codes, rows, columns, cancel.get())](Napi::Env env) -> Napi::Value {
                       return typed_array<Napi::Uint8Array>(env, rgb);
                     };
                   });
}

Napi::Value ModelObject::stats(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), stats_json(*open()).dump()); }

Napi::Value ModelObject::close(const Napi::CallbackInfo& info) {
  return start_job(info.Env(), info.Env().Undefined(), [model = std::move(model_)](auto&, auto&) mutable {
    if (model) model->close();
    model.reset();
    return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
  });
}

}  // namespace dimoo::napi

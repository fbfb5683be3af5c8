// Under ten lines a method: convert, call, wrap.
#include "napi/model_object.h"

#include <system_error>

#include "jobs/previews.h"
#include "napi/job.h"
#include "napi/reports.h"
#include "napi/request.h"
#include "napi/run_object.h"
#include "napi/values.h"

namespace dimoo::napi {

Napi::Function ModelObject::define(Napi::Env env) {
  return DefineClass(env, "NativeModel",
                     {InstanceMethod<&ModelObject::info>("info"), InstanceMethod<&ModelObject::tokenizer_json>("tokenizerJson"),
                      InstanceMethod<&ModelObject::run>("run"), InstanceMethod<&ModelObject::encode_vq>("encodeVq"),
                      InstanceMethod<&ModelObject::decode_vq>("decodeVq"), InstanceMethod<&ModelObject::preview_table>("previewTable"),
                      InstanceMethod<&ModelObject::stats>("stats"), InstanceMethod<&ModelObject::close>("close")});
}

ModelObject::ModelObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelObject>(info) {
  model_ = std::move(AddonData::of(info.Env()).model_to_wrap);
  if (!model_) throw Napi::TypeError::New(info.Env(), "NativeModel is made by load");
}

ModelObject::~ModelObject() {
  if (!model_) return;
  const auto held = std::make_shared<std::shared_ptr<Model>>(std::move(model_));
  try {
    std::thread([held] { held->reset(); }).detach();
  } catch (const std::system_error&) {
    held->reset();  // no thread to be had
  }
}

Napi::Value ModelObject::wrap(Napi::Env env, std::shared_ptr<Model> model) {
  AddonData& data = AddonData::of(env);
  data.model_to_wrap = std::move(model);
  return data.model_class.New({});
}

const std::shared_ptr<Model>& ModelObject::open() const {
  if (!model_) fail(Code::disposed, "the model was closed");
  return model_;
}

Napi::Value ModelObject::info(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return Napi::String::New(info.Env(), info_json(*open()).dump()); });
}

Napi::Value ModelObject::tokenizer_json(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const std::string_view text = open()->weights().source->tokenizer_json();
    return Napi::String::New(info.Env(), text.data(), text.size());
  });
}

Napi::Value ModelObject::run(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    if (info.Length() < 2 || !info[0].IsObject() || !info[1].IsFunction()) fail(Code::request_invalid, "run: expected (request, wake)");
    Model& model = *open();
    RunRequest request = parse_request(info[0].As<Napi::Object>(), model.weights().hyper);
    if (info.Length() > 2 && !info[2].IsUndefined()) {
      const auto state = bytes_of(info[2], "state");
      if (state.empty()) fail(Code::request_invalid, "state: expected bytes, got none");
      request.state.assign(state.begin(), state.end());
    }
    return RunObject::start(info.Env(), model, std::move(request), info[1].As<Napi::Function>());
  });
}

Napi::Value ModelObject::preview_table(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return start_job(info.Env(), info.Env().Undefined(), [model = open()](auto&, auto& cancel) {
      return [table = dimoo::preview_table(*model, cancel.get())](Napi::Env env) -> Napi::Value {
        return typed_array<Napi::Uint8Array>(env, table);
      };
    });
  });
}

Napi::Value ModelObject::encode_vq(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const auto bytes = bytes_of(info[0], "pixels");
    const int64_t width = info[1].ToNumber().Int64Value(), height = info[2].ToNumber().Int64Value();
    return start_job(info.Env(), info.Env().Undefined(),
                     [model = open(), rgb = std::vector(bytes.begin(), bytes.end()), width, height](auto&, auto& cancel) {
                       return [codes = model->encode(rgb, width, height, cancel.get())](Napi::Env env) -> Napi::Value {
                         return typed_array<Napi::Int32Array>(env, codes);
                       };
                     });
  });
}

Napi::Value ModelObject::decode_vq(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const int64_t rows = info[1].ToNumber().Int64Value(), columns = info[2].ToNumber().Int64Value();
    return start_job(info.Env(), info.Env().Undefined(),
                     [model = open(), codes = ints_of(info[0], "tokens"), rows, columns](auto&, auto& cancel) {
                       return [rgb = model->decode(codes, rows, columns, cancel.get())](Napi::Env env) -> Napi::Value {
                         return typed_array<Napi::Uint8Array>(env, rgb);
                       };
                     });
  });
}

Napi::Value ModelObject::stats(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return Napi::String::New(info.Env(), stats_json(*open()).dump()); });
}

Napi::Value ModelObject::close(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return start_job(info.Env(), info.Env().Undefined(), [model = std::move(model_)](auto&, auto&) mutable {
      if (model) model->close();
      model.reset();
      return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
    });
  });
}

}  // namespace dimoo::napi

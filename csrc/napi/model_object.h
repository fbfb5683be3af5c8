// NativeModel of lib/native/binding.ts. Closing, and what destroys a model, happens on threads of their own: it waits for the engine.
#pragma once
#include "napi/addon_data.h"

namespace dimoo::napi {

class ModelObject : public Napi::ObjectWrap<ModelObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ModelObject(const Napi::CallbackInfo& info);
  ~ModelObject() override;
  static Napi::Value wrap(Napi::Env env, std::shared_ptr<Model> model);

 private:
  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value tokenizer_json(const Napi::CallbackInfo& info);
  Napi::Value plan(const Napi::CallbackInfo& info);
  Napi::Value check_fits(const Napi::CallbackInfo& info);
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value encode_vq(const Napi::CallbackInfo& info);
  Napi::Value decode_vq(const Napi::CallbackInfo& info);
  Napi::Value preview_table(const Napi::CallbackInfo& info);
  Napi::Value stats(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  const std::shared_ptr<Model>& open() const;

  std::shared_ptr<Model> model_;
};

}  // namespace dimoo::napi

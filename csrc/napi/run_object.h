// NativeRun of lib/native/binding.ts. Collected or cancelled, its run stops.
#pragma once
#include "napi/addon_data.h"

namespace dimoo::napi {

class RunObject : public Napi::ObjectWrap<RunObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit RunObject(const Napi::CallbackInfo& info);
  ~RunObject() override;
  /// Starts a run of `model` and wraps it.
  static Napi::Value start(Napi::Env env, Model& model, RunRequest request, Napi::Function wake);

 private:
  struct Link;  // shared with the doorbell's calls, so that a collected object is noticed
  Napi::Value next(const Napi::CallbackInfo& info);
  Napi::Value outcome(const Napi::CallbackInfo& info);
  Napi::Value state(const Napi::CallbackInfo& info);
  Napi::Value id(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value pause(const Napi::CallbackInfo& info);
  Napi::Value go_on(const Napi::CallbackInfo& info);
  Napi::Value remask(const Napi::CallbackInfo& info);
  Napi::Value snapshot(const Napi::CallbackInfo& info);
  void wait(Napi::Env env);
  void woken(Napi::Env env);

  std::shared_ptr<Run> run_;
  std::shared_ptr<Link> link_;
  std::shared_ptr<Doorbell> bell_;
  Napi::FunctionReference wake_;
  bool waiting_ = false;
};

}  // namespace dimoo::napi

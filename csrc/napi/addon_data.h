// What one environment (the main thread or a worker) owns: its doorbell, its jobs' threads and its runs. No statics.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "base/cancel.h"
#include "engine/model.h"
#include "napi/doorbell.h"

namespace dimoo::napi {

struct AddonData {
  std::shared_ptr<Doorbell> bell;
  // V8 calls a class's methods on objects of that class only; such objects are made by us only: their constructors take what is here.
  Napi::FunctionReference model_class, run_class;
  std::shared_ptr<Model> model_to_wrap;
  std::shared_ptr<Run> run_to_wrap;
  struct Worker {
    std::thread thread;
    std::shared_ptr<CancelToken> cancel;
  };
  std::map<uint64_t, Worker> jobs;  // environment's thread only
  std::map<const Run*, std::weak_ptr<Run>> runs;
  uint64_t next_job = 0;

  static AddonData& of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }
  /// The environment goes: nobody is called any more, runs are cancelled, jobs cancelled and awaited.
  void shut_down();
};

/// An object of one of our classes; device/out-of-memory where its constructor, which Node calls, had no memory.
Napi::Object made_by(const Napi::FunctionReference& made);

}  // namespace dimoo::napi

// A job's thread is joined when it has rung for the last time, or by the environment's cleanup.
#include "napi/job.h"

#include <chrono>

#include "base/json.h"
#include "napi/values.h"

namespace dimoo::napi {
namespace {

/// What outlives the call. Its reference is deleted by `finish` on the environment's thread, never by a destructor: the last
/// holder may be the job's thread.
struct Pending {
  Napi::Promise::Deferred deferred;
  Napi::FunctionReference progress;
};

void finish(Napi::Env env, uint64_t id, const std::shared_ptr<Pending>& pending, const Settle& settle, std::exception_ptr error) {
  AddonData& data = AddonData::of(env);
  if (const auto job = data.jobs.find(id); job != data.jobs.end()) {
    job->second.thread.join();  // it has nothing left to do
    data.jobs.erase(job);
  }
  data.bell->release(env);
  pending->progress.Reset();
  try {
    if (error)
      pending->deferred.Reject(to_js(env, error).Value());
    else
      pending->deferred.Resolve(settle(env));
  } catch (const Napi::Error& thrown) {
    pending->deferred.Reject(thrown.Value());
  } catch (...) {
    pending->deferred.Reject(to_js(env, std::current_exception()).Value());
  }
}

Progress make_progress(const std::shared_ptr<Doorbell>& bell, const std::shared_ptr<Pending>& pending, bool heard) {
  if (!heard) return {};
  static constexpr std::chrono::milliseconds kEvery{50};
  return [bell, pending, last = std::chrono::steady_clock::time_point{}](const char* phase, int64_t done, int64_t total) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < kEvery && done < total) return;
    last = now;
    Json json(Json::Object{});
    const std::string text = json.set("phase", phase).set("done", done).set("total", total).dump();
    bell->ring([pending, text](Napi::Env env) {
      try {
        pending->progress.Call({Napi::String::New(env, text)});
      } catch (const Napi::Error& error) {
        Doorbell::report(env, error);
      }
    });
  };
}

}  // namespace

Napi::Value start_job(Napi::Env env, Napi::Value progress, Work work) {
  AddonData& data = AddonData::of(env);
  const uint64_t id = data.next_job++;
  auto pending = std::make_shared<Pending>(Pending{Napi::Promise::Deferred::New(env), {}});
  pending->progress.SuppressDestruct();
  if (progress.IsFunction()) pending->progress.Reset(progress.As<Napi::Function>(), 1);
  auto cancel = std::make_shared<CancelToken>();
  Progress report = make_progress(data.bell, pending, progress.IsFunction());
  std::thread thread([bell = data.bell, id, pending, cancel, work = std::move(work), report = std::move(report)]() mutable {
    Settle settle;
    std::exception_ptr error;
    try {
      settle = work(report, cancel);
    } catch (...) {
      error = std::current_exception();
    }
    report = {};
    bell->ring(
        [id, pending = std::move(pending), settle = std::move(settle), error](Napi::Env e) { finish(e, id, pending, settle, error); });
  });
  data.bell->hold(env);
  data.jobs.emplace(id, AddonData::Worker{std::move(thread), cancel});
  Napi::Object job = Napi::Object::New(env);
  job.Set("promise", pending->deferred.Promise());
  job.Set("cancel", Napi::Function::New(env, [cancel](const Napi::CallbackInfo&) { cancel->cancel(); }));
  return job;
}

}  // namespace dimoo::napi

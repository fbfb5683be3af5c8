// A job's thread is joined when it has rung for the last time, or by the environment's cleanup. Everything that its end needs was made
// before it began.
#include "napi/job.h"

#include <chrono>

#include "base/json.h"
#include "napi/entry.h"

namespace dimoo::napi {
namespace {

/// What outlives the call. Its references are deleted by `answer` on the environment's thread, never by a destructor: the last holder
/// may be the job's thread.
struct Job : Rope {
  uint64_t id = 0;
  Napi::Promise::Deferred deferred;
  Napi::FunctionReference listener;
  Work work;
  Settle settle;
  std::exception_ptr error;
  std::shared_ptr<CancelToken> cancel = std::make_shared<CancelToken>();

  explicit Job(Napi::Env env) : deferred(env) { listener.SuppressDestruct(); }
  void answer(Napi::Env env) override;
};

/// The last report that nobody has heard yet.
struct Report : Rope {
  std::shared_ptr<Job> job;
  std::mutex mutex;
  const char* phase = "";
  int64_t done = 0, total = 0;

  void answer(Napi::Env env) override;
};

void Job::answer(Napi::Env env) {
  AddonData& data = AddonData::of(env);
  if (const auto job = data.jobs.find(id); job != data.jobs.end()) {
    job->second.thread.join();  // it has nothing left to do
    data.jobs.erase(job);
  }
  data.bell->release(env);
  listener.Reset();
  if (!error) {
    try {
      return deferred.Resolve(settle(env));
    } catch (const Napi::Error& thrown) {
      return deferred.Reject(thrown.Value());
    } catch (...) {
      error = std::current_exception();
    }
  }
  deferred.Reject(error_value(env, error_of(error)));
}

void Report::answer(Napi::Env env) {
  if (job->listener.IsEmpty()) return;  // the job has ended
  Json json(Json::Object{});
  {
    std::lock_guard lock(mutex);
    json.set("phase", phase).set("done", done).set("total", total);
  }
  job->listener.Call({Napi::String::New(env, json.dump())});
}

Progress progress_of(const std::shared_ptr<Doorbell>& bell, const std::shared_ptr<Job>& job) {
  static constexpr std::chrono::milliseconds kEvery{50};
  const auto report = std::make_shared<Report>();
  report->job = job;
  return [bell, report, last = std::chrono::steady_clock::time_point{}](const char* phase, int64_t done, int64_t total) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < kEvery && done < total) return;
    last = now;
    {
      std::lock_guard lock(report->mutex);
      report->phase = phase, report->done = done, report->total = total;
    }
    bell->pull(report);
  };
}

void run(Job& job, Progress progress) noexcept {
  try {
    job.settle = job.work(progress, job.cancel);
  } catch (...) {
    job.error = std::current_exception();
  }
  job.work = {};  // what it holds goes here
}

}  // namespace

Napi::Value start_job(Napi::Env env, Napi::Value progress, Work work) {
  AddonData& data = AddonData::of(env);
  const auto job = std::make_shared<Job>(env);
  job->id = data.next_job++;
  job->work = std::move(work);
  Napi::Object handle = Napi::Object::New(env);
  handle.Set("promise", job->deferred.Promise());
  handle.Set("cancel", Napi::Function::New(env, [cancel = job->cancel](const Napi::CallbackInfo&) { cancel->cancel(); }));
  if (progress.IsFunction()) job->listener.Reset(progress.As<Napi::Function>(), 1);
  Progress report = progress.IsFunction() ? progress_of(data.bell, job) : Progress();
  const auto place = data.jobs.emplace(job->id, AddonData::Worker{{}, job->cancel}).first;
  try {
    place->second.thread = std::thread([bell = data.bell, job, report = std::move(report)]() mutable {
      run(*job, std::move(report));
      bell->pull(job);
    });
  } catch (...) {
    data.jobs.erase(place);
    job->listener.Reset();
    throw;
  }
  data.bell->hold(env);
  return handle;
}

}  // namespace dimoo::napi

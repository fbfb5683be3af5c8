// Binding of lib/native/binding.ts: the module's exports and the environment's end.
#include <napi.h>

#include "engine/bench.h"
#include "engine/convert.h"
#include "engine/inspect.h"
#include "engine/reports.h"
#include "engine/synth.h"
#include "napi/image_jobs.h"
#include "napi/job.h"
#include "napi/model_object.h"
#include "napi/run_object.h"
#include "napi/values.h"

namespace dimoo::napi {

void AddonData::shut_down() {
  bell->close();
  for (auto& [key, weak] : runs)
    if (const auto run = weak.lock()) run->cancel();
  for (auto& [id, job] : jobs) job.cancel->cancel();
  for (auto& [id, job] : jobs) job.thread.join();
  jobs.clear();
}

namespace {

using JobBody = Json (*)(const Json& options, const Progress& progress, const CancelToken& cancel);

JobBody find_job(const std::string& name) {
  static constexpr struct {
    const char* name;
    JobBody body;
  } kJobs[] = {
      {"convert", convert},
      {"synth", synth},
      {"inspect", inspect},
      {"bench", bench},
      {"devices", [](const Json&, const Progress&, const CancelToken&) { return devices_report(); }},
      {"plan", [](const Json& options, const Progress&, const CancelToken&) { return plan_report(options); }},
      {"doctor", [](const Json& options, const Progress&, const CancelToken& cancel) { return doctor_report(options, cancel); }},
  };
  for (const auto& job : kJobs)
    if (name == job.name) return job.body;
  fail(Code::request_invalid, "job: expected convert, synth, inspect, bench, devices, plan or doctor, got ", name);
}

Json parse_options(const Napi::Value& value) {
  if (!value.IsString()) fail(Code::request_invalid, "options: expected JSON text");
  return Json::parse(std::string(value.As<Napi::String>()), "options", Code::request_invalid);
}

Napi::Value job(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const JobBody body = find_job(info[0].ToString());
    return start_job(info.Env(), info[2], [body, options = parse_options(info[1])](const Progress& progress, const auto& cancel) {
      return [text = body(options, progress, *cancel).dump()](Napi::Env env) -> Napi::Value { return Napi::String::New(env, text); };
    });
  });
}

Napi::Value load(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return start_job(info.Env(), info[1], [options = parse_options(info[0])](const Progress& progress, const auto& cancel) {
      if (progress) progress("open", 0, 1);
      auto model = std::make_shared<Model>(parse_load_options(options), progress, cancel.get());
      cancel->check();
      if (progress) progress("read", 1, 1);
      return [model = std::move(model)](Napi::Env env) -> Napi::Value { return ModelObject::wrap(env, model); };
    });
  });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData;
  env.SetInstanceData(data);
  data->bell = Doorbell::make(env);
  // Hooks run last in, first out: this one comes before the thread-safe function's own.
  env.AddCleanupHook([](AddonData* d) { d->shut_down(); }, data);
  const Napi::Function model_class = ModelObject::define(env), run_class = RunObject::define(env);
  data->model_class = Napi::Persistent(model_class);
  data->run_class = Napi::Persistent(run_class);
  exports.Set("version", DIMOO_VERSION);
  exports.Set("build", build_report(DIMOO_COMPILER, DIMOO_SANITIZER).dump());
  exports.Set("job", Napi::Function::New<job>(env, "job"));
  exports.Set("load", Napi::Function::New<load>(env, "load"));
  export_image_jobs(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(dimoo, init)

}  // namespace dimoo::napi

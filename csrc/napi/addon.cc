// Binding of lib/native/binding.ts: the module's exports and the environment's end.
#include <napi.h>

#include "base/machine.h"
#include "napi/entry.h"
#include "napi/image_jobs.h"
#include "napi/job.h"
#include "napi/job_options.h"
#include "napi/model_object.h"
#include "napi/reports.h"
#include "napi/run_object.h"

namespace dimoo::napi {

void AddonData::shut_down() {
  bell->close();
  for (auto& [key, weak] : runs)
    if (const auto run = weak.lock()) run->cancel();
  for (auto& [id, job] : jobs) job.cancel->cancel();
  for (auto& [id, job] : jobs) job.thread.join();
  jobs.clear();
}

Napi::Object made_by(const Napi::FunctionReference& made) {
  try {
    return made.New({});
  } catch (const Napi::Error& error) {
    AddonData& data = AddonData::of(made.Env());
    data.model_to_wrap.reset(), data.run_to_wrap.reset();
    if (error.Value().Has("code")) throw;
    throw Error::constant(Code::device_out_of_memory, "the process has no memory left");
  }
}

namespace {

/// A job from its options, JSON, to its report. Options are read at once, so that bad ones throw where the job is asked for.
using JobBody = std::function<Json(const Progress& progress, const CancelToken& cancel)>;

JobBody find_job(const std::string& name, const Json& options) {
  if (name == "convert")
    return [o = convert_options(options)](auto& progress, auto& cancel) { return to_json(convert(o, progress, cancel)); };
  if (name == "export")
    return [o = export_options(options)](auto& progress, auto& cancel) { return to_json(export_folder(o, progress, cancel)); };
  if (name == "synth") return [o = synth_options(options)](auto& progress, auto& cancel) { return to_json(synth(o, progress, cancel)); };
  if (name == "inspect")
    return [o = inspect_options(options)](auto& progress, auto& cancel) { return to_json(inspect(o, progress, cancel)); };
  if (name == "bench") return [o = bench_options(options)](auto& progress, auto& cancel) { return to_json(bench(o, progress, cancel)); };
  if (name == "devices") return [](auto&, auto&) { return to_json(list_devices()); };
  if (name == "doctor") return [o = doctor_options(options)](auto&, auto& cancel) { return to_json(doctor(o, cancel)); };
  if (name == "speed") return [o = speed_options(options)](auto&, auto& cancel) { return to_json(speed(o, cancel)); };
  fail(Code::request_invalid, "job: expected convert, export, synth, inspect, bench, devices, doctor or speed, got ", name);
}

Json parse_options(const Napi::Value& value) {
  if (!value.IsString()) fail(Code::request_invalid, "options: expected JSON text");
  return Json::parse(std::string(value.As<Napi::String>()), "options", Code::request_invalid);
}

Napi::Value job(const Napi::CallbackInfo& info) {
  const std::string name = info[0].ToString();
  return start_job(info.Env(), info[2], [body = find_job(name, parse_options(info[1]))](const Progress& progress, const auto& cancel) {
    return [text = body(progress, *cancel).dump()](Napi::Env env) -> Napi::Value { return Napi::String::New(env, text); };
  });
}

Napi::Value load(const Napi::CallbackInfo& info) {
  const Json options = parse_options(info[0]);
  return start_job(
      info.Env(), info[1], [load = load_options(options), verify = verify_option(options)](const Progress& progress, const auto& cancel) {
        return
            [model = load_model(load, verify, progress, *cancel)](Napi::Env env) -> Napi::Value { return ModelObject::wrap(env, model); };
      });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  stay_loaded();
  auto* data = new AddonData;
  env.SetInstanceData(data);
  data->bell = Doorbell::make(env);
  // Hooks run last in, first out: this one comes before the thread-safe function's own.
  env.AddCleanupHook([](AddonData* d) { d->shut_down(); }, data);
  const Napi::Function model_class = ModelObject::define(env), run_class = RunObject::define(env);
  data->model_class = Napi::Persistent(model_class);
  data->run_class = Napi::Persistent(run_class);
  exports.Set("version", DIMOO_VERSION);
  exports.Set("build", build_json(DIMOO_COMPILER, DIMOO_SANITIZER).dump());
  export_function<job>(exports, "job");
  export_function<load>(exports, "load");
  export_image_jobs(exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(dimoo, init)

}  // namespace dimoo::napi

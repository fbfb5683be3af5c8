// All kinds of runs at once, and jobs on checkpoints between them, while one allocation in so many fails, wherever it is, for
// DIMOO_SOAK_SECONDS (10), one in DIMOO_SOAK_ONE_IN (300). Every run must end, right or with device/out-of-memory, and afterwards
// everything be as ever. Meant for a build with -DDIMOO_SANITIZE=address,undefined, which finds what is used after it is freed, never
// freed, or half made. Prints one JSON object; fails where anything was wrong.
#include "base/json.h"
#include "jobs/convert.h"
#include "jobs/export.h"
#include "jobs/inspect.h"
#include "jobs/load.h"
#include "jobs/synth.h"
#include "test/native/failing_new.h"
#include "test/native/task_requests.h"
#include "test/native/temporary.h"

using namespace engine_fixture;
using namespace failing_new;

namespace {

struct Count {
  int64_t done = 0, failed = 0, aborted = 0, refused = 0, resumed = 0, tasks = 0, jobs = 0, jobs_done = 0, wrong = 0, failures = 0;
  std::string first_wrong;
  void note(std::string what) {
    if (wrong++ == 0) first_wrong = std::move(what);
  }
};

std::vector<RunRequest> requests(const Model& model) {
  std::vector<RunRequest> all{request_for(model, 1, 6), cached(request_for(model, 2, 6)), answer_for(model, 3, 16, 8, 8, true),
                              three_branches(sized(model, 4, 3, 5, 4)), answer_for(model, 5, 8, 4, 4)};
  all[1].seeds = {2, 5};
  all[4].reuse = prefix_reuse();
  for (RunRequest& request : all) request.delivery = Delivery::all, request.buffer = 64;
  return all;
}

std::vector<int32_t> tokens_of(const Outcome& outcome) {
  std::vector<int32_t> all = outcome.answer;
  for (const DecodedPicture& picture : outcome.pictures) all.insert(all.end(), picture.tokens.begin(), picture.tokens.end());
  return all;
}

/// What an allocation of this thread may fail in. False where one did.
template <class Act>
bool tried(Count& count, Act act) {
  is_caller = true;
  try {
    act();
    is_caller = false;
    return true;
  } catch (const std::bad_alloc&) {
    is_caller = false;
  } catch (const Error& error) {
    is_caller = false;
    const Code code = error.code();
    if (code != Code::device_out_of_memory && code != Code::request_invalid) count.note(std::string(error.text()));
  }
  count.refused++;
  return false;
}

ConvertOptions converting(const std::string& output) {
  ConvertOptions options;
  options.source = golden::path("checkpoint"), options.output = output;
  options.types = TypeRules::make("q8_0", ""), options.preview = false;
  return options;
}

/// A job that reads or writes a checkpoint. What it leaves behind where it fails goes with the folder.
void job(uint64_t number, const std::string& gguf, const TemporaryFolder& folder, Count& count) {
  count.jobs++;
  count.jobs_done += tried(count, [&] {
    const std::string out = folder.at("out");
    switch (number % 5) {
      case 0: convert(converting(out), {}, {}); break;
      case 1: inspect({gguf, true}, {}, {}); break;
      case 2: load_model(options_for(), Verify::full, {}, {}); break;
      case 3: {
        ExportOptions options;
        options.source = gguf, options.output = out;
        export_folder(options, {}, {});
        break;
      }
      default: {
        SynthOptions options;
        options.shape = "tiny", options.output = out, options.types = TypeRules::make("f32", "");
        synth(options, {}, {});
      }
    }
  });
}

void ended(Count& count, const Outcome& outcome, const std::vector<int32_t>& expected) {
  if (outcome.state == RunState::aborted) {
    count.aborted++;
  } else if (outcome.state == RunState::failed) {
    count.failed++;
    if (outcome.error->code() != Code::device_out_of_memory) count.note(std::string(outcome.error->text()));
  } else {
    count.done++;
    if (tokens_of(outcome) != expected) count.note("a run with other tokens");
  }
}

/// One round: all requests at once, some of them written down and gone on with, remasked, paused or cancelled.
void round(Model& model, const std::vector<std::vector<int32_t>>& expected, const std::string& gguf, uint64_t number, int64_t every,
           Count& count) {
  std::vector<RunRequest> asked = requests(model);
  std::vector<std::unique_ptr<Reader>> readers(asked.size());
  std::vector<std::optional<Snapshot>> written(asked.size());
  const TemporaryFolder folder;
  {
    const Fails fails(static_cast<int64_t>(number % static_cast<uint64_t>(every)), every, number % 2 == 1);
    for (size_t i = 0; i < asked.size(); i++) tried(count, [&] { readers[i] = std::make_unique<Reader>(model, asked[i]); });
    const size_t chosen = number % asked.size();
    if (readers[chosen]) {
      Run& run = *readers[chosen]->run;
      if (number % 3 == 0) run.pause(), run.go_on();
      for (int tries = 0; number % 3 == 1 && tries < 200 && !run.ended() && !written[chosen]; tries++) {
        if (!tried(count, [&] { written[chosen] = run.snapshot(); })) break;
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
      if (number % 7 == 0) run.cancel();
    }
    if (number % 5 == 0) {
      count.tasks++;
      tried(count, [&] { model.decode(expected[0], kSide, kSide, nullptr); });
    }
    if (number % 3 == 0) job(number / 3, gguf, folder, count);
    if (number % 11 == 0) tried(count, [&] { const Model other(options_for()); });
    for (const auto& reader : readers)
      if (reader) reader->end();
    count.failures += fails.failed();
  }
  // Looked at with all the memory there is: this thread's own allocations are not what is tried.
  for (size_t i = 0; i < asked.size(); i++)
    if (readers[i]) ended(count, readers[i]->end(), expected[i]);
  for (size_t i = 0; i < asked.size(); i++) {
    if (!written[i]) continue;
    asked[i].state = written[i]->state;
    count.resumed++;
    if (tokens_of(Reader(model, asked[i]).end()) != expected[i]) count.note("a resumed run with other tokens");
  }
}

int64_t setting(const char* name, int64_t fallback) {
  const char* text = std::getenv(name);
  return text ? std::atoll(text) : fallback;
}

}  // namespace

TEST(runs_live_while_allocations_fail) {
  const auto seconds = static_cast<double>(setting("DIMOO_SOAK_SECONDS", 10));
  const int64_t every = setting("DIMOO_SOAK_ONE_IN", 300);
  Count count;
  Model model(options_for());
  const auto all = [&] {
    std::vector<std::vector<int32_t>> tokens;
    for (RunRequest& request : requests(model)) tokens.push_back(tokens_of(Reader(model, std::move(request)).end()));
    return tokens;
  };
  const auto expected = all();
  const TemporaryFolder folder;
  const std::string gguf = folder.at("golden.gguf");
  convert(converting(gguf), {}, {});
  const std::string bytes = read_file(gguf);
  const auto start = std::chrono::steady_clock::now();
  const auto spent = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  uint64_t number = 0;
  for (; spent() < seconds; number++) {
    round(model, expected, gguf, number, every, count);
    if (number % 50 != 49) continue;
    if (all() != expected) count.note("other tokens with all the memory there is");
    const std::string again = folder.at("again.gguf");
    convert(converting(again), {}, {});
    if (read_file(again) != bytes) count.note("a converted file of other bytes with all the memory there is");
    std::filesystem::remove(again);
  }
  const EngineStats stats = model.stats();
  if (stats.running + stats.queued + stats.paused > 0) count.note("runs that have not ended");
  Json json(Json::Object{});
  json.set("seconds", spent()).set("oneIn", every).set("rounds", static_cast<int64_t>(number)).set("done", count.done);
  json.set("outOfMemory", count.failed).set("aborted", count.aborted).set("refused", count.refused).set("resumed", count.resumed);
  json.set("decodes", count.tasks)
      .set("jobs", count.jobs)
      .set("jobsDone", count.jobs_done)
      .set("failedAllocations", count.failures)
      .set("wrong", count.wrong);
  if (count.wrong > 0) json.set("firstWrong", count.first_wrong);
  std::printf("%s\n", json.dump().c_str());
  CHECK_EQ(count.wrong, 0);
}

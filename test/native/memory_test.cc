// Allocations that fail, one after another: whichever it is, on the engine's thread, a worker's or the caller's, every run ends, right or
// with device/out-of-memory, nothing hangs, and afterwards everything is as ever. This program's own operator new does it.
#include "test/native/failing_new.h"
#include "test/native/task_requests.h"

using namespace engine_fixture;
using namespace failing_new;

namespace {

std::vector<RunRequest> requests(const Model& model) {
  std::vector<RunRequest> all{request_for(model, 1), cached(request_for(model, 2, 6)), answer_for(model, 3, 8, 4, 4)};
  all[1].seeds = {2, 5};
  all[2].reuse = prefix_reuse();
  for (RunRequest& request : all) request.delivery = Delivery::all, request.buffer = 64;
  return all;
}

std::vector<int32_t> tokens_of(const Outcome& outcome) {
  std::vector<int32_t> all = outcome.answer;
  for (const DecodedPicture& picture : outcome.pictures) all.insert(all.end(), picture.tokens.begin(), picture.tokens.end());
  return all;
}

void ended_well(const Outcome& outcome, const std::vector<int32_t>& expected, int64_t nth) {
  if (outcome.state == RunState::done && tokens_of(outcome) == expected) return;
  if (outcome.state == RunState::failed && outcome.error->code() == Code::device_out_of_memory) return;
  check::failed(__FILE__, __LINE__, "allocation ", nth, ": ", run_state_name(outcome.state), " ",
                outcome.error ? outcome.error->text() : "with other tokens");
}

constexpr int64_t kNever = INT64_MAX;

/// All of them at once, while allocations fail. How many did, or where none was to fail: how many there were.
int64_t run_all(Model& model, const std::vector<std::vector<int32_t>>& expected, int64_t nth, int64_t every, bool callers) {
  std::vector<std::unique_ptr<Reader>> readers;
  std::vector<RunRequest> asked = requests(model);
  readers.reserve(asked.size());  // the test's own memory is there before any is refused
  int64_t failed = 0;
  {
    const Fails fails(nth, every, callers);
    for (RunRequest& request : asked) {
      is_caller = true;
      try {
        auto reader = std::make_unique<Reader>(model, std::move(request));
        is_caller = false;
        readers.push_back(std::move(reader));
      } catch (const std::bad_alloc&) {
        readers.push_back(nullptr);
      }
      is_caller = false;
    }
    for (const auto& reader : readers)
      if (reader) reader->end();
    failed = nth == kNever ? kNever - failing.left : fails.failed();
  }
  for (size_t i = 0; i < readers.size(); i++)
    if (readers[i]) ended_well(readers[i]->end(), expected[i], nth);
  return failed;
}

std::vector<std::vector<int32_t>> expected_of(Model& model) {
  std::vector<std::vector<int32_t>> all;
  for (RunRequest& request : requests(model)) all.push_back(tokens_of(Reader(model, std::move(request)).end()));
  return all;
}

void check_sane(Model& model, const std::vector<std::vector<int32_t>>& expected) {
  CHECK(expected_of(model) == expected);
  CHECK_EQ(model.stats().running + model.stats().queued + model.stats().paused, 0);
}

/// Allocations all over a run's life, so many of them, fail one at a time.
void any_one_may_fail(bool callers, int64_t places) {
  Model model(options_for());
  const auto expected = expected_of(model);
  const int64_t all = run_all(model, expected, kNever, 0, callers);
  CHECK(all > places);
  int64_t failures = 0;
  for (int64_t place = 0; place < places; place++) failures += run_all(model, expected, all * place / places, 0, callers);
  CHECK(failures > places / 2);  // the engine's own are never quite as many
  check_sane(model, expected);
}

}  // namespace

TEST(any_one_allocation_of_the_engines_threads_may_fail) { any_one_may_fail(false, check::sanitized() ? 30 : 150); }

TEST(any_one_allocation_of_whoever_starts_a_run_may_fail) { any_one_may_fail(true, check::sanitized() ? 30 : 150); }

TEST(many_allocations_may_fail) {
  Model model(options_for());
  const auto expected = expected_of(model);
  for (const int64_t every : {3, 17, 101, 300})
    for (int64_t nth = 0; nth < every * 3; nth += every) CHECK(run_all(model, expected, nth, every, false) > 0);
  check_sane(model, expected);
}

/// The caller's three wishes between two steps, each heard or refused for want of memory.
void pause_remask_and_write_down(Run& run) {
  const auto wish = [](auto ask) {
    try {
      return ask();
    } catch (const std::bad_alloc&) {
    } catch (const Error& error) {
      CHECK(error.code() == Code::device_out_of_memory || error.code() == Code::request_invalid);  // the run may have failed
    }
    return true;
  };
  run.pause();
  wish([&] {
    run.remask(0, {0, 1, 2, 3});
    return true;
  });
  for (int tries = 0; tries < 1000 && !run.ended(); tries++) {
    if (wish([&] { return run.snapshot().has_value(); })) break;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  run.go_on();
}

TEST(pausing_remasking_and_writing_down_may_fail) {
  Model model(options_for());
  const auto expected = alone(model, 1, 8);
  for (int64_t nth = 0; nth < 40; nth++)
    for (const bool callers : {false, true}) {
      RunRequest request = cached(request_for(model, 1, 8));
      request.delivery = Delivery::all;
      Reader reader(model, request);
      reader.step();
      is_caller = true;
      {
        const Fails fails(nth, 0, callers);
        pause_remask_and_write_down(*reader.run);
      }
      is_caller = false;
      reader.run->cancel();
      CHECK(reader.end().state != RunState::done);
    }
  CHECK(alone(model, 1, 8) == expected);
}

TEST(loading_and_the_image_tokenizer_may_fail) {
  Model model(options_for());
  const auto tokens = alone(model, 1);
  const auto pixels = model.decode(tokens, kSide, kSide, nullptr);
  const int64_t side = kSide * model.weights().hyper.vq.scale();
  const auto codes = model.encode(pixels, side, side, nullptr);
  for (int64_t nth = 0; nth < 400; nth += 13)
    for (const bool callers : {false, true}) {
      const Fails fails(nth, 0, callers);
      is_caller = true;
      try {
        const bool same = model.decode(tokens, kSide, kSide, nullptr) == pixels && model.encode(pixels, side, side, nullptr) == codes;
        LoadOptions fast = options_for();
        fast.precision = Precision::fast;
        const Model other(fast);
        is_caller = false;
        CHECK(same);
      } catch (const std::bad_alloc&) {
      } catch (const Error& error) {
        CHECK(error.code() == Code::device_out_of_memory);
      }
      is_caller = false;
    }
  CHECK(model.decode(tokens, kSide, kSide, nullptr) == pixels);
  CHECK(alone(model, 1) == tokens);
}

TEST(a_copy_of_json_that_finds_no_memory_leaves_nothing_behind) {
  const Json json = Json::parse(
      R"({"a": ["a text too long to lie within its string", {"b": [1, 2, 3]}], "c": {"d": "another text of that kind"}})", "test");
  int64_t nth = 0;
  for (bool copied = false; !copied; nth++) {
    const Fails fails(nth, 0, true);
    is_caller = true;
    try {
      const Json copy = json;
      copied = fails.failed() == 0;
    } catch (const std::bad_alloc&) {
    }
    is_caller = false;
  }
  CHECK_EQ(nth, 8);  // seven allocations, then none that fails
}

// The engine without JavaScript: what a run costs, who shares a pass with whom, how runs end, and what is refused.
#include "jobs/load.h"
#include "test/native/engine_fixture.h"
#include "test/native/temporary.h"

using namespace engine_fixture;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// A copy of the golden checkpoint with one value of a tensor that is not finite.
std::string damaged_copy(const TemporaryFolder& folder, const std::string& tensor) {
  const std::string copy = folder.at("damaged");
  std::filesystem::copy(golden::path("checkpoint"), copy, std::filesystem::copy_options::recursive);
  const auto source = Source::open(copy);
  const std::byte* data = source->find(tensor)->data;
  for (const MappedFile& file : source->files()) {
    if (data < file.bytes().data() || data >= file.bytes().data() + file.bytes().size()) continue;
    std::fstream out(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(data - file.bytes().data());
    const std::string nan(static_cast<size_t>(type_info(source->find(tensor)->type).bytes), '\xff');
    out << nan;
  }
  return copy;
}

}  // namespace

TEST(a_run_costs_what_its_plan_says) {
  Model model(options_for());
  RunRequest request = request_for(model, 1);
  const int64_t rows = rows_for(request);
  Reader reader(model, std::move(request));
  const Outcome& outcome = reader.end();
  CHECK(outcome.state == RunState::done);
  CHECK_EQ(outcome.steps, 4);
  CHECK_EQ(outcome.forward_passes, 4);
  CHECK_EQ(outcome.forward_tokens, 4 * rows);
  const DecodedPicture& picture = outcome.pictures.at(0);
  CHECK_EQ(picture.width, kSide * model.weights().hyper.vq.scale());
  CHECK_EQ(static_cast<int64_t>(picture.pixels.size()), picture.width * picture.height * 3);
  CHECK(picture.pixels == model.decode(picture.tokens, kSide, kSide, nullptr));
  CHECK_EQ(model.stats().completed, 1);
  CHECK_EQ(model.stats().running, 0);
}

TEST(ready_runs_share_a_pass_and_keep_their_results) {
  Model model(options_for());
  std::vector<std::vector<int32_t>> expected;
  for (const uint64_t seed : {1, 2, 3, 4}) expected.push_back(alone(model, seed));
  CHECK(expected[0] != expected[1]);
  const int64_t before = model.stats().forward_passes;
  Gate gate(options_for());
  std::vector<std::unique_ptr<Reader>> readers;
  for (const uint64_t seed : {1, 2, 3, 4}) readers.push_back(std::make_unique<Reader>(model, request_for(model, seed)));
  gate.open();
  for (size_t i = 0; i < readers.size(); i++) CHECK(readers[i]->tokens() == expected[i]);
  CHECK_EQ(model.stats().forward_passes - before, 4);
}

TEST(runs_take_turns_within_the_row_budget) {
  LoadOptions options = options_for();
  options.max_rows_per_pass = 1;  // every run is larger: each goes alone
  Model model(options);
  Gate gate(options);
  Reader first(model, request_for(model, 1)), second(model, request_for(model, 2));
  gate.open();
  first.end();
  const StepEvent last = second.step();
  CHECK(last.step >= 2);
  second.end();
  CHECK_EQ(model.stats().forward_passes, 8);
}

TEST(pictures_of_one_run_share_passes_as_far_as_the_budget_goes) {
  LoadOptions options = options_for();
  options.max_rows_per_pass = 2 * rows_for(request_for(Model(options), 0));
  Model model(options);
  RunRequest request = request_for(model, 7);
  request.seeds = {7, 8, 9};
  Reader reader(model, std::move(request));
  const Outcome& outcome = reader.end();
  CHECK_EQ(outcome.forward_passes, 8);  // two pictures, then one, four times
  for (size_t i = 0; i < 3; i++) CHECK(outcome.pictures[i].tokens == alone(model, 7 + i));
}

TEST(cancel_ends_a_run_at_once_and_leaves_its_mates_alone) {
  Model model(options_for());
  const auto expected = alone(model, 2, 8);
  for (int64_t at = 0; at < 8; at++) {
    Gate gate(options_for());
    RunRequest request = request_for(model, 1, 8);
    request.delivery = Delivery::all, request.buffer = 8;
    Reader victim(model, std::move(request)), mate(model, request_for(model, 2, 8));
    gate.open();
    for (int64_t step = 0; step <= at; step++) CHECK_EQ(victim.step().step, step);
    victim.run->cancel();
    CHECK(victim.run->outcome() != nullptr);
    CHECK(mate.tokens() == expected);
  }
}

TEST(a_cancelled_pass_is_abandoned) {
  Model model(options_for());
  Reader reader(model, long_request_for(model, 1));
  reader.step();
  reader.run->cancel();
  CHECK(reader.run->outcome()->state == RunState::aborted);
  const auto start = Clock::now();
  alone(model, 3);
  CHECK(seconds_since(start) < 5);
  CHECK_EQ(model.stats().aborted, 1);
}

TEST(the_queue_is_bounded_and_in_order) {
  LoadOptions options = options_for();
  options.max_active = options.max_queue = 1;
  Model model(options);
  Gate gate(options);
  Reader first(model, long_request_for(model, 1)), second(model, request_for(model, 2));
  CHECK_THROWS(model.start(request_for(model, 3), [] {}), Code::queue_full, "at most 2 runs");
  gate.open();
  first.step();
  CHECK(second.run->state() == RunState::queued);
  CHECK_EQ(model.stats().queued, 1);
  first.run->cancel();
  CHECK(second.end().state == RunState::done);
}

TEST(a_slow_reader_pauses_its_own_run_only) {
  Model model(options_for());
  RunRequest request = request_for(model, 1);
  request.delivery = Delivery::all;
  Reader slow(model, std::move(request));
  CHECK(alone(model, 2) == alone(model, 2));
  CHECK(slow.run->state() == RunState::running);
  CHECK(slow.run->outcome() == nullptr);
  for (int64_t step = 0; step < 4; step++) {
    const StepEvent event = slow.step();
    CHECK_EQ(event.step, step);
    CHECK_EQ(event.skipped, 0);
  }
  CHECK(slow.tokens() == alone(model, 1));
}

TEST(latest_merges_what_was_not_taken) {
  Model model(options_for());
  Reader reader(model, request_for(model, 1));
  const auto tokens = reader.tokens();
  StepEvent event;
  CHECK(reader.run->next(event) == Run::Next::step);
  CHECK_EQ(event.step, 3);
  CHECK_EQ(event.skipped, 3);
  CHECK_EQ(event.masked, 0);
  CHECK(event.tokens == tokens);
  std::vector<uint32_t> cells = event.changed;
  std::sort(cells.begin(), cells.end());
  for (uint32_t cell = 0; cell < kSide * kSide; cell++) CHECK_EQ(cells.at(cell), cell);
  CHECK_EQ(event.confidence.size(), cells.size());
  CHECK(reader.run->next(event) == Run::Next::ended);

  RunRequest request = request_for(model, 1);
  request.delivery = Delivery::none;
  Reader silent(model, std::move(request));
  silent.end();
  CHECK(silent.run->next(event) == Run::Next::ended);
}

TEST(what_does_not_fit_is_refused_before_any_work) {
  LoadOptions options = options_for();
  options.max_host_bytes = 100000;
  Model model(options);
  try {
    model.start(request_for(model, 1), [] {});
    check::failed(__FILE__, __LINE__, "it was not refused");
  } catch (const Error& error) {
    CHECK(error.code() == Code::device_out_of_memory);
    CHECK_EQ(error.available(), 100000);
    CHECK(error.needed() > 100000);
  }
  CHECK_EQ(model.stats().forward_passes, 0);
  CHECK_EQ(model.stats().running, 0);
}

TEST(short_memory_gives_smaller_passes) {
  LoadOptions options = options_for();
  options.panel_bytes = 0;
  const Model probe(options);
  const RunShape picture = canvas_shape(probe.weights().hyper, probe.weights().backbone->kv_type(), request_for(probe, 1));
  const Weights& weights = probe.weights();
  options.max_host_bytes = plan_memory(probe.device(), weights.hyper, *weights.source, Precision::f32, picture, 0, INT64_MAX).needed();
  Model tight(options);
  Gate gate(options);
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 3; i++) readers.push_back(std::make_unique<Reader>(tight, request_for(tight, 1)));
  gate.open();
  for (auto& reader : readers) CHECK(reader->end().state == RunState::done);
  CHECK_EQ(tight.stats().forward_passes, 12);  // one picture a pass
}

TEST(plans_of_several_runs) {
  RunShape small, large;
  small.pass_rows = 100, small.code_rows = 60, small.held_kv = 7, small.held_logits = 5, small.grid_rows = 6, small.grid_columns = 5;
  large.pass_rows = 400, large.code_rows = 300, large.text_rows = 9, large.grid_rows = 20, large.grid_columns = 10;
  const RunShape one = times(small, 3, 250);
  CHECK_EQ(one.pass_rows, 200);
  CHECK_EQ(one.code_rows, 120);
  CHECK_EQ(one.held_kv, 21);
  CHECK_EQ(one.held_logits, 15);
  CHECK_EQ(times(small, 3, 10).pass_rows, 100);
  const RunShape both = together(one, times(large, 1, 250), 250);
  CHECK_EQ(both.pass_rows, 400);
  CHECK_EQ(both.code_rows, 400);
  CHECK_EQ(both.text_rows, 9);
  CHECK_EQ(both.held_kv, 21);
  CHECK_EQ(both.grid_rows, 20);
  CHECK_EQ(together(one, one, 250).pass_rows, 250);
}

TEST(bad_requests_are_named) {
  Model model(options_for());
  const auto refused = [&](const char* part, const auto& change) {
    RunRequest request = request_for(model, 1);
    auto layout = std::make_shared<Layout>(*request.layout);
    change(request, *layout);
    request.layout = layout;
    CHECK_THROWS(model.start(std::move(request), [] {}), Code::request_invalid, part);
  };
  refused("token id", [](RunRequest&, Layout& layout) { layout.prefixes[0][0] = -1; });
  refused("token id", [&](RunRequest&, Layout& layout) { layout.suffixes[1] = {static_cast<int32_t>(model.weights().hyper.vocab)}; });
  refused("tokens of a prefix", [](RunRequest&, Layout& layout) { layout.prefixes[1].clear(); });
  refused("branches", [](RunRequest&, Layout& layout) { layout.prefixes.resize(4, {1}); });
  refused("guidance weights", [](RunRequest& request, Layout&) { request.guidance.clear(); });
  refused("guidance must be finite", [](RunRequest& request, Layout&) { request.guidance = {NAN}; });
  refused("cells", [](RunRequest& request, Layout&) { picture_of(request).cells.pop_back(); });
  refused("code", [&](RunRequest& request, Layout&) {
    picture_of(request).cells[3] = static_cast<int32_t>(model.weights().hyper.vq.codebook_size);
  });
  refused("steps", [](RunRequest& request, Layout&) { picture_of(request).steps = 0; });
  refused("steps", [](RunRequest& request, Layout&) { picture_of(request).steps = 4097; });
  refused("pictures", [](RunRequest& request, Layout&) { request.seeds.clear(); });
  refused("buffer", [](RunRequest& request, Layout&) { request.buffer = 0; });
  refused("temperature", [](RunRequest& request, Layout&) { request.temperature = NAN; });
  refused("grid rows", [](RunRequest&, Layout& layout) { layout.rows = 5000; });
  refused("schedule", [](RunRequest& request, Layout&) { picture_of(request).schedule.kind = Schedule::Kind::table; });
  RunRequest short_noise = request_for(model, 1);
  short_noise.noise.assign(4, {});
  Reader reader(model, std::move(short_noise));
  CHECK(reader.end().state == RunState::failed);
  CHECK(reader.end().error->code() == Code::request_invalid);
}

TEST(a_failing_run_does_not_take_its_mates_along) {
  Model model(options_for());
  const auto expected = alone(model, 2);
  Gate gate(options_for());
  RunRequest request = request_for(model, 1);
  request.guidance = {3e38f};
  Reader bad(model, std::move(request)), good(model, request_for(model, 2));
  gate.open();
  CHECK(bad.end().state == RunState::failed);
  CHECK(bad.end().error->code() == Code::model_corrupt);
  CHECK(good.end().state == RunState::done);
  CHECK(good.tokens() == expected);
}

TEST(damaged_weights_fail_runs_and_not_the_engine) {
  const TemporaryFolder folder;
  const std::string copy = damaged_copy(folder, "blk.1.ffn_down.weight");
  Model damaged(options_for(copy)), healthy(options_for());
  const auto expected = alone(healthy, 1);
  Reader bad(damaged, request_for(damaged, 1)), good(healthy, request_for(healthy, 1));
  CHECK(bad.end().state == RunState::failed);
  CHECK(bad.end().error->code() == Code::model_corrupt);
  CHECK(bad.end().error->text().find("block1") != std::string::npos);
  CHECK(good.tokens() == expected);
  CHECK_THROWS(load_model(options_for(copy), Verify::full, {}, {}), Code::model_corrupt, "blk.1.ffn_down.weight");
}

TEST(tasks_take_turns_with_runs_and_can_be_cancelled_while_they_wait) {
  Model model(options_for());
  const auto tokens = alone(model, 1);
  Reader busy(model, long_request_for(model, 1));
  busy.step();
  const auto pixels = model.decode(tokens, kSide, kSide, nullptr);
  const int64_t side = kSide * model.weights().hyper.vq.scale();
  CHECK_EQ(static_cast<int64_t>(model.encode(pixels, side, side, nullptr).size()), kSide * kSide);
  CHECK(busy.run->state() == RunState::running);
  busy.run->cancel();

  const TemporaryFolder folder;
  std::filesystem::copy(golden::path("checkpoint"), folder.at("other"), std::filesystem::copy_options::recursive);
  Gate gate(options_for());
  CancelToken cancel;
  auto waiting = std::async(std::launch::async, [&] { return model.decode(tokens, kSide, kSide, &cancel); });
  cancel.cancel();
  CHECK_THROWS(waiting.get(), Code::aborted, "aborted");  // the gate still stands
  CHECK_THROWS(Model(options_for(folder.at("other")), {}, &cancel), Code::aborted, "aborted");
  gate.open();
  CHECK_THROWS(model.encode(pixels, side - 1, side, nullptr), Code::image_invalid, "multiples");
  CHECK_THROWS(model.decode(std::vector<int32_t>(16, -1), kSide, kSide, nullptr), Code::request_invalid, "code");
}

TEST(models_share_weights_and_close_apart) {
  auto first = std::make_unique<Model>(options_for());
  Model second(options_for());
  CHECK(&first->weights() == &second.weights());
  LoadOptions fast = options_for();
  fast.precision = Precision::fast;
  CHECK(&Model(fast).weights() != &second.weights());
  const auto expected = alone(second, 5);
  Gate gate(options_for());
  Reader gone(*first, long_request_for(*first, 1)), stays(second, request_for(second, 5));
  gate.open();
  first->close();
  first->close();
  CHECK(gone.end().state == RunState::aborted);
  CHECK_THROWS(first->start(request_for(*first, 1), [] {}), Code::disposed, "closed");
  CHECK_THROWS(first->decode(std::vector<int32_t>(16, 0), kSide, kSide, nullptr), Code::disposed, "closed");
  first.reset();
  CHECK(stays.tokens() == expected);
}

// Whoever starts runs while another thread closes the model gets them cancelled or refused; none goes on.
TEST(no_run_begins_on_a_model_that_closes) {
  Model keeps(options_for());  // the engine
  for (int round = 0; round < 50; round++) {
    Model model(options_for());
    std::atomic<int> started{0};
    std::vector<std::shared_ptr<Run>> runs;
    std::thread starter([&] {
      try {
        for (;; started++) runs.push_back(model.start(long_request_for(model, 1), [] {}));
      } catch (const Error& error) {
        CHECK(error.code() == Code::disposed);
      }
    });
    while (started < 1 + round % 4) std::this_thread::yield();
    model.close();
    starter.join();
    for (const auto& run : runs) CHECK(run->state() == RunState::aborted);
    CHECK_EQ(model.stats().running + model.stats().queued, 0);
  }
}

TEST(models_of_other_thread_counts_share_the_engine) {
  LoadOptions one = options_for(), three = options_for();
  one.threads = 1, three.threads = 3;
  Model first(one), second(three);
  CHECK(&first.device() == &second.device());
  CHECK(&first.weights() == &second.weights());
  const auto expected = alone(first, 5);
  for (Model* model : {&first, &second, &first}) {
    CHECK(alone(*model, 5) == expected);
    CHECK_EQ(model->device().threads(), model == &first ? 1 : 3);
  }
}

TEST(results_do_not_depend_on_the_panel_budget) {
  const auto expected = [] {
    Model model(options_for());
    return alone(model, 4);
  }();
  for (const int64_t budget : {0, 20000}) {
    LoadOptions options = options_for();
    options.panel_bytes = budget;
    Model model(options);
    CHECK(alone(model, 4) == expected);
    CHECK(model.weights().panel_budget <= budget);
  }
}

TEST(the_last_model_ends_the_engine) {
  std::weak_ptr<Engine> engine;
  {
    Model model(options_for());
    engine = Engine::acquire(options_for());
    CHECK(!engine.expired());
  }
  CHECK(engine.expired());
  LoadOptions options = options_for();
  options.device = "cuda:77";
  CHECK_THROWS(Model(options), Code::device_unavailable, "cuda:77");
}

// Runs that their owner pauses: the place is given back, what reuse keeps stays, nothing of the result changes; and runs that begin where
// another one stood.
#include "test/native/task_requests.h"

using namespace engine_fixture;

namespace {

void wait_for(const Run& run, RunState state) {
  for (int i = 0; i < 20000 && run.state() != state; i++) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(run.state() == state);
}

std::vector<uint8_t> snapshot_of(Run& run) {
  for (;;) {
    if (auto found = run.snapshot()) return found->state;
    std::this_thread::yield();
  }
}

/// All steps of a run; paused and continued after each of them where asked for.
std::vector<StepEvent> steps_of(Model& model, RunRequest request, bool pausing) {
  request.delivery = Delivery::all;
  Reader reader(model, std::move(request));
  std::vector<StepEvent> events;
  for (;;) {
    StepEvent event;
    const Run::Next next = reader.run->next(event);
    if (next == Run::Next::ended) break;
    if (next == Run::Next::none) std::this_thread::yield();
    if (next == Run::Next::step) events.push_back(std::move(event));
    if (next == Run::Next::none || !pausing || reader.run->outcome()) continue;
    reader.run->pause();
    while (reader.run->state() != RunState::paused && !reader.run->outcome()) std::this_thread::yield();
    reader.run->go_on();
  }
  CHECK(reader.end().state == RunState::done);
  return events;
}

}  // namespace

TEST(a_paused_run_gives_its_place_back_and_goes_on_to_the_same_end) {
  LoadOptions options = options_for();
  options.max_active = 1;
  Model model(options);
  const auto expected = alone(model, 1, 16);
  RunRequest request = request_for(model, 1, 16);
  request.delivery = Delivery::all;
  Reader first(model, request);
  first.step();
  Reader second(model, request_for(model, 2));
  first.run->pause();
  CHECK(second.end().state == RunState::done);
  CHECK(first.run->state() == RunState::paused);
  CHECK_EQ(model.stats().paused, 1);
  CHECK_EQ(model.stats().running, 0);
  first.run->go_on();
  while (!first.run->outcome()) {
    StepEvent event;
    if (first.run->next(event) != Run::Next::step) std::this_thread::yield();
  }
  CHECK(first.tokens() == expected);
  CHECK_EQ(model.stats().paused, 0);
}

TEST(pausing_after_every_step_changes_neither_rows_nor_bits) {
  Model model(options_for());
  RunRequest question = answer_for(model, 4, 16, 8, 8);
  question.reuse = prefix_reuse();
  RunRequest several = cached(request_for(model, 3, 8));
  several.seeds = {3, 4};
  for (const RunRequest& request : {cached(sized(model, 1, 6, 5, 10), 0.8, 3), request_for(model, 2, 6), several, question}) {
    const auto plain = steps_of(model, request, false), paused = steps_of(model, request, true);
    CHECK_EQ(paused.size(), plain.size());
    for (size_t i = 0; i < plain.size(); i++) {
      CHECK(paused[i].tokens == plain[i].tokens);
      CHECK(paused[i].confidence == plain[i].confidence);
      CHECK(paused[i].pass == plain[i].pass);
      CHECK_EQ(paused[i].rows, plain[i].rows);
    }
  }
}

TEST(a_run_may_be_paused_before_it_begins) {
  Model model(options_for());
  const auto expected = alone(model, 1);
  Gate gate(options_for());
  Reader reader(model, request_for(model, 1));
  reader.run->pause();
  gate.open();
  wait_for(*reader.run, RunState::paused);
  CHECK(alone(model, 2) == alone(model, 2));
  CHECK(reader.run->state() == RunState::paused);
  reader.run->go_on();
  CHECK(reader.tokens() == expected);
}

// The engine rings without its lock: what its reader asks for there comes after the engine has looked at that run, and before it waits.
TEST(what_is_asked_for_while_the_engine_rings_is_not_lost) {
  Model model(options_for());
  RunRequest request = request_for(model, 1);
  request.delivery = Delivery::all;
  std::promise<std::weak_ptr<Run>> made;  // the run owns what knows it here
  std::shared_future<std::weak_ptr<Run>> known = made.get_future().share();
  std::atomic<bool> answers{false};
  std::atomic<int> continued{0};
  const auto run = model.start(std::move(request), [&, known] {
    const std::shared_ptr<Run> rung = answers ? known.get().lock() : nullptr;
    if (!rung || rung->state() != RunState::paused) return;
    continued++;
    rung->go_on();
  });
  made.set_value(run);
  while (model.stats().steps == 0) std::this_thread::yield();  // one step waits for its reader, who takes none: nothing else is to be done
  answers = true;
  run->pause();
  for (int i = 0; i < 5000 && (continued == 0 || run->state() == RunState::paused); i++)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(continued == 1);
  CHECK(run->state() == RunState::running);
  run->cancel();
}

TEST(a_change_of_mind_before_the_boundary_changes_nothing) {
  Model model(options_for());
  const auto expected = alone(model, 1);
  Gate gate(options_for());
  Reader reader(model, request_for(model, 1));
  reader.run->pause();
  reader.run->go_on();
  gate.open();
  CHECK(reader.tokens() == expected);
  reader.run->pause();  // it has ended
  CHECK(reader.run->state() == RunState::done);
}

TEST(a_paused_run_is_written_down_remasked_and_cancelled_as_ever) {
  Model model(options_for());
  const auto expected = alone(model, 1, 12);
  RunRequest request = request_for(model, 1, 12);
  request.delivery = Delivery::all;
  Reader reader(model, request);
  reader.step();
  reader.run->pause();
  wait_for(*reader.run, RunState::paused);
  RunRequest rest = request_for(model, 1, 12);
  rest.state = snapshot_of(*reader.run);
  CHECK(reader.run->state() == RunState::paused);
  CHECK(Reader(model, rest).tokens() == expected);
  reader.run->remask(0, {0, 1, 2});
  rest.state = snapshot_of(*reader.run);
  CHECK_EQ(Reader(model, rest).end().remasked.size(), size_t{1});
  const int64_t aborted = model.stats().aborted;
  reader.run->cancel();
  CHECK(reader.end().state == RunState::aborted);
  CHECK_EQ(model.stats().aborted, aborted + 1);
  CHECK_EQ(model.stats().paused, 0);
}

TEST(a_run_begins_where_another_stood) {
  Model model(options_for());
  const auto events = steps_of(model, request_for(model, 1, 8), false);
  RunRequest fork = request_for(model, 2, 8);
  picture_of(fork).cells = events[4].tokens, picture_of(fork).first_step = 5;
  const auto rest = steps_of(model, fork, false);
  const int64_t left = std::max<int64_t>(3, (8 * events[4].masked + 15) / 16);
  CHECK_EQ(static_cast<int64_t>(rest.size()), left);
  CHECK_EQ(rest.front().step, 5);
  CHECK_EQ(rest.front().steps, 5 + left);
  CHECK_EQ(rest.front().masked, cosine_keep(events[4].masked, 0, left));
  for (size_t cell = 0; cell < 16; cell++)
    if (events[4].tokens[cell] >= 0) CHECK_EQ(rest.back().tokens[cell], events[4].tokens[cell]);
  CHECK(rest.back().tokens != events.back().tokens);
  // Nothing is left to decide: the cells are the picture.
  picture_of(fork).cells = events.back().tokens, picture_of(fork).first_step = 8;
  Reader done(model, fork);
  CHECK(done.tokens() == events.back().tokens);
  CHECK_EQ(done.end().forward_passes, 0);
}

TEST(pinned_cells_stay_through_everything) {
  Model model(options_for());
  const auto events = steps_of(model, request_for(model, 1, 8), false);
  RunRequest request = cached(request_for(model, 2, 8));
  picture_of(request).cells = events[5].tokens, picture_of(request).first_step = 6;
  std::vector<uint32_t> others;
  for (uint32_t cell = 0; cell < 16; cell++) {
    if (events[5].tokens[cell] < 0) continue;
    (picture_of(request).pinned.size() < 4 ? picture_of(request).pinned : others).push_back(cell);
  }
  const std::vector<uint32_t> pinned = picture_of(request).pinned;
  request.delivery = Delivery::all;
  Reader reader(model, request);
  std::vector<uint32_t> all(16);
  for (uint32_t cell = 0; cell < 16; cell++) all[cell] = cell;
  reader.run->remask(0, all);
  while (!reader.run->outcome()) {
    StepEvent event;
    if (reader.run->next(event) != Run::Next::step) std::this_thread::yield();
  }
  const int64_t remasked = reader.end().remasked.at(0).cells;  // some more may have been fixed by then
  CHECK(remasked >= static_cast<int64_t>(others.size()) && remasked <= 12);
  for (const uint32_t cell : pinned) CHECK_EQ(reader.tokens()[cell], events[5].tokens[cell]);
  const auto refused = [&](const char* why, const std::vector<uint32_t>& cells, int64_t step) {
    RunRequest bad = request;
    picture_of(bad).pinned = cells, picture_of(bad).first_step = step;
    CHECK_THROWS(Reader(model, bad), Code::request_invalid, why);
  };
  const auto masked = static_cast<uint32_t>(std::find(events[5].tokens.begin(), events[5].tokens.end(), -1) - events[5].tokens.begin());
  refused("pinned cells must hold a code", {masked}, 0);
  refused("pinned cell must lie in 0..15, got 16", {16}, 0);
  refused("first step must lie in 0..4096, got -1", {}, -1);
  refused("first step must lie in 0..4096, got 5000", {}, 5000);
}

TEST(names_are_given_or_unique) {
  Model model(options_for());
  RunRequest named = request_for(model, 1);
  named.id = "mine";
  CHECK_EQ(Reader(model, named).run->id(), "mine");
  const Reader first(model, request_for(model, 1)), second(model, request_for(model, 1));
  CHECK(first.run->id() != second.run->id());
  CHECK(first.run->id().starts_with("run-") && first.run->id().size() > 36);
  named.id = std::string(201, 'x');
  CHECK_THROWS(Reader(model, named), Code::request_invalid, "characters of id must lie in 0..200, got 201");
}

TEST(a_plan_is_that_of_the_very_run) {
  LoadOptions options = options_for();
  const Model model(options);
  const auto needs = [](const MemoryPlan& plan) { return plan.kv + plan.logits + plan.activations + plan.vq; };
  const int64_t two = needs(model.plan(request_for(model, 1))), three = needs(model.plan(three_branches(request_for(model, 1))));
  CHECK(three > two);
  const MemoryPlan plain = model.plan(request_for(model, 1)), kept = model.plan(cached(request_for(model, 1)));
  CHECK(kept.kv > plain.kv && kept.logits > plain.logits);
  // An answer's logits are those of a block, not of its whole length.
  CHECK(model.plan(answer_for(model, 1, 512, 8, 64)).logits < model.plan(answer_for(model, 1, 512, 512, 64)).logits);
  CHECK_EQ(model.plan(answer_for(model, 1)).vq, 0);
  RunRequest bad = request_for(model, 1);
  picture_of(bad).steps = 0;
  CHECK_THROWS(model.plan(bad), Code::request_invalid, "steps");
  // Refused exactly where its plan does not fit.
  options.panel_bytes = 0;
  options.max_host_bytes = Model(options).plan(request_for(model, 1)).needed();
  const auto least = [&] {
    LoadOptions tight = options;
    tight.max_rows_per_pass = 1;
    return Model(tight).plan(request_for(model, 1)).needed();
  }();
  for (const int64_t bytes : {least, least - 1}) {
    options.max_host_bytes = bytes;
    Model tight(options);
    CHECK_EQ(tight.plan(request_for(tight, 1)).fits(), bytes == least);
    if (bytes == least)
      CHECK(Reader(tight, request_for(tight, 1)).end().state == RunState::done);
    else
      CHECK_THROWS(Reader(tight, request_for(tight, 1)), Code::device_out_of_memory, "a picture of 4 x 4 cells");
  }
}

TEST(a_model_for_plans_binds_nothing) {
  LoadOptions options = options_for();
  options.use = Use::plans;
  Model plans(options);
  CHECK(!plans.weights().backbone && !plans.weights().vq);
  const Model runs(options_for());
  CHECK(plans.weights().fingerprint == runs.weights().fingerprint);
  CHECK_EQ(plans.plan(request_for(plans, 1)).kv, runs.plan(request_for(runs, 1)).kv);
  CHECK_THROWS(plans.plan(std::span<const RunRequest>()), Code::request_invalid, "expected one request or more");
  CHECK_THROWS(Reader(plans, request_for(plans, 1)), Code::request_invalid, "loaded for plans only");
  CHECK_THROWS(plans.decode(std::vector<int32_t>(16, 0), 4, 4, nullptr), Code::request_invalid, "loaded for plans only");
}

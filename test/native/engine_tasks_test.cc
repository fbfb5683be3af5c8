// Every kind of run on one engine: mixed passes keep each result bit for bit, reuse costs what it says, cells are masked again, states
// written down go on to the same end.
#include "test/native/task_requests.h"

using namespace engine_fixture;

namespace {

/// Sixteen runs, no two alike.
std::vector<RunRequest> bag(const Model& model) {
  std::vector<RunRequest> all;
  all.push_back(request_for(model, 1));
  all.push_back(cached(request_for(model, 2, 10)));
  all.push_back(sized(model, 3, 2, 7, 5));
  all.push_back(cached(sized(model, 4, 6, 6, 12), 0.9, 5));
  all.push_back(three_branches(request_for(model, 5, 6)));
  all.push_back(cached(three_branches(sized(model, 6, 5, 3, 9)), 0.6, 2));
  all.push_back(request_for(model, 7));
  all.back().seeds = {7, 8, 9};
  all.push_back(cached(request_for(model, 10, 8)));
  all.back().seeds = {10, 11};
  all.push_back(request_for(model, 12, 3));
  all.back().guidance.clear();
  all.back() = with_layout(all.back(), [](Layout& layout) { layout.prefixes.resize(1), layout.suffixes.resize(1); });
  all.push_back(all.back());
  all.back() = cached(all.back(), 0.5, 4);
  picture_of(all.back()).steps = 9;
  all.push_back(request_for(model, 13, 5));
  for (size_t cell = 0; cell < 9; cell++) picture_of(all.back()).cells[cell] = static_cast<int32_t>(cell * 3);
  all.push_back(answer_for(model, 14));
  all.push_back(answer_for(model, 15, 24, 8, 12, true));
  all.back().reuse = prefix_reuse();
  all.push_back(cached(answer_for(model, 16, 20, 10, 10), 0.7, 3));
  all.push_back(answer_for(model, 17, 16, 16, 16));
  answer_of(all.back()).threshold = 0.02;
  all.back().temperature = 0.8f;
  all.push_back(answer_for(model, 18, 12, 4, 12));
  answer_of(all.back()).remasking = Remasking::random;
  for (size_t i = 0; i < all.size(); i++) {
    all[i].priority = static_cast<int64_t>(i % 3);
    all[i].tag = i % 2 ? "odd" : "even";
  }
  return all;
}

/// What a run came to: tokens of every picture, or the answer.
std::vector<std::vector<int32_t>> ended(Reader& reader) {
  const Outcome& outcome = reader.end();
  if (outcome.error) throw *outcome.error;
  CHECK(outcome.state == RunState::done);
  std::vector<std::vector<int32_t>> all{outcome.answer};
  for (const DecodedPicture& picture : outcome.pictures) all.push_back(picture.tokens);
  return all;
}

/// All steps as they come, in words: what was fixed and how sure it was, bit for bit.
std::vector<StepEvent> all_steps(Model& model, RunRequest request) {
  request.delivery = Delivery::all;
  Reader reader(model, std::move(request));
  std::vector<StepEvent> events;
  for (;;) {
    StepEvent event;
    if (reader.run->next(event) == Run::Next::step)
      events.push_back(std::move(event));
    else if (reader.run->outcome())
      return events;
    else
      std::this_thread::yield();
  }
}

/// Starts and aborts runs until it goes.
class Crowd {
 public:
  Crowd(Model& model, int count)
      : thread_([&model, count] {
          for (int i = 0; i < count; i++) {
            RunRequest request = i % 3 == 0   ? cached(long_request_for(model, 1))
                                 : i % 3 == 1 ? answer_for(model, 1)
                                              : long_request_for(model, 2);
            Reader reader(model, std::move(request));
            for (int wait = 0; wait < i % 5; wait++) std::this_thread::sleep_for(std::chrono::milliseconds(1));
            reader.run->cancel();
            reader.end();
          }
        }) {}
  ~Crowd() { thread_.join(); }

 private:
  std::thread thread_;
};

}  // namespace

TEST(a_mixed_bag_of_runs_keeps_every_result) {
  for (const int threads : {1, 2, 4}) {
    LoadOptions options = options_for();
    options.threads = threads;
    Model model(options);
    static std::vector<std::vector<std::vector<int32_t>>> expected;  // by one thread, each run alone
    int64_t apart = model.stats().forward_passes;
    if (expected.empty())
      for (const RunRequest& request : bag(model)) {
        Reader reader(model, request);
        expected.push_back(ended(reader));
      }
    apart = model.stats().forward_passes - apart;
    for (const bool crowded : {false, true}) {
      const int64_t before = model.stats().forward_passes;
      std::unique_ptr<Crowd> crowd;
      Gate gate(options);
      std::vector<std::unique_ptr<Reader>> readers;
      for (const RunRequest& request : bag(model)) readers.push_back(std::make_unique<Reader>(model, request));
      if (crowded) crowd = std::make_unique<Crowd>(model, 100);
      gate.open();
      for (size_t i = 0; i < readers.size(); i++)
        if (ended(*readers[i]) != expected[i]) check::failed(__FILE__, __LINE__, "run ", i, " of the bag differs on ", threads, " threads");
      crowd.reset();
      if (!crowded && threads == 1) CHECK((model.stats().forward_passes - before) * 3 < apart);
    }
  }
}

TEST(confidences_are_the_same_bits_among_mates) {
  Model model(options_for());
  const RunRequest request = cached(sized(model, 21, 6, 5, 10), 0.8, 3);
  const std::vector<StepEvent> alone = all_steps(model, request);
  CHECK(alone.size() == 10);
  std::vector<std::unique_ptr<Reader>> mates;
  for (const RunRequest& mate : bag(model)) mates.push_back(std::make_unique<Reader>(model, mate));
  const std::vector<StepEvent> among = all_steps(model, request);
  CHECK_EQ(among.size(), alone.size());
  for (size_t i = 0; i < alone.size(); i++) {
    CHECK(among[i].confidence == alone[i].confidence);
    CHECK(among[i].changed == alone[i].changed);
    CHECK_EQ(among[i].rows, alone[i].rows);
    CHECK(among[i].pass == alone[i].pass);
  }
  for (auto& mate : mates) ended(*mate);
}

TEST(reuse_computes_the_rows_it_says) {
  Model model(options_for());
  const RunRequest request = cached(sized(model, 1, 6, 5, 10), 0.8, 3);
  const int64_t all = request.layout->all_rows();
  const auto events = all_steps(model, request);
  for (const StepEvent& event : events) {
    const bool full = event.step <= 2 || (event.step - 2) % 3 == 0;  // warm-up: trunc(10 * 0.2)
    CHECK(event.pass == (full ? PassKind::full : PassKind::cached));
    // Of n rows those at or below the quantile at 0.2: floor(0.2 (n - 1)) + 1, more only with ties.
    int64_t expected = 0;
    for (int64_t branch = 0; branch < 2; branch++)
      expected += static_cast<int64_t>(0.2 * static_cast<double>(request.layout->sequence(branch) - 1)) + 1;
    CHECK_EQ(event.rows, full ? all : expected);
  }
  RunRequest question = answer_for(model, 1, 16, 8, 8);
  question.reuse = prefix_reuse();
  int64_t left = 0;  // tokens of earlier blocks where the mask itself was sampled
  for (const StepEvent& event : all_steps(model, question)) {
    const bool first = event.step % 4 == 0;
    CHECK(event.pass == (first ? PassKind::full : PassKind::text));
    CHECK_EQ(event.rows, first ? question.layout->all_rows() : 8 + left);
    left = event.block == 0 && event.step < 3 ? 0 : std::count(event.tokens.begin(), event.tokens.begin() + 8, -1);
  }
  CHECK(model.stats().reused_rows > 0);
}

TEST(answers_end_where_they_should) {
  Model model(options_for());
  RunRequest plain = answer_for(model, 3, 16, 4, 8);
  const std::vector<int32_t> full = [&] {
    Reader reader(model, plain);
    const Outcome& outcome = reader.end();
    CHECK(outcome.finish == Finish::length);
    CHECK_EQ(outcome.steps, 8);
    return outcome.answer;
  }();
  CHECK_EQ(full.size(), size_t{16});
  // An id that none before it equals, as an end token: the answer stops there, and no later block is decoded.
  const int32_t mask = model.weights().hyper.tokens.mask;
  const auto until = std::find(full.begin(), full.end(), mask);  // a token that was never fixed does not stop
  size_t end = 0;
  for (size_t i = 1; i < static_cast<size_t>(until - full.begin()); i++)
    if (std::find(full.begin(), full.begin() + static_cast<std::ptrdiff_t>(i), full[i]) == full.begin() + static_cast<std::ptrdiff_t>(i))
      end = i;
  CHECK(end > 0);
  RunRequest stopping = plain;
  answer_of(stopping).ends = {full[end]};
  Reader reader(model, stopping);
  const Outcome& outcome = reader.end();
  CHECK(outcome.finish == Finish::stop);
  CHECK(outcome.answer == std::vector<int32_t>(full.begin(), full.begin() + static_cast<std::ptrdiff_t>(end)));
  CHECK(outcome.steps <= static_cast<int64_t>(end / 4 + 1) * 2);
  // More steps than tokens: the empty ones run only by the original's rules.
  RunRequest slow = answer_for(model, 3, 8, 4, 16);
  Reader skipping(model, slow);
  CHECK_EQ(skipping.end().forward_passes, 8);
  answer_of(slow).compat = Compat::reference;
  Reader obeying(model, slow);
  CHECK_EQ(obeying.end().forward_passes, 16);
  CHECK(obeying.end().answer == skipping.end().answer);
}

TEST(a_threshold_saves_steps) {
  Model model(options_for());
  RunRequest request = answer_for(model, 3, 16, 8, 16);
  answer_of(request).threshold = 0.0;  // everything is surer
  Reader eager(model, request);
  CHECK_EQ(eager.end().forward_passes, 2);  // one a block
  answer_of(request).threshold = 1.0;       // nothing is: as many as the steps ask for
  Reader careful(model, request);
  CHECK_EQ(careful.end().forward_passes, 16);
}

TEST(a_probe_gives_probabilities_without_decoding) {
  Model model(options_for());
  RunRequest request = answer_for(model, 1, 8, 8, 1);
  for (int32_t id = 0; id < static_cast<int32_t>(model.weights().hyper.vocab); id++) request.probe.push_back(id);
  Reader reader(model, request);
  const std::vector<double>& p = reader.end().probabilities;
  CHECK_EQ(p.size(), request.probe.size());
  double sum = 0;
  for (const double one : p) sum += one;
  CHECK_NEAR(sum, 1, 1e-9);
  const auto best = std::max_element(p.begin(), p.end()) - p.begin();
  CHECK_EQ(reader.end().answer.at(0), static_cast<int32_t>(best));
  CHECK_EQ(reader.end().forward_passes, 1);
}

TEST(cells_are_masked_again_on_the_way) {
  Model model(options_for());
  const auto decode = [&](bool remask) {
    RunRequest request = cached(request_for(model, 5, 8));
    request.delivery = Delivery::all;
    Reader reader(model, request);
    int64_t steps = 0;
    for (;;) {
      StepEvent event;
      const Run::Next next = reader.run->next(event);
      if (next == Run::Next::step) {
        steps++;
        // Delivery `all` with a buffer of one: the run is at most one step ahead of its reader, so this step is not its last.
        if (remask && event.step == 4) reader.run->remask(0, {0, 1, 2, 3});
      } else if (next == Run::Next::ended) {
        return std::tuple(ended(reader), steps, reader.end().remasked);
      }
    }
  };
  const auto [plain, plain_steps, nothing] = decode(false);
  CHECK_EQ(plain_steps, 8);
  CHECK(nothing.empty());
  const auto [again, steps, remasked] = decode(true);
  CHECK_EQ(remasked.size(), size_t{1});
  CHECK(remasked[0].step == 5 || remasked[0].step == 6);
  CHECK(steps >= 8);
  for (const int32_t code : again.at(1)) CHECK(code >= 0);
  Reader late(model, request_for(model, 5));
  late.end();
  CHECK_THROWS(late.run->remask(0, {0}), Code::request_invalid, "last step is done");
  CHECK_THROWS(late.run->remask(0, {99}), Code::request_invalid, "cells must lie in");
  CHECK_THROWS(late.run->remask(1, {0}), Code::request_invalid, "image must lie in");
  Reader text(model, answer_for(model, 1));
  CHECK_THROWS(text.run->remask(0, {0}), Code::request_invalid, "draws pictures");
}

TEST(a_remasked_region_is_spread_over_the_steps_left) {
  auto layout = std::make_shared<Layout>();
  layout->rows = 4, layout->columns = 4, layout->prefixes = {{1}}, layout->suffixes = {{2}}, layout->mask_token = 7, layout->offset = 100;
  Picture picture(layout, {std::vector<int32_t>(16, -1), 8, {}}, ml_cache(0.9, 0.0, 100), 1);
  const auto step = [&] {
    const size_t count = picture.masked().size();
    std::vector<uint8_t> stays(count, 0);
    for (size_t i = 0; i < std::min(static_cast<size_t>(picture.keep()), count - 1); i++) stays[i] = 1;
    picture.apply({std::vector<int32_t>(count, 5), std::vector<double>(count, 0.5), stays});
  };
  for (int i = 0; i < 6; i++) step();
  CHECK(picture.work().pass == PassKind::cached);
  CHECK_EQ(picture.remask({12, 13, 14, 15, 15}) > 0, true);
  CHECK(picture.work().pass == PassKind::full);
  const auto masked = static_cast<int64_t>(picture.masked().size());
  const int64_t spread = std::max<int64_t>(2, (8 * masked + 15) / 16);
  CHECK_EQ(picture.steps(), 6 + spread);
  CHECK_EQ(picture.keep(), cosine_keep(masked, 0, spread));
  while (!picture.done()) step();
  CHECK_EQ(picture.step(), 6 + spread);
  CHECK_EQ(picture.remask({}), 0);
  CHECK(picture.done());
}

TEST(a_state_written_down_goes_on_to_the_same_end) {
  Model model(options_for());
  int64_t resumed = 0, late = 0;
  for (RunRequest request : bag(model)) {
    const auto expected = [&] {
      Reader reader(model, request);
      return ended(reader);
    }();
    request.delivery = Delivery::all;
    for (int64_t stop = 0; stop < request.steps(); stop += 3) {
      Reader first(model, request);
      while (first.step().step < stop)
        if (first.run->outcome()) break;
      std::optional<Snapshot> state;
      try {
        while (!(state = first.run->snapshot())) std::this_thread::yield();
      } catch (const Error& error) {
        CHECK(error.code() == Code::request_invalid);  // it has ended meanwhile
        late++;
        continue;
      }
      first.run->cancel();
      RunRequest rest = request;
      rest.delivery = Delivery::none;
      CHECK(state->step >= stop);
      rest.state = state->state;
      Reader second(model, rest);
      CHECK(ended(second) == expected);
      resumed++;
    }
  }
  CHECK(resumed >= 30 && late < resumed);
}

TEST(states_that_do_not_fit_are_refused) {
  Model model(options_for());
  RunRequest request = cached(request_for(model, 5, 16));
  request.delivery = Delivery::all;
  Reader reader(model, request);
  reader.step();
  std::optional<Snapshot> taken;
  while (!(taken = reader.run->snapshot())) std::this_thread::yield();
  reader.run->cancel();
  const std::vector<uint8_t>* state = &taken->state;
  const auto refused = [&](const char* why, RunRequest other, std::vector<uint8_t> bytes) {
    other.state = std::move(bytes);
    CHECK_THROWS(Reader(model, other), Code::request_invalid, why);
  };
  refused("more bytes", request, std::vector<uint8_t>(state->begin(), state->end() - 1));
  std::vector<uint8_t> longer = *state;
  longer.push_back(0);
  refused("expected its end", request, longer);
  refused("cell", sized(model, 1, 2, 2, 16), *state);
  refused("snapshot", answer_for(model, 1), *state);
  for (size_t at = 0; at < state->size(); at += 5) {  // no damage may do worse than be refused or decode something else
    std::vector<uint8_t> damaged = *state;
    damaged[at] ^= 0x85;
    RunRequest other = request;
    other.delivery = Delivery::none;
    other.state = damaged;
    try {
      Reader again(model, other);
      again.end();
    } catch (const Error& error) {
      CHECK(error.code() == Code::request_invalid);
    }
  }
}

TEST(bad_tasks_are_named) {
  Model model(options_for());
  const auto refused = [&](const char* why, RunRequest request) { CHECK_THROWS(Reader(model, request), Code::request_invalid, why); };
  RunRequest picture = request_for(model, 1);
  picture.reuse = prefix_reuse();
  refused("prefix is for answers", picture);
  CHECK_THROWS(ml_cache(0.9, 0.3, 0), Code::request_invalid, "cache refresh must lie in 1..4096, got 0");
  CHECK_THROWS(ml_cache(1.5, 0.3, 1), Code::request_invalid, "cache ratio must lie in 0..1, got 1.5");
  CHECK_THROWS(ml_cache(0.9, NAN, 1), Code::request_invalid, "cache warmup must lie in 0..1");
  refused("multiple of block", answer_for(model, 1, 10, 4));
  refused("multiple of the 2 blocks", answer_for(model, 1, 16, 8, 9));
  RunRequest answer = answer_for(model, 1);
  answer_of(answer).threshold = 2;
  refused("threshold", answer);
  answer = answer_for(model, 1);
  answer.seeds = {1, 2};
  refused("pictures", answer);
  answer = answer_for(model, 1);
  answer.probe = {-1};
  refused("probe", answer);
}

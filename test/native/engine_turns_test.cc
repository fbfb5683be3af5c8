// Whose turn it is: nobody's long runs keep another's out, higher priorities go first, what reuse keeps is admitted by memory, a window
// fills the first pass.
#include "test/native/task_requests.h"

using namespace engine_fixture;

TEST(one_tag_cannot_keep_another_out) {
  LoadOptions options = options_for();
  options.max_rows_per_pass = 200;
  options.max_active = 4;
  Model model(options);
  std::vector<std::unique_ptr<Reader>> crowd;
  for (int i = 0; i < 50; i++) {
    RunRequest request = sized(model, 1, 16, 16, 60);
    request.tag = "crowd";
    crowd.push_back(std::make_unique<Reader>(model, request));
  }
  crowd[0]->step();
  RunRequest small = request_for(model, 2);
  small.tag = "small";
  int64_t before = 0;
  std::atomic<int64_t> waited{-1};
  std::shared_ptr<Run> run;
  {
    const Gate gate(options);
    before = model.stats().forward_passes;
    // Rung by the engine's thread as the first step is done, before that pass is counted.
    run = model.start(small, [&] { waited.store(waited.load() < 0 ? model.stats().forward_passes - before : waited.load()); });
    StepEvent event;
    CHECK(run->next(event) == Run::Next::none);
  }
  while (waited.load() < 0) std::this_thread::yield();
  CHECK(waited.load() <= 2);
  for (auto& one : crowd) one->run->cancel();
  while (!run->outcome()) std::this_thread::yield();
}

TEST(higher_priorities_go_first) {
  LoadOptions options = options_for();
  options.max_rows_per_pass = 1;
  Model model(options);
  Gate gate(options);
  std::vector<std::unique_ptr<Reader>> low;
  for (int i = 0; i < 20; i++) low.push_back(std::make_unique<Reader>(model, request_for(model, 1)));
  RunRequest urgent = request_for(model, 2);
  urgent.priority = 5;
  urgent.delivery = Delivery::none;
  const int64_t before = model.stats().forward_passes;
  std::atomic<int64_t> passes{-1};
  // Rung once, by the engine's thread, as the run ends.
  const auto high = model.start(urgent, [&] { passes.store(model.stats().forward_passes - before); });
  gate.open();
  while (passes.load() < 0) std::this_thread::yield();
  CHECK_EQ(passes.load(), 4);  // of 84
  for (auto& one : low) one->end();
}

TEST(what_reuse_keeps_is_admitted_by_memory) {
  LoadOptions options = options_for();
  const Model probe(options);
  const RunRequest request = cached(request_for(probe, 1, 6));
  const RunShape shape = canvas_shape(probe.weights().hyper, probe.weights().backbone->kv_type(), request);
  CHECK(shape.held_kv > 0 && shape.held_logits > 0);
  const Weights& weights = probe.weights();
  const MemoryPlan plan = plan_memory(probe.device(), weights.hyper, *weights.source, Precision::f32, shape, 0, INT64_MAX);
  options.panel_bytes = 0;
  options.max_host_bytes = plan.needed() + shape.held_kv / 2;  // room for one at a time
  Model tight(options);
  Gate gate(options);
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 3; i++) readers.push_back(std::make_unique<Reader>(tight, request));
  gate.open();
  for (auto& reader : readers) CHECK(reader->end().state == RunState::done);
  CHECK_EQ(tight.stats().forward_passes, 18);  // none shared
  options.max_host_bytes = plan.needed() - 1;
  Model tighter(options);
  CHECK_THROWS(Reader(tighter, request), Code::device_out_of_memory, "a picture of 4 x 4 cells");
}

TEST(a_batch_window_fills_the_first_pass) {
  LoadOptions options = options_for();
  options.batch_window_ms = 300;
  Model model(options);
  const int64_t before = model.stats().forward_passes;
  Reader first(model, request_for(model, 1));
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  Reader second(model, request_for(model, 2));
  first.end(), second.end();
  CHECK_EQ(model.stats().forward_passes - before, 4);
}

// Neither tasks nor other models wait for a run that is held back.
TEST(a_batch_window_holds_back_nobody_else) {
  LoadOptions options = options_for();
  Model at_once(options);
  options.batch_window_ms = 30'000;
  Model patient(options);
  Reader held(patient, request_for(patient, 1));
  const auto begin = std::chrono::steady_clock::now();
  std::thread other([&] { patient.decode(std::vector<int32_t>(16, 0), 4, 4, nullptr); });
  patient.decode(std::vector<int32_t>(16, 0), 4, 4, nullptr);
  other.join();
  Reader(at_once, request_for(at_once, 2)).end();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(15));
  held.run->cancel();
}

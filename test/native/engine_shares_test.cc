// Who goes when, counted in passes: tags share rows, newcomers start level, policies order runs, pictures of a run keep together; and
// a pass that nobody waits for is abandoned.
#include "test/native/task_requests.h"
#include "test/native/temporary.h"

using namespace engine_fixture;

namespace {

/// Every pass holds one picture: each run is larger than the budget.
LoadOptions one_at_a_time(Policy policy = Policy::fair) {
  LoadOptions options = options_for();
  options.max_rows_per_pass = 1;
  options.policy = policy;
  return options;
}

/// A run that knows how many passes the model had done as it ended.
class Counted {
 public:
  Counted(Model& model, RunRequest request, const std::string& tag = "") {
    request.delivery = Delivery::none;  // the doorbell rings once, at the end
    request.pixels = false;
    request.tag = tag;
    run = model.start(std::move(request), [&model, passes = passes_] { *passes = model.stats().forward_passes; });
  }
  int64_t passes() const {
    while (*passes_ < 0) std::this_thread::yield();
    return *passes_;
  }
  std::shared_ptr<Run> run;

 private:
  std::shared_ptr<std::atomic<int64_t>> passes_ = std::make_shared<std::atomic<int64_t>>(-1);
};

}  // namespace

TEST(tags_share_rows_and_not_turns) {
  Model model(one_at_a_time());
  Gate gate(one_at_a_time());
  std::vector<std::unique_ptr<Counted>> crowd;
  for (int i = 0; i < 3; i++) crowd.push_back(std::make_unique<Counted>(model, request_for(model, 1, 8), "a"));
  const Counted single(model, request_for(model, 2, 8), "b");
  gate.open();
  CHECK(single.passes() <= 18);  // every second one, of 32
  for (const auto& one : crowd) CHECK(one->passes() >= 28);
}

TEST(a_newcomer_starts_level_with_who_is_there) {
  Model model(one_at_a_time());
  const Counted old(model, long_request_for(model, 1), "a");
  while (model.stats().forward_passes < 40) std::this_thread::yield();
  Gate gate(one_at_a_time());
  const int64_t before = model.stats().forward_passes;
  const Counted newcomer(model, request_for(model, 2, 16), "b");
  gate.open();
  CHECK(newcomer.passes() - before >= 28);  // not sixteen in a row
  CHECK(newcomer.passes() - before <= 36);
  old.run->cancel();
}

TEST(the_shortest_goes_first_where_that_is_the_policy) {
  Model model(one_at_a_time(Policy::shortest));
  Gate gate(one_at_a_time());
  const Counted longest(model, request_for(model, 1, 16)), shortest(model, request_for(model, 2, 4)),
      middle(model, request_for(model, 3, 8));
  gate.open();
  CHECK(shortest.passes() <= 5);
  CHECK(middle.passes() >= 12 && middle.passes() <= 13);
  CHECK_EQ(longest.passes(), 28);
}

TEST(the_first_goes_first_where_that_is_the_policy) {
  Model model(one_at_a_time(Policy::fifo));
  Gate gate(one_at_a_time());
  const Counted first(model, request_for(model, 1, 6), "a"), second(model, request_for(model, 2, 6), "a"),
      third(model, request_for(model, 3, 6), "b");
  gate.open();
  CHECK(first.passes() <= 7);
  CHECK(second.passes() >= 12 && second.passes() <= 13);
  CHECK_EQ(third.passes(), 18);
}

TEST(pictures_of_one_run_keep_together) {
  LoadOptions options = options_for();
  options.max_rows_per_pass = 2 * rows_for(request_for(Model(options), 0));
  Model model(options);
  RunRequest request = request_for(model, 7, 8);
  request.seeds = {7, 8, 9};
  request.delivery = Delivery::all, request.buffer = 64;
  Reader reader(model, std::move(request));
  int64_t done[3] = {};
  for (int i = 0; i < 24; i++) {
    const StepEvent event = reader.step();
    done[event.image]++;
    const auto [least, most] = std::minmax_element(done, done + 3);
    CHECK(*most - *least <= 1);
  }
}

TEST(a_pass_that_nobody_waits_for_is_abandoned) {
  LoadOptions options = options_for();
  options.max_rows_per_pass = 1 << 16;
  Model model(options);
  // A pass that was done after all, because this thread got to cancel too late, proves nothing: several tries.
  for (int attempt = 0; attempt < 10; attempt++) {
    Reader reader(model, long_request_for(model, 1));  // 64 pictures a pass
    reader.step();
    Gate(options).open();  // that pass is counted
    const int64_t before = model.stats().forward_passes;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    reader.run->cancel();
    Gate(options).open();
    if (model.stats().forward_passes == before) return;
  }
  check::failed(__FILE__, __LINE__, "every pass was done to its end");
}

TEST(files_that_were_written_again_are_other_weights) {
  const TemporaryFolder folder;
  const std::string copy = folder.at("copy");
  std::filesystem::copy(golden::path("checkpoint"), copy, std::filesystem::copy_options::recursive);
  const Model first(options_for(copy)), same(options_for(copy));
  CHECK(&first.weights() == &same.weights());
  const std::string file = copy + "/model-00001-of-00002.safetensors";
  std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) + std::chrono::nanoseconds(1000));
  CHECK(&Model(options_for(copy)).weights() != &first.weights());
}

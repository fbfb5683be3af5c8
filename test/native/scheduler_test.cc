// The scheduler by itself, on made-up runs: one row a step, passes of one row unless a test says more. No device, no threads.
#include "engine/scheduler.h"

#include <string>

#include "test/native/check.h"

using namespace dimoo;

namespace {

/// Runs that want so many steps, and what becomes of them.
class World {
 public:
  struct Job : Candidate {
    int64_t steps = 0;   // left
    int64_t ended = -1;  // passes that there had been
  };

  Job& add(const std::string& tag, int64_t steps, int64_t priority = 0, Policy policy = Policy::fair, int model = 0) {
    Job& job = *jobs_.emplace_back(std::make_unique<Job>());
    job.arrival = static_cast<int64_t>(jobs_.size()), job.priority = priority, job.policy = policy;
    job.model = models_.open(model), job.tag = tags_.open({model, tag});
    job.max_active = max_active, job.budget = budget, job.rows = 1, job.weights = &models_, job.steps = steps;
    job.room = room;
    job.now.wants = Wants::place;
    scheduler.add(job);
    return job;
  }
  void pass() {
    for (auto& job : jobs_) job->now.rows_left = job->steps;
    scheduler.give_places([](Candidate& c) { c.now.placed = c.now.begun = true, c.now.wants = Wants::step; });
    Candidate* first = scheduler.first();
    if (!first) return;
    int64_t rows = 0;
    passes++;
    scheduler.begin_pass(*first);
    for (Candidate* next = scheduler.next_mate(); next; next = rows < budget ? scheduler.next_mate() : nullptr) {
      auto& job = static_cast<Job&>(*next);
      scheduler.seat(job, 1);
      rows++, job.steps--, job.now.stepped = true;
      if (job.steps == 0) end(job);
    }
    seated = rows;
  }
  void end(Job& job) {
    job.ended = passes;
    job.now = {};
    scheduler.remove(job);
  }
  void run() {
    for (int64_t before = -1; before != passes;) before = passes, pass();
  }

  Scheduler scheduler;
  int64_t passes = 0, seated = 0, budget = 1, max_active = 64, room = 0;

 private:
  Ledger<int> models_;
  Ledger<std::pair<int, std::string>> tags_;
  std::vector<std::unique_ptr<Job>> jobs_;
};

}  // namespace

TEST(tags_share_rows_and_runs_of_a_tag_take_turns) {
  World world;
  auto &a1 = world.add("a", 8), &a2 = world.add("a", 8), &a3 = world.add("a", 8), &b = world.add("b", 8);
  world.run();
  CHECK_EQ(b.ended, 16);
  CHECK_EQ(a1.ended, 30);
  CHECK_EQ(a2.ended, 31);
  CHECK_EQ(a3.ended, 32);
}

TEST(who_comes_back_starts_level_with_the_least_served) {
  World world;
  auto &a = world.add("a", 100), &c = world.add("c", 100);
  for (int i = 0; i < 40; i++) world.pass();
  CHECK_EQ(a.tag->rows, 20);
  auto& b = world.add("b", 5);
  CHECK_EQ(b.tag->rows, 20);
  const int64_t before = world.passes;
  while (b.ended < 0) world.pass();
  CHECK(b.ended - before >= 13 && b.ended - before <= 15);  // every third one
  CHECK(c.tag->rows - a.tag->rows <= 1);
}

TEST(models_share_before_tags_do) {
  World world;
  auto &crowd = world.add("a", 50), &other = world.add("b", 50), &single = world.add("a", 50, 0, Policy::fair, 1);
  for (int i = 0; i < 40; i++) world.pass();
  CHECK_EQ(50 - single.steps, 20);
  CHECK_EQ(50 - crowd.steps + 50 - other.steps, 20);
}

TEST(priorities_go_before_everything) {
  World world;
  auto &low = world.add("a", 4), &high = world.add("b", 4, 1);
  world.run();
  CHECK_EQ(high.ended, 4);
  CHECK_EQ(low.ended, 8);
}

TEST(fifo_and_shortest) {
  World fifo;
  auto &first = fifo.add("a", 3, 0, Policy::fifo), &second = fifo.add("b", 1, 0, Policy::fifo);
  fifo.run();
  CHECK_EQ(first.ended, 3);
  CHECK_EQ(second.ended, 4);
  World shortest;
  auto &longest = shortest.add("a", 9, 0, Policy::shortest), &middle = shortest.add("a", 4, 0, Policy::shortest),
       &least = shortest.add("a", 2, 0, Policy::shortest);
  shortest.run();
  CHECK_EQ(least.ended, 2);
  CHECK_EQ(middle.ended, 6);
  CHECK_EQ(longest.ended, 15);
}

TEST(places_are_bounded_but_for_a_tag_without_any) {
  World world;
  world.max_active = 2;
  auto &a1 = world.add("a", 5), &a2 = world.add("a", 5), &a3 = world.add("a", 5), &b1 = world.add("b", 5), &b2 = world.add("b", 5);
  world.pass();
  CHECK(a1.now.placed && a2.now.placed && b1.now.placed);
  CHECK(!a3.now.placed && !b2.now.placed);
  World strict;
  strict.max_active = 1;
  auto &one = strict.add("a", 2, 0, Policy::fifo), &two = strict.add("b", 2, 0, Policy::fifo);
  strict.pass();
  CHECK(one.now.placed && !two.now.placed);
}

TEST(what_is_kept_is_bounded_by_room) {
  World world;
  world.room = 10;
  auto &first = world.add("a", 3), &second = world.add("b", 3), &third = world.add("c", 3), &light = world.add("d", 3);
  first.held = 6, second.held = 6, third.held = 3;
  world.pass();
  CHECK(first.now.placed && !second.now.placed && light.now.placed);
  CHECK(!third.now.placed);  // behind one that waits for room
  // Without a place it still holds what it kept, and needs no room to go on.
  first.now.placed = false, first.now.wants = Wants::nothing;
  world.pass();
  CHECK(!second.now.placed);
  first.now.wants = Wants::place;
  world.pass();
  CHECK(first.now.placed && !second.now.placed);
  world.run();
  CHECK(second.ended > first.ended && third.ended > 0);
}

TEST(a_pass_takes_mates_on_the_same_weights_up_to_its_budget) {
  World world;
  world.budget = 3;
  std::vector<World::Job*> jobs;
  for (int i = 0; i < 5; i++) jobs.push_back(&world.add("a", 2));
  world.pass();
  CHECK_EQ(world.seated, 3);
  jobs[4]->weights = nullptr;
  jobs[3]->alone = true;
  world.pass();
  CHECK_EQ(world.seated, 1);  // whoever had none yet goes first, and shares with nobody
  CHECK(!jobs[3]->alone);     // it went alone once
  world.pass();
  CHECK_EQ(world.seated, 1);
  world.run();
  for (const World::Job* job : jobs) CHECK(job->ended > 0);
}

TEST(a_pass_is_held_back_for_runs_that_have_not_begun) {
  World world;
  world.budget = 4;
  auto &a = world.add("a", 3), &b = world.add("b", 3);
  const Candidate::Time now{}, later = now + std::chrono::seconds(1);
  for (auto* job : {&a, &b}) job->ready_at = later, job->now.wants = Wants::step;
  CHECK(world.scheduler.holds_back(a, now));
  CHECK(!world.scheduler.holds_back(a, later));
  a.rows = 3;
  CHECK(!world.scheduler.holds_back(b, now));  // full
  a.rows = 1, b.now.stepped = true;
  CHECK(!world.scheduler.holds_back(a, now));
}

TEST(who_is_held_back_keeps_nobody_else_from_a_turn) {
  World world;
  world.budget = 4;
  auto &held = world.add("a", 3), &longer = world.add("a", 3), &other = world.add("b", 3, -1);
  const Candidate::Time now = Candidate::Time{} + std::chrono::hours(1), soon = now + std::chrono::seconds(1);
  for (auto* job : {&held, &longer, &other}) job->now.wants = Wants::step;
  held.ready_at = soon, longer.ready_at = soon + std::chrono::seconds(1);
  Candidate::Time look_again{};
  CHECK(world.scheduler.first(now, &look_again) == &other);
  other.now.wants = Wants::nothing;
  CHECK(world.scheduler.first(now, &look_again) == nullptr);
  CHECK(look_again == soon);
  CHECK(world.scheduler.first(soon, &look_again) == &held);
}

TEST(time_by_oneself_is_charged) {
  World world;
  auto &a = world.add("a", 10), &b = world.add("b", 10);
  world.pass();
  world.scheduler.begin_turn(a);
  world.scheduler.charge(a, 5);
  for (int i = 0; i < 5; i++) world.pass();
  CHECK_EQ(b.steps, 5);
  CHECK_EQ(a.steps, 9);
}

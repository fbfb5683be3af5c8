#include "engine/scheduler.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace dimoo {
namespace {

/// Smaller goes first.
auto rank(const Candidate& c, int64_t turn) {
  int64_t policy = 0, last = 0;
  if (c.policy == Policy::shortest) policy = c.now.rows_left;
  if (c.policy == Policy::fair) policy = c.tag->rows, last = turn;
  return std::tuple(-c.priority, c.model->rows, policy, last, c.arrival);
}

}  // namespace

void Scheduler::add(Candidate& candidate) {
  waiting_.reserve(all_.size() + 1);
  all_.push_back(&candidate);
}

void Scheduler::remove(const Candidate& candidate) noexcept {
  std::erase(all_, &candidate);
  if (first_ == &candidate) first_ = nullptr;
}

void Scheduler::give_places(FunctionRef<void(Candidate&)> begin) noexcept {
  waiting_.clear();
  int64_t held = 0;
  for (const Candidate* c : all_) c->model->placed = c->tag->placed = 0;
  for (Candidate* c : all_) {
    c->model->placed += c->now.placed, c->tag->placed += c->now.placed;
    if (c->now.begun) held += c->held;
    if (c->now.wants == Wants::place) waiting_.push_back(c);
  }
  std::sort(waiting_.begin(), waiting_.end(), [](const auto* a, const auto* b) { return rank(*a, a->turn_) < rank(*b, b->turn_); });
  bool room = true;
  for (Candidate* c : waiting_) {
    if (c->model->placed >= c->max_active && (c->tag->placed > 0 || c->policy != Policy::fair)) continue;
    const bool takes = c->held > 0 && !c->now.begun;
    if (takes) room = room && (held == 0 || held + c->held <= c->room);
    if (takes && !room) continue;
    begin(*c);
    c->model->placed++, c->tag->placed++;
    if (takes) held += c->held;
  }
}

Candidate* Scheduler::first(Candidate::Time now, Candidate::Time* look_again) noexcept {
  Candidate* best = nullptr;
  for (Candidate* c : all_) {
    if (c->now.wants != Wants::step && c->now.wants != Wants::finish) continue;
    if (c->now.wants == Wants::step && holds_back(*c, now)) {
      if (look_again && (*look_again == Candidate::Time{} || c->ready_at < *look_again)) *look_again = c->ready_at;
      continue;
    }
    if (!best || rank(*c, c->turn_) < rank(*best, best->turn_)) best = c;
  }
  return best;
}

bool Scheduler::holds_back(const Candidate& first, Candidate::Time now) const noexcept {
  if (now >= first.ready_at) return false;
  int64_t rows = 0;
  for (const Candidate* c : all_) {
    if (c->now.wants != Wants::step) continue;
    if (c->now.stepped) return false;
    if (c->weights == first.weights) rows += c->rows;
  }
  return rows < first.budget;
}

void Scheduler::begin_pass(Candidate& first) noexcept {
  turns_++;
  first_ = &first;
  for (Candidate* c : all_)
    c->mate_ = c != &first && !first.alone && !c->alone && c->weights == first.weights && c->now.wants == Wants::step;
}

Candidate* Scheduler::next_mate() noexcept {
  Candidate* best = std::exchange(first_, nullptr);
  for (Candidate* c : all_)
    if (c->mate_ && (!best || (best->mate_ && rank(*c, c->turn_) < rank(*best, best->turn_)))) best = c;
  if (best) best->mate_ = false;
  return best;
}

void Scheduler::seat(Candidate& candidate, int64_t rows) noexcept {
  charge(candidate, rows);
  candidate.turn_ = turns_;
  candidate.alone = false;
}

void Scheduler::charge(Candidate& candidate, int64_t rows) noexcept {
  candidate.model->rows += rows;
  candidate.tag->rows += rows;
}

}  // namespace dimoo

// Who goes first (docs/contracts.md#scheduling): higher priorities, then the model and, by its policy, the run or tag that has had the
// fewest rows so far. That is deficit round-robin with one row as the quantum. Pure logic over facts about runs: knows no device, no
// thread and no clock. Guarded by the engine's lock; once a run is known, nothing here takes memory or fails.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/function_ref.h"

namespace dimoo {

/// fair: tags share rows evenly, runs of a tag take turns. fifo: in order of arrival. shortest: fewest rows left first.
enum class Policy { fair, fifo, shortest };

/// What the runs of one model, or of one tag of it, have had and have: shared by them, gone with the last.
struct Account {
  int64_t rows = 0;
  int64_t placed = 0;  // runs under way; counted anew when places are given
};

/// Accounts by name. One that comes (back) starts level with the least served one present.
template <class Name>
class Ledger {
 public:
  std::shared_ptr<Account> open(const Name& name) {
    std::erase_if(accounts_, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<Account>& known = accounts_[name];
    if (auto account = known.lock()) return account;
    auto account = std::make_shared<Account>();
    int64_t least = INT64_MAX;
    for (const auto& [other, weak] : accounts_)
      if (const auto present = weak.lock()) least = std::min(least, present->rows);
    if (least < INT64_MAX) account->rows = least;
    known = account;
    return account;
  }

 private:
  std::map<Name, std::weak_ptr<Account>> accounts_;
};

/// What a run wants of its next turn. place: to be under way at all. finish: everything is decided, pixels or the end are due.
enum class Wants { nothing, place, step, finish };

/// How a run stands between two turns.
struct Standing {
  Wants wants = Wants::nothing;
  bool placed = false;   // under way
  bool begun = false;    // was ever: what reuse keeps of it is held
  bool stepped = false;  // has taken a step
  int64_t rows_left = 0;
};

/// A run as the scheduler sees it. What changes is told before every turn.
struct Candidate {
  using Time = std::chrono::steady_clock::time_point;
  int64_t arrival = 0;   // its number among all runs
  int64_t priority = 0;  // larger goes first
  Policy policy = Policy::fair;
  std::shared_ptr<Account> model, tag;
  int64_t max_active = 0;         // runs of its model that may be under way at once
  int64_t held = 0, room = 0;     // bytes that reuse keeps of it; bytes that it may keep of all runs together
  int64_t budget = 0;             // rows of a pass that it may share
  int64_t rows = 0;               // of a step of all its pictures
  const void* weights = nullptr;  // whoever has the same may share a pass
  Time ready_at{};                // takes no first step before, unless a pass is full
  bool alone = false;             // shares no pass: one that it shared has failed
  Standing now;

 private:
  friend class Scheduler;
  int64_t turn_ = 0;   // the last one that it had
  bool mate_ = false;  // may be seated in the pass that is being filled
};

class Scheduler {
 public:
  /// Known until `remove`, at the same place.
  void add(Candidate& candidate);
  void remove(const Candidate& candidate) noexcept;

  /// Runs that wait for a place begin, by rank, while there is one and room for what they keep. A tag without a run under way always has
  /// a place where the policy is fair, so that nobody's long runs keep another's out.
  void give_places(FunctionRef<void(Candidate&)> begin) noexcept;
  /// Whose turn it is among those that want a step or to finish, but for whoever is held back at `now`; null: nobody's. `look_again`: when
  /// the first of those is not any more.
  Candidate* first(Candidate::Time now = Candidate::Time::max(), Candidate::Time* look_again = nullptr) noexcept;
  /// Whether the pass of `first` is better held back until its `ready_at`: nobody has begun and there are rows to spare.
  bool holds_back(const Candidate& first, Candidate::Time now) const noexcept;

  /// A pass begins to be filled: `next_mate` gives `first`, then whoever may sit beside it, always the one whose turn it is; null: nobody.
  void begin_pass(Candidate& first) noexcept;
  Candidate* next_mate() noexcept;
  /// It was seated, with so many rows.
  void seat(Candidate& candidate, int64_t rows) noexcept;
  /// It has the device to itself for a turn; then it had it for as long as so many rows would have taken.
  void begin_turn(Candidate& candidate) noexcept { candidate.turn_ = ++turns_; }
  void charge(Candidate& candidate, int64_t rows) noexcept;

 private:
  std::vector<Candidate*> all_, waiting_;  // the latter for give_places, of the same capacity
  Candidate* first_ = nullptr;             // of the pass being filled, until it is given
  int64_t turns_ = 0;
};

}  // namespace dimoo

// Who goes first (docs/contracts.md#scheduling): higher priorities, then the model and, by its policy, the run or tenant that has had the
// fewest rows so far. That is deficit round-robin with one row as the quantum. Pure bookkeeping, guarded by the engine's lock.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

namespace dimoo {

/// fair: tenants share rows evenly, runs of a tenant take turns. fifo: in order of arrival. shortest: fewest rows left first.
enum class Policy { fair, fifo, shortest };

/// Smaller goes first.
struct Rank {
  int64_t priority = 0, model = 0, policy = 0, turn = 0, arrival = 0;
  bool operator<(const Rank& other) const {
    return std::tie(priority, model, policy, turn, arrival) <
           std::tie(other.priority, other.model, other.policy, other.turn, other.arrival);
  }
};

/// Rows that each name has had. A name that comes (back) starts level with the least served one present.
class Shares {
 public:
  void charge(const std::string& name, int64_t rows) { rows_[name] += rows; }
  int64_t of(const std::string& name) {
    const auto known = rows_.find(name);
    if (known != rows_.end()) return known->second;
    int64_t least = INT64_MAX;
    for (const auto& [other, rows] : rows_) least = rows < least ? rows : least;
    return rows_[name] = rows_.empty() ? 0 : least;
  }
  /// Forgets every name that `present` does not hold.
  template <class Names>
  void keep(const Names& present) {
    std::erase_if(rows_, [&](const auto& entry) { return !present.contains(entry.first); });
  }

 private:
  std::map<std::string, int64_t> rows_;
};

}  // namespace dimoo

// What the system's control groups (v1, v2, or both side by side) leave this process: the tightest limit of its own group and of
// every group above it that is mounted here. Asks the system each time; what cannot be read limits nothing.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace dimoo {

/// `root` stands before every path (tests).
/// CPUs that the quotas allow together, at least 1; a large number when there is no quota. Parts of a CPU are not counted.
int cgroup_cpus(const std::string& root = "");

struct MemoryLimit {
  int64_t bytes = INT64_MAX;  // the smallest limit; INT64_MAX: none
  int64_t free = INT64_MAX;   // the least that a limited group still has, file pages that can be dropped counted as free
};
MemoryLimit cgroup_memory(const std::string& root = "");

}  // namespace dimoo

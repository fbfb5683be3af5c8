// How a job tells how far it is: a phase, and bytes (or steps) done of a total. Called from the job's own thread only.
#pragma once
#include <cstdint>
#include <functional>

namespace dimoo {

using Progress = std::function<void(const char* phase, int64_t done, int64_t total)>;

}  // namespace dimoo

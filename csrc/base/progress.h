// How a long job says where it is: a phase, and bytes done of bytes in all. Called from the job's thread; may be empty.
#pragma once
#include <cstdint>
#include <functional>

namespace dimoo {

using Progress = std::function<void(const char* phase, int64_t done, int64_t total)>;

}  // namespace dimoo

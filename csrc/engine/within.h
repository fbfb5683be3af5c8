// One way to refuse a number of a request that lies out of its bounds.
#pragma once
#include "base/error.h"

namespace dimoo {

inline void within(const char* what, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) fail(Code::request_invalid, what, " must lie in ", low, "..", high, ", got ", value);
}

}  // namespace dimoo

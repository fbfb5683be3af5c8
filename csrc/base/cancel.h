// A flag that somebody else may raise while work is under way. Checked between units of work (at most 50 ms each).
#pragma once
#include <atomic>

#include "base/error.h"

namespace dimoo {

class CancelToken {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  /// Throws Error{aborted} once cancelled.
  void check() const {
    if (cancelled()) throw Error::constant(Code::aborted, "aborted");
  }

 private:
  std::atomic<bool> cancelled_{false};
};

}  // namespace dimoo

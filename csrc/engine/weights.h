// A checkpoint bound to an engine's device; models of the same files and precision share one.
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/pass.h"
#include "model/vq.h"

namespace dimoo {

struct Weights {
  std::unique_ptr<Source> source;
  Hyperparameters hyper;
  Precision precision;
  std::string fingerprint;
  std::unique_ptr<Backbone> backbone;
  std::unique_ptr<Vq> vq;
  std::unique_ptr<Pass> pass;
  int64_t panel_budget = 0;  // guarded by the engine's lock; lowered where a run's plan leaves less

  /// What was made of them once and is kept: 4 x 4 RGB bytes a code.
  struct Drafts {
    std::mutex mutex;
    std::vector<uint8_t> table;  // guarded by the mutex
  };
  mutable Drafts drafts;
};

}  // namespace dimoo

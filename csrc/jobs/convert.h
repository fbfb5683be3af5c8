// `dimoo convert`: any source to one GGUF file of a chosen type, streaming in bounded memory. The output appears complete or
// not at all.
#pragma once
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "jobs/stored_type.h"

namespace dimoo {

struct ConvertOptions {
  std::string source, output;
  TypeRules types;
  bool preview = true;  // drafts are made where the source has none
  int threads = 0;      // 0: as many as this process may use
};

/// A tensor whose rows the block of its type does not divide, and the type it got instead.
struct Fallback {
  std::string name;
  DType type;
};

struct ConvertReport {
  int64_t tensors = 0, bytes = 0;
  std::vector<Fallback> fallbacks;
  std::vector<std::string> ignored;  // tensors of the source that the model does not use
  double seconds = 0;
};

/// model/*, request/invalid, output/failed, aborted.
ConvertReport convert(const ConvertOptions& options, const Progress& progress, const CancelToken& cancel);

}  // namespace dimoo

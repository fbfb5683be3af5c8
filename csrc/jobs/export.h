// `dimoo export`: any source as a Hugging Face folder: config.json, safetensors, tokenizer.json, generation_config.json and vqvae/, the
// inverse of convert. Streams in bounded memory; the folder appears complete or not at all.
#pragma once
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/dtype.h"
#include "base/progress.h"

namespace dimoo {

struct ExportOptions {
  std::string source;
  std::string output;         // a folder that does not exist yet, or is empty
  std::optional<DType> type;  // of the transformer: f32, f16 or bf16. Nothing: one that keeps every value (docs/files.md#export)
  int64_t shard_bytes = int64_t{5} << 30;
};

struct ExportReport {
  int64_t tensors = 0, bytes = 0, files = 0;
  double seconds = 0;
};

/// model/*, request/invalid, output/failed, aborted.
ExportReport export_folder(const ExportOptions& options, const Progress& progress, const CancelToken& cancel);

}  // namespace dimoo

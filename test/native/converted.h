// The golden checkpoint as a GGUF file with its matrices in another type.
#pragma once
#include "jobs/convert.h"
#include "test/native/golden.h"
#include "test/native/temporary.h"

namespace golden {

/// Without drafts, which take long to make.
inline std::unique_ptr<Source> converted(const TemporaryFolder& folder, const std::string& type) {
  ConvertOptions options;
  options.source = path("checkpoint"), options.output = folder.at(type + ".gguf");
  options.types = TypeRules::make(type, ""), options.preview = false;
  convert(options, {}, {});
  return Source::open(options.output);
}

}  // namespace golden

// The golden checkpoint as a GGUF file with its matrices in another type.
#pragma once
#include "engine/convert.h"
#include "test/native/golden.h"
#include "test/native/temporary.h"

namespace golden {

/// Without drafts, which take long to make.
inline std::unique_ptr<Source> converted(const TemporaryFolder& folder, const std::string& type) {
  const std::string output = folder.at(type + ".gguf");
  convert(Json(Json::Object{}).set("source", path("checkpoint")).set("output", output).set("type", type).set("preview", false), {}, {});
  return Source::open(output);
}

}  // namespace golden

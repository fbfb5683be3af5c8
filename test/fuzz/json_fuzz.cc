// JSON: what is accepted is written and read back the same.
#include "base/json.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dimoo::Json json;
  if (!fuzz::accepts([&] { json = dimoo::Json::parse(fuzz::text_of(data, size), "fuzz"); })) return 0;
  const std::string text = json.dump();
  fuzz::require(dimoo::Json::parse(text, "dump").dump() == text);
  return 0;
}

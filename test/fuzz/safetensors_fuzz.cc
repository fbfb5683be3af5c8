// Safetensors from memory: every entry's bytes lie within the file.
#include "fuzz.h"
#include "source/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::accepts([&] {
    for (const dimoo::SafetensorsEntry& entry : dimoo::parse_safetensors(fuzz::bytes_of(data, size), "fuzz")) fuzz::touch(entry.data);
  });
  return 0;
}

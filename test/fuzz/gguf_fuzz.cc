// GGUF from memory: every tensor that the reader gives out lies within the file.
#include "fuzz.h"
#include "source/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::accepts([&] {
    const dimoo::Gguf gguf = dimoo::parse_gguf(fuzz::bytes_of(data, size), "fuzz");
    (void)gguf.metadata.dump();
    for (const dimoo::SourceTensor& tensor : gguf.tensors) {
      fuzz::read_all(tensor);
      fuzz::require(dimoo::dtype_of_gguf(dimoo::gguf_type(tensor.type)) == tensor.type);
    }
  });
  return 0;
}

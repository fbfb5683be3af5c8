// llama.cpp's text files from memory: no key, role or shape is trusted. What is accepted has rows that can be put back, tokens within
// the vocabulary, and a tokenizer that is JSON.
#include "fuzz.h"
#include "model/hyperparameters.h"
#include "model/rotary_rows.h"
#include "source/gguf.h"

namespace {

class Parsed : public dimoo::Source {
 public:
  explicit Parsed(dimoo::Gguf gguf) {
    path_ = "fuzz";
    tensors_ = std::move(gguf.tensors);
    settings_ = std::move(gguf.metadata);
    index_tensors();
  }
  Format format() const override { return Format::gguf; }
};

void put_back(const dimoo::Hyperparameters& hyper, const dimoo::SourceTensor& tensor) {
  const dimoo::HostTensor host{tensor.name, tensor.type, tensor.shape.front(), tensor.shape.back(), tensor.data};
  const auto rows = dimoo::half_split_rows(host, hyper.head_dim);
  fuzz::require(rows.size() == static_cast<size_t>(tensor.bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::accepts([&] {
    const Parsed source(dimoo::parse_gguf(fuzz::bytes_of(data, size), "fuzz"));
    const dimoo::Hyperparameters hyper = dimoo::read_hyperparameters(source);
    if (hyper.has_images()) return;
    fuzz::require(hyper.tokens.mask >= 0 && hyper.tokens.mask < hyper.vocab && hyper.tokens.answer_end < hyper.vocab);
    fuzz::require(dimoo::half_split_bytes(hyper, source) <= static_cast<int64_t>(size));
    put_back(hyper, *source.find("blk.0.attn_q.weight"));
    put_back(hyper, *source.find("blk.0.attn_k.weight"));
    (void)dimoo::fingerprint(hyper, source);
  });
  return 0;
}

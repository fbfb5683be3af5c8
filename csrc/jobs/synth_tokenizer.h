// The tokenizer of a random model: 256 byte tokens, fillers, then the special tokens in the released model's order, so that
// prompts encode and every role has an id. Contiguous ids 0 .. size-1.
#pragma once
#include <string>

#include "model/hyperparameters.h"

namespace dimoo {

struct SynthTokenizer {
  std::string json;  // tokenizer.json: byte-level BPE without merges
  TokenRoles roles;
};
/// `size` ids (at least 532); the image codes come after them.
SynthTokenizer make_synth_tokenizer(int32_t size);

}  // namespace dimoo

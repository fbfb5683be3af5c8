// The published layout of the model: config.json, model.safetensors or shards with an index, vqvae/, tokenizer.json and
// generation_config.json. Tensor names become GGUF names. JSON and tensors only; nothing in the folder is ever run.
#pragma once
#include <memory>
#include <string>

#include "source/source.h"

namespace dimoo {

std::unique_ptr<Source> open_hf_folder(const std::string& path);

/// "model.transformer.blocks.3.q_proj.weight" -> "blk.3.attn_q.weight"; empty for a name we do not know.
std::string gguf_name(std::string_view hf_name);
/// The inverse, for the transformer's tensors.
std::string hf_name(std::string_view gguf_name);

}  // namespace dimoo

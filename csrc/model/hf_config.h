// The numbers of a checkpoint as the configuration files of a Hugging Face folder, in the released model's spelling: what
// read_hyperparameters reads from them is what they were written from.
#pragma once
#include "base/json.h"
#include "model/hyperparameters.h"

namespace dimoo {

/// config.json of LLaDA's modelling code; `torch_dtype` is the type of the matrices, "bfloat16". model/unsupported for numbers that it
/// cannot say.
Json transformer_config(const Hyperparameters& hyper, const char* torch_dtype);
/// vqvae/config.json of diffusers' VQModel.
Json image_tokenizer_config(const VqHyperparameters& vq);

}  // namespace dimoo

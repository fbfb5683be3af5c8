// The numbers of a checkpoint, read from a Hugging Face folder (config.json with its null fields and fallbacks) or from GGUF
// keys, ours or llama.cpp's `llada` (text only), checked against the tensors, and written back as GGUF keys (docs/files.md).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "source/gguf_writer.h"
#include "source/source.h"

namespace dimoo {

/// Token ids by role. -1: the checkpoint has no such token (text-only files).
struct TokenRoles {
  int32_t mask = -1, row_end = -1, padding = -1, end_of_text = -1, image_begin = -1, image_end = -1, uncondition = -1, answer_begin = -1,
          answer_end = -1;
};

struct VqHyperparameters {
  std::vector<int64_t> channels;  // block_out_channels, finest level first
  int64_t layers_per_block = 2;
  int64_t latent_channels = 64;
  int64_t embed_dim = 64;
  int64_t norm_groups = 32;
  int64_t codebook_size = 0;
  int64_t scale() const { return channels.empty() ? 1 : int64_t{1} << (channels.size() - 1); }  // pixels per cell
};

/// How the rows of Q and K lie within a head of the file: as the original has them, or as llama.cpp reorders them for rotary on
/// neighbouring pairs (undone at load, model/rotary_rows.h).
enum class RotaryRows { half_split, neighbours };

struct Hyperparameters {
  int64_t d_model = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, mlp = 0;
  int64_t vocab = 0;           // rows of the embedding and of the output matrix
  int64_t context_length = 0;  // what the checkpoint states; not a limit
  float rope_theta = 500000.0f;
  float rms_eps = 1e-5f;
  TokenRoles tokens;
  int32_t code_offset = 0;  // id of code 0 = vocab - codebook size (vocab: no pictures)
  bool tied = false;        // the output matrix is the embedding
  RotaryRows rotary_rows = RotaryRows::half_split;
  VqHyperparameters vq;

  /// False for llama.cpp's text files: no image codes, no VQ, and of the token roles only mask and end of text are certain.
  bool has_images() const { return vq.codebook_size > 0; }
};

/// A tensor that a checkpoint must have; shape outermost first.
struct ExpectedTensor {
  std::string name;
  std::vector<int64_t> shape;
  bool matrix;  // of the transformer: `--type` applies to it
};
std::vector<ExpectedTensor> expected_tensors(const Hyperparameters& hyper);
void append_vq_tensors(const VqHyperparameters& vq, std::vector<ExpectedTensor>& all);

/// model/unsupported for an architecture, layout or token role we do not have; model/corrupt listing every tensor that is
/// missing or of a wrong shape.
Hyperparameters read_hyperparameters(const Source& source);
void write_hyperparameters(const Hyperparameters& hyper, GgufWriter& writer);

inline constexpr int kTokenRoles = 9;
/// How a tokenizer spells role 0..8, in the order of TokenRoles.
std::string token_text(int role);

/// SHA-256 (hex) over hyperparameters, tensor names, shapes, types and each tensor's first and last 64 KB (docs/files.md#fingerprint).
std::string fingerprint(const Hyperparameters& hyper, const Source& source);

}  // namespace dimoo

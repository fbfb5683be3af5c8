// Drafts: what one code looks like, as 4 x 4 RGB pixels, so that a step can be shown without running the decoder. A code's looks
// depend on its mates (the decoder's norms see the whole picture), so they are learnt from pictures: plain shapes are encoded and
// decoded, and a linear map from a code's embedding to the pixels of its cell is fitted to what came out.
#pragma once
#include <string>

#include "base/function_ref.h"
#include "engine/model.h"

namespace dimoo {

inline constexpr const char* kPreviewTensor = "vq.preview";
constexpr int64_t kPreviewBytes = 4 * 4 * 3;  // of one code

/// The image tokenizer there and back: rgb (side, side, 3) u8 is encoded into codes and replaced by their picture.
using RoundTrip = FunctionRef<void(std::span<uint8_t> rgb, int64_t side, std::span<int32_t> codes)>;

/// (codebook, 4, 4, 3) u8, deterministic. Calls `round_trip` for 32 pictures of 16 x 16 cells, wherever the caller's turns are.
std::vector<uint8_t> make_preview_table(const Source& source, const VqHyperparameters& hyper, RoundTrip round_trip);

/// Shape of the tensor that holds it: (codebook, 4, 4, 3), I8.
std::vector<int64_t> preview_shape(const VqHyperparameters& hyper);

/// The table in a file (tensor `vq.preview`, I8 holding the same bytes); nothing where there is none. model/corrupt for another shape.
std::vector<uint8_t> stored_preview_table(const Source& source, const VqHyperparameters& hyper);

constexpr int64_t kPreviewPictures = 32;

/// The table of a loaded model: its file's, or made at first use, a turn of the engine's for every picture, and kept as long as its
/// weights. model/unsupported without image codes, aborted, disposed.
std::vector<uint8_t> preview_table(Model& model, CancelToken* cancel);

}  // namespace dimoo

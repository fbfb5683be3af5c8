// Drafts: what one code looks like, as 4 x 4 RGB pixels, so that a step can be shown without running the decoder. Made from the
// decoder itself: every code fills a tile of 2 x 2 cells among others, the tile's cells are averaged to 4 x 4.
#pragma once
#include <string>

#include "base/function_ref.h"
#include "model/vq.h"

namespace dimoo {

inline constexpr const char* kPreviewTensor = "vq.preview";
constexpr int64_t kPreviewBytes = 4 * 4 * 3;  // of one code

/// (codebook, 4, 4, 3) u8. Decodes a picture of up to 32 x 32 cells at a time; `decode(codes, rows, columns, rgb)` does it, wherever the
/// caller's turns are.
std::vector<uint8_t> make_preview_table(const VqHyperparameters& hyper,
                                        FunctionRef<void(std::span<const int32_t>, int64_t, int64_t, std::span<uint8_t>)> decode);

/// Shape of the tensor that holds it: (codebook, 4, 4, 3), I8.
std::vector<int64_t> preview_shape(const VqHyperparameters& hyper);

/// The table in a file (tensor `vq.preview`, I8 holding the same bytes); nothing where there is none. model/corrupt for another shape.
std::vector<uint8_t> stored_preview_table(const Source& source, const VqHyperparameters& hyper);

}  // namespace dimoo

#include "engine/previews.h"

#include <algorithm>

namespace dimoo {
namespace {

constexpr int64_t kTile = 2;    // cells of a code's tile, a side
constexpr int64_t kTiles = 16;  // tiles of one picture, a side
constexpr int64_t kPatch = 4;   // pixels of a draft of one cell, a side

/// Adds a cell's pixels (scale x scale of a picture `width` pixels wide) to the sums of its patch, (4, 4, 3) and their counts.
void add_cell(const uint8_t* pixels, int64_t width, int64_t scale, int64_t* sums, int64_t* counts) {
  for (int64_t y = 0; y < std::max(scale, kPatch); y++)
    for (int64_t x = 0; x < std::max(scale, kPatch); x++) {
      const int64_t size = std::max(scale, kPatch), at = y * kPatch / size * kPatch + x * kPatch / size;
      const uint8_t* pixel = pixels + (y * scale / size * width + x * scale / size) * 3;
      for (int64_t c = 0; c < 3; c++) sums[at * 3 + c] += pixel[c];
      counts[at]++;
    }
}

void average_tile(const uint8_t* rgb, int64_t width, int64_t scale, int64_t tile_row, int64_t tile_column, uint8_t* patch) {
  int64_t sums[kPreviewBytes] = {}, counts[kPatch * kPatch] = {};
  for (int64_t row = 0; row < kTile; row++)
    for (int64_t column = 0; column < kTile; column++) {
      const int64_t y = (tile_row * kTile + row) * scale, x = (tile_column * kTile + column) * scale;
      add_cell(rgb + (y * width + x) * 3, width, scale, sums, counts);
    }
  for (int64_t i = 0; i < kPreviewBytes; i++) patch[i] = static_cast<uint8_t>((sums[i] + counts[i / 3] / 2) / counts[i / 3]);
}

}  // namespace

std::vector<uint8_t> make_preview_table(const VqHyperparameters& hyper,
                                        FunctionRef<void(std::span<const int32_t>, int64_t, int64_t, std::span<uint8_t>)> decode) {
  const int64_t scale = hyper.scale(), side = kTiles * kTile, width = side * scale, per_picture = kTiles * kTiles;
  std::vector<uint8_t> table(static_cast<size_t>(hyper.codebook_size * kPreviewBytes));
  std::vector<uint8_t> rgb(static_cast<size_t>(width * width * 3));
  std::vector<int32_t> codes(static_cast<size_t>(side * side));
  const int64_t pictures = (hyper.codebook_size + per_picture - 1) / per_picture;
  for (int64_t picture = 0; picture < pictures; picture++) {
    // A picture shows codes from all over the codebook, so that the statistics its norms see are those of a mixed picture.
    const auto code_of = [&](int64_t tile) { return (tile * pictures + picture) % hyper.codebook_size; };
    for (int64_t cell = 0; cell < side * side; cell++)
      codes[static_cast<size_t>(cell)] = static_cast<int32_t>(code_of(cell / side / kTile * kTiles + cell % side / kTile));
    decode(codes, side, side, rgb);
    for (int64_t tile = 0; tile < per_picture; tile++)
      average_tile(rgb.data(), width, scale, tile / kTiles, tile % kTiles, table.data() + code_of(tile) * kPreviewBytes);
  }
  return table;
}

std::vector<int64_t> preview_shape(const VqHyperparameters& hyper) { return {hyper.codebook_size, kPatch, kPatch, 3}; }

std::vector<uint8_t> stored_preview_table(const Source& source, const VqHyperparameters& hyper) {
  const SourceTensor* tensor = source.find(kPreviewTensor);
  if (!tensor) return {};
  const int64_t expected = hyper.codebook_size * kPreviewBytes;
  if (tensor->type != DType::i8 || tensor->values() != expected)
    fail(Code::model_corrupt, kPreviewTensor, ": expected ", expected, " values of I8, got ", tensor->values(), " of ",
         type_info(tensor->type).name);
  const auto* bytes = reinterpret_cast<const uint8_t*>(tensor->data);
  return {bytes, bytes + expected};
}

}  // namespace dimoo

// Original pixels back outside what was painted, with a seam (API: `composite`).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace dimoo {

/// Both pictures (height, width, 3) u8; `cells` (rows, columns) is 1 where it was painted. Inside painted cells the painted picture,
/// outside the original; `feather` pixels away from the painted cells (Euclidean) the painted picture fades out linearly. Pixels beyond
/// are the original's bytes. image/invalid for sizes that do not fit.
std::vector<uint8_t> composite(std::span<const uint8_t> original, std::span<const uint8_t> painted, int64_t width, int64_t height,
                               std::span<const uint8_t> cells, int64_t rows, int64_t columns, int64_t feather);

}  // namespace dimoo

// Edges by Canny's method (1986) as OpenCV computes them: grey in fixed point, 3 x 3 Sobel with replicated borders, L1 norm, suppression
// of what is no maximum across its edge, hysteresis over eight neighbours. The control picture that the model was trained with.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace dimoo {

/// rgb (height, width, 3) u8 -> (height, width), 255 on an edge and 0 elsewhere. A gradient above `high` begins an edge, one above `low`
/// carries it on. image/invalid for sizes that do not fit the bytes, request/invalid for thresholds out of order.
std::vector<uint8_t> canny(std::span<const uint8_t> rgb, int64_t width, int64_t height, int64_t low, int64_t high);

}  // namespace dimoo

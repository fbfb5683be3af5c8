// Convolutions as products of patches (golden README section 10): a task gathers the patches of a strip of output pixels, one
// piece of K at a time, into its own scratch; no picture-sized patch matrix exists.
#pragma once
#include "cpu/product.h"

namespace dimoo::cpu {

/// `panels`: all of the kernel's, packed. out must already hold what the products are added to (bias, residual).
void convolve(const Products& products, Image x, const CpuWeight& kernel, const std::byte* panels, Sampling sampling, Image out);

/// Reads channel block `tap` of output pixel (y, x): where its input pixel lies, or null for zero padding.
const float* input_pixel(const Image& x, int64_t out_y, int64_t out_x, int64_t tap, int64_t taps, Sampling sampling);

}  // namespace dimoo::cpu

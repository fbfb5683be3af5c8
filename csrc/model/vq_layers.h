// The image tokenizer's layers by name, bound to a device (docs/model.md#image-tokenizer).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "device/device.h"
#include "model/hyperparameters.h"

namespace dimoo::vq {

struct Norm {
  std::vector<float> weight, bias;  // in host memory: a convolution takes what they make of a picture's statistics
};
struct Conv {
  std::unique_ptr<Weight> kernel;
  Tensor bias;
  int64_t out = 0;
  Sampling sampling = Sampling::same;
};
struct Residual {
  Norm norm1, norm2;
  Conv conv1, conv2, shortcut;  // shortcut without a kernel: the same number of channels
};
struct Level {
  std::vector<Residual> residuals;
  Conv resample;  // without a kernel: the last level
};
struct Half {
  Conv in, out;
  Norm norm_out;
  std::vector<Residual> mid;
  std::vector<Level> levels;
};

struct Layers {
  Half encoder, decoder;
  Conv quant, post_quant;
  std::unique_ptr<Weight> codebook;
  std::vector<Buffer> vectors;  // the memory of biases
};

/// Binds every "vq." tensor; `source` must outlive the layers.
Layers bind_layers(Device& device, const VqHyperparameters& hyper, const Source& source);

/// Packed bytes of every kernel that decoding uses.
std::vector<int64_t> decoder_kernel_bytes(const Device& device, const Source& source);

}  // namespace dimoo::vq

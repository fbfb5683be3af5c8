// A matrix bound to the CPU: where it lies in its source, how its products are computed, and its panels once it was used.
// Panels are packed lazily within the device's budget; without room a panel is packed into scratch each time, with the same
// values, so results do not depend on the budget.
#pragma once
#include <memory>

#include "cpu/int8_panel.h"
#include "cpu/kernels.h"
#include "cpu/memory.h"
#include "device/device.h"

namespace dimoo::cpu {

/// `widened`: f32 products with weights that stay 16 bits wide until they are multiplied.
enum class Compute { f32, widened, bf16, int8 };

/// How a convolution kernel is packed. phases: behind nearest-neighbour 2x upsampling a 3x3 kernel is four kernels of 2x2, one for each
/// of the pixels that an input pixel becomes; their taps are sums of its own.
enum class Taps { plain, phases };

class CpuWeight : public Weight {
 public:
  CpuWeight(HostTensor tensor, Compute compute);
  /// A convolution kernel (out, in, size, size), reordered to (out, size * size * in): taps outermost, channels innermost.
  CpuWeight(HostTensor tensor, int64_t in, int64_t size, Sampling sampling, Taps taps);

  Compute compute() const { return compute_; }
  DType type() const { return tensor_.type; }
  Taps form() const { return form_; }
  int64_t panels() const { return (rows() + kPanel - 1) / kPanel; }

  /// Bytes of one packed panel; what `pack` writes, 64-byte aligned.
  int64_t panel_bytes() const;
  void pack(int64_t panel, std::byte* to) const;
  /// Row dequantised exactly to f32.
  void row(int64_t row, float* to) const;
  /// Values [from, from + count) of K of a packed panel.
  PackedPiece int8_piece(const std::byte* packed, int64_t from, int64_t count) const;
  int group() const;
  Int8Format int8_format() const { return cpu::int8_format(tensor_.type); }

  /// Takes all panels, packed one after another.
  void keep(Buffer cache);
  const std::byte* packed = nullptr;  // all panels once cached

 private:
  void pack_pairs(int64_t panel, std::byte* to) const;
  void pack_halves(int64_t panel, uint16_t* to) const;
  void pack_int8(int64_t panel, std::byte* to) const;
  /// Values [from, from + count) of a row; both multiples of the type's block.
  void part(int64_t row, int64_t from, int64_t count, float* to) const;
  /// A row as it is packed: [phase][tap][channel] of the four kernels, or the plain one.
  void packed_row(int64_t row, float* to) const;
  int64_t packed_cols() const { return form_ == Taps::phases ? in_ * 16 : tensor_.cols; }

  HostTensor tensor_;
  Compute compute_;
  Buffer cache_;
  int64_t in_ = 0;  // channels of a convolution's input
  Taps form_ = Taps::plain;
};

/// How these kernels multiply a matrix of this type (docs/contracts.md#precision): halves in bf16 where there are products of bf16.
Compute compute_for(DType type, Precision precision, const Kernels& kernels);

/// Q8 activations: per group of 32, scale = max|x| / 127, q = round(x / scale). u = q + 128; sum = scale times the sum of q.
void quantize_row(const float* x, int64_t k, uint8_t* u, float* scale, float* sum);

}  // namespace dimoo::cpu

// Packing: f32 [k][64], bf16 pairs [k/2][64][2], quantised types as cpu/int8_panel.h. Columns past the matrix' edge are zero, so edge
// panels do the arithmetic of full ones.
#include "cpu/weight.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "cpu/int8_panel.h"
#include "source/quantize.h"

namespace dimoo::cpu {
namespace {

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

}  // namespace

Compute compute_for(DType type, Precision precision, const Kernels& kernels) {
  const bool halves = type == DType::bf16 || type == DType::f16;
  if (precision == Precision::f32 || type == DType::f32) return halves && kernels.tile_halves ? Compute::widened : Compute::f32;
  if (is_quantized(type)) return Compute::int8;
  if (kernels.tile_bf16) return Compute::bf16;
  return kernels.tile_halves ? Compute::widened : Compute::f32;  // where the machine has no bf16 products
}

CpuWeight::CpuWeight(HostTensor tensor, Compute compute)
    : Weight(tensor.rows, tensor.cols), tensor_(std::move(tensor)), compute_(compute) {}

CpuWeight::CpuWeight(HostTensor tensor, int64_t in, int64_t size, Sampling sampling, Taps taps)
    : Weight(tensor.rows, tensor.cols, DType::f32, size * size, sampling),
      tensor_(std::move(tensor)),
      compute_(Compute::f32),
      in_(in),
      form_(taps) {}

void CpuWeight::keep(Buffer cache) {
  cache_ = std::move(cache);
  packed = static_cast<const std::byte*>(cache_.data());
}

int CpuWeight::group() const { return tensor_.type == DType::q6_k ? 16 : kGroup; }

int64_t CpuWeight::panel_bytes() const {
  const int64_t k = packed_cols();
  switch (compute_) {
    case Compute::f32: return k * kPanel * 4;
    case Compute::widened: return k * kPanel * 2;
    case Compute::bf16: return round_up(k, 2) * kPanel * 2;
    case Compute::int8: return int8_panel_bytes(tensor_.type, k);
  }
  return 0;
}

void CpuWeight::row(int64_t row, float* to) const {
  const std::byte* from = tensor_.data + row * type_bytes(tensor_.type, tensor_.cols);
  if (taps() == 1) return dequantize(tensor_.type, from, tensor_.cols, to);
  std::vector<float> plain(static_cast<size_t>(tensor_.cols));
  dequantize(tensor_.type, from, tensor_.cols, plain.data());
  for (int64_t tap = 0; tap < taps(); tap++)
    for (int64_t c = 0; c < in_; c++) to[tap * in_ + c] = plain[static_cast<size_t>(c * taps() + tap)];
}

/// Tap r of output row 2y + p falls on input row y - 1 + p + t with t = (p + r + 1) / 2 - p; columns alike.
void CpuWeight::packed_row(int64_t row, float* to) const {
  if (form_ == Taps::plain) return this->row(row, to);
  std::vector<float> plain(static_cast<size_t>(tensor_.cols));
  this->row(row, plain.data());
  std::fill_n(to, packed_cols(), 0.0f);
  for (int64_t phase = 0; phase < 4; phase++)
    for (int64_t tap = 0; tap < taps(); tap++) {
      const int64_t p = phase / 2, q = phase % 2, t = (p + tap / 3 + 1) / 2 - p, u = (q + tap % 3 + 1) / 2 - q;
      const float* from = plain.data() + tap * in_;
      float* sum = to + (phase * 4 + t * 2 + u) * in_;
      for (int64_t c = 0; c < in_; c++) sum[c] += from[c];
    }
}

void CpuWeight::part(int64_t row, int64_t from, int64_t count, float* to) const {
  const std::byte* data = tensor_.data + row * type_bytes(tensor_.type, tensor_.cols);
  dequantize(tensor_.type, data + type_bytes(tensor_.type, from), count, to);
}

/// A piece of 64 rows is dequantised into a buffer that stays in cache, then written column by column.
void CpuWeight::pack(int64_t panel, std::byte* to) const {
  if (compute_ == Compute::int8) return pack_int8(panel, to);
  if (compute_ == Compute::widened) return pack_halves(panel, reinterpret_cast<uint16_t*>(to));
  if (compute_ == Compute::bf16 && tensor_.type == DType::bf16) return pack_pairs(panel, to);
  const int64_t k = packed_cols(), columns = std::min<int64_t>(kPanel, tensor_.rows - panel * kPanel);
  const int64_t piece = taps() == 1 ? std::min<int64_t>(k, 256) : k;  // a multiple of every block; kernels reorder whole rows
  if (k % 2) std::memset(to, 0, static_cast<size_t>(panel_bytes()));  // half a pair of bf16
  const int64_t pitch = piece + 16;                                   // rows of the buffer begin in different sets of the cache
  std::vector<float> buffer(static_cast<size_t>(kPanel * pitch));     // rows past the edge stay zero
  for (int64_t from = 0; from < k; from += piece) {
    const int64_t count = std::min(piece, k - from);
    for (int64_t j = 0; j < columns; j++) {
      float* at = buffer.data() + j * pitch;
      taps() == 1 ? part(panel * kPanel + j, from, count, at) : packed_row(panel * kPanel + j, at);
    }
    if (compute_ == Compute::f32) {
      float* at = reinterpret_cast<float*>(to) + from * kPanel;
      for (int64_t p = 0; p < count; p++)
        for (int64_t j = 0; j < kPanel; j++) at[p * kPanel + j] = buffer[static_cast<size_t>(j * pitch + p)];
    } else {
      uint16_t* at = reinterpret_cast<uint16_t*>(to) + from * kPanel;
      for (int64_t p = 0; p < count; p++)
        for (int64_t j = 0; j < kPanel; j++) at[(p / 2 * kPanel + j) * 2 + p % 2] = f32_to_bf16(buffer[static_cast<size_t>(j * pitch + p)]);
    }
  }
}

/// bf16 as stored: pairs along K are moved as they are.
void CpuWeight::pack_pairs(int64_t panel, std::byte* to) const {
  constexpr int64_t kPiece = 256, kPitch = kPiece + 16;  // pairs
  const int64_t k = tensor_.cols, columns = std::min<int64_t>(kPanel, tensor_.rows - panel * kPanel);
  auto* at = reinterpret_cast<uint32_t*>(to);
  uint32_t buffer[kPanel * kPitch] = {};
  for (int64_t from = 0; from < k; from += 2 * kPiece) {
    const int64_t count = std::min(2 * kPiece, k - from), pairs = (count + 1) / 2;
    for (int64_t j = 0; j < columns; j++) {
      buffer[j * kPitch + pairs - 1] = 0;  // an odd K ends in half a pair
      std::memcpy(buffer + j * kPitch, tensor_.data + ((panel * kPanel + j) * k + from) * 2, static_cast<size_t>(count) * 2);
    }
    for (int64_t p = 0; p < pairs; p++)
      for (int64_t j = 0; j < kPanel; j++) at[(from / 2 + p) * kPanel + j] = buffer[j * kPitch + p];
  }
}

/// Sixteen bits as stored, [k][64].
void CpuWeight::pack_halves(int64_t panel, uint16_t* to) const {
  constexpr int64_t kPiece = 512, kPitch = kPiece + 32;  // values; rows of the buffer begin in different sets of the cache
  const int64_t k = tensor_.cols, columns = std::min<int64_t>(kPanel, tensor_.rows - panel * kPanel);
  uint16_t buffer[kPanel * kPitch] = {};
  for (int64_t from = 0; from < k; from += kPiece, to += kPiece * kPanel) {
    const int64_t count = std::min(kPiece, k - from);
    for (int64_t j = 0; j < columns; j++)
      std::memcpy(buffer + j * kPitch, tensor_.data + ((panel * kPanel + j) * k + from) * 2, static_cast<size_t>(count) * 2);
    for (int64_t p = 0; p < count; p++)
      for (int64_t j = 0; j < kPanel; j++) to[p * kPanel + j] = buffer[j * kPitch + p];
  }
}

void CpuWeight::pack_int8(int64_t panel, std::byte* to) const {
  const int64_t row_bytes = type_bytes(tensor_.type, tensor_.cols), first = panel * kPanel;
  pack_int8_panel(tensor_.type, tensor_.data + first * row_bytes, row_bytes, std::min<int64_t>(kPanel, tensor_.rows - first), tensor_.cols,
                  to);
}

PackedPiece CpuWeight::int8_piece(const std::byte* packed, int64_t from, int64_t count) const {
  return cpu::int8_piece(tensor_.type, tensor_.cols, packed, from, count);
}

void quantize_row(const float* x, int64_t k, uint8_t* u, float* scale, float* sum) {
  for (int64_t g = 0; g < k / kGroup; g++, x += kGroup, u += kGroup) {
    float top = 0, spoiled = 0;
    for (int i = 0; i < kGroup; i++) {
      top = std::max(top, std::fabs(x[i]));
      spoiled += x[i] * 0.0f;  // a NaN or infinity makes the group's scale NaN: it must not become a plausible number
    }
    const float inverse = top > 0 ? 127.0f / top : 0.0f;
    int32_t total = 0;
    for (int i = 0; i < kGroup; i++) {
      const float rounded = std::nearbyint(x[i] * inverse);
      const int32_t q = std::fabs(rounded) <= 127 ? static_cast<int32_t>(rounded) : 0;
      u[i] = static_cast<uint8_t>(q + 128);
      total += q;
    }
    scale[g] = top / 127.0f + spoiled;
    sum[g] = scale[g] * static_cast<float>(total);
  }
}

}  // namespace dimoo::cpu

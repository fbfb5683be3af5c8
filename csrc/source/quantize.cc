// Reading multiplies as ggml does, in f32 and in its order, so values agree bit for bit. Writing searches each group's scale (and
// minimum) for the least weighted squared error: candidates around the plain choice, each refined by least squares.
#include "source/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "source/block_layout.h"

namespace dimoo {
namespace {

template <class Block, class Read>
void read_blocks(const std::byte* from, int64_t count, int values, float* to, Read read) {
  for (int64_t b = 0; b < count / values; b++) {
    Block block;
    std::memcpy(&block, from + b * static_cast<int64_t>(sizeof block), sizeof block);
    read(block, to + b * values);
  }
}

void read_q8_0(const BlockQ8_0& block, float* to) {
  const float d = f16_to_f32(block.scale);
  for (int i = 0; i < 32; i++) to[i] = static_cast<float>(block.q[i]) * d;
}

void read_q4_0(const BlockQ4_0& block, float* to) {
  const float d = f16_to_f32(block.scale);
  for (int i = 0; i < 16; i++) {
    to[i] = static_cast<float>((block.q[i] & 15) - 8) * d;
    to[i + 16] = static_cast<float>((block.q[i] >> 4) - 8) * d;
  }
}

template <class Block>
void read_k45(const Block& block, float* to) {
  const float d = f16_to_f32(block.scale), dmin = f16_to_f32(block.minimum);
  for (int g = 0; g < 8; g++) {
    const ScaleMin factors = scale_min(block.scales, g);
    const float scale = d * static_cast<float>(factors.scale), minimum = dmin * static_cast<float>(factors.minimum);
    for (int i = 0; i < 32; i++) to[g * 32 + i] = scale * static_cast<float>(block_value(block, g, i)) - minimum;
  }
}

void read_q6_k(const BlockQ6K& block, float* to) {
  const float d = f16_to_f32(block.scale);
  for (int i = 0; i < 256; i++)
    to[i] = d * static_cast<float>(block.scales[i / 16]) * static_cast<float>(block_value(block, i));
}

int nearest(float x) { return static_cast<int>(std::nearbyint(x)); }

/// Scale with w ~ scale * q, q in [low, high]: tries inverses around high/top and refines each by least squares with
/// weights x^2, as large values matter more. Returns 0 for a group of zeros; q holds the integers.
float search_scale(const float* x, int n, int low, int high, int* q) {
  float top = 0;
  for (int i = 0; i < n; i++)
    if (std::fabs(x[i]) > std::fabs(top)) top = x[i];
  std::fill(q, q + n, 0);
  if (std::fabs(top) < 1e-30f) return 0;
  float best_scale = 0, best_gain = -1;
  for (int step = -9; step <= 9; step++) {
    const float inverse = (static_cast<float>(low) - 0.1f * static_cast<float>(step)) / top;
    double cross = 0, square = 0;
    for (int i = 0; i < n; i++) {
      const int v = std::clamp(nearest(x[i] * inverse), low, high);
      const double weight = static_cast<double>(x[i]) * x[i];
      cross += weight * x[i] * v;
      square += weight * v * v;
    }
    if (square > 0 && cross * cross > best_gain * square) {
      best_gain = static_cast<float>(cross * cross / square);
      best_scale = static_cast<float>(cross / square);
    }
  }
  if (best_scale == 0) return 0;
  for (int i = 0; i < n; i++) q[i] = std::clamp(nearest(x[i] / best_scale), low, high);
  return best_scale;
}

/// Scale and minimum with w ~ scale * q - minimum, q in [0, high], minimum >= 0; squared error, large values weigh more.
void search_scale_min(const float* x, int n, int high, float* scale, float* minimum) {
  float low = 0, top = x[0];
  double square = 0;
  for (int i = 0; i < n; i++) {
    low = std::min(low, x[i]);
    top = std::max(top, x[i]);
    square += static_cast<double>(x[i]) * x[i];
  }
  *scale = 0, *minimum = -low;
  if (top - low < 1e-30f) return;
  const double rms = std::sqrt(square / n);
  double best = INFINITY;
  for (int step = -8; step <= 16; step++) {
    const float inverse = (static_cast<float>(high) + 0.1f * static_cast<float>(step)) / (top - low);
    double w = 0, wx = 0, wq = 0, wqq = 0, wxq = 0;
    int q[32];
    for (int i = 0; i < n; i++) {
      q[i] = std::clamp(nearest((x[i] - low) * inverse), 0, high);
      const double weight = rms + std::fabs(x[i]);
      w += weight, wx += weight * x[i], wq += weight * q[i];
      wqq += weight * q[i] * q[i], wxq += weight * x[i] * q[i];
    }
    const double determinant = w * wqq - wq * wq;
    if (determinant <= 0) continue;
    double s = (w * wxq - wx * wq) / determinant, m = (wqq * wx - wq * wxq) / determinant;
    if (m > 0) s = wxq / wqq, m = 0;
    double error = 0;
    for (int i = 0; i < n; i++) {
      const double d = s * q[i] + m - x[i];
      error += (rms + std::fabs(x[i])) * d * d;
    }
    if (error < best) best = error, *scale = static_cast<float>(s), *minimum = static_cast<float>(-m);
  }
}

void write_q8_0(const float* x, BlockQ8_0& block) {
  float top = 0;
  for (int i = 0; i < 32; i++) top = std::max(top, std::fabs(x[i]));
  const float d = top / 127.0f, inverse = d > 0 ? 1.0f / d : 0.0f;
  block.scale = f32_to_f16(d);
  for (int i = 0; i < 32; i++) block.q[i] = static_cast<int8_t>(std::round(x[i] * inverse));
}

void write_q4_0(const float* x, BlockQ4_0& block) {
  int q[32];
  const float searched = search_scale(x, 32, -8, 7, q);
  block.scale = f32_to_f16(searched);
  const float d = f16_to_f32(block.scale);
  for (int i = 0; i < 32; i++) q[i] = d != 0 ? std::clamp(nearest(x[i] / d), -8, 7) : 0;
  for (int i = 0; i < 16; i++) block.q[i] = static_cast<uint8_t>((q[i] + 8) | (q[i + 16] + 8) << 4);
}

void put_scale_min(uint8_t* packed, int g, int scale, int minimum) {
  if (g < 4) {
    packed[g] = static_cast<uint8_t>((packed[g] & 0xC0) | scale);
    packed[g + 4] = static_cast<uint8_t>((packed[g + 4] & 0xC0) | minimum);
  } else {
    packed[g + 4] = static_cast<uint8_t>((scale & 15) | (minimum & 15) << 4);
    packed[g - 4] = static_cast<uint8_t>((packed[g - 4] & 63) | (scale >> 4) << 6);
    packed[g] = static_cast<uint8_t>((packed[g] & 63) | (minimum >> 4) << 6);
  }
}

void put_value(BlockQ4K& block, int g, int i, int value) {
  uint8_t& byte = block.q[g / 2 * 32 + i];
  byte = static_cast<uint8_t>(g % 2 ? (byte & 15) | value << 4 : (byte & 0xF0) | value);
}
void put_value(BlockQ5K& block, int g, int i, int value) {
  uint8_t& byte = block.q[g / 2 * 32 + i];
  byte = static_cast<uint8_t>(g % 2 ? (byte & 15) | (value & 15) << 4 : (byte & 0xF0) | (value & 15));
  block.high[i] = static_cast<uint8_t>((block.high[i] & ~(1 << g)) | (value >> 4) << g);
}

template <class Block>
void write_k45(const float* x, int high, Block& block) {
  std::memset(&block, 0, sizeof block);
  float scales[8], minima[8], top_scale = 0, top_minimum = 0;
  for (int g = 0; g < 8; g++) {
    search_scale_min(x + g * 32, 32, high, &scales[g], &minima[g]);
    top_scale = std::max(top_scale, scales[g]);
    top_minimum = std::max(top_minimum, minima[g]);
  }
  block.scale = f32_to_f16(top_scale / 63.0f);
  block.minimum = f32_to_f16(top_minimum / 63.0f);
  const float d = f16_to_f32(block.scale), dmin = f16_to_f32(block.minimum);
  for (int g = 0; g < 8; g++) {
    const int scale = d > 0 ? std::clamp(nearest(scales[g] / d), 0, 63) : 0;
    const int minimum = dmin > 0 ? std::clamp(nearest(minima[g] / dmin), 0, 63) : 0;
    put_scale_min(block.scales, g, scale, minimum);
    const float s = d * static_cast<float>(scale), m = dmin * static_cast<float>(minimum);
    for (int i = 0; i < 32; i++) put_value(block, g, i, s > 0 ? std::clamp(nearest((x[g * 32 + i] + m) / s), 0, high) : 0);
  }
}

void write_q6_k(const float* x, BlockQ6K& block) {
  std::memset(&block, 0, sizeof block);
  float scales[16], top = 0;
  int q[16];
  for (int g = 0; g < 16; g++) {
    scales[g] = search_scale(x + g * 16, 16, -32, 31, q);
    if (std::fabs(scales[g]) > std::fabs(top)) top = scales[g];
  }
  if (top == 0) return;
  block.scale = f32_to_f16(top / -128.0f);
  const float d = f16_to_f32(block.scale);
  if (d == 0) return;
  for (int g = 0; g < 16; g++) {
    block.scales[g] = static_cast<int8_t>(std::clamp(nearest(scales[g] / d), -128, 127));
    const float s = d * static_cast<float>(block.scales[g]);
    for (int i = g * 16; i < g * 16 + 16; i++) {
      const int value = (s != 0 ? std::clamp(nearest(x[i] / s), -32, 31) : 0) + 32;
      const int half = i / 128, quarter = i % 128 / 32, at = i % 32;
      block.low[half * 64 + quarter % 2 * 32 + at] |= static_cast<uint8_t>((value & 15) << (quarter < 2 ? 0 : 4));
      block.high[half * 32 + at] |= static_cast<uint8_t>((value >> 4) << (2 * quarter));
    }
  }
}

template <class Block, class Write>
void write_blocks(const float* from, int64_t count, int values, std::byte* to, Write write) {
  for (int64_t b = 0; b < count / values; b++) {
    Block block;
    write(from + b * values, block);
    std::memcpy(to + b * static_cast<int64_t>(sizeof block), &block, sizeof block);
  }
}

void read_halves(const std::byte* from, int64_t count, float* to, bool brain) {
  for (int64_t i = 0; i < count; i++) {
    uint16_t bits;
    std::memcpy(&bits, from + i * 2, 2);
    to[i] = brain ? bf16_to_f32(bits) : f16_to_f32(bits);
  }
}

void write_halves(const float* from, int64_t count, std::byte* to, bool brain) {
  for (int64_t i = 0; i < count; i++) {
    const uint16_t bits = brain ? f32_to_bf16(from[i]) : f32_to_f16(from[i]);
    std::memcpy(to + i * 2, &bits, 2);
  }
}

}  // namespace

void dequantize(DType type, const std::byte* from, int64_t count, float* to) {
  switch (type) {
    case DType::f32: std::memcpy(to, from, static_cast<size_t>(count) * 4); return;
    case DType::f16: return read_halves(from, count, to, false);
    case DType::bf16: return read_halves(from, count, to, true);
    case DType::q8_0: return read_blocks<BlockQ8_0>(from, count, 32, to, read_q8_0);
    case DType::q6_k: return read_blocks<BlockQ6K>(from, count, 256, to, read_q6_k);
    case DType::q5_k: return read_blocks<BlockQ5K>(from, count, 256, to, read_k45<BlockQ5K>);
    case DType::q4_k: return read_blocks<BlockQ4K>(from, count, 256, to, read_k45<BlockQ4K>);
    case DType::q4_0: return read_blocks<BlockQ4_0>(from, count, 32, to, read_q4_0);
    case DType::i8:
    case DType::i32: break;
  }
  fail(Code::internal, "dequantize: expected a weight type, got ", type_info(type).name);
}

void quantize(DType type, const float* from, int64_t count, std::byte* to) {
  switch (type) {
    case DType::f32: std::memcpy(to, from, static_cast<size_t>(count) * 4); return;
    case DType::f16: return write_halves(from, count, to, false);
    case DType::bf16: return write_halves(from, count, to, true);
    case DType::q8_0: return write_blocks<BlockQ8_0>(from, count, 32, to, write_q8_0);
    case DType::q6_k: return write_blocks<BlockQ6K>(from, count, 256, to, write_q6_k);
    case DType::q5_k:
      return write_blocks<BlockQ5K>(from, count, 256, to, [](const float* x, BlockQ5K& b) { write_k45(x, 31, b); });
    case DType::q4_k:
      return write_blocks<BlockQ4K>(from, count, 256, to, [](const float* x, BlockQ4K& b) { write_k45(x, 15, b); });
    case DType::q4_0: return write_blocks<BlockQ4_0>(from, count, 32, to, write_q4_0);
    case DType::i8:
    case DType::i32: break;
  }
  fail(Code::internal, "quantize: expected a weight type, got ", type_info(type).name);
}

}  // namespace dimoo

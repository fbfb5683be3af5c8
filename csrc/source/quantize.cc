// Searches each group's scale (and minimum) for the least squared error: candidates around the plain choice, each refined by
// least squares. Q8_0 has no choice: the largest magnitude is 127.
#include "source/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "source/block_layout.h"

namespace dimoo {
namespace {

constexpr float kTiny = 1e-30f;  // groups below count as zeros: f16 scales end at 6e-8

/// Round to nearest even for |x| < 2^22, in two additions that every instruction set has.
inline float round_small(float x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23
  return (x + kMagic) - kMagic;
}
inline float clamped(float x, float low, float high) { return std::min(std::max(round_small(x), low), high); }
int nearest(float x, int low, int high) {  // bounds first: x may be far outside of what round_small takes
  return static_cast<int>(round_small(std::min(std::max(x, static_cast<float>(low)), static_cast<float>(high))));
}

// Searches try all candidates side by side, one per lane of an array, so that the inner loops vectorise.
constexpr int kCandidates = 24;
constexpr int kPlain = 8;  // the candidate that maps the largest value to the end of the range; ties go to it
constexpr float kWorthIt = 1.000001f;
float candidate(int end, int c) { return static_cast<float>(end) + (end < 0 ? -0.1f : 0.1f) * static_cast<float>(c - kPlain); }

/// Scale with x ~ scale * q, q in [low, -low - 1], of least squared error. 0 for a group of zeros.
float search_scale(const float* x, int n, int low) {
  float top = 0;
  for (int i = 0; i < n; i++)
    if (std::fabs(x[i]) > std::fabs(top)) top = x[i];
  if (std::fabs(top) < kTiny) return 0;
  float factor[kCandidates], cross[kCandidates] = {}, square[kCandidates] = {};
  for (int c = 0; c < kCandidates; c++) factor[c] = candidate(low, c);
  const float bottom = static_cast<float>(low), high = static_cast<float>(-low - 1);
  for (int i = 0; i < n; i++) {
    const float u = x[i] / top;
    for (int c = 0; c < kCandidates; c++) {
      const float q = clamped(u * factor[c], bottom, high);
      cross[c] += u * q;
      square[c] += q * q;
    }
  }
  int best = kPlain;  // least squares for fixed q: scale = cross / square, error = sum u^2 - cross^2 / square
  const auto gain = [&](int c) { return square[c] > 0 ? cross[c] * cross[c] / square[c] : 0.0f; };
  for (int c = 0; c < kCandidates; c++)
    if (gain(c) > gain(best) * kWorthIt) best = c;
  return top * (cross[best] / square[best]);
}

/// x ~ scale * q - minimum with q in [0, high] and minimum >= 0.
struct ScaleMinimum {
  float scale, minimum;
};

/// Least squares of u ~ s * q + m over all candidates at once; u = (x - low) / range lies in [0, 1].
struct Fits {
  float factor[kCandidates], s[kCandidates], m[kCandidates], error[kCandidates];
};

void fit_all(const float* u, int n, float high, float largest_m, Fits& fits) {
  float q1[kCandidates] = {}, q2[kCandidates] = {}, uq[kCandidates] = {}, sum = 0;
  for (int i = 0; i < n; i++) {
    sum += u[i];
    for (int c = 0; c < kCandidates; c++) {
      const float q = clamped(u[i] * fits.factor[c], 0.0f, high);
      q1[c] += q, q2[c] += q * q, uq[c] += u[i] * q;
    }
  }
  const float count = static_cast<float>(n);
  for (int c = 0; c < kCandidates; c++) {
    const float determinant = count * q2[c] - q1[c] * q1[c];
    fits.s[c] = determinant > 0 ? (count * uq[c] - sum * q1[c]) / determinant : 1.0f / fits.factor[c];
    fits.m[c] = (sum - fits.s[c] * q1[c]) / count;
    if (fits.m[c] > largest_m) fits.m[c] = largest_m, fits.s[c] = (uq[c] - largest_m * q1[c]) / q2[c];
    fits.error[c] = 0;
  }
  for (int i = 0; i < n; i++)
    for (int c = 0; c < kCandidates; c++) {
      const float rest = fits.s[c] * clamped(u[i] * fits.factor[c], 0.0f, high) + fits.m[c] - u[i];
      fits.error[c] += rest * rest;
    }
}

ScaleMinimum search_scale_min(const float* x, int n, int high) {
  float low = 0, top = x[0];
  for (int i = 0; i < n; i++) low = std::min(low, x[i]), top = std::max(top, x[i]);
  const float range = top - low;
  if (range < kTiny) return {0, -low};
  float u[32];
  for (int i = 0; i < n; i++) u[i] = (x[i] - low) / range;
  Fits fits;
  for (int c = 0; c < kCandidates; c++) fits.factor[c] = candidate(high, c);
  fit_all(u, n, static_cast<float>(high), -low / range, fits);
  int best = kPlain;
  for (int c = 0; c < kCandidates; c++)
    if (fits.error[c] * kWorthIt < fits.error[best]) best = c;
  return {fits.s[best] * range, -(low + fits.m[best] * range)};
}

void write_q8_0(const float* x, BlockQ8_0& block) {
  float top = 0;
  for (int i = 0; i < 32; i++) top = std::max(top, std::fabs(x[i]));
  const float d = top / 127.0f, inverse = d > kTiny ? 1.0f / d : 0.0f;
  block.scale = f32_to_f16(d);
  for (int i = 0; i < 32; i++) block.q[i] = static_cast<int8_t>(std::round(x[i] * inverse));
}

void write_q4_0(const float* x, BlockQ4_0& block) {
  block.scale = f32_to_f16(search_scale(x, 32, -8));
  const float d = f16_to_f32(block.scale);
  const auto q = [&](int i) { return d != 0 ? nearest(x[i] / d, -8, 7) + 8 : 8; };
  for (int i = 0; i < 16; i++) block.q[i] = static_cast<uint8_t>(q(i) | q(i + 16) << 4);
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

/// The six-bit pair near `found` with the least squared error once its values are rounded too: rounding scale and minimum apart
/// from each other costs several per cent where one group's range dwarfs the others'.
ScaleMin round_pair(const float* x, int high, const ScaleMinimum& found, float d, float dmin) {
  constexpr int kScales = 3, kMinima = 5, kPairs = kScales * kMinima;
  const int scale = d > 0 ? nearest(found.scale / d, 0, 63) : 0, minimum = dmin > 0 ? nearest(found.minimum / dmin, 0, 63) : 0;
  ScaleMin pairs[kPairs];
  float s[kPairs], inverse[kPairs], m[kPairs], error[kPairs] = {};
  for (int c = 0; c < kPairs; c++) {
    pairs[c] = {std::clamp(scale + c / kMinima - kScales / 2, 0, 63), std::clamp(minimum + c % kMinima - kMinima / 2, 0, 63)};
    s[c] = d * static_cast<float>(pairs[c].scale), m[c] = dmin * static_cast<float>(pairs[c].minimum);
    inverse[c] = s[c] > 0 ? 1.0f / s[c] : 0.0f;
  }
  for (int i = 0; i < 32; i++)
    for (int c = 0; c < kPairs; c++) {
      const float q = clamped(std::min((x[i] + m[c]) * inverse[c], 64.0f), 0.0f, static_cast<float>(high));
      const float rest = s[c] * q - m[c] - x[i];
      error[c] += rest * rest;
    }
  int best = kPairs / 2;
  for (int c = 0; c < kPairs; c++)
    if (error[c] < error[best]) best = c;
  return pairs[best];
}

template <class Block>
void write_k45(const float* x, int high, Block& block) {
  std::memset(&block, 0, sizeof block);
  ScaleMinimum found[8];
  float top_scale = 0, top_minimum = 0;
  for (int g = 0; g < 8; g++) {
    found[g] = search_scale_min(x + g * 32, 32, high);
    top_scale = std::max(top_scale, found[g].scale);
    top_minimum = std::max(top_minimum, found[g].minimum);
  }
  block.scale = f32_to_f16(top_scale / 63.0f);
  block.minimum = f32_to_f16(top_minimum / 63.0f);
  const float d = f16_to_f32(block.scale), dmin = f16_to_f32(block.minimum);
  for (int g = 0; g < 8; g++) {
    const ScaleMin pair = round_pair(x + g * 32, high, found[g], d, dmin);
    put_scale_min(block.scales, g, pair.scale, pair.minimum);
    const float s = d * static_cast<float>(pair.scale), m = dmin * static_cast<float>(pair.minimum);
    for (int i = 0; i < 32; i++) put_value(block, g, i, s > 0 ? nearest((x[g * 32 + i] + m) / s, 0, high) : 0);
  }
}

void write_q6_k(const float* x, BlockQ6K& block) {
  std::memset(&block, 0, sizeof block);
  float scales[16], top = 0;
  for (int g = 0; g < 16; g++) {
    scales[g] = search_scale(x + g * 16, 16, -32);
    if (std::fabs(scales[g]) > std::fabs(top)) top = scales[g];
  }
  block.scale = f32_to_f16(top / -128.0f);
  const float d = f16_to_f32(block.scale);
  for (int g = 0; g < 16; g++) {
    block.scales[g] = static_cast<int8_t>(d != 0 ? nearest(scales[g] / d, -128, 127) : 0);
    const float s = d * static_cast<float>(block.scales[g]);
    for (int i = g * 16; i < g * 16 + 16; i++) {
      const int value = (s != 0 ? nearest(x[i] / s, -32, 31) : 0) + 32;
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

template <class Convert>
void write_halves(const float* from, int64_t count, std::byte* to, Convert convert) {
  for (int64_t i = 0; i < count; i++) {
    const uint16_t bits = convert(from[i]);
    std::memcpy(to + i * 2, &bits, 2);
  }
}

}  // namespace

void quantize(DType type, const float* from, int64_t count, std::byte* to) {
  switch (type) {
    case DType::f32: std::memcpy(to, from, static_cast<size_t>(count) * 4); return;
    case DType::f16: return write_halves(from, count, to, f32_to_f16);
    case DType::bf16: return write_halves(from, count, to, f32_to_bf16);
    case DType::q8_0: return write_blocks<BlockQ8_0>(from, count, 32, to, write_q8_0);
    case DType::q6_k: return write_blocks<BlockQ6K>(from, count, 256, to, write_q6_k);
    case DType::q5_k: return write_blocks<BlockQ5K>(from, count, 256, to, [](const float* x, BlockQ5K& b) { write_k45(x, 31, b); });
    case DType::q4_k: return write_blocks<BlockQ4K>(from, count, 256, to, [](const float* x, BlockQ4K& b) { write_k45(x, 15, b); });
    case DType::q4_0: return write_blocks<BlockQ4_0>(from, count, 32, to, write_q4_0);
    case DType::i8:
    case DType::i32: break;
  }
  fail(Code::internal, "quantize: expected a weight type, got ", type_info(type).name);
}

}  // namespace dimoo

// Sums of exponentials for confidences, as plain loops over lanes that any compiler turns into vectors: the same bits in every
// variant and on every machine, because nothing here depends on the width of its vectors.
#pragma once
#include <bit>
#include <cstdint>

namespace dimoo::cpu {

/// exp(x) for x <= 0 within 2 units in the last place; 0 below -87. Adding and taking away 1.5 * 2^23 rounds to an integer.
inline float exp_negative(float x) {
  constexpr float kRound = 12582912.0f;
  const float z = x < -87.0f ? -87.0f : x;
  const float n = (z * 1.44269504088896341f + kRound) - kRound;
  const float r = (z - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + (r + 1.0f);
  const float power = std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
  return x < -87.0f ? 0.0f : p * power;
}

/// The same in f64, to 1e-15 relative; 0 below -700. Taylor's terms up to r^13 on |r| <= ln 2 / 2.
inline double exp_negative(double x) {
  constexpr double kRound = 6755399441055744.0;
  const double z = x < -700.0 ? -700.0 : x;
  const double shifted = z * 1.4426950408889634074 + kRound, n = shifted - kRound;
  const double r = (z - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  double p = 1.0 / 6227020800.0;
  for (const double term : {1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0, 1.0 / 5040.0, 1.0 / 720.0,
                            1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0})
    p = p * r + term;
  const auto exponent = (std::bit_cast<uint64_t>(shifted) + 1023) << 52;  // the integer lies in the lowest bits of `shifted`
  return x < -700.0 ? 0.0 : p * std::bit_cast<double>(exponent);
}

/// Sum of exp(x[i] - top) over sixteen lanes, then over the lanes in order.
template <class T>
T exp_sum(const float* x, int64_t count, T top) {
  constexpr int kLanes = 16;
  T lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int j = 0; j < kLanes; j++) lanes[j] += exp_negative(static_cast<T>(x[i + j]) - top);
  for (int j = 0; i < count; i++, j++) lanes[j] += exp_negative(static_cast<T>(x[i]) - top);
  T sum = 0;
  for (const T lane : lanes) sum += lane;
  return sum;
}

}  // namespace dimoo::cpu

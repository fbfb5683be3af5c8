// What stands between the matrix products of a block of lm.py, forward and backward, for products in bf16: fewer passes over memory than
// PyTorch's own operations make; in f32 within a row. Called by __init__.py; one thread, as train_lm.py runs two batches side by side.
// `b`: rows of a batch, `t`: positions, `n` = b * t, `h`: heads, `w`: a head's width, `d` = h * w, `m`: the MLP's width.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

using Bf16 = uint16_t;

static inline float widen(Bf16 x) {
  const uint32_t bits = static_cast<uint32_t>(x) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
static inline Bf16 narrow(float x) {  // to the nearest, ties to even
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return static_cast<Bf16>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

extern "C" {

void norm(const float* x, const float* weight, int64_t n, int64_t d, float eps, Bf16* out, float* inverse) {
  for (int64_t i = 0; i < n; i++, x += d, out += d) {
    float sum = 0;
    for (int64_t j = 0; j < d; j++) sum += x[j] * x[j];
    const float scale = inverse[i] = 1 / std::sqrt(sum / d + eps);
    for (int64_t j = 0; j < d; j++) out[j] = narrow(x[j] * scale * weight[j]);
  }
}
/// Adds to dx and dweight.
void norm_back(const Bf16* grad, const float* x, const float* weight, const float* inverse, int64_t n, int64_t d, float* dx,
               float* dweight) {
  for (int64_t i = 0; i < n; i++, x += d, grad += d, dx += d) {
    const float scale = inverse[i];
    float dot = 0;
    for (int64_t j = 0; j < d; j++) {
      const float g = widen(grad[j]);
      dot += g * weight[j] * x[j];
      dweight[j] += g * x[j] * scale;
    }
    const float along = dot * scale * scale / d;
    for (int64_t j = 0; j < d; j++) dx[j] += scale * (widen(grad[j]) * weight[j] - x[j] * along);
  }
}
void add(float* x, const Bf16* y, int64_t n) {
  for (int64_t i = 0; i < n; i++) x[i] += widen(y[i]);
}

/// (b, t, 3, h, w) -> three of (b, h, t, w): queries and keys turned (rotary on halves), queries scaled.
void split(const Bf16* qkv, const float* cosine, const float* sine, int64_t b, int64_t t, int64_t h, int64_t w, Bf16* q, Bf16* k, Bf16* v) {
  const int64_t d = h * w, u = w / 2;
  const float scale = 1 / std::sqrt(static_cast<float>(w));
  const auto turn = [u](const Bf16* x, const float* c, const float* s, float by, Bf16* out) {
    for (int64_t j = 0; j < u; j++) {
      const float low = widen(x[j]), high = widen(x[j + u]);
      out[j] = narrow((low * c[j] - high * s[j]) * by);
      out[j + u] = narrow((high * c[j] + low * s[j]) * by);
    }
  };
  for (int64_t i = 0; i < b * t; i++)
    for (int64_t a = 0; a < h; a++) {
      const Bf16* from = qkv + i * 3 * d + a * w;
      const int64_t p = i % t, to = (((i / t) * h + a) * t + p) * w;
      turn(from, cosine + p * w, sine + p * w, scale, q + to);
      turn(from + d, cosine + p * w, sine + p * w, 1, k + to);
      std::memcpy(v + to, from + 2 * d, w * sizeof(Bf16));
    }
}
void split_back(const Bf16* dq, const Bf16* dk, const Bf16* dv, const float* cosine, const float* sine, int64_t b, int64_t t, int64_t h,
                int64_t w, Bf16* dqkv) {
  const int64_t d = h * w, u = w / 2;
  const float scale = 1 / std::sqrt(static_cast<float>(w));
  const auto turn = [u](const Bf16* grad, const float* c, const float* s, float by, Bf16* out) {
    for (int64_t j = 0; j < u; j++) {
      const float low = widen(grad[j]) * by, high = widen(grad[j + u]) * by;
      out[j] = narrow(low * c[j] + high * s[j]);
      out[j + u] = narrow(high * c[j] - low * s[j]);
    }
  };
  for (int64_t i = 0; i < b * t; i++)
    for (int64_t a = 0; a < h; a++) {
      Bf16* to = dqkv + i * 3 * d + a * w;
      const int64_t p = i % t, from = (((i / t) * h + a) * t + p) * w;
      turn(dq + from, cosine + p * w, sine + p * w, scale, to);
      turn(dk + from, cosine + p * w, sine + p * w, 1, to + d);
      std::memcpy(to + 2 * d, dv + from, w * sizeof(Bf16));
    }
}
/// (b, h, t, w) -> (b, t, h, w); with h and t exchanged also back.
void exchange(const Bf16* x, int64_t b, int64_t h, int64_t t, int64_t w, Bf16* out) {
  for (int64_t i = 0; i < b; i++)
    for (int64_t a = 0; a < h; a++)
      for (int64_t p = 0; p < t; p++) std::memcpy(out + ((i * t + p) * h + a) * w, x + ((i * h + a) * t + p) * w, w * sizeof(Bf16));
}
/// In place; positions from a row's length on are not seen.
void softmax(Bf16* scores, const int64_t* length, int64_t b, int64_t rows, int64_t t) {
  std::vector<float> e(t);
  for (int64_t i = 0; i < b * rows; i++, scores += t) {
    const int64_t n = length[i / rows];
    float top = -1e30f, sum = 0;
    for (int64_t j = 0; j < n; j++) top = std::max(top, e[j] = widen(scores[j]));
    for (int64_t j = 0; j < n; j++) e[j] = std::exp(e[j] - top);
    for (int64_t j = 0; j < n; j++) sum += e[j];
    for (int64_t j = 0; j < n; j++) scores[j] = narrow(e[j] / sum);
    for (int64_t j = n; j < t; j++) scores[j] = 0;
  }
}
void softmax_back(const Bf16* p, Bf16* grad, int64_t rows, int64_t t) {
  for (int64_t i = 0; i < rows; i++, p += t, grad += t) {
    float dot = 0;
    for (int64_t j = 0; j < t; j++) dot += widen(p[j]) * widen(grad[j]);
    for (int64_t j = 0; j < t; j++) grad[j] = narrow(widen(p[j]) * (widen(grad[j]) - dot));
  }
}
/// silu(gate) * up, of (n, 2, m).
void gated(const Bf16* both, int64_t n, int64_t m, Bf16* out) {
  for (int64_t i = 0; i < n; i++, both += 2 * m, out += m)
    for (int64_t j = 0; j < m; j++) {
      const float gate = widen(both[j]);
      out[j] = narrow(gate / (1 + std::exp(-gate)) * widen(both[m + j]));
    }
}
void gated_back(const Bf16* both, const Bf16* grad, int64_t n, int64_t m, Bf16* out) {
  for (int64_t i = 0; i < n; i++, both += 2 * m, grad += m, out += 2 * m)
    for (int64_t j = 0; j < m; j++) {
      const float gate = widen(both[j]), up = widen(both[m + j]), g = widen(grad[j]), s = 1 / (1 + std::exp(-gate));
      out[j] = narrow(g * up * s * (1 + gate * (1 - s)));
      out[m + j] = narrow(g * gate * s);
    }
}

}  // extern "C"

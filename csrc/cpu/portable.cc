// Three loops an op. Sums run in index order in f32, but for the statistics of norms (f64) and attention's two passes.
#include "cpu/portable.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/convolution.h"

namespace dimoo::cpu {
namespace {

/// One activation row in the form the product needs, so that the oracle rounds where the fast variants round.
struct Row {
  std::vector<float> x;
  std::vector<uint8_t> u;
  std::vector<float> scale, sum;
};

Row as_multiplied(const float* x, int64_t k, Compute compute) {
  Row row;
  row.x.assign(x, x + k);
  if (compute == Compute::bf16)
    for (float& v : row.x) v = bf16_to_f32(f32_to_bf16(v));
  if (compute == Compute::int8) {
    row.u.resize(static_cast<size_t>(k)), row.scale.resize(static_cast<size_t>(k / kGroup)), row.sum.resize(row.scale.size());
    quantize_row(x, k, row.u.data(), row.scale.data(), row.sum.data());
    for (int64_t p = 0; p < k; p++)
      row.x[static_cast<size_t>(p)] = static_cast<float>(row.u[static_cast<size_t>(p)] - 128) * row.scale[static_cast<size_t>(p / kGroup)];
  }
  return row;
}

float silu(float x) { return x / (1.0f + std::exp(-x)); }

}  // namespace

Compute portable_compute(DType type, Precision precision) {
  if (precision == Precision::f32 || type == DType::f32) return Compute::f32;
  return is_quantized(type) ? Compute::int8 : Compute::bf16;
}

/// What products hold of their activations, and the second of a gated pair.
int64_t PortableDevice::scratch_bytes(int64_t rows, int64_t width, int64_t hidden) const { return rows * 3 * std::max(width, hidden) * 4; }

std::vector<VariantReport> PortableDevice::variants() const { return reports("portable", "portable"); }

std::unique_ptr<Weight> PortableDevice::do_prepare(const HostTensor& tensor, Precision precision) {
  return std::make_unique<CpuWeight>(tensor, portable_compute(tensor.type, precision));
}

std::unique_ptr<Weight> PortableDevice::do_prepare_conv(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) {
  return std::make_unique<CpuWeight>(tensor, in, size, sampling, Taps::plain);
}

void PortableDevice::do_linear(Tensor x, const Weight& weight, Epilogue epilogue, Tensor out) {
  const CpuWeight& w = of(weight);
  std::vector<Row> rows(static_cast<size_t>(x.rows));
  pool_.run(x.rows, [&](int64_t r, int) { rows[static_cast<size_t>(r)] = as_multiplied(x.f32_row(r), x.cols, w.compute()); });
  pool_.run(w.rows(), [&](int64_t n, int) {
    std::vector<float> values(static_cast<size_t>(w.cols()));
    w.row(n, values.data());
    if (w.compute() == Compute::bf16)
      for (float& v : values) v = bf16_to_f32(f32_to_bf16(v));
    for (int64_t r = 0; r < x.rows; r++) {
      const float* row = rows[static_cast<size_t>(r)].x.data();
      float sum = 0;
      for (int64_t k = 0; k < x.cols; k++) sum += row[k] * values[static_cast<size_t>(k)];
      float& to = out.f32_row(r)[n];
      to = epilogue == Epilogue::add ? to + sum : sum;
    }
  });
}

void PortableDevice::do_gated(Tensor x, const Weight& gate, const Weight& up, Tensor out) {
  std::vector<float> other(static_cast<size_t>(x.rows * up.rows()));
  const Tensor product(other.data(), x.rows, up.rows());
  do_linear(x, gate, Epilogue::store, out);
  do_linear(x, up, Epilogue::store, product);
  pool_.run(x.rows, [&](int64_t r, int) {
    for (int64_t i = 0; i < up.rows(); i++) out.f32_row(r)[i] = silu(out.f32_row(r)[i]) * product.f32_row(r)[i];
  });
}

void PortableDevice::do_norm(Tensor x, Tensor weight, float eps, Tensor out) {
  pool_.run(x.rows, [&](int64_t r, int) {
    double sum = 0;
    for (int64_t i = 0; i < x.cols; i++) sum += static_cast<double>(x.f32_row(r)[i]) * x.f32_row(r)[i];
    const float factor = 1.0f / std::sqrt(static_cast<float>(sum / static_cast<double>(x.cols)) + eps);
    for (int64_t i = 0; i < x.cols; i++) out.f32_row(r)[i] = x.f32_row(r)[i] * factor * weight.f32()[i];
  });
}

void PortableDevice::do_rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads) {
  const int64_t hd = x.cols / heads, half = hd / 2;
  pool_.run(x.rows, [&](int64_t r, int) {
    const float* angles = table.f32_row(positions[static_cast<size_t>(r)]);
    for (int h = 0; h < heads; h++) {
      float* v = x.f32_row(r) + h * hd;
      for (int64_t i = 0; i < half; i++) {
        const float a = v[i], b = v[half + i], c = angles[i], s = angles[half + i];
        v[i] = a * c - b * s;
        v[half + i] = b * c + a * s;
      }
    }
  });
}

void PortableDevice::do_attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) {
  const int64_t hd = q.cols / heads;
  const float scale = 1.0f / std::sqrt(static_cast<float>(hd));
  for (const AttentionSpan& span : spans)
    pool_.run(span.count * heads, [&](int64_t task, int) {
      const int64_t r = span.first + task / heads, h = task % heads;
      const int64_t column = h / (heads / kv_heads) * hd;
      const auto rounded = [&](float v) { return span.precision == Precision::fast ? bf16_to_f32(f32_to_bf16(v)) : v; };
      const float* query = q.f32_row(r) + h * hd;
      std::vector<float> score(static_cast<size_t>(span.k.rows));
      float top = -INFINITY, sum = 0;
      for (int64_t n = 0; n < span.k.rows; n++) {
        float dot = 0;
        for (int64_t i = 0; i < hd; i++) dot += rounded(query[i]) * rounded(span.k.f32_row(n)[column + i]);
        score[static_cast<size_t>(n)] = dot * scale;
        top = std::max(top, dot * scale);
      }
      for (float& s : score) sum += s = std::exp(s - top);
      float* to = out.f32_row(r) + h * hd;
      for (int64_t i = 0; i < hd; i++) {
        float value = 0;
        for (int64_t n = 0; n < span.v.rows; n++) value += rounded(score[static_cast<size_t>(n)]) * rounded(span.v.f32_row(n)[column + i]);
        to[i] = span.k.rows > 0 ? value / sum : 0.0f;
      }
    });
}

void PortableDevice::do_conv(Image x, const ChannelScale& scale, const Weight& weight, Tensor bias, Image residual, Image out) {
  const CpuWeight& kernel = of(weight);
  const int64_t channels = x.channels();
  const auto scaled = [&](float v, int64_t c) {
    if (scale.scale.empty()) return v;
    const float y = v * scale.scale[static_cast<size_t>(c)] + scale.shift[static_cast<size_t>(c)];
    return scale.act == Activation::silu ? silu(y) : y;
  };
  const int64_t k = kernel.cols();
  std::vector<float> weights(static_cast<size_t>(kernel.rows() * k));
  pool_.run(kernel.rows(), [&](int64_t n, int) { kernel.row(n, weights.data() + n * k); });
  pool_.run(out.pixels.rows, [&](int64_t p, int) {
    const int64_t y = out.first + p / out.width, column = p % out.width;
    const float* add = residual.pixels.data ? residual.pixels.f32_row((y - residual.first) * out.width + column) : nullptr;
    std::vector<float> patch(static_cast<size_t>(k)), pixel(static_cast<size_t>(kernel.rows()));  // out may be where x is
    for (int64_t tap = 0; tap < kernel.taps(); tap++)
      if (const float* source = input_pixel(x, y, column, tap, kernel))
        for (int64_t c = 0; c < channels; c++) patch[static_cast<size_t>(tap * channels + c)] = scaled(source[c], c);
    for (int64_t n = 0; n < kernel.rows(); n++) {
      float sum = 0;
      for (int64_t i = 0; i < k; i++) sum += patch[static_cast<size_t>(i)] * weights[static_cast<size_t>(n * k + i)];
      pixel[static_cast<size_t>(n)] = (bias.f32()[n] + (add ? add[n] : 0.0f)) + sum;
    }
    std::copy(pixel.begin(), pixel.end(), out.pixels.f32_row(p));
  });
}

void PortableDevice::do_channel_sums(Image x, std::span<double> sums) {
  const int64_t channels = x.channels();
  pool_.run(channels, [&](int64_t c, int) {
    for (int64_t y = 0; y < x.rows(); y++) {
      double sum = 0, squares = 0;
      for (int64_t p = y * x.width; p < (y + 1) * x.width; p++) {
        const double v = x.pixels.f32_row(p)[c];
        sum += v, squares += v * v;
      }
      sums[static_cast<size_t>(c)] += sum, sums[static_cast<size_t>(channels + c)] += squares;
    }
  });
}

void PortableDevice::do_nearest(Tensor x, const Weight& weight, std::span<int32_t> ids) {
  const CpuWeight& table = of(weight);
  std::vector<float> entries(static_cast<size_t>(table.rows() * table.cols()));
  pool_.run(table.rows(), [&](int64_t t, int) { table.row(t, entries.data() + t * table.cols()); });
  pool_.run(x.rows, [&](int64_t r, int) {
    float best = INFINITY;
    for (int64_t t = 0; t < table.rows(); t++) {
      float sum = 0;
      for (int64_t c = 0; c < x.cols; c++) {
        const float d = x.f32_row(r)[c] - entries[static_cast<size_t>(t * x.cols + c)];
        sum += d * d;
      }
      if (sum < best) best = sum, ids[static_cast<size_t>(r)] = static_cast<int32_t>(t);
    }
  });
}

}  // namespace dimoo::cpu

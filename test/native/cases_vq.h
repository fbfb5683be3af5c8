// Cases of the image tokenizer's ops: conv, nearest.
#pragma once
#include "test/native/cases.h"

namespace cases {

struct ConvShape {
  int64_t height, width, in, out, size;  // of the input; kernel size 1 or 3
  Sampling sampling;
  DType type;
};
enum class Residual { none, add };

/// Value of the padded, possibly upsampled input under tap (dy, dx) of output pixel (y, x); docs/model.md#image-tokenizer.
inline double conv_input(const std::vector<float>& x, const ConvShape& s, int64_t y, int64_t col, int64_t dy, int64_t dx, int64_t channel) {
  const int64_t factor = s.sampling == Sampling::twice ? 2 : 1;
  int64_t at_y = y, at_x = col;
  if (s.sampling == Sampling::half) at_y = 2 * y, at_x = 2 * col;
  if (s.size == 3) at_y += dy, at_x += dx;
  if (s.size == 3 && s.sampling != Sampling::half) at_y -= 1, at_x -= 1;
  if (at_y < 0 || at_x < 0 || at_y >= s.height * factor || at_x >= s.width * factor) return 0;
  return x[static_cast<size_t>((at_y / factor * s.width + at_x / factor) * s.in + channel)];
}

inline Case conv_case(const ConvShape& s, Residual residual) {
  const int64_t height = s.sampling == Sampling::half ? s.height / 2 : s.sampling == Sampling::twice ? s.height * 2 : s.height;
  const int64_t width = s.sampling == Sampling::half ? s.width / 2 : s.sampling == Sampling::twice ? s.width * 2 : s.width;
  const int64_t k = s.in * s.size * s.size;
  struct Data {
    std::vector<float> x, bias, add;
    Matrix w;
  };
  const auto data = std::make_shared<Data>(Data{random_values(s.height * s.width * s.in, 16), random_values(s.out, 17),
                                                random_values(height * width * s.out, 18), Matrix(s.type, s.out, k, 19)});
  static constexpr const char* kSampling[] = {"same", "half", "twice"};
  Case c;
  c.name = text("conv ", s.size, "x", s.size, " ", kSampling[static_cast<int>(s.sampling)], " ", type_info(s.type).name, " ", s.height, "x",
                s.width, " ", s.in, " to ", s.out, residual == Residual::add ? " with residual" : "");
  c.bind = [=](Device& device) -> Bound {
    const auto x = std::make_shared<Guarded>(device, s.height * s.width, s.in, 2, data->x),
               bias = std::make_shared<Guarded>(device, 1, s.out, 0, data->bias);
    const auto add = std::make_shared<Guarded>(device, height * width, s.out, 1, data->add),
               out = std::make_shared<Guarded>(device, height * width, s.out, 3);
    const std::shared_ptr<Weight> w = device.prepare_conv(data->w.host(), s.in, s.size, s.sampling);
    return {[=, &device] {
              device.conv({x->tensor(), s.height, s.width}, {}, *w, bias->tensor(),
                          residual == Residual::add ? Image{add->tensor(), height, width} : Image{}, {out->tensor(), height, width});
            },
            [=] { return out->read(); }};
  };
  c.expected = [=](Compute) {
    Expected expected;
    for (int64_t p = 0; p < height * width; p++)
      for (int64_t o = 0; o < s.out; o++) {
        double value = data->bias[static_cast<size_t>(o)], magnitude = std::fabs(value);
        if (residual == Residual::add)
          value += data->add[static_cast<size_t>(p * s.out + o)], magnitude += std::fabs(data->add[static_cast<size_t>(p * s.out + o)]);
        for (int64_t i = 0; i < k; i++) {
          const int64_t channel = i / (s.size * s.size), tap = i % (s.size * s.size);
          const double term = conv_input(data->x, s, p / width, p % width, tap / s.size, tap % s.size, channel) *
                              data->w.values[static_cast<size_t>(o * k + i)];
          value += term, magnitude += std::fabs(term);
        }
        expected.push(value, sum_error(k) * magnitude);
      }
    return expected;
  };
  return c;
}

/// Of a strip, behind a folded norm: rows [first, first + count) of the output from the rows of the input that they touch.
inline Case scaled_conv_case(const ConvShape& s, int64_t first, int64_t count) {
  const bool twice = s.sampling == Sampling::twice;
  const int64_t height = twice ? s.height * 2 : s.height, width = twice ? s.width * 2 : s.width, k = s.in * s.size * s.size;
  const int64_t reach = s.size / 2, factor = twice ? 2 : 1;
  const int64_t top = std::max<int64_t>(0, first - reach) / factor, end = (std::min(height, first + count + reach) + factor - 1) / factor;
  struct Data {
    std::vector<float> x, scale, shift, bias, add;
    Matrix w;
  };
  const auto data =
      std::make_shared<Data>(Data{random_values(s.height * s.width * s.in, 25), random_values(s.in, 26), random_values(s.in, 27),
                                  random_values(s.out, 28), random_values(count * width * s.out, 29), Matrix(s.type, s.out, k, 30)});
  Case c;
  c.name = text("scaled conv ", s.size, "x", s.size, twice ? " twice " : " same ", s.height, "x", s.width, " ", s.in, " to ", s.out,
                ", rows ", first, " + ", count);
  c.bind = [=](Device& device) -> Bound {
    const std::vector<float> part(data->x.begin() + top * s.width * s.in, data->x.begin() + end * s.width * s.in);
    const auto x = std::make_shared<Guarded>(device, (end - top) * s.width, s.in, 2, part),
               bias = std::make_shared<Guarded>(device, 1, s.out, 0, data->bias),
               out = std::make_shared<Guarded>(device, count * width, s.out, 3, data->add);
    const std::shared_ptr<Weight> w = device.prepare_conv(data->w.host(), s.in, s.size, s.sampling);
    return {[=, &device] {
              const ChannelScale in{data->scale, data->shift, Activation::silu};
              const Image strip{out->tensor(), height, width, first};
              device.conv({x->tensor(), s.height, s.width, top}, in, *w, bias->tensor(), strip, strip);
            },
            [=] { return out->read(); }};
  };
  c.expected = [=](Compute) {
    std::vector<float> scaled(data->x.size());
    for (size_t i = 0; i < scaled.size(); i++) {
      const auto channel = i % static_cast<size_t>(s.in);
      const double v = double{data->x[i]} * data->scale[channel] + data->shift[channel];
      scaled[i] = static_cast<float>(v / (1 + std::exp(-v)));
    }
    Expected expected;
    for (int64_t p = 0; p < count * width; p++)
      for (int64_t o = 0; o < s.out; o++) {
        double value = double{data->bias[static_cast<size_t>(o)]} + data->add[static_cast<size_t>(p * s.out + o)];
        double magnitude = std::fabs(data->bias[static_cast<size_t>(o)]) + std::fabs(data->add[static_cast<size_t>(p * s.out + o)]);
        for (int64_t i = 0; i < k; i++) {
          const int64_t channel = i / (s.size * s.size), tap = i % (s.size * s.size);
          const double term = conv_input(scaled, s, first + p / width, p % width, tap / s.size, tap % s.size, channel) *
                              data->w.values[static_cast<size_t>(o * k + i)];
          value += term, magnitude += std::fabs(term);
        }
        expected.push(value, (sum_error(k) + 32 * kUnit) * (magnitude + static_cast<double>(k) * 0.01));  // silu near zero: absolute
      }
    return expected;
  };
  return c;
}

/// Points near table entries, some of them listed twice: exact.
inline Case nearest_case(int64_t points, int64_t entries, int64_t width) {
  const auto table = std::make_shared<Matrix>(DType::f32, entries, width, 23);
  for (int64_t i = 0; i < width && entries > 3; i++)  // entry 3 repeats entry 1
    table->values[static_cast<size_t>(3 * width + i)] = table->values[static_cast<size_t>(width + i)];
  std::memcpy(table->data.data(), table->values.data(), table->data.size());
  auto values = random_values(points * width, 24, 0.01f);
  std::vector<double> ids;
  for (int64_t p = 0; p < points; p++) {
    const int64_t id = p * 5 % entries;
    ids.push_back(static_cast<double>(entries > 3 && id == 3 ? 1 : id));
    for (int64_t i = 0; i < width; i++) values[static_cast<size_t>(p * width + i)] += table->values[static_cast<size_t>(id * width + i)];
  }
  const auto x = std::make_shared<std::vector<float>>(std::move(values));
  Case c;
  c.name = text("nearest ", points, " of ", entries, "x", width);
  c.bind = [=](Device& device) -> Bound {
    const auto in = std::make_shared<Guarded>(device, points, width, 3, *x);
    const std::shared_ptr<Weight> weight = device.prepare(table->host(), Precision::f32);
    const auto found = std::make_shared<std::vector<int32_t>>(static_cast<size_t>(points), -1);
    return {[=, &device] { device.nearest(in->tensor(), *weight, *found); },
            [=] { return std::vector<float>(found->begin(), found->end()); }};
  };
  c.expected = [ids](Compute) {
    Expected expected;
    for (const double id : ids) expected.push(id, 0);
    return expected;
  };
  return c;
}

/// A 1x1 convolution into the first channels of its own input.
inline Case shortcut_case(int64_t side, int64_t in, int64_t out) {
  const auto x = std::make_shared<std::vector<float>>(random_values(side * side * in, 31)),
             bias = std::make_shared<std::vector<float>>(random_values(out, 32));
  const auto w = std::make_shared<Matrix>(DType::f32, out, in, 33);
  Case c;
  c.name = text("scaled conv 1x1 in place, ", side, "x", side, " ", in, " to ", out);
  c.bind = [=](Device& device) -> Bound {
    const auto map = std::make_shared<Guarded>(device, side * side, in, 1, *x), b = std::make_shared<Guarded>(device, 1, out, 0, *bias);
    const std::shared_ptr<Weight> weight = device.prepare_conv(w->host(), in, 1, Sampling::same);
    return {[=, &device] {
              Tensor first = map->tensor();
              first.cols = out;
              device.conv({map->tensor(), side, side}, {}, *weight, b->tensor(), {}, {first, side, side});
            },
            [=] { return map->read(); }};
  };
  c.expected = [=](Compute) {
    Expected expected;
    for (int64_t p = 0; p < side * side; p++)
      for (int64_t o = 0; o < in; o++) {
        if (o >= out) {  // stays as it is
          expected.push((*x)[static_cast<size_t>(p * in + o)], 0);
          continue;
        }
        double value = (*bias)[static_cast<size_t>(o)], magnitude = std::fabs(value);
        for (int64_t i = 0; i < in; i++) {
          const double term = double{(*x)[static_cast<size_t>(p * in + i)]} * w->values[static_cast<size_t>(o * in + i)];
          value += term, magnitude += std::fabs(term);
        }
        expected.push(value, sum_error(in) * magnitude);
      }
    return expected;
  };
  return c;
}

/// Scaled, of strips, or in place: they change what they read, so they run once.
inline std::vector<Case> fold_cases() {
  using enum Sampling;
  std::vector<Case> all;
  all.push_back(scaled_conv_case({9, 7, 5, 18, 3, same, DType::f32}, 0, 9));
  all.push_back(scaled_conv_case({9, 50, 33, 65, 3, same, DType::f16}, 3, 4));
  all.push_back(scaled_conv_case({30, 6, 16, 3, 3, same, DType::f32}, 29, 1));
  all.push_back(scaled_conv_case({6, 9, 40, 20, 1, same, DType::f32}, 2, 3));
  all.push_back(scaled_conv_case({7, 5, 12, 17, 3, twice, DType::f32}, 3, 6));
  all.push_back(scaled_conv_case({7, 5, 12, 17, 3, twice, DType::f32}, 13, 1));
  all.push_back(scaled_conv_case({6, 50, 300, 70, 3, twice, DType::f16}, 5, 4));
  all.push_back(scaled_conv_case({7, 21, 37, 4, 3, same, DType::f16}, 1, 5));
  all.push_back(scaled_conv_case({4, 19, 21, 2, 1, same, DType::f32}, 0, 4));
  all.push_back(shortcut_case(11, 40, 20));
  all.push_back(shortcut_case(9, 6, 3));
  all.push_back(shortcut_case(9, 200, 130));  // more channels than a tile has columns
  return all;
}

inline std::vector<Case> vq_cases() {
  std::vector<Case> all;
  using enum Sampling;
  for (const ConvShape& s : {ConvShape{1, 1, 1, 1, 3, same, DType::f32},
                             {2, 3, 3, 8, 3, same, DType::f32},
                             {5, 7, 8, 17, 3, same, DType::f16},
                             {20, 11, 64, 70, 3, same, DType::f32},
                             {4, 4, 70, 3, 3, same, DType::f32},
                             {9, 29, 23, 3, 3, same, DType::f16},
                             {5, 8, 40, 4, 3, half, DType::f32},
                             {4, 51, 7, 2, 3, twice, DType::f32},
                             {6, 5, 17, 33, 1, same, DType::f16},
                             {8, 8, 9, 12, 3, half, DType::f32},
                             {2, 14, 16, 65, 3, half, DType::f16},
                             {3, 5, 7, 16, 3, twice, DType::f32},
                             {9, 12, 33, 64, 3, twice, DType::f16}})
    all.push_back(conv_case(s, Residual::none)), all.push_back(conv_case(s, Residual::add));
  all.push_back(nearest_case(1, 1, 1));
  all.push_back(nearest_case(40, 64, 8));
  all.push_back(nearest_case(33, 131, 64));
  return all;
}

}  // namespace cases

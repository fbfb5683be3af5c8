#include "model/vq_maps.h"

#include <algorithm>
#include <cmath>

#include "model/vq_memory.h"

namespace dimoo::vq {
namespace {

constexpr float kEps = 1e-6f;

/// Rows [first, end) of a picture of which `x` holds at least these.
Image rows_of(Image x, int64_t first, int64_t end) {
  return {x.pixels.slice((first - x.first) * x.width, (end - first) * x.width), x.height, x.width, first};
}

}  // namespace

/// What a folded norm does to each channel.
struct Maps::Factors {
  std::vector<float> scale, shift;
  ChannelScale silu() const { return {scale, shift, Activation::silu}; }
};

Map Maps::make(int64_t height, int64_t width, int64_t channels) {
  const int64_t pixels = height * width;
  Map made{device_.allocate(map_bytes(pixels, channels)), {}};
  made.image = {Tensor(static_cast<float*>(made.memory.data()), pixels, channels), height, width};
  return made;
}

Map Maps::conv(const Map& x, const Conv& c) {
  const auto side = [&](int64_t n) { return c.sampling == Sampling::half ? n / 2 : c.sampling == Sampling::twice ? n * 2 : n; };
  Map out = make(side(x.image.height), side(x.image.width), c.out);
  device_.conv(x.image, {}, *c.kernel, c.bias, {}, out.image);
  return out;
}

Maps::Factors Maps::factors(const Norm& norm, const std::vector<double>& sums, int64_t pixels) const {
  const auto channels = norm.weight.size(), width = channels / static_cast<size_t>(groups_);
  Factors f{std::vector<float>(channels), std::vector<float>(channels)};
  for (size_t g = 0; g < channels; g += width) {
    double sum = 0, squares = 0;
    for (size_t c = g; c < g + width; c++) sum += sums[c], squares += sums[channels + c];
    const double count = static_cast<double>(pixels) * static_cast<double>(width), mean = sum / count;
    const double factor = 1.0 / std::sqrt(std::max(0.0, squares / count - mean * mean) + kEps);
    for (size_t c = g; c < g + width; c++) {
      f.scale[c] = static_cast<float>(factor * norm.weight[c]);
      f.shift[c] = static_cast<float>(norm.bias[c] - mean * factor * norm.weight[c]);
    }
  }
  return f;
}

/// out = conv(silu(norm(x))) + residual; `residual` may be `out`.
void Maps::normed_conv(Image x, const Norm& norm, const Conv& c, Image residual, Image out) {
  std::vector<double> sums(static_cast<size_t>(x.channels()) * 2);
  device_.channel_sums(x, sums);
  device_.conv(x, factors(norm, sums, x.height * x.width).silu(), *c.kernel, c.bias, residual, out);
}

Map Maps::normed_conv(const Map& x, const Norm& norm, const Conv& c) {
  Map out = make(x.image.height, x.image.width, c.out);
  normed_conv(x.image, norm, c, {}, out.image);
  return out;
}

/// In x's own memory where it fits: pixels then lie as far apart as before.
Map Maps::shortcut(Map x, const Residual& r) {
  if (!r.shortcut.kernel) return x;
  if (r.shortcut.out > x.image.channels()) return conv(x, r.shortcut);
  Image out = x.image;
  out.pixels.cols = r.shortcut.out;
  device_.conv(x.image, {}, *r.shortcut.kernel, r.shortcut.bias, {}, out);
  x.image = out;
  return x;
}

/// A residual strip by strip. The statistics of each norm come first, over all strips; what lies before them is computed again for the
/// next. An inner strip is computed before the one above it is added to x, so that both may happen in x's own memory.
class Maps::Strips {
 public:
  Strips(Maps& maps, const Map& x, const Residual& r, const Conv* up) : maps_(maps), device_(maps.device_), x_(x), r_(r), up_(up) {
    height_ = x.image.height * (up ? 2 : 1), width_ = x.image.width * (up ? 2 : 1), rows_ = strip_rows(width_);
    if (up) upsampled_ = strip(4, up->out);
    for (Map& inner : inner_) inner = strip(2, r.conv1.out);
  }

  /// Into `out`, which may be x.
  void run(Image out) {
    const Factors first = statistics(r_.norm1, [&](int64_t y, int64_t end) { return input(y, end); });
    const Factors second =
        statistics(r_.norm2, [&](int64_t y, int64_t end) { return inner(first, input(y - 1, end + 1), y, end, inner_[0]); });
    Image before;  // the inner strip that waits to be added
    int64_t above = 0;
    for (int64_t y = 0, turn = 0; y < height_; y += rows_, turn = 1 - turn) {
      const int64_t end = std::min(height_, y + rows_);
      const Image from = input(y - 2, end + 2), now = inner(first, from, y - 1, end + 1, inner_[turn]);
      if (r_.shortcut.kernel) device_.conv(from, {}, *r_.shortcut.kernel, r_.shortcut.bias, {}, rows_of(out, y, end));
      if (y > 0) add(second, before, rows_of(out, above, y));
      before = now, above = y;
    }
    add(second, before, rows_of(out, above, height_));
  }

 private:
  Map strip(int64_t more, int64_t channels) const { return maps_.make(std::min(height_, rows_ + more), width_, channels); }
  Image view(const Map& memory, int64_t first, int64_t end) const {
    return {memory.image.pixels.slice(0, (end - first) * width_), height_, width_, first};
  }
  /// Those rows of x, or of what is upsampled from it, that lie within the picture.
  Image input(int64_t first, int64_t end) {
    first = std::max<int64_t>(0, first), end = std::min(height_, end);
    if (!up_) return rows_of(x_.image, first, end);
    const Image rows = view(upsampled_, first, end);
    device_.conv(x_.image, {}, *up_->kernel, up_->bias, {}, rows);
    return rows;
  }
  /// conv1(silu(norm1(from))), those rows within the picture.
  Image inner(const Factors& norm, Image from, int64_t first, int64_t end, const Map& memory) {
    const Image rows = view(memory, std::max<int64_t>(0, first), std::min(height_, end));
    device_.conv(from, norm.silu(), *r_.conv1.kernel, r_.conv1.bias, {}, rows);
    return rows;
  }
  void add(const Factors& norm, Image from, Image out) { device_.conv(from, norm.silu(), *r_.conv2.kernel, r_.conv2.bias, out, out); }
  Factors statistics(const Norm& norm, FunctionRef<Image(int64_t first, int64_t end)> strip_of) {
    std::vector<double> sums(norm.weight.size() * 2);
    for (int64_t y = 0; y < height_; y += rows_) device_.channel_sums(strip_of(y, std::min(height_, y + rows_)), sums);
    return maps_.factors(norm, sums, height_ * width_);
  }

  Maps& maps_;
  Device& device_;
  const Map& x_;
  const Residual& r_;
  const Conv* up_;
  int64_t height_, width_, rows_;
  Map upsampled_, inner_[2];
};

Map Maps::residual(Map x, const Residual& r, const Conv* up) {
  const int64_t scale = up ? 2 : 1, in = up ? up->out : x.image.channels(), out = r.conv1.out;
  const Block block{x.image.height * scale, x.image.width * scale, in, out, static_cast<int64_t>(x.memory.bytes()), up != nullptr};
  if (block.takes_strips(limit_)) {
    Map made = up || in != out ? make(block.height, block.width, out) : Map{};
    Strips(*this, x, r, up).run(made.memory.data() ? made.image : x.image);
    return made.memory.data() ? std::move(made) : std::move(x);
  }
  if (up) x = conv(x, *up);
  const Map inner = normed_conv(x, r.norm1, r.conv1);
  x = shortcut(std::move(x), r);
  normed_conv(inner.image, r.norm2, r.conv2, x.image, x.image);
  return x;
}

}  // namespace dimoo::vq

// Ridge regression by normal equations in f64: (c + 1) unknowns for each of the 48 pixels.
#include "jobs/previews.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "base/random.h"
#include "model/backbone.h"

namespace dimoo {
namespace {

constexpr int64_t kCells = 16;   // of a picture, a side
constexpr int64_t kPatch = 4;    // pixels of a draft of one cell, a side
constexpr double kRidge = 1e-3;  // of the mean square of the inputs
constexpr uint64_t kSeed = 1;

/// Uniform numbers in order.
class Draws {
 public:
  explicit Draws(uint32_t picture) : picture_(picture) {}
  double next() { return uniform(kSeed, count_++, picture_, 0, Stream::sample); }

 private:
  uint32_t picture_, count_ = 0;
};

struct Colour {
  double c[3];
};
Colour draw_colour(Draws& draws) { return {{255 * draws.next(), 255 * draws.next(), 255 * draws.next()}}; }

/// A disc or a square of one colour.
void draw_shape(Draws& draws, int64_t side, std::span<uint8_t> rgb) {
  const Colour colour = draw_colour(draws);
  const auto width = static_cast<double>(side);
  const double x0 = draws.next() * width, y0 = draws.next() * width, r = width / 32 + draws.next() * width / 5;
  const bool disc = draws.next() < 0.5;
  for (int64_t y = std::max<int64_t>(0, std::llround(y0 - r)); y < std::min<int64_t>(side, std::llround(y0 + r)); y++)
    for (int64_t x = std::max<int64_t>(0, std::llround(x0 - r)); x < std::min<int64_t>(side, std::llround(x0 + r)); x++) {
      const double dx = static_cast<double>(x) - x0, dy = static_cast<double>(y) - y0;
      if (disc && dx * dx + dy * dy > r * r) continue;
      for (int64_t c = 0; c < 3; c++) rgb[static_cast<size_t>((y * side + x) * 3 + c)] = static_cast<uint8_t>(colour.c[c]);
    }
}

/// Shapes on a plain ground or one that runs from one colour to another; every third picture is crowded.
void draw_picture(int64_t index, int64_t side, std::span<uint8_t> rgb) {
  Draws draws(static_cast<uint32_t>(index));
  const Colour from = draw_colour(draws), to = draw_colour(draws);
  for (int64_t y = 0; y < side; y++)
    for (int64_t x = 0; x < side; x++) {
      const double t = index % 3 == 0 ? 0 : static_cast<double>(x + y) / static_cast<double>(2 * side);
      for (int64_t c = 0; c < 3; c++)
        rgb[static_cast<size_t>((y * side + x) * 3 + c)] = static_cast<uint8_t>(from.c[c] * (1 - t) + to.c[c] * t);
    }
  for (int shapes = index % 3 == 2 ? 40 : 8; shapes > 0; shapes--) draw_shape(draws, side, rgb);
}

/// The mean colours of a cell's 4 x 4 parts; `pixels` is its corner in a picture `width` pixels wide.
void patch_of(const uint8_t* pixels, int64_t width, int64_t scale, double* patch) {
  const int64_t size = std::max(scale, kPatch);
  double counts[kPatch * kPatch] = {};
  std::fill(patch, patch + kPreviewBytes, 0.0);
  for (int64_t y = 0; y < size; y++)
    for (int64_t x = 0; x < size; x++) {
      const int64_t at = y * kPatch / size * kPatch + x * kPatch / size;
      const uint8_t* pixel = pixels + (y * scale / size * width + x * scale / size) * 3;
      for (int64_t c = 0; c < 3; c++) patch[at * 3 + c] += pixel[c];
      counts[at]++;
    }
  for (int64_t i = 0; i < kPreviewBytes; i++) patch[i] /= counts[i / 3];
}

/// Least squares from embeddings (c, and a constant) to patches.
class Fit {
 public:
  Fit(const std::vector<float>& table, size_t c) : table_(table), n_(c + 1), square_(n_ * n_), right_(n_ * kPreviewBytes) {}

  void add(int32_t code, const double* patch) {
    const std::vector<double> x = input(code);
    for (size_t i = 0; i < n_; i++) {
      for (size_t j = 0; j < n_; j++) square_[i * n_ + j] += x[i] * x[j];
      for (size_t o = 0; o < kPreviewBytes; o++) right_[i * kPreviewBytes + o] += x[i] * patch[o];
    }
  }
  /// Gauss-Jordan; the ridge keeps every pivot away from zero.
  void solve() {
    double trace = 0;
    for (size_t i = 0; i < n_; i++) trace += square_[i * n_ + i];
    for (size_t i = 0; i < n_; i++) square_[i * n_ + i] += kRidge * trace / static_cast<double>(n_);
    for (size_t i = 0; i < n_; i++) {
      scale_row(i, 1 / square_[i * n_ + i]);
      for (size_t j = 0; j < n_; j++)
        if (j != i) subtract_row(j, i, square_[j * n_ + i]);
    }
  }
  void predict(int32_t code, uint8_t* patch) const {
    const std::vector<double> x = input(code);
    for (size_t o = 0; o < kPreviewBytes; o++) {
      double value = 0;
      for (size_t i = 0; i < n_; i++) value += x[i] * right_[i * kPreviewBytes + o];
      patch[o] = static_cast<uint8_t>(std::clamp(std::nearbyint(value), 0.0, 255.0));
    }
  }

 private:
  std::vector<double> input(int32_t code) const {
    const float* row = table_.data() + static_cast<size_t>(code) * (n_ - 1);
    std::vector<double> x(row, row + n_ - 1);
    x.push_back(1);
    return x;
  }
  void scale_row(size_t i, double factor) {
    for (size_t j = 0; j < n_; j++) square_[i * n_ + j] *= factor;
    for (size_t o = 0; o < kPreviewBytes; o++) right_[i * kPreviewBytes + o] *= factor;
  }
  void subtract_row(size_t from, size_t row, double factor) {
    for (size_t j = 0; j < n_; j++) square_[from * n_ + j] -= factor * square_[row * n_ + j];
    for (size_t o = 0; o < kPreviewBytes; o++) right_[from * kPreviewBytes + o] -= factor * right_[row * kPreviewBytes + o];
  }

  const std::vector<float>& table_;
  size_t n_;
  std::vector<double> square_, right_;
};

}  // namespace

std::vector<uint8_t> make_preview_table(const Source& source, const VqHyperparameters& hyper, RoundTrip round_trip) {
  const int64_t scale = hyper.scale(), side = kCells * scale;
  const std::vector<float> embeddings = host_vector(source, "vq.quantize.embedding.weight");
  Fit fit(embeddings, embeddings.size() / static_cast<size_t>(hyper.codebook_size));
  std::vector<uint8_t> rgb(static_cast<size_t>(side * side * 3));
  std::vector<int32_t> codes(kCells * kCells);
  for (int64_t picture = 0; picture < kPreviewPictures; picture++) {
    draw_picture(picture, side, rgb);
    round_trip(rgb, side, codes);
    double patch[kPreviewBytes];
    for (int64_t cell = 0; cell < kCells * kCells; cell++) {
      patch_of(rgb.data() + (cell / kCells * side + cell % kCells) * scale * 3, side, scale, patch);
      fit.add(codes[static_cast<size_t>(cell)], patch);
    }
  }
  fit.solve();
  std::vector<uint8_t> table(static_cast<size_t>(hyper.codebook_size * kPreviewBytes));
  for (int64_t code = 0; code < hyper.codebook_size; code++) fit.predict(static_cast<int32_t>(code), table.data() + code * kPreviewBytes);
  return table;
}

std::vector<uint8_t> preview_table(Model& model, CancelToken* cancel) {
  const Weights& weights = model.weights();
  model.need_images();
  std::unique_lock lock(weights.drafts.mutex, std::defer_lock);
  while (!lock.try_lock()) {  // somebody else makes them
    if (cancel) cancel->check();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    model.need_images();  // it may have been closed
  }
  std::vector<uint8_t>& table = weights.drafts.table;
  if (table.empty()) table = stored_preview_table(*weights.source, weights.hyper.vq);
  if (table.empty())
    table = make_preview_table(*weights.source, weights.hyper.vq, [&](std::span<uint8_t> rgb, int64_t side, std::span<int32_t> codes) {
      const int64_t cells = side / weights.hyper.vq.scale();
      const std::vector<int32_t> encoded = model.encode(rgb, side, side, cancel);
      const std::vector<uint8_t> decoded = model.decode(encoded, cells, cells, cancel);
      std::copy(encoded.begin(), encoded.end(), codes.begin());
      std::copy(decoded.begin(), decoded.end(), rgb.begin());
    });
  return table;
}

std::vector<int64_t> preview_shape(const VqHyperparameters& hyper) { return {hyper.codebook_size, kPatch, kPatch, 3}; }

std::vector<uint8_t> stored_preview_table(const Source& source, const VqHyperparameters& hyper) {
  const SourceTensor* tensor = source.find(kPreviewTensor);
  if (!tensor) return {};
  const int64_t expected = hyper.codebook_size * kPreviewBytes;
  if (tensor->type != DType::i8 || tensor->values() != expected)
    fail(Code::model_corrupt, kPreviewTensor, ": expected ", expected, " values of I8, got ", tensor->values(), " of ",
         type_info(tensor->type).name);
  const auto* bytes = reinterpret_cast<const uint8_t*>(tensor->data);
  return {bytes, bytes + expected};
}

}  // namespace dimoo

// The image tokenizer against the original: latents, codes, decoded pixels, and the bytes of a decoded picture.
#include <algorithm>

#include "cpu/dispatch.h"
#include "jobs/timed_device.h"
#include "model/vq_memory.h"
#include "test/native/golden.h"

using namespace golden;

namespace {

/// (1, c, h, w) as recorded -> (h * w, c).
std::vector<float> channels_last(const SafetensorsEntry& entry) {
  const auto from = values<float>(entry);
  const auto c = static_cast<size_t>(entry.shape[1]), pixels = static_cast<size_t>(entry.shape[2] * entry.shape[3]);
  std::vector<float> to(from.size());
  for (size_t p = 0; p < pixels; p++)
    for (size_t i = 0; i < c; i++) to[p * c + i] = from[i * pixels + p];
  return to;
}

void check_file(Vq& vq, const VqHyperparameters& hyper, const std::string& name) {
  const SafetensorsFile file(path(name));
  const auto pixels = channels_last(file.at("pixels"));
  const int64_t height = file.at("pixels").shape[2], width = file.at("pixels").shape[3];
  const int64_t rows = height / hyper.scale(), columns = width / hyper.scale();
  const auto latents = channels_last(file.at("latents"));
  std::vector<float> actual(latents.size());
  vq.encode_latents(pixels, height, width, actual);
  CHECK_NEAR(largest_difference(actual, latents), 0, 1e-3);

  std::vector<uint8_t> rgb(pixels.size());
  for (size_t i = 0; i < rgb.size(); i++) rgb[i] = static_cast<uint8_t>(std::lround(pixels[i] * 255));
  std::vector<int32_t> codes(static_cast<size_t>(rows * columns));
  vq.encode(rgb, height, width, codes);
  const auto indices = file.at("indices").dtype == "I32" ? values<int32_t>(file.at("indices")) : std::vector<int32_t>{};
  CHECK(codes == indices);

  std::vector<float> decoded(pixels.size());
  vq.decode_pixels(codes, rows, columns, decoded);
  CHECK_NEAR(largest_difference(decoded, channels_last(file.at("decoded"))), 0, 1e-3);

  const auto random = values<int32_t>(file.at("random_indices"));
  const auto expected = values<uint8_t>(file.at("random_decoded_u8"));
  vq.decode(random, rows, columns, rgb);
  for (size_t i = 0; i < rgb.size(); i++) CHECK_NEAR(rgb[i], expected[i], 1);
}

}  // namespace

TEST(vq_on_every_variant) {
  const auto source = Source::open(path("checkpoint"));
  for (const auto& variant : variants_to_follow()) {
    Bound bound(*source, variant.name);
    for (const char* name : {"vq_a.safetensors", "vq_b.safetensors"}) check_file(*bound.vq, bound.hyper.vq, name);
  }
}

TEST(vq_fails_with_one_weight_changed) {
  const auto source = Source::open(path("checkpoint"));
  for (const char* weight : {"vq.encoder.conv_in.weight", "vq.quantize.embedding.weight", "vq.decoder.conv_out.weight"}) {
    const Damaged damaged(*source, weight, 4);
    Bound bound(damaged);
    bool seen = false;
    try {
      check_file(*bound.vq, bound.hyper.vq, "vq_a.safetensors");
    } catch (const std::exception&) {
      seen = true;
    }
    if (!seen) check::failed(__FILE__, __LINE__, weight, ": changed and nobody noticed");
    if (check::sanitized()) break;
  }
}

TEST(weights_that_are_not_finite_give_an_error_and_no_picture) {
  const auto source = Source::open(path("checkpoint"));
  const std::vector<uint8_t> rgb(64 * 64 * 3, 100);
  std::vector<uint8_t> decoded(rgb.size());
  std::vector<int32_t> codes(16, 1);
  for (const auto& variant : variants_to_follow()) {
    for (const char* weight : {"vq.encoder.conv_in.weight", "vq.quant_conv.bias"}) {
      const Damaged damaged(*source, weight, 4, Damage::not_a_number);
      CHECK_THROWS(Bound(damaged, variant.name).vq->encode(rgb, 64, 64, codes), Code::model_corrupt, "latents are not finite");
    }
    const Damaged damaged(*source, "vq.decoder.conv_out.weight", 4, Damage::not_a_number);
    CHECK_THROWS(Bound(damaged, variant.name).vq->decode(codes, 4, 4, decoded), Code::model_corrupt, "pixels are not finite");
  }
}

TEST(vq_threads_never_change_a_result) {
  const auto source = Source::open(path("checkpoint"));
  Bound one(*source, "", 1), three(*source, "", 3);
  std::vector<int32_t> codes;
  for (int32_t i = 0; i < 63; i++) codes.push_back(i * 37 % 64);
  std::vector<float> a(63 * 256 * 3), b(a.size());
  one.vq->decode_pixels(codes, 7, 9, a);
  three.vq->decode_pixels(codes, 7, 9, b);
  CHECK(a == b);
}

TEST(strips_never_change_a_result) {
  const auto source = Source::open(path("checkpoint"));
  constexpr int64_t kRows = 14, kColumns = 40;  // three strips of the finest maps
  std::vector<int32_t> codes;
  for (int32_t i = 0; i < kRows * kColumns; i++) codes.push_back(i * 37 % 64);
  for (const auto& variant : variants_to_follow()) {
    Bound bound(*source, variant.name);
    const VqHyperparameters& hyper = bound.hyper.vq;
    const int64_t height = kRows * hyper.scale(), width = kColumns * hyper.scale();
    const auto values = static_cast<size_t>(height * width * 3);
    std::vector<float> pixels(values), strip_pixels(values), latents(codes.size() * static_cast<size_t>(hyper.embed_dim)),
        strip_latents(latents);
    bound.vq->decode_pixels(codes, kRows, kColumns, pixels);
    bound.vq->encode_latents(pixels, height, width, latents);
    for (const int64_t budget : {int64_t{0}, vq::plan_decoder(hyper, kRows, kColumns, -1).bytes - 1}) {
      if (budget > 0 && !variant.kernels) continue;  // slow
      bound.vq->set_map_budget(budget);
      bound.vq->decode_pixels(codes, kRows, kColumns, strip_pixels);
      bound.vq->encode_latents(pixels, height, width, strip_latents);
      CHECK(pixels == strip_pixels);
      CHECK(latents == strip_latents);
    }
  }
}

namespace {

/// Remembers the most that buffers took at once.
class Watched : public TimedDevice {
 public:
  explicit Watched(Device& inner) : TimedDevice(inner, Precision::f32) {}
  Buffer allocate(int64_t bytes) override {
    Buffer buffer = TimedDevice::allocate(bytes);
    most = std::max(most, memory().used);
    return buffer;
  }
  int64_t most = 0;
};

}  // namespace

TEST(maps_take_what_is_planned) {
  const auto source = Source::open(path("checkpoint"));
  const VqHyperparameters hyper = read_hyperparameters(*source).vq;
  constexpr int64_t kRows = 20, kColumns = 40;
  const int64_t height = kRows * hyper.scale(), width = kColumns * hyper.scale();
  std::vector<int32_t> codes(kRows * kColumns, 1);
  std::vector<float> pixels(static_cast<size_t>(height * width * 3)), latents(codes.size() * static_cast<size_t>(hyper.embed_dim));
  const auto device = create_device("cpu", {});
  Watched watched(*device);
  Vq vq(watched, hyper, *source);
  vq.decode_pixels(codes, kRows, kColumns, pixels);  // packs kernels, and takes scratch
  vq.encode_latents(pixels, height, width, latents);
  int64_t last[2] = {INT64_MAX, INT64_MAX};
  for (const int64_t budget : {int64_t{-1}, vq::plan_decoder(hyper, kRows, kColumns, -1).bytes * 3 / 4, int64_t{0}}) {
    vq.set_map_budget(budget);
    const int64_t expected[] = {vq::plan_decoder(hyper, kRows, kColumns, budget).bytes,
                                vq::plan_encoder(hyper, kRows, kColumns, budget).bytes};
    for (const int i : {0, 1}) {
      const int64_t before = device->memory().used;
      watched.most = 0;
      i == 0 ? vq.decode_pixels(codes, kRows, kColumns, pixels) : vq.encode_latents(pixels, height, width, latents);
      CHECK_EQ(watched.most - before, expected[i]);
      CHECK(expected[i] <= last[i]);
      last[i] = expected[i];
    }
    CHECK_EQ(Vq::workspace_bytes(hyper, kRows, kColumns, budget), std::max(expected[0], expected[1]));
  }
  CHECK(last[0] < vq::plan_decoder(hyper, kRows, kColumns, -1).bytes);
  CHECK(last[1] < vq::plan_encoder(hyper, kRows, kColumns, -1).bytes);
}

TEST(the_released_layout_decodes_within_its_workspace) {
  const auto device = create_device("cpu", {});
  VqHyperparameters hyper;
  hyper.channels = {128, 256, 256, 512, 768}, hyper.latent_channels = hyper.embed_dim = 64;
  CHECK(Vq::workspace_bytes(hyper, 64, 64) < 2'500'000'000);
  CHECK(Vq::workspace_bytes(hyper, 64, 64, 0) < 1'000'000'000);  // beside 0.4 GB of packed kernels
}

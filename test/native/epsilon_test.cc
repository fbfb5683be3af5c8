// The small numbers that keep norms finite: the transformer's is the checkpoint's in every norm, the image tokenizer's is 1e-6. With
// usual activations another one changes no result that a golden test would notice.
#include "jobs/timed_device.h"
#include "test/native/golden.h"

using namespace golden;

namespace {

/// Notes what norms are asked for, and what a folded norm makes of a channel.
class Noting : public TimedDevice {
 public:
  using TimedDevice::TimedDevice;
  double spread = 0;            // the variance that every map is said to have
  std::vector<float> epsilons;  // of all norms
  std::vector<float> scales;    // of the first folded norm

  void do_norm(Tensor x, Tensor weight, float eps, Tensor out) override {
    epsilons.push_back(eps);
    TimedDevice::do_norm(x, weight, eps, out);
  }
  void do_channel_sums(Image x, std::span<double> sums) override {
    TimedDevice::do_channel_sums(x, sums);
    for (size_t c = 0; c < sums.size() / 2; c++) sums[c] = 0, sums[sums.size() / 2 + c] = spread * static_cast<double>(x.height * x.width);
  }
  void do_conv(Image x, const ChannelScale& scale, const Weight& kernel, Tensor bias, Image residual, Image out) override {
    if (scales.empty()) scales.assign(scale.scale.begin(), scale.scale.end());
    TimedDevice::do_conv(x, scale, kernel, bias, residual, out);
  }
};

}  // namespace

TEST(every_norm_of_the_transformer_has_the_checkpoints_epsilon) {
  const auto source = Source::open(path("checkpoint"));
  Hyperparameters hyper = read_hyperparameters(*source);
  hyper.rms_eps = 0.25f;
  const auto device = create_device("cpu", {});
  Noting noting(*device, Precision::f32);
  Backbone backbone(noting, hyper, *source, Precision::f32);
  const std::vector<int32_t> ids{5, 6, 7}, positions{0, 1, 2};
  const BranchRows branch{0, 3};
  for (const bool observed : {false, true}) {
    noting.epsilons.clear();
    const Batch batch{ids, positions, {&branch, 1}, positions};
    if (observed)
      backbone.forward_all(batch);
    else
      backbone.forward(batch);
    CHECK_EQ(noting.epsilons.size(), static_cast<size_t>(2 * hyper.layers + 1));
    for (const float eps : noting.epsilons) CHECK_EQ(eps, 0.25f);
  }
}

TEST(norms_of_nearly_constant_maps_are_kept_finite_by_1e_minus_6) {
  const auto source = Source::open(path("checkpoint"));
  const Hyperparameters hyper = read_hyperparameters(*source);
  const auto device = create_device("cpu", {});
  Noting noting(*device, Precision::f32);
  Vq vq(noting, hyper.vq, *source);
  noting.spread = 3e-6;
  std::vector<float> rgb(static_cast<size_t>(hyper.vq.scale() * hyper.vq.scale() * 3));
  vq.decode_pixels(std::vector<int32_t>{1}, 1, 1, rgb);
  const auto weight = host_vector(*source, "vq.decoder.mid_block.resnets.0.norm1.weight");
  CHECK_EQ(noting.scales.size(), weight.size());
  for (size_t c = 0; c < weight.size(); c++) CHECK_NEAR(noting.scales[c] / weight[c], 1 / std::sqrt(3e-6 + 1e-6), 1e-2);
}

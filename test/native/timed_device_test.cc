// A timed device hands every op on, under its phase: each is called once over a device that writes down what it is asked.
#include "jobs/timed_device.h"

#include "test/native/check.h"

using namespace dimoo;

namespace {

struct Nothing : Weight {
  int64_t rows() const override { return 2; }
  int64_t cols() const override { return 3; }
};

/// Says the contrary of the defaults wherever it is asked.
class Recorder : public Device {
 public:
  mutable std::vector<std::string> asked;

  std::string id() const override { return was("id"), "recorder"; }
  std::string name() const override { return was("name"), "nobody's"; }
  std::vector<VariantReport> variants() const override { return was("variants"), std::vector<VariantReport>(2); }
  int threads() const override { return was("threads"), 7; }
  void set_threads(int) override { was("set_threads"); }
  double peak(Arithmetic) override { return was("peak"), 3; }
  MemoryReport memory() const override { return was("memory"), MemoryReport{1, 2, 3, 4}; }
  Activity activity() const override { return was("activity"), Activity{5, 4, 6}; }
  Buffer allocate(int64_t) override { return was("allocate"), Buffer(); }
  void upload(Tensor, const void*) override { was("upload"); }
  void download(void*, Tensor) override { was("download"); }
  void settle() override { was("settle"); }
  void abandon() noexcept override { was("abandon"); }
  std::unique_ptr<Weight> prepare(const HostTensor&, Precision) override { return was("prepare"), std::make_unique<Nothing>(); }
  std::unique_ptr<Weight> prepare_conv(const HostTensor&, int64_t, int64_t, Sampling) override { return was("prepare_conv"), nullptr; }
  int64_t panel_bytes(const HostTensor&, Precision) const override { return was("panel_bytes"), 8; }
  int64_t conv_panel_bytes(const HostTensor&, Sampling) const override { return was("conv_panel_bytes"), 9; }
  int64_t scratch_bytes(int64_t, int64_t, int64_t) const override { return was("scratch_bytes"), 10; }
  int64_t filled_rows(int64_t) const override { return was("filled_rows"), 11; }
  void repeat(const void*, std::span<const int64_t>, FunctionRef<void()>) override { was("repeat"); }
  void set_panel_budget(int64_t) override { was("set_panel_budget"); }
  void set_cancel(const CancelToken*) override { was("set_cancel"); }
  void embed(const Weight&, std::span<const int32_t>, Tensor) override { was("embed"); }
  void norm(Tensor, Tensor, float, Tensor) override { was("norm"); }
  void linear(Tensor, const Weight&, Tensor) override { was("linear"); }
  void linear_add(Tensor, const Weight&, Tensor) override { was("linear_add"); }
  void gated(Tensor, const Weight&, const Weight&, Tensor) override { was("gated"); }
  bool fuses_projections() const override { return fuses; }
  void project(Tensor, const Weight&, const Turn&, std::span<const Placement>, Tensor) override { was("project"); }
  void rotary(Tensor, std::span<const int32_t>, Tensor, int) override { was("rotary"); }
  void attention(Tensor, std::span<const AttentionSpan>, int, int, Tensor) override { was("attention"); }
  void gather(Tensor, std::span<const int32_t>, Tensor) override { was("gather"); }
  void scatter(Tensor, std::span<const int32_t>, Tensor) override { was("scatter"); }
  void row_max(Tensor, Tensor) override { was("row_max"); }
  bool finite(Tensor) override { return was("finite"), false; }
  void choose(std::span<const ChooseJob>) override { was("choose"); }
  void unmask(std::span<const UnmaskJob>) override { was("unmask"); }
  void unmask_text(std::span<const TextUnmaskJob>) override { was("unmask_text"); }
  void group_norm(Image, Tensor, Tensor, int, float, Activation, Image) override { was("group_norm"); }
  void conv(Image, const Weight&, Tensor, Image, Image) override { was("conv"); }
  bool folds_norms() const override { return was("folds_norms"), true; }
  void channel_sums(Image, std::span<double>) override { was("channel_sums"); }
  void conv_scaled(Image, const ChannelScale&, const Weight&, Tensor, Image, Image) override { was("conv_scaled"); }
  void nearest(Tensor, const Weight&, std::span<int32_t>) override { was("nearest"); }

  bool fuses = true;

 private:
  void was(const char* op) const { asked.emplace_back(op); }
};

/// A recorder behind a timed device, and two matrices bound to it.
struct Timed {
  Recorder inner;
  TimedDevice device{inner, Precision::fast};
  std::unique_ptr<Weight> matrix = device.prepare({"blk.0.attn_k.weight", DType::bf16, 2, 3}, Precision::fast);
  std::unique_ptr<Weight> head = device.prepare({"output.weight", DType::bf16, 2, 3}, Precision::fast);
  Timed() { inner.asked.clear(); }

  /// What `body` asked of the device behind, and the one phase that it counted to ("": none).
  template <class Body>
  void check(const std::vector<std::string>& asked, const std::string& phase, Body body) {
    body();
    CHECK(std::exchange(inner.asked, {}) == asked);
    const PhaseTimes phases = device.take();
    CHECK_EQ(phases.size(), size_t{phase.empty() ? 0u : 1u});
    if (!phase.empty()) CHECK_EQ(phases.begin()->first, phase);
  }
};

}  // namespace

TEST(ops_are_handed_on_under_their_phase) {
  Timed timed;
  TimedDevice& d = timed.device;
  const Weight &w = *timed.matrix, &head = *timed.head;
  timed.check({"upload"}, "copies", [&] { d.upload({}, nullptr); });
  timed.check({"download"}, "copies", [&] { d.download(nullptr, {}); });
  timed.check({"settle"}, "unmask", [&] { d.settle(); });
  timed.check({"abandon"}, "", [&] { d.abandon(); });
  timed.check({"embed"}, "embed", [&] { d.embed(head, {}, {}); });
  timed.check({"norm"}, "norm", [&] { d.norm({}, {}, 0, {}); });
  timed.check({"linear"}, "products", [&] { d.linear({}, w, {}); });
  timed.check({"linear"}, "head", [&] { d.linear({}, head, {}); });
  timed.check({"linear_add"}, "products", [&] { d.linear_add({}, w, {}); });
  timed.check({"gated"}, "products", [&] { d.gated({}, w, w, {}); });
  timed.check({"rotary"}, "rotary", [&] { d.rotary({}, {}, {}, 1); });
  timed.check({"attention"}, "attention", [&] { d.attention({}, {}, 1, 1, {}); });
  timed.check({"gather"}, "copies", [&] { d.gather({}, {}, {}); });
  timed.check({"scatter"}, "copies", [&] { d.scatter({}, {}, {}); });
  timed.check({"row_max"}, "unmask", [&] { d.row_max({}, {}); });
  timed.check({"finite"}, "copies", [&] { CHECK(!d.finite({})); });
  timed.check({"choose"}, "unmask", [&] { d.choose({}); });
  timed.check({"unmask"}, "unmask", [&] { d.unmask({}); });
  timed.check({"unmask_text"}, "unmask", [&] { d.unmask_text({}); });
  timed.check({"group_norm"}, "vq", [&] { d.group_norm({}, {}, {}, 1, 0, Activation::none, {}); });
  timed.check({"conv"}, "vq", [&] { d.conv({}, w, {}, {}, {}); });
  timed.check({"channel_sums"}, "vq", [&] { d.channel_sums({}, {}); });
  timed.check({"conv_scaled"}, "vq", [&] { d.conv_scaled({}, {}, w, {}, {}, {}); });
  timed.check({"nearest"}, "vq", [&] { d.nearest({}, w, {}); });
}

TEST(a_projection_is_one_product_where_the_device_makes_it_so) {
  Timed timed;
  const Turn turn{{}, {}, 1};
  const std::vector<Placement> places(1);
  const Tensor x(static_cast<float*>(nullptr), 5, 3);
  const auto project = [&] { timed.device.project(x, *timed.matrix, turn, places, {}); };
  CHECK(timed.device.fuses_projections());
  project();
  CHECK(std::exchange(timed.inner.asked, {}) == std::vector<std::string>{"project"});
  PhaseTimes phases = timed.device.take();
  CHECK_EQ(phases.size(), size_t{1});
  CHECK_NEAR(phases.at("products").operations[static_cast<int>(Arithmetic::bf16)], 2.0 * 5 * 2 * 3, 0);
  timed.inner.fuses = false;
  project();
  CHECK(timed.inner.asked == std::vector<std::string>({"linear", "rotary", "scatter"}));
  phases = timed.device.take();
  CHECK_EQ(phases.size(), size_t{3});
  CHECK_NEAR(phases.at("products").operations[static_cast<int>(Arithmetic::bf16)], 2.0 * 5 * 2 * 3, 0);
}

TEST(questions_get_the_answers_of_the_device_behind) {
  Timed timed;
  TimedDevice& d = timed.device;
  const HostTensor none;
  timed.check({"id", "name", "variants", "threads"}, "", [&] {
    CHECK_EQ(d.id(), "recorder");
    CHECK_EQ(d.name(), "nobody's");
    CHECK_EQ(d.variants().size(), size_t{2});
    CHECK_EQ(d.threads(), 7);
  });
  timed.check({"peak", "memory", "activity", "panel_bytes", "conv_panel_bytes", "scratch_bytes", "folds_norms"}, "", [&] {
    CHECK_EQ(d.peak(Arithmetic::f32), 3.0);
    CHECK_EQ(d.memory().peak, int64_t{4});
    CHECK_EQ(d.activity().waits, int64_t{6});
    CHECK_EQ(d.panel_bytes(none, Precision::fast), int64_t{8});
    CHECK_EQ(d.conv_panel_bytes(none, Sampling::same), int64_t{9});
    CHECK_EQ(d.scratch_bytes(1, 1, 1), int64_t{10});
    CHECK(d.folds_norms());
  });
  timed.check({"filled_rows", "repeat"}, "", [&] {
    CHECK_EQ(d.filled_rows(1), int64_t{11});
    d.repeat(nullptr, {}, [] {});
  });
  timed.check({"set_threads", "set_panel_budget", "set_cancel", "allocate", "prepare_conv"}, "", [&] {
    d.set_threads(1), d.set_panel_budget(0), d.set_cancel(nullptr), d.allocate(1), d.prepare_conv(none, 1, 1, Sampling::same);
  });
}

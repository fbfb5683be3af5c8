// A timed device hands every op on, under its phase: each is called once over a device that writes down what it is asked.
#include "jobs/timed_device.h"

#include "test/native/check.h"

using namespace dimoo;

namespace {

/// (2, 3).
struct Nothing : Weight {
  Nothing() : Weight(2, 3) {}
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
  int64_t panel_bytes(const HostTensor&, Precision) const override { return was("panel_bytes"), 8; }
  int64_t conv_panel_bytes(const HostTensor&, Sampling) const override { return was("conv_panel_bytes"), 9; }
  int64_t scratch_bytes(int64_t, int64_t, int64_t) const override { return was("scratch_bytes"), 10; }
  int64_t filled_rows(int64_t) const override { return was("filled_rows"), 11; }
  void repeat(const void*, std::span<const int64_t>, FunctionRef<void()>) override { was("repeat"); }
  void set_panel_budget(int64_t) override { was("set_panel_budget"); }
  void set_cancel(const CancelToken*) override { was("set_cancel"); }
  bool fuses_projections() const override { return fuses; }
  bool finite(Tensor) override { return was("finite"), false; }
  void choose(std::span<const ChooseJob>) override { was("choose"); }
  void unmask(std::span<const UnmaskJob>) override { was("unmask"); }
  void unmask_text(std::span<const TextUnmaskJob>) override { was("unmask_text"); }

  bool fuses = true;

 protected:
  std::unique_ptr<Weight> do_prepare(const HostTensor&, Precision) override { return was("prepare"), std::make_unique<Nothing>(); }
  std::unique_ptr<Weight> do_prepare_conv(const HostTensor&, int64_t, int64_t, Sampling) override { return was("prepare_conv"), nullptr; }
  void do_embed(const Weight&, std::span<const int32_t>, Tensor) override { was("embed"); }
  void do_norm(Tensor, Tensor, float, Tensor) override { was("norm"); }
  void do_linear(Tensor, const Weight&, Epilogue epilogue, Tensor) override { was(epilogue == Epilogue::add ? "linear_add" : "linear"); }
  void do_gated(Tensor, const Weight&, const Weight&, Tensor) override { was("gated"); }
  void do_project(Tensor, const Weight&, const Turn&, std::span<const Placement>, Tensor) override { was("project"); }
  void do_rotary(Tensor, std::span<const int32_t>, Tensor, int) override { was("rotary"); }
  void do_attention(Tensor, std::span<const AttentionSpan>, int, int, Tensor) override { was("attention"); }
  void do_gather(Tensor, std::span<const int32_t>, Tensor) override { was("gather"); }
  void do_scatter(Tensor, std::span<const int32_t>, Tensor) override { was("scatter"); }
  void do_row_max(Tensor, Tensor) override { was("row_max"); }
  void do_channel_sums(Image, std::span<double>) override { was("channel_sums"); }
  void do_conv(Image, const ChannelScale&, const Weight&, Tensor, Image, Image) override { was("conv"); }
  void do_nearest(Tensor, const Weight&, std::span<int32_t>) override { was("nearest"); }

 private:
  void was(const char* op) const { asked.emplace_back(op); }
};

/// Memory that nobody reads.
Tensor none(int64_t rows, int64_t cols) { return {static_cast<float*>(nullptr), rows, cols}; }

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
  const Tensor x = none(5, 3), out = none(5, 2);
  const Image picture{none(6, 3), 2, 3}, map{none(6, 2), 2, 3};
  std::vector<double> sums(6);
  std::vector<int32_t> ids(6);
  timed.check({"embed"}, "embed", [&] { d.embed(head, {}, none(0, 3)); });
  timed.check({"norm"}, "norm", [&] { d.norm(x, none(1, 3), 0, x); });
  timed.check({"linear"}, "products", [&] { d.linear(x, w, out); });
  timed.check({"linear"}, "head", [&] { d.linear(x, head, out); });
  timed.check({"linear_add"}, "products", [&] { d.linear_add(x, w, out); });
  timed.check({"gated"}, "products", [&] { d.gated(x, w, w, out); });
  timed.check({"rotary"}, "rotary", [&] { d.rotary(none(0, 4), {}, none(1, 4), 1); });
  timed.check({"attention"}, "attention", [&] { d.attention(x, {}, 1, 1, x); });
  timed.check({"gather"}, "copies", [&] { d.gather(x, {}, none(0, 3)); });
  timed.check({"scatter"}, "copies", [&] { d.scatter(none(0, 3), {}, x); });
  timed.check({"row_max"}, "unmask", [&] { d.row_max(x, none(5, 1)); });
  timed.check({"finite"}, "copies", [&] { CHECK(!d.finite({})); });
  timed.check({"choose"}, "unmask", [&] { d.choose({}); });
  timed.check({"unmask"}, "unmask", [&] { d.unmask({}); });
  timed.check({"unmask_text"}, "unmask", [&] { d.unmask_text({}); });
  timed.check({"conv"}, "vq", [&] { d.conv(picture, {}, w, none(1, 2), {}, map); });
  timed.check({"channel_sums"}, "vq", [&] { d.channel_sums(picture, sums); });
  timed.check({"nearest"}, "vq", [&] { d.nearest(picture.pixels, w, ids); });
}

TEST(a_projection_is_one_product_where_the_device_makes_it_so) {
  Timed timed;
  const std::vector<int32_t> positions(5);
  const Turn turn{positions, none(1, 2), 1};
  const Placement place{0, 0, {}, none(0, 2)};
  const auto project = [&] { timed.device.project(none(5, 3), *timed.matrix, turn, {&place, 1}, none(5, 2)); };
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
  const HostTensor nothing;
  timed.check({"id", "name", "variants", "threads"}, "", [&] {
    CHECK_EQ(d.id(), "recorder");
    CHECK_EQ(d.name(), "nobody's");
    CHECK_EQ(d.variants().size(), size_t{2});
    CHECK_EQ(d.threads(), 7);
  });
  timed.check({"peak", "memory", "activity", "panel_bytes", "conv_panel_bytes", "scratch_bytes"}, "", [&] {
    CHECK_EQ(d.peak(Arithmetic::f32), 3.0);
    CHECK_EQ(d.memory().peak, int64_t{4});
    CHECK_EQ(d.activity().waits, int64_t{6});
    CHECK_EQ(d.panel_bytes(nothing, Precision::fast), int64_t{8});
    CHECK_EQ(d.conv_panel_bytes(nothing, Sampling::same), int64_t{9});
    CHECK_EQ(d.scratch_bytes(1, 1, 1), int64_t{10});
  });
  timed.check({"filled_rows", "repeat"}, "", [&] {
    CHECK_EQ(d.filled_rows(1), int64_t{11});
    d.repeat(nullptr, {}, [] {});
  });
  timed.check({"set_threads", "set_panel_budget", "set_cancel", "allocate", "prepare_conv"}, "", [&] {
    d.set_threads(1), d.set_panel_budget(0), d.set_cancel(nullptr), d.allocate(1),
        d.prepare_conv({"", DType::f32, 1, 1, nullptr}, 1, 1, Sampling::same);
  });
}

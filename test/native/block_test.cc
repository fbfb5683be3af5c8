// What a second network beside the transformer would stand on: features of every position, one block run by itself, and one whose queries
// and keys come from other rows.
#include "test/native/golden.h"

using namespace golden;

namespace {

constexpr int64_t kRows = 33;

/// f32 on a device.
struct Rows {
  Buffer memory;
  Tensor tensor;
  Rows(Device& device, int64_t rows, int64_t cols, const std::vector<float>& values = {})
      : memory(device.allocate(rows * cols * 4)), tensor(static_cast<float*>(memory.data()), rows, cols) {
    if (!values.empty()) device.upload(tensor, values.data());
  }
  std::vector<float> read(Device& device) const {
    std::vector<float> values(static_cast<size_t>(tensor.rows * tensor.cols));
    device.download(values.data(), tensor);
    device.settle();
    return values;
  }
};

/// Block `index` of a checkpoint, bound by itself.
struct OneBlock {
  Device& device;
  std::vector<Rows> vectors;
  Block block;

  OneBlock(Device& device, const Source& source, const Hyperparameters& hyper, int index) : device(device) {
    const std::string name = "blk." + std::to_string(index) + ".";
    const auto vector = [&](const char* what) {
      const std::vector<float> values = host_vector(source, name + what);
      return vectors.emplace_back(device, 1, static_cast<int64_t>(values.size()), values).tensor;
    };
    const auto matrix = [&](const char* what) {
      const SourceTensor& t = *source.find(name + what);
      return device.prepare({t.name, t.type, t.shape[0], t.shape[1], t.data}, Precision::f32);
    };
    block = {{hyper.heads, hyper.kv_heads, hyper.rms_eps},
             vector("attn_norm.weight"),
             vector("ffn_norm.weight"),
             matrix("attn_q.weight"),
             matrix("attn_k.weight"),
             matrix("attn_v.weight"),
             matrix("attn_output.weight"),
             matrix("ffn_gate.weight"),
             matrix("ffn_up.weight"),
             matrix("ffn_down.weight")};
  }
  /// x after the block: queries of x at `positions`, keys and values of `from` at `at`.
  std::vector<float> run(const Hyperparameters& hyper, const std::vector<float>& x, const std::vector<float>& from,
                         std::span<const int32_t> positions, std::span<const int32_t> at) {
    const auto r = static_cast<int64_t>(positions.size()), n = static_cast<int64_t>(at.size());
    const int64_t d = hyper.d_model, kv = hyper.kv_heads * hyper.head_dim;
    RotaryTable rotary(device, hyper.head_dim, hyper.rope_theta);
    rotary.reserve(300);
    Rows stream(device, r, d, x), source(device, n, d, from), h(device, r, d), keys(device, n, d), k(device, n, kv), v(device, n, kv);
    Rows q(device, r, d), a(device, r, d), m(device, r, hyper.mlp);
    block.normalise(device, source.tensor, keys.tensor);
    block.keys_and_values(device, keys.tensor, at, rotary.angles(), {}, {}, k.tensor, v.tensor);
    block.normalise(device, stream.tensor, h.tensor);
    const AttentionSpan span{0, r, k.tensor, v.tensor, Precision::f32};
    block.advance(device, stream.tensor, h.tensor, positions, rotary.angles(), {&span, 1}, {h.tensor, q.tensor, a.tensor, m.tensor});
    return stream.read(device);
  }
};

std::vector<int32_t> positions_of(int64_t count) {
  std::vector<int32_t> positions;
  for (int32_t i = 0; i < count; i++) positions.push_back(i);
  return positions;
}

}  // namespace

TEST(features_of_every_row_come_with_the_same_bits) {
  const auto source = Source::open(path("checkpoint"));
  const SafetensorsFile file(path("forward.safetensors"));
  const auto ids = values<int32_t>(file.at("s33.ids"));
  const auto positions = positions_of(kRows);
  for (const Precision precision : {Precision::f32, Precision::fast}) {
    Bound bound(*source, "", 2, precision);
    const BranchRows branch{0, kRows};
    const std::vector<int32_t> rows{2, 7, 32};
    const int64_t d = bound.hyper.d_model;
    const auto read = [&](Tensor tensor) {
      std::vector<float> out(static_cast<size_t>(tensor.rows * tensor.cols));
      bound.device->download(out.data(), tensor);
      bound.device->settle();
      return out;
    };
    const auto alone = read(bound.backbone->forward({ids, positions, {&branch, 1}, rows}));
    const Hidden hidden = bound.backbone->forward_all({ids, positions, {&branch, 1}, rows});
    CHECK_EQ(hidden.all.rows, kRows);
    const auto all = read(hidden.all);
    CHECK(read(hidden.read) == alone);
    for (size_t i = 0; i < rows.size(); i++)
      for (int64_t c = 0; c < d; c++)
        CHECK_EQ(all[static_cast<size_t>(rows[i] * d + c)], alone[i * static_cast<size_t>(d) + static_cast<size_t>(c)]);
    if (precision == Precision::f32) CHECK_NEAR(largest_difference(all, values<float>(file.at("s33.ln_f"))), 0, 1e-3);
  }
}

TEST(a_block_by_itself_is_the_networks) {
  const auto source = Source::open(path("checkpoint"));
  Bound bound(*source);
  const SafetensorsFile file(path("forward.safetensors"));
  const auto ids = values<int32_t>(file.at("s33.ids"));
  std::vector<std::vector<float>> streams;
  bound.logits(ids, [&](std::string_view name, Tensor value) {
    if (name != "embed" && !name.starts_with("block")) return;
    streams.emplace_back(static_cast<size_t>(value.rows * value.cols));
    bound.device->download(streams.back().data(), value);
  });
  const auto positions = positions_of(kRows);
  for (int i = 0; i < static_cast<int>(bound.hyper.layers); i++) {
    OneBlock one(*bound.device, *source, bound.hyper, i);
    CHECK(one.run(bound.hyper, streams[static_cast<size_t>(i)], streams[static_cast<size_t>(i)], positions, positions) ==
          streams[static_cast<size_t>(i) + 1]);
  }
}

TEST(a_block_may_look_at_other_rows_at_other_places) {
  const auto source = Source::open(path("checkpoint"));
  Bound bound(*source);
  const Hyperparameters& hyper = bound.hyper;
  const auto d = static_cast<size_t>(hyper.d_model);
  std::vector<float> x(5 * d), from(9 * d);
  for (size_t i = 0; i < x.size(); i++) x[i] = std::sin(static_cast<float>(i));
  for (size_t i = 0; i < from.size(); i++) from[i] = std::cos(static_cast<float>(i) * 0.7f);
  const std::vector<int32_t> positions{0, 1, 2, 3, 90}, at{4, 9, 11, 40, 41, 42, 77, 120, 199};
  OneBlock one(*bound.device, *source, hyper, 1);
  const auto all = one.run(hyper, x, from, positions, at);
  // A row's result knows nothing of its mates.
  const auto last = one.run(hyper, {x.end() - static_cast<std::ptrdiff_t>(d), x.end()}, from, std::vector<int32_t>{90}, at);
  CHECK(last == std::vector<float>(all.end() - static_cast<std::ptrdiff_t>(d), all.end()));
  // Keys that lie elsewhere are other keys; moved along with the queries they are the same ones, rounding apart.
  const auto moved = [](std::vector<int32_t> list, int32_t by) {
    for (int32_t& position : list) position += by;
    return list;
  };
  CHECK(largest_difference(one.run(hyper, x, from, positions, moved(at, -3)), all) > 1e-3);
  CHECK_NEAR(largest_difference(one.run(hyper, x, from, moved(positions, 100), moved(at, 100)), all), 0, 1e-4);
}

// The transformer against the original: hidden states and logits of both checkpoints, on every CPU variant of this machine.
#include "cpu/dispatch.h"
#include "test/native/converted.h"

using namespace golden;

namespace {

constexpr double kTolerance = 1e-3;  // docs/contracts.md#precision
const char* const kSequences[] = {"s1", "s7", "s33", "s130", "s577"};

double worst_logits(const Source& source, const SafetensorsFile& file, const std::string& variant) {
  Bound bound(source, variant);
  double worst = 0;
  for (const char* name : kSequences) {
    const std::string prefix = name;
    bool recorded = false;
    for (const SafetensorsEntry& entry : file.entries()) recorded |= entry.name == prefix + ".ids";
    if (!recorded) continue;
    const auto logits = bound.logits(values<int32_t>(file.at(prefix + ".ids")));
    worst = std::fmax(worst, largest_difference(logits, values<float>(file.at(prefix + ".logits"))));
  }
  return worst;
}

}  // namespace

TEST(forward_logits_on_every_variant) {
  const auto source = Source::open(path("checkpoint"));
  const SafetensorsFile file(path("forward.safetensors"));
  for (const auto& variant : cpu::variants()) CHECK_NEAR(worst_logits(*source, file, variant.name), 0, kTolerance);
}

TEST(forward_b_grouped_heads_other_theta_and_epsilon) {
  const auto language = Source::open(path("checkpoint_b")), rest = Source::open(path("checkpoint"));
  const Combined source(*language, *rest);
  const SafetensorsFile file(path("forward_b.safetensors"));
  for (const auto& variant : cpu::variants()) CHECK_NEAR(worst_logits(source, file, variant.name), 0, kTolerance);
}

TEST(forward_hidden_states) {
  const auto source = Source::open(path("checkpoint"));
  const SafetensorsFile file(path("forward.safetensors"));
  Bound bound(*source);
  for (const char* name : {"s1", "s7", "s33", "s130"}) {
    int seen = 0;
    bound.logits(values<int32_t>(file.at(std::string(name) + ".ids")), [&](std::string_view what, Tensor value) {
      std::vector<float> actual(static_cast<size_t>(value.rows * value.cols));
      bound.device->download(actual.data(), value);
      CHECK_NEAR(largest_difference(actual, values<float>(file.at(text(name, ".", what)))), 0, kTolerance);
      seen++;
    });
    CHECK_EQ(seen, static_cast<int>(bound.hyper.layers) + 2);
  }
}

TEST(forward_fails_with_one_weight_changed) {
  const auto source = Source::open(path("checkpoint"));
  const SafetensorsFile file(path("forward.safetensors"));
  for (const char* name :
       {"blk.0.attn_q.weight", "blk.2.ffn_down.weight", "blk.1.attn_norm.weight", "output_norm.weight", "output.weight"}) {
    const Damaged damaged(*source, name, 5);
    if (worst_logits(damaged, file, "") <= kTolerance) check::failed(__FILE__, __LINE__, name, ": the change was not seen");
  }
}

TEST(rope_table) {
  const SafetensorsFile file(path("rope.safetensors"));
  const auto cosine = values<float>(file.at("cos")), sine = values<float>(file.at("sin"));
  const int64_t rows = file.at("cos").shape[0], hd = file.at("cos").shape[1];
  std::vector<float> table(static_cast<size_t>(rows * hd));
  rotary_angles(rows, hd, 500000.0f, table.data());
  for (int64_t p = 0; p < rows; p++)
    for (int64_t j = 0; j < hd / 2; j++) {
      const auto at = static_cast<size_t>(p * hd + j);
      CHECK_NEAR(table[at], cosine[at], 1e-4);
      CHECK_NEAR(table[at + static_cast<size_t>(hd / 2)], sine[at], 1e-4);
    }
}

TEST(last_block_on_some_rows_equals_the_whole) {
  const auto source = Source::open(path("checkpoint"));
  const SafetensorsFile file(path("forward.safetensors"));
  Bound bound(*source);
  const auto ids = values<int32_t>(file.at("s130.ids"));
  const auto all = bound.logits(ids);
  std::vector<int32_t> positions;
  for (size_t i = 0; i < ids.size(); i++) positions.push_back(static_cast<int32_t>(i));
  const std::vector<int32_t> rows{0, 3, 64, 65, 129};
  const BranchRows branch{0, 130};
  const int64_t codes = bound.hyper.vq.codebook_size;
  std::vector<float> some(rows.size() * static_cast<size_t>(codes));
  bound.backbone->head(bound.backbone->forward({ids, positions, {&branch, 1}, rows}), Slice::codes, Tensor(some.data(), 5, codes));
  for (size_t i = 0; i < rows.size(); i++)
    for (int64_t c = 0; c < codes; c++) {
      const size_t at = static_cast<size_t>(rows[i] * bound.hyper.vocab + bound.hyper.code_offset + c);
      CHECK_EQ(some[i * static_cast<size_t>(codes) + static_cast<size_t>(c)], all[at]);
    }
}

TEST(fast_precision_stays_within_its_bound) {
  const auto source = Source::open(path("checkpoint"));
  const SafetensorsFile file(path("forward.safetensors"));
  const Json recorded = json("forward.json");
  for (const auto& variant : cpu::variants()) {
    Bound bound(*source, variant.name, 2, Precision::fast);
    for (const char* name : kSequences) {
      const auto actual = bound.logits(values<int32_t>(file.at(text(name, ".ids"))));
      const auto expected = values<float>(file.at(text(name, ".logits")));
      const Json* entry = recorded.find("sequences") ? recorded.find("sequences")->find(name) : recorded.find(name);
      CHECK(entry != nullptr);
      const double bound_rms = 2 * entry->find("bf16_reference_rms_err")->as_double();
      CHECK_NEAR(rms_error(actual, expected), 0, bound_rms);
    }
  }
}

TEST(forward_logits_through_gguf) {
  const TemporaryFolder folder;
  const SafetensorsFile file(path("forward.safetensors"));
  for (const char* type : {"f32", "bf16"}) {
    const auto source = converted(folder, type);
    CHECK_NEAR(worst_logits(*source, file, ""), 0, kTolerance);
  }
}

TEST(int8_activations_stay_within_their_bound) {
  // Of the error that the same quantised weights have with f32 activations, 1.5 times, plus what bf16 may have
  // (docs/contracts.md#precision).
  const TemporaryFolder folder;
  const SafetensorsFile file(path("forward.safetensors"));
  const Json recorded = json("forward.json");
  for (const char* type : {"q8_0", "q4_0"}) {
    const auto source = converted(folder, type);
    Bound exact(*source);
    for (const auto& variant : cpu::variants()) {
      Bound bound(*source, variant.name, 2, Precision::fast);
      for (const char* name : kSequences) {
        const auto ids = values<int32_t>(file.at(text(name, ".ids")));
        const auto expected = values<float>(file.at(text(name, ".logits")));
        const double weights = rms_error(exact.logits(ids), expected), all = rms_error(bound.logits(ids), expected);
        const double bf16 = 2 * recorded.find("sequences")->find(name)->find("bf16_reference_rms_err")->as_double();
        CHECK_NEAR(all, 0, bf16 + 1.5 * weights);
        CHECK(all > 0);
      }
    }
  }
}

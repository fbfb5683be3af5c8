// Every recorded decoding of the original, token for token and step for step, on every CPU variant: pictures with and without
// ML-Cache, image-to-image, in- and out-painting, answers; and a canvas' independence of mates and threads, bit for bit.
#include "base/random.h"
#include "cpu/dispatch.h"
#include "test/native/traces.h"

using namespace traces;

namespace {

const char* const kPictures[] = {"t2i_cfg0",          "t2i_cfg4",
                                 "t2i_cfg4_square",   "t2i_tiny_grid",
                                 "t2i_one_step",      "t2i_cfg1p5_two_steps",
                                 "t2i_temp1",         "t2i_temp0p5_cfg0",
                                 "t2i_cfg4_mlcache",  "t2i_cfg4_mlcache_b",
                                 "mlcache",           "i2i_depth_control",
                                 "i2i_edit_no_cfg",   "i2i_edit_text_cfg_only",
                                 "i2i_ref_transfer",  "paint_inpaint",
                                 "paint_outpaint_odd"};
const char* const kAnswers[] = {"mmu_script_1block", "mmu_script_cfg_1block",      "mmu_clean_4blocks", "mmu_clean_cfg",
                                "mmu_uneven_steps",  "mmu_more_steps_than_tokens", "mmu_early_stop",    "mmu_eot_in_question",
                                "mmu_text_only",     "mmu_predicts_mask",          "mmu_temp"};

}  // namespace

TEST(traces_on_every_variant) {
  const auto source = Source::open(path("checkpoint"));
  for (const auto& variant : variants_to_follow()) {
    Bound bound(*source, variant.name);
    for (const char* name : kPictures) follow_picture(bound, name);
    for (const char* name : kAnswers) follow_answer(bound, name);
  }
}

TEST(traces_with_logits_in_small_pieces) {
  const auto source = Source::open(path("checkpoint"));
  Bound bound(*source);
  for (const int64_t rows : {7, 1, 32}) {
    for (const char* name : kPictures) follow_picture(bound, name, rows);
    for (const char* name : kAnswers) follow_answer(bound, name, rows);
    if (check::sanitized()) break;
  }
}

TEST(traces_fail_with_one_weight_changed) {
  const auto source = Source::open(path("checkpoint"));
  for (const char* weight : {"blk.0.attn_norm.weight", "output_norm.weight"}) {
    const Damaged damaged(*source, weight, 3);
    Bound bound(damaged);
    const auto noticed = [&](auto follow, const char* name) {
      try {
        follow(bound, name, INT64_MAX);
      } catch (const std::exception&) {
        return;
      }
      check::failed(__FILE__, __LINE__, name, ": ", weight, " was changed and nobody noticed");
    };
    for (const char* name : kPictures) {
      noticed(follow_picture, name);
      if (check::sanitized()) break;
    }
    for (const char* name : kAnswers) {
      noticed(follow_answer, name);
      if (check::sanitized()) break;
    }
  }
}

TEST(mates_and_threads_never_change_a_result) {
  const auto source = Source::open(path("checkpoint"));
  for (const Precision precision : {Precision::f32, Precision::fast})
    for (const auto& variant : variants_to_follow()) {
      if (check::sanitized() && precision == Precision::f32) continue;
      if (variant.name == "portable") continue;  // three loops: nothing to tile
      Bound one(*source, variant.name, 1, precision), four(*source, variant.name, 4, precision);
      std::vector<PictureTrace> pictures;
      std::vector<AnswerTrace> answers;
      for (const char* name : kPictures) pictures.emplace_back(name, one.hyper);
      for (const char* name : {"mmu_clean_4blocks", "mmu_clean_cfg", "mmu_text_only", "mmu_clean_4blocks", "mmu_clean_cfg"})
        answers.emplace_back(name, one.hyper);
      answers[3].reuse = prefix_reuse();
      answers[4].reuse = ml_cache(0.8, 0.1, 3);
      const auto p = [&](size_t i) { return &pictures[i]; };
      const auto a = [&](size_t i) { return &answers[i]; };
      for (const size_t first : {size_t{7}, size_t{8}, size_t{11}}) {
        const Result alone = decode(one, {p(first)}, {}, false);
        CHECK(decode(one, {p(first), p(3)}, {}, false) == alone);
        CHECK(decode(four, {p(first), p(9), p(11)}, {a(0), a(3)}, false) == alone);
        CHECK(decode(four, {p(first), p(10), p(12), p(15), p(8)}, {a(4), a(2), a(1)}, false) == alone);
        for (const int64_t piece : {5, 40}) CHECK(decode(one, {p(first), p(10), p(8)}, {a(4), a(1)}, false, piece) == alone);
      }
      for (size_t first = 0; first < answers.size(); first++) {
        const Result alone = decode(one, {}, {a(first)}, true);
        CHECK(decode(four, {p(1), p(8)}, {a(first), a(0)}, true) == alone);
        CHECK(decode(one, {p(9), p(13)}, {a(first), a(4), a(3)}, true) == alone);
        CHECK(decode(one, {p(9), p(13)}, {a(first), a(4), a(3)}, true, 11) == alone);
      }
    }
}

TEST(row_totals_across_tile_edges_never_change_a_row) {
  const auto source = Source::open(path("checkpoint"));
  const SafetensorsFile file(path("forward.safetensors"));
  const auto ids = values<int32_t>(file.at("s33.ids"));
  Bound bound(*source, "", 2, Precision::fast);
  const auto alone = bound.logits(ids);
  for (const int64_t total : {34, 63, 65, 127, 129, 577, 1537, 8442}) {
    std::vector<int32_t> tokens(static_cast<size_t>(total - 33), 7), positions, rows;
    for (int64_t i = 0; i < total - 33; i++) positions.push_back(static_cast<int32_t>(i));
    tokens.insert(tokens.end(), ids.begin(), ids.end());
    for (int32_t i = 0; i < 33; i++) positions.push_back(i), rows.push_back(static_cast<int32_t>(total - 33 + i));
    const BranchRows branches[] = {{0, total - 33}, {total - 33, 33}};
    std::vector<float> logits(33 * static_cast<size_t>(bound.hyper.vocab));
    bound.backbone->head(bound.backbone->forward({tokens, positions, branches, rows}), Slice::vocabulary,
                         Tensor(logits.data(), 33, bound.hyper.vocab));
    CHECK(logits == alone);
  }
}

// Whole passes on a GPU: recorded decodings, determinism (docs/contracts.md#determinism), how near tensor cores come, and passes that are
// repeated as recorded. Skipped where no GPU can be used.
#include <cstdlib>
#include <thread>

#include "test/native/converted.h"
#include "test/native/environment.h"
#include "test/native/gpu.h"
#include "test/native/traces.h"

using namespace gpus;

namespace {

/// A sequence as a pass of `bound` and its tokens, some rows of it read.
std::vector<float> logits_of(golden::Bound& bound, int64_t length, int32_t seed) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < length; i++) ids.push_back((i * 37 + seed * 11) % 500);
  return bound.logits(ids);
}

/// Guided logits over the codes of a trace's cells, as they stand, by this device's passes over whole sequences: (cells, codebook).
std::vector<float> guided_codes(golden::Bound& bound, const traces::PictureTrace& trace, const Canvas& canvas,
                                const std::vector<int32_t>& cells) {
  const auto width = static_cast<size_t>(bound.hyper.vq.codebook_size);
  std::vector<float> guided(cells.size() * width);
  for (int64_t branch = 0; branch < trace.layout->branches(); branch++) {
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < trace.layout->sequence(branch); i++) ids.push_back(trace.layout->token(branch, i, canvas.cells()));
    const std::vector<float> logits = bound.logits(ids);
    float factor = branch > 0 ? -trace.guidance[static_cast<size_t>(branch - 1)] : 1;
    for (const float weight : trace.guidance) factor += branch > 0 ? 0 : weight;
    for (size_t i = 0; i < cells.size(); i++)
      for (size_t code = 0; code < width; code++)
        guided[i * width + code] +=
            factor *
            logits[static_cast<size_t>(trace.layout->position(branch, cells[i]) * bound.hyper.vocab + bound.hyper.code_offset) + code];
  }
  return guided;
}

}  // namespace

TEST(cuda_follows_every_recorded_decoding) {
  const auto device = gpu();
  const auto source = Source::open(golden::path("checkpoint"));
  golden::Bound bound(*source, "", 1, Precision::f32, "cuda:0");
  if (emulated(*device)) {
    traces::follow_picture(bound, "t2i_cfg1p5_two_steps", 7);
    if (sanitized()) return;
    for (const char* name : {"t2i_cfg1p5_two_steps", "t2i_cfg4_mlcache_b"}) traces::follow_picture(bound, name);
    traces::follow_answer(bound, "mmu_text_only");
    CHECK(bound.device->activity().replays > 10);
    return;
  }
  for (const char* name : {"t2i_cfg0", "t2i_cfg4", "t2i_temp1", "t2i_temp0p5_cfg0", "t2i_cfg4_mlcache", "mlcache", "i2i_depth_control",
                           "i2i_edit_no_cfg", "i2i_ref_transfer", "paint_inpaint", "paint_outpaint_odd"})
    for (const int64_t piece : {INT64_MAX, int64_t{7}}) traces::follow_picture(bound, name, piece);
  for (const char* name : {"mmu_script_1block", "mmu_clean_4blocks", "mmu_clean_cfg", "mmu_text_only", "mmu_temp"})
    traces::follow_answer(bound, name);
}

/// Whole steps: what a canvas decides does not depend on who shares its passes, with the products of tensor cores too.
TEST(cuda_steps_never_depend_on_their_mates) {
  const auto device = gpu();
  const TemporaryFolder folder;
  const auto source = golden::converted(folder, "bf16");
  golden::Bound bound(*source, "", 1, Precision::fast, "cuda:0");
  const traces::PictureTrace mine(sanitized() ? "t2i_one_step" : "t2i_tiny_grid", bound.hyper), cached("t2i_cfg4_mlcache_b", bound.hyper);
  traces::AnswerTrace answer("mmu_text_only", bound.hyper);
  const traces::Result alone = traces::decode(bound, {&mine}, {}, false);
  CHECK(traces::decode(bound, {&mine}, {&answer}, false, 20) == alone);
  if (sanitized()) return;
  CHECK(traces::decode(bound, {&mine, &cached, &mine}, {}, false) == alone);
  if (emulated(*device)) return;
  CHECK(traces::decode(bound, {&cached, &mine}, {&answer}, false) == traces::decode(bound, {&cached}, {}, false));
}

/// Tensor cores take weights and activations in bf16: within twice the error that the original has in bf16 (docs/contracts.md#precision),
/// against the CPU's exact logits of the same weights.
TEST(cuda_logits_of_tensor_cores_are_near_the_exact_ones) {
  const auto device = gpu();
  const TemporaryFolder folder;
  const SafetensorsFile recorded(golden::path("forward.safetensors"));
  const Json errors = golden::json("forward.json");
  for (const char* type : {"bf16", "q8_0", "q4_0"}) {
    if (sanitized() && type != std::string_view("q4_0")) continue;
    const auto source = golden::converted(folder, type);
    golden::Bound exact(*source), fast(*source, "", 1, Precision::fast, "cuda:0");
    for (const char* name : {"s7", "s33"}) {
      if (sanitized() && name != std::string_view("s7")) continue;
      const auto ids = golden::values<int32_t>(recorded.at(text(name, ".ids")));
      const double error = golden::rms_error(fast.logits(ids), exact.logits(ids));
      CHECK_NEAR(error, 0, 2 * errors.find("sequences")->find(name)->find("bf16_reference_rms_err")->as_double());
      CHECK(error > 0);
    }
  }
}

/// In bf16 a code differs from the recorded one only where the exact logits of both lie closer than tensor cores can tell. Every step
/// starts from the recorded state.
TEST(cuda_follows_recorded_decodings_in_bf16_where_their_margins_allow) {
  const auto device = gpu();
  const TemporaryFolder folder;
  const auto source = golden::converted(folder, "bf16");
  golden::Bound exact(*source), fast(*source, "", 1, Precision::fast, "cuda:0");
  std::vector<std::string> names{"t2i_one_step", "t2i_tiny_grid"};
  if (!emulated(*device))
    for (const char* name : {"t2i_cfg0", "t2i_cfg4", "t2i_cfg4_square", "i2i_depth_control", "i2i_edit_no_cfg", "i2i_edit_text_cfg_only",
                             "i2i_ref_transfer", "paint_inpaint", "paint_outpaint_odd"})
      names.emplace_back(name);
  size_t cells = 0, equal = 0;
  for (const std::string& name : names) {
    traces::PictureTrace trace(name, fast.hyper);
    Pass pass(*fast.device, *fast.backbone);
    for (const Json& step : trace.steps()) {
      traces::Desk desk = trace.desk();
      const std::vector<int32_t> wanted = desk.canvas->wanted();
      const std::vector<float> truth = guided_codes(exact, trace, *desk.canvas, wanted),
                               near = guided_codes(fast, trace, *desk.canvas, wanted);
      const double error = golden::largest_difference(near, truth);
      Seat seat = trace.seat(fast, desk);
      pass.run({&seat, 1});
      const auto recorded = golden::list<int32_t>(*step.find("sampled"));
      CHECK_EQ(recorded.size(), wanted.size());
      const auto width = static_cast<size_t>(fast.hyper.vq.codebook_size);
      for (size_t i = 0; i < wanted.size(); i++) {
        const auto at = [&](int32_t code) { return double{truth[i * width + static_cast<size_t>(code)]}; };
        CHECK(at(recorded[i]) - at(seat.sampled.values[i]) <= 2 * error);
        cells++, equal += recorded[i] == seat.sampled.values[i];
      }
      trace.start = golden::list<int32_t>(*step.find("x_after"));
      if (sanitized()) break;
    }
  }
  CHECK(equal * 10 > cells * 8);
}

/// Recorded passes give the bits of passes that are launched one kernel at a time, whatever their rows, and go on after errors.
TEST(cuda_repeats_recorded_passes_bit_for_bit) {
  const auto device = gpu();
  const TemporaryFolder folder;
  for (const char* type : {"f32", "q8_0"}) {
    const auto source = golden::converted(folder, type);
    set_variable("DIMOO_CUDA_SYNC", "1");
    golden::Bound plain(*source, "", 1, Precision::fast, "cuda:0");
    set_variable("DIMOO_CUDA_SYNC", nullptr);
    golden::Bound recorded(*source, "", 1, Precision::fast, "cuda:0");
    const auto replays = [&] { return recorded.device->activity().replays; };
    int32_t seed = 0;
    const auto same = [&](int64_t length) {
      seed++;
      CHECK(logits_of(recorded, length, seed) == logits_of(plain, length, seed));
    };
    for (const int64_t length : {5, 9}) same(length);
    CHECK_EQ(replays(), int64_t{0});
    for (const int64_t length : {32, 1}) same(length);  // filled up to 32 rows, as those before
    CHECK_EQ(replays(), int64_t{2});
    if (sanitized()) continue;
    for (const int64_t length : {33, 40, 50}) same(length);  // a larger shape: memory of recordings moves
    CHECK_EQ(replays(), int64_t{3});
    same(7);  // recorded again
    same(8);
    CHECK_EQ(replays(), int64_t{5});

    CHECK_THROWS(recorded.logits({1, 2, 100000}), Code::request_invalid, "ids must lie in");
    CancelToken cancel;
    cancel.cancel();
    recorded.device->set_cancel(&cancel);
    CHECK_THROWS(logits_of(recorded, 6, 1), Code::aborted, "");
    recorded.device->set_cancel(nullptr);
    same(6);
    CHECK_EQ(replays(), int64_t{6});
    CHECK_EQ(plain.device->activity().replays, int64_t{0});
  }
}

/// Few rows that attend to kept keys of many chunks, which blocks share out: recorded, they give the bits of what is launched kernel by
/// kernel.
TEST(cuda_repeats_passes_over_long_caches) {
  const auto device = gpu();
  if (sanitized()) check::skip("too slow under a sanitizer");
  const TemporaryFolder folder;
  const auto source = golden::converted(folder, "bf16");
  const std::string id = emulated(*device) ? "cuda:1" : "cuda:0";  // the one with many processors
  constexpr int64_t kKeys = 600;
  /// What rows of two branches give, of lengths that differ from pass to pass, over kept keys.
  const auto decoded = [&](golden::Bound& bound) {
    const KvCache caches[] = {{*bound.device, bound.hyper, bound.backbone->kv_type(), kKeys},
                              {*bound.device, bound.hyper, bound.backbone->kv_type(), kKeys}};
    std::vector<std::byte> all;
    const auto pass = [&](int64_t first, int64_t one, int64_t other, int32_t seed) {
      std::vector<int32_t> tokens, positions, rows;
      for (int64_t i = 0; i < one + other; i++) {
        tokens.push_back(static_cast<int32_t>((i * 31 + seed) % 500));
        positions.push_back(static_cast<int32_t>(first + (i < one ? i : i - one)));
        if ((i + seed) % (2 + seed % 2) == 0) rows.push_back(static_cast<int32_t>(i));  // 10 to 16 of them
      }
      const BranchRows branches[] = {{0, one, &caches[0]}, {one, other, &caches[1]}};
      const Tensor hidden = bound.backbone->forward({tokens, positions, branches, rows});
      std::vector<std::byte> values(static_cast<size_t>(hidden.rows * type_bytes(hidden.type, hidden.stride)));
      bound.device->download(values.data(), hidden);
      bound.device->settle();
      all.insert(all.end(), values.begin(), values.end());
    };
    pass(0, kKeys, kKeys, 1);
    for (int32_t i = 0; i < 6; i++) pass(50 * i, 20 - i, 12 + i, i);
    return all;
  };
  set_variable("DIMOO_CUDA_SYNC", "1");
  golden::Bound plain(*source, "", 1, Precision::fast, id);
  set_variable("DIMOO_CUDA_SYNC", nullptr);
  golden::Bound recorded(*source, "", 1, Precision::fast, id);
  CHECK(decoded(plain) == decoded(recorded));
  CHECK_EQ(recorded.device->activity().replays, int64_t{4});
}

/// Engines of their own threads record at the same time.
TEST(cuda_devices_record_side_by_side) {
  const auto device = gpu();
  const auto source = Source::open(golden::path("checkpoint"));
  std::vector<float> results[2];
  std::vector<std::thread> threads;
  for (std::vector<float>& result : results)
    threads.emplace_back([&] {
      golden::Bound bound(*source, "", 1, Precision::fast, "cuda:0");
      for (const int64_t length : {3, 4, 5, 6, 33, 34, 35, 7})
        for (const float value : logits_of(bound, length, 1)) result.push_back(value);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(results[0] == results[1]);
}

// Text-to-image traces without cache, token for token and step for step, on every CPU variant; and a canvas' independence of
// mates and threads, bit for bit.
#include "base/random.h"
#include "cpu/dispatch.h"
#include "test/native/golden.h"

using namespace golden;

namespace {

struct Trace {
  Json json;
  std::shared_ptr<CanvasLayout> layout;
  std::vector<float> guidance;
  int64_t code_start, cells, columns, steps;
  float temperature;

  Trace(const std::string& name, const Hyperparameters& hyper)
      : json(golden::json(name + ".json")), layout(std::make_shared<CanvasLayout>()) {
    const Json& params = *json.find("params");
    cells = params.int_or("seq_len", 0), columns = params.int_or("newline_every", 0), steps = params.int_or("timesteps", 0);
    code_start = params.int_or("code_start", 0);
    temperature = static_cast<float>(params.double_or("temperature", 0));
    const auto scale = static_cast<float>(params.double_or("cfg_scale", 0));
    layout->rows = cells / columns, layout->columns = columns;
    layout->mask_token = hyper.tokens.mask, layout->row_end_token = hyper.tokens.row_end, layout->code_offset = hyper.code_offset;
    layout->suffix = {hyper.tokens.image_end, hyper.tokens.answer_end};
    add_prefix("con_prompt_ids", hyper);
    if (scale > 0) add_prefix("uncon_ids", hyper), guidance.push_back(scale);
  }
  void add_prefix(const char* key, const Hyperparameters& hyper) {
    auto prefix = list<int32_t>(*json.find(key));
    prefix.push_back(hyper.tokens.answer_begin), prefix.push_back(hyper.tokens.image_begin);
    layout->prefixes.push_back(std::move(prefix));
  }
  Canvas canvas(uint64_t seed = 0) const {
    return Canvas(layout, std::vector<int32_t>(static_cast<size_t>(cells), -1), Schedule{}, steps, seed);
  }
  Seat seat(Canvas& canvas) const { return {&canvas, layout.get(), guidance, temperature, nullptr, nullptr, {}, {}, {}, {}, 0}; }
};

const char* const kTraces[] = {"t2i_cfg0",  "t2i_cfg4",        "t2i_cfg4_square", "t2i_tiny_grid", "t2i_one_step", "t2i_cfg1p5_two_steps",
                               "t2i_temp1", "t2i_temp0p5_cfg0"};

void check_step(const Trace& trace, const Json& step, const Seat& seat, const Canvas& canvas, const std::vector<int32_t>& before) {
  const auto positions = list<int64_t>(*step.find("positions"));
  CHECK_EQ(before.size(), positions.size());
  for (size_t i = 0; i < positions.size(); i++) CHECK_EQ(trace.layout->position(0, before[i]), positions[i]);
  const auto sampled = list<int32_t>(*step.find("sampled"));
  const auto confidence = list<float>(*step.find("conf"));
  const auto stays = list<uint8_t>(*step.find("stay_masked"));
  CHECK(seat.codes == sampled);
  CHECK(seat.stays == stays);
  CHECK_NEAR(largest_difference(seat.confidence, confidence), 0, 1e-4);
  std::vector<int32_t> tokens, ignored;
  canvas.append(0, tokens, ignored);
  CHECK(tokens == list<int32_t>(*step.find("x_after")));
}

void follow(Bound& bound, const std::string& name) {
  const Trace trace(name, bound.hyper);
  std::unique_ptr<SafetensorsFile> noise;
  if (trace.temperature > 0) noise = std::make_unique<SafetensorsFile>(path(name + ".safetensors"));
  Pass pass(*bound.device, *bound.backbone, bound.hyper);
  Canvas canvas = trace.canvas();
  const auto& steps = trace.json.find("steps")->as_array();
  for (const Json& step : steps) {
    CHECK(!canvas.done());
    CHECK_EQ(std::clamp<int64_t>(canvas.keep(), 0, static_cast<int64_t>(canvas.masked().size()) - 1), step.int_or("k", -1));
    Seat seat = trace.seat(canvas);
    std::vector<float> sample, cut;
    if (noise) {
      char key[32];
      std::snprintf(key, sizeof key, "step%02d", static_cast<int>(step.int_or("step", 0)));
      sample = values<float>(noise->at(std::string(key) + ".sample_uniform"));
      cut = values<float>(noise->at(std::string(key) + ".topk_uniform"));
      seat.sample_noise = sample.data(), seat.cut_noise = cut.data();
    }
    const std::vector<int32_t> before = canvas.masked();
    pass.run({&seat, 1});
    check_step(trace, step, seat, canvas, before);
    CHECK_EQ(seat.rows, trace.layout->sequence(0) + (trace.guidance.empty() ? 0 : trace.layout->sequence(1)));
  }
  CHECK(canvas.done());
  CHECK(canvas.cells() == list<int32_t>(*trace.json.find("codes")));
}

struct Result {
  std::vector<int32_t> cells;
  std::vector<float> confidence;
  bool operator==(const Result&) const = default;
};

/// Decodes trace `index` while `mates` travel along, and keeps what it did.
Result decode(Bound& bound, const std::vector<Trace>& traces, size_t index, const std::vector<size_t>& mates) {
  std::vector<Canvas> canvases;
  std::vector<size_t> who{index};
  who.insert(who.end(), mates.begin(), mates.end());
  for (size_t i = 0; i < who.size(); i++) canvases.push_back(traces[who[i]].canvas(77 + i));
  Pass pass(*bound.device, *bound.backbone, bound.hyper);
  Result result;
  while (!canvases[0].done()) {
    std::vector<Seat> seats;
    for (size_t i = who.size(); i-- > 0;)
      if (!canvases[i].done()) seats.push_back(traces[who[i]].seat(canvases[i])), seats.back().temperature = 0.7f;
    pass.run(seats);
    const Seat& mine = seats.back();
    result.confidence.insert(result.confidence.end(), mine.confidence.begin(), mine.confidence.end());
  }
  result.cells = canvases[0].cells();
  return result;
}

}  // namespace

TEST(traces_on_every_variant) {
  const auto source = Source::open(path("checkpoint"));
  for (const auto& variant : cpu::variants()) {
    Bound bound(*source, variant.name);
    for (const char* name : kTraces) follow(bound, name);
  }
}

TEST(traces_fail_with_one_weight_changed) {
  const auto source = Source::open(path("checkpoint"));
  for (const char* weight : {"blk.0.attn_norm.weight", "output_norm.weight"}) {
    const Damaged damaged(*source, weight, 3);
    Bound bound(damaged);
    for (const char* name : kTraces) {
      bool seen = false;
      try {
        follow(bound, name);
      } catch (const std::exception&) {
        seen = true;
      }
      if (!seen) check::failed(__FILE__, __LINE__, name, ": ", weight, " was changed and nobody noticed");
    }
  }
}

TEST(mates_and_threads_never_change_a_result) {
  const auto source = Source::open(path("checkpoint"));
  for (const Precision precision : {Precision::f32, Precision::fast})
    for (const auto& variant : cpu::variants()) {
      if (variant.name == "portable") continue;  // three loops: nothing to tile
      Bound one(*source, variant.name, 1, precision), four(*source, variant.name, 4, precision);
      std::vector<Trace> traces;
      for (const char* name : kTraces) traces.emplace_back(name, one.hyper);
      const Result alone = decode(one, traces, 7, {});
      for (const std::vector<size_t>& mates : {std::vector<size_t>{3}, {0, 1}, {4, 4, 4, 5}, {2, 1, 0, 6, 7, 2}}) {
        CHECK(decode(one, traces, 7, mates) == alone);
        CHECK(decode(four, traces, 7, mates) == alone);
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
    bound.backbone->forward({tokens, positions, branches, rows}, Slice::vocabulary, Tensor(logits.data(), 33, bound.hyper.vocab));
    CHECK(logits == alone);
  }
}

// Recorded decodings of the original (docs/model.md#pictures) as canvases and seats, and the comparison of each step.
#pragma once
#include "diffusion/answer.h"
#include "diffusion/picture.h"
#include "engine/pass.h"
#include "test/native/golden.h"

namespace traces {

using namespace dimoo;
using namespace golden;

/// One canvas with its seat in a pass, for as long as it decodes.
struct Desk {
  std::unique_ptr<Canvas> canvas;
  std::unique_ptr<Memo> memo;
};

/// What all traces have in common.
struct Trace {
  std::string name;
  Json json;
  std::shared_ptr<Layout> layout = std::make_shared<Layout>();
  std::vector<float> guidance;
  std::vector<int32_t> start;  // the conditional sequence before the first step
  int64_t code_start = 0;
  float temperature = 0;
  ReusePtr reuse;
  Slice slice = Slice::codes;
  std::unique_ptr<SafetensorsFile> noise;

  Trace(const std::string& name, const Hyperparameters& hyper) : name(name), json(golden::json(name + ".json")) {
    start = list<int32_t>(*json.find("prompt_ids"));
    temperature = static_cast<float>(params().double_or("temperature", 0));
    layout->mask_token = hyper.tokens.mask, layout->row_end_token = hyper.tokens.row_end;
    if (temperature > 0) noise = std::make_unique<SafetensorsFile>(path(name + ".safetensors"));
  }
  const Json& params() const { return *json.find("params"); }
  const Json::Array& steps() const { return json.find("steps")->as_array(); }
  std::string step_key(size_t step) const {
    char key[32];
    std::snprintf(key, sizeof key, "step%02d", static_cast<int>(step));
    return key;
  }
  Seat seat(const golden::Bound& bound, Desk& desk) const {
    if (!desk.memo && desk.canvas->work().keeps)
      desk.memo = std::make_unique<Memo>(*bound.device, bound.hyper, bound.backbone->kv_type(), *layout);
    Seat seat;
    seat.canvas = desk.canvas.get(), seat.memo = desk.memo.get(), seat.slice = slice, seat.guidance = guidance,
    seat.temperature = temperature;
    return seat;
  }
  /// The conditional sequence as it stands.
  std::vector<int32_t> sequence(const Canvas& canvas) const {
    std::vector<int32_t> tokens;
    for (int64_t i = 0; i < layout->sequence(0); i++) tokens.push_back(layout->token(0, i, canvas.cells()));
    return tokens;
  }
};

/// t2i_*, mlcache, i2i_*, paint_*.
struct PictureTrace : Trace {
  PictureTrace(const std::string& name, const Hyperparameters& hyper) : Trace(name, hyper) {
    const int64_t cells = params().int_or("seq_len", 0);
    layout->columns = params().int_or("newline_every", 0), layout->rows = cells / layout->columns;
    layout->offset = hyper.code_offset;
    code_start = params().int_or("code_start", 0);
    const auto text = static_cast<float>(params().double_or("cfg_scale", 0)), image = static_cast<float>(params().double_or("cfg_img", 0));
    const auto add = [&](const char* key) {
      auto prefix = list<int32_t>(*json.find(key));
      prefix.push_back(hyper.tokens.answer_begin), prefix.push_back(hyper.tokens.image_begin);
      layout->prefixes.push_back(std::move(prefix));
      layout->suffixes.push_back({hyper.tokens.image_end, hyper.tokens.answer_end});
    };
    if (json.find("con_input")) {
      add("con_input");
      if (text > 0 || image > 0) add("uncon_text"), add("uncon_image"), guidance = {text, image};
    } else {
      add("con_prompt_ids");
      if (text > 0) add("uncon_ids"), guidance = {text};
    }
    const Json* cache = params().find("use_cache");
    if (cache && cache->as_bool())
      reuse = ml_cache(params().double_or("cache_ratio", 0), params().double_or("warmup_ratio", 0), params().int_or("refresh_interval", 0));
  }
  Desk desk(uint64_t seed = 0) const {
    PictureRequest request;
    for (int64_t cell = 0; cell < layout->cells(); cell++) {
      const int32_t id = start[static_cast<size_t>(layout->position(0, cell))];
      request.cells.push_back(id == layout->mask_token ? -1 : id - layout->offset);
    }
    request.steps = params().int_or("timesteps", 0);
    return {std::make_unique<Picture>(layout, request, reuse, seed), nullptr};
  }
};

/// mmu_*, by the original's rules.
struct AnswerTrace : Trace {
  AnswerRequest request;

  AnswerTrace(const std::string& name, const Hyperparameters& hyper) : Trace(name, hyper) {
    slice = Slice::vocabulary;
    code_start = json.int_or("code_start", 0);
    request.length = params().int_or("gen_length", 0), request.block = params().int_or("block_length", 0);
    request.steps = params().int_or("steps", 0);
    request.compat = Compat::reference;
    request.ends = {hyper.tokens.end_of_text};
    layout->rows = 1, layout->columns = request.length, layout->row_ends = false;
    const auto scale = static_cast<float>(params().double_or("cfg_scale", 0));
    const auto begin = start.begin() + code_start, end = begin + request.length;
    for (int branch = 0; branch < (scale > 0 ? 2 : 1); branch++) {
      layout->prefixes.emplace_back(start.begin(), begin), layout->suffixes.emplace_back(end, start.end());
      if (branch == 0) continue;
      std::fill(layout->prefixes[1].begin(), layout->prefixes[1].end(), layout->mask_token);
      std::fill(layout->suffixes[1].begin(), layout->suffixes[1].end(), layout->mask_token);
      guidance = {scale};
    }
  }
  Desk desk(uint64_t seed = 0) const { return {std::make_unique<Answer>(layout, request, reuse, seed), nullptr}; }
};

inline void check_sampled(const Trace& trace, const Json& step, const Seat& seat, const std::vector<int32_t>& wanted, const char* positions,
                          const char* values) {
  const auto expected = list<int64_t>(*step.find(positions));
  CHECK_EQ(wanted.size(), expected.size());
  for (size_t i = 0; i < expected.size(); i++) CHECK_EQ(trace.layout->position(0, wanted[i]), expected[i]);
  CHECK(seat.sampled.values == list<int32_t>(*step.find(values)));
  CHECK(trace.sequence(*seat.canvas) == list<int32_t>(*step.find("x_after")));
}

inline void check_picture_step(const Trace& trace, const Json& step, const Seat& seat, const std::vector<int32_t>& wanted) {
  std::vector<int32_t> codes = list<int32_t>(*step.find("sampled"));
  check_sampled(trace, step, seat, wanted, "positions", "sampled");
  CHECK(seat.sampled.stays == list<uint8_t>(*step.find("stay_masked")));
  const std::vector<float> confidence(seat.sampled.confidence.begin(), seat.sampled.confidence.end());
  CHECK_NEAR(largest_difference(confidence, list<float>(*step.find("conf"))), 0, 1e-4);
}

/// Rows that a cached step computes, null where it computes all.
inline void check_rows(const Json& step, const char* key, const Desk& desk, int64_t branch) {
  const Json* rows = step.find(key);
  if (!rows) return;
  CHECK_EQ(rows->is_array(), desk.canvas->work().pass == PassKind::cached);
  if (rows->is_array()) CHECK(desk.memo->rows(branch) == list<int32_t>(*rows));
}

inline void follow_picture(Bound& bound, const std::string& name, int64_t piece_rows = INT64_MAX) {
  const PictureTrace trace(name, bound.hyper);
  Pass pass(*bound.device, *bound.backbone);
  pass.set_most_piece_rows(piece_rows);
  Desk desk = trace.desk();
  const Canvas& canvas = *desk.canvas;
  for (const Json& step : trace.steps()) {
    CHECK(!canvas.done());
    CHECK_EQ(std::clamp<int64_t>(canvas.keep(), 0, static_cast<int64_t>(canvas.masked().size()) - 1), step.int_or("k", -1));
    check_rows(step, "recompute_cond", desk, 0), check_rows(step, "recompute_uncond", desk, 1);
    Seat seat = trace.seat(bound, desk);
    std::vector<float> sample, cut;
    if (trace.noise) {
      const std::string key = trace.step_key(static_cast<size_t>(step.int_or("step", 0)));
      sample = values<float>(trace.noise->at(key + ".sample_uniform")), cut = values<float>(trace.noise->at(key + ".topk_uniform"));
      seat.sample_noise = sample.data(), seat.cut_noise = cut.data();
    }
    const std::vector<int32_t> wanted = canvas.wanted();
    const int64_t rows = rows_to_compute(canvas, desk.memo.get());
    pass.run({&seat, 1});
    check_picture_step(trace, step, seat, wanted);
    CHECK_EQ(seat.rows, rows);
    if (seat.pass == PassKind::full) CHECK_EQ(rows, trace.layout->all_rows());
    if (seat.pass == PassKind::cached) CHECK(rows < trace.layout->all_rows());
  }
  CHECK(canvas.done());
  CHECK(canvas.cells() == list<int32_t>(*trace.json.find("codes")));
}

inline void follow_answer(Bound& bound, const std::string& name, int64_t piece_rows = INT64_MAX) {
  const AnswerTrace trace(name, bound.hyper);
  Pass pass(*bound.device, *bound.backbone);
  pass.set_most_piece_rows(piece_rows);
  Desk desk = trace.desk();
  const auto& answer = static_cast<const Answer&>(*desk.canvas);
  for (const Json& step : trace.steps()) {
    CHECK(!answer.done());
    CHECK_EQ(answer.block(), step.int_or("block", -1));
    Seat seat = trace.seat(bound, desk);
    std::vector<double> noise;
    if (trace.noise)
      noise = values<double>(trace.noise->at(trace.step_key(static_cast<size_t>(answer.step())) + ".uniform")),
      seat.text_noise = noise.data();
    const std::vector<int32_t> wanted = answer.wanted();
    pass.run({&seat, 1});
    check_sampled(trace, step, seat, wanted, "candidates", "x0");
    const auto confidence = list<float>(*step.find("confidence"));
    for (size_t i = 0; i < confidence.size(); i++) CHECK_NEAR(seat.sampled.confidence[i], confidence[i], 1e-4);
    const auto selected = list<int64_t>(*step.find("selected"));
    CHECK(seat.fixed.cells.size() <= selected.size());  // fewer where the mask itself was sampled
  }
  CHECK(answer.done());
  const auto output = list<int32_t>(*trace.json.find("output_ids"));
  std::vector<int32_t> ids = answer.ids();
  const bool early = trace.json.find("early_stopped")->as_bool();
  CHECK_EQ(answer.finish() == Finish::stop, early);
  const auto begin = output.begin() + trace.code_start;
  CHECK(ids == std::vector<int32_t>(begin, begin + static_cast<std::ptrdiff_t>(ids.size())));
  if (early) CHECK_EQ(static_cast<int64_t>(output.size()), trace.code_start + static_cast<int64_t>(ids.size()));
}

/// All that a canvas' steps decided.
struct Result {
  std::vector<int32_t> cells;
  std::vector<double> confidence;
  bool operator==(const Result&) const = default;
};

/// Decodes the first of these traces while the others travel along, and keeps what it did.
inline Result decode(Bound& bound, const std::vector<const PictureTrace*>& pictures, const std::vector<const AnswerTrace*>& answers,
                     bool answer_first, int64_t piece_rows = INT64_MAX) {
  std::vector<std::pair<const Trace*, Desk>> desks;
  for (size_t i = 0; i < pictures.size(); i++) desks.emplace_back(pictures[i], pictures[i]->desk(77 + i));
  for (size_t i = 0; i < answers.size(); i++) desks.emplace_back(answers[i], answers[i]->desk(99 + i));
  const size_t mine = answer_first ? pictures.size() : 0;
  Pass pass(*bound.device, *bound.backbone);
  pass.set_most_piece_rows(piece_rows);
  Result result;
  while (!desks[mine].second.canvas->done()) {
    std::vector<Seat> seats;
    size_t at = 0;
    for (size_t i = desks.size(); i-- > 0;) {
      auto& [trace, desk] = desks[i];
      if (desk.canvas->done()) continue;
      if (i == mine) at = seats.size();
      seats.push_back(trace->seat(bound, desk));
      seats.back().temperature = 0.7f;
    }
    pass.run(seats);
    const auto& confidence = seats[at].sampled.confidence;
    result.confidence.insert(result.confidence.end(), confidence.begin(), confidence.end());
  }
  result.cells = desks[mine].second.canvas->cells();
  return result;
}

}  // namespace traces

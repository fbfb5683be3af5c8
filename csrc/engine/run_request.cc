#include "engine/run_request.h"

#include <cmath>

#include "engine/within.h"

namespace dimoo {
namespace {

void check_picture(const PictureRequest& request, const Layout& layout, const Hyperparameters& hyper) {
  if (!hyper.has_images()) fail(Code::model_unsupported, "expected a model with image codes, got one that answers in text only");
  within("cells", static_cast<int64_t>(request.cells.size()), layout.cells(), layout.cells());
  for (const int32_t code : request.cells) within("code", code, -1, hyper.vq.codebook_size - 1);
  if (request.schedule.kind == Schedule::Kind::table)
    within("values of the schedule", static_cast<int64_t>(request.schedule.table.size()), request.steps, request.steps);
  for (const float share : request.schedule.table)
    if (!(share >= 0 && share <= 1)) fail(Code::request_invalid, "values of the schedule must lie in 0..1, got ", share);
  within("first step", request.first_step, 0, 4096);
  within("pinned cells", static_cast<int64_t>(request.pinned.size()), 0, layout.cells());
  for (const uint32_t cell : request.pinned) {
    within("pinned cell", cell, 0, layout.cells() - 1);
    if (request.cells[cell] < 0) fail(Code::request_invalid, "pinned cells must hold a code, got cell ", cell, ", which is masked");
  }
}

void check_answer(const AnswerRequest& request, const Layout& layout, const Hyperparameters& hyper) {
  within("length", request.length, layout.cells(), layout.cells());
  within("block", request.block, 1, request.length);
  if (request.length % request.block != 0)
    fail(Code::request_invalid, "length must be a multiple of block ", request.block, ", got ", request.length);
  const int64_t blocks = request.length / request.block;
  if (request.steps % blocks != 0) fail(Code::request_invalid, "steps must be a multiple of the ", blocks, " blocks, got ", request.steps);
  within("end tokens", static_cast<int64_t>(request.ends.size()), 0, 64);
  for (const int32_t id : request.ends) within("end token", id, 0, hyper.vocab - 1);
  if (request.threshold && !(*request.threshold >= 0 && *request.threshold <= 1))
    fail(Code::request_invalid, "threshold must lie in 0..1, got ", *request.threshold);
}

void check_seeds_and_state(const RunRequest& request) {
  within("pictures", static_cast<int64_t>(request.seeds.size()), 1, request.picture() ? 64 : 1);
  within("characters of id", static_cast<int64_t>(request.id.size()), 0, 200);
  within("bytes of a state", static_cast<int64_t>(request.state.size()), 0, int64_t{1} << 30);
}

void check_layout(const Layout& layout, const Hyperparameters& hyper) {
  within("grid rows", layout.rows, 1, 4096);
  within("grid columns", layout.columns, 1, 1 << 20);
  within("grid cells", layout.cells(), 1, 1 << 20);
  within("branches", layout.branches(), 1, 3);
  within("suffixes", static_cast<int64_t>(layout.suffixes.size()), layout.branches(), layout.branches());
  for (const auto& prefix : layout.prefixes) {
    within("tokens of a prefix", static_cast<int64_t>(prefix.size()), 1, 1 << 20);
    for (const int32_t id : prefix) within("token id", id, 0, hyper.vocab - 1);
  }
  for (const auto& suffix : layout.suffixes) {
    within("tokens of a suffix", static_cast<int64_t>(suffix.size()), 0, 1 << 20);
    for (const int32_t id : suffix) within("token id", id, 0, hyper.vocab - 1);
  }
}

}  // namespace

void check(const RunRequest& request, const Hyperparameters& hyper) {
  const Layout& layout = *request.layout;
  check_layout(layout, hyper);
  const auto weights = static_cast<int64_t>(request.guidance.size());
  within("guidance weights", weights, layout.branches() - 1, layout.branches() - 1);
  check_seeds_and_state(request);
  within("steps", request.steps(), 1, 4096);
  within("buffer", request.buffer, 1, 1 << 20);
  if (request.picture()) check_picture(*request.picture(), layout, hyper);
  if (request.answer()) {
    within("branches", layout.branches(), 1, 2);
    check_answer(*request.answer(), layout, hyper);
  }
  if (request.picture() && request.reuse->only_text()) fail(Code::request_invalid, "reuse: prefix is for answers only");
  within("probes", static_cast<int64_t>(request.probe.size()), 0, hyper.vocab);
  for (const int32_t id : request.probe) within("probe", id, 0, hyper.vocab - 1);
  if (!(request.temperature >= 0) || !std::isfinite(request.temperature))
    fail(Code::request_invalid, "temperature must not be negative, got ", request.temperature);
  for (const float weight : request.guidance)
    if (!std::isfinite(weight)) fail(Code::request_invalid, "guidance must be finite, got ", weight);
  if (!(request.floor >= 0 && request.floor <= 1)) fail(Code::request_invalid, "floor: expected 0 to 1, got ", request.floor);
}

}  // namespace dimoo

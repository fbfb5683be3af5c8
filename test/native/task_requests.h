// Requests of every kind on the golden checkpoint: what tests of the engine vary.
#pragma once
#include "test/native/engine_fixture.h"

namespace engine_fixture {

/// Mutable parts of a request's layout.
inline RunRequest with_layout(RunRequest request, const std::function<void(Layout&)>& change) {
  auto layout = std::make_shared<Layout>(*request.layout);
  change(*layout);
  request.layout = layout;
  return request;
}

inline RunRequest sized(const Model& model, uint64_t seed, int64_t rows, int64_t columns, int64_t steps) {
  RunRequest request = with_layout(request_for(model, seed, steps), [&](Layout& layout) { layout.rows = rows, layout.columns = columns; });
  picture_of(request).cells.assign(static_cast<size_t>(rows * columns), -1);
  return request;
}

inline RunRequest cached(RunRequest request, double ratio = 0.8, int64_t refresh = 3) {
  request.reuse = ml_cache(ratio, 0.2, refresh);
  return request;
}

inline RunRequest three_branches(RunRequest request) {
  request.guidance = {2.5f, 1.5f};
  return with_layout(std::move(request), [](Layout& layout) {
    layout.prefixes.push_back({3, 4});
    layout.suffixes.push_back(layout.suffixes[0]);
  });
}

inline RunRequest answer_for(const Model& model, uint64_t seed, int64_t length = 16, int64_t block = 8, int64_t steps = 8,
                             bool guided = false) {
  const TokenRoles& tokens = model.weights().hyper.tokens;
  auto layout = std::make_shared<Layout>();
  layout->rows = 1, layout->columns = length, layout->row_ends = false, layout->mask_token = tokens.mask;
  layout->prefixes = {{11, 12, 13, 14, 15, 16, 17, tokens.answer_begin}};
  layout->suffixes = {{tokens.answer_end}};
  RunRequest request;
  if (guided) {
    layout->prefixes.emplace_back(8, tokens.mask), layout->suffixes.push_back({tokens.mask});
    request.guidance = {0.7f};
  }
  request.layout = layout;
  AnswerRequest answer;
  answer.length = length, answer.block = block, answer.steps = steps;
  request.target = answer;
  request.seeds = {seed};
  return request;
}

inline AnswerRequest& answer_of(RunRequest& request) { return std::get<AnswerRequest>(request.target); }

}  // namespace engine_fixture

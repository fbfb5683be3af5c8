// An answer being decoded block by block (docs/model.md#answers): a step samples every masked token up to the block's end and
// fixes the surest, a number given by the steps or all that are surer than a threshold. It ends before the first end token.
#pragma once
#include "diffusion/canvas.h"

namespace dimoo {

enum class Remasking { confidence, random };
enum class Compat { none, reference };
enum class Finish { stop, length };

struct AnswerRequest {
  int64_t length = 0, block = 0, steps = 0;  // length a multiple of block, steps of the number of blocks
  Remasking remasking = Remasking::confidence;
  std::optional<double> threshold;
  std::vector<int32_t> ends;  // ids that end the answer
  /// reference: steps without a token to fix run all the same; the first of `ends` anywhere in the sequence ends it after a block.
  Compat compat = Compat::none;
};

class Answer final : public Canvas {
 public:
  Answer(std::shared_ptr<const Layout> layout, AnswerRequest request, ReusePtr reuse, uint64_t seed);

  int64_t steps() const override { return request_.steps; }
  bool done() const override { return finish_.has_value(); }
  const std::vector<int32_t>& wanted() const override { return candidates_; }
  std::vector<int32_t> fresh() const override;
  int64_t block() const override { return block_; }
  int64_t blocks() const override { return request_.length / request_.block; }
  Fixed apply(const Sampled& sampled) override;

  /// Once done: the ids up to the end (masked tokens as the mask's id), and how it came about.
  std::vector<int32_t> ids() const;
  Finish finish() const { return finish_.value(); }

 private:
  int64_t block_steps() const { return request_.steps / blocks(); }
  int64_t block_end() const { return (block_ + 1) * request_.block; }
  int64_t due(int64_t block_step) const;  // tokens that a step of this block fixes by number
  bool block_over() const;
  void begin_block();
  void advance();
  bool stops_here() const;
  bool stops_after_block() const;
  std::vector<size_t> choose(const Sampled& sampled) const;
  void find_candidates();
  StretchStep stretch() const override;
  std::array<int64_t, 4> rest() const override;
  void take_rest(const std::array<int64_t, 4>& rest) override;

  AnswerRequest request_;
  int64_t block_ = 0, block_step_ = 0;  // the step to come, within the block
  int64_t block_masked_ = 0;            // tokens masked when the block began
  std::vector<int32_t> candidates_;     // masked tokens before the end of the block, ascending
  std::optional<Finish> finish_;
};

}  // namespace dimoo

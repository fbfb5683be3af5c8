// Earlier blocks may keep masked tokens where the mask itself was sampled; they remain candidates of later blocks, as in the original.
#include "diffusion/answer.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/random.h"

namespace dimoo {

Answer::Answer(std::shared_ptr<const Layout> layout, AnswerRequest request, ReusePtr reuse, uint64_t seed)
    : Canvas(std::move(layout), std::vector<int32_t>(static_cast<size_t>(request.length), -1), std::move(reuse), seed),
      request_(std::move(request)) {
  begin_block();
}

void Answer::find_candidates() {
  candidates_.clear();
  for (const int32_t token : masked_)
    if (token < block_end()) candidates_.push_back(token);
}

void Answer::begin_block() {
  find_candidates();
  block_step_ = 0;
  const auto first = std::lower_bound(candidates_.begin(), candidates_.end(), block_ * request_.block);
  block_masked_ = candidates_.end() - first;
}

int64_t Answer::due(int64_t block_step) const {
  const int64_t steps = block_steps();
  return block_masked_ / steps + (block_step < block_masked_ % steps);
}

bool Answer::block_over() const {
  if (block_step_ >= block_steps()) return true;
  return request_.compat == Compat::none && (due(block_step_) == 0 || candidates_.empty());
}

/// The last step of a block that fixes anything is its last one, but for the original's rules.
StretchStep Answer::stretch() const {
  const bool more = block_step_ + 1 < block_steps() && (request_.compat == Compat::reference || due(block_step_ + 1) > 0);
  return {block_step_, block_steps(), more, forced_};
}

/// Leftovers of earlier blocks and the whole block.
std::vector<int32_t> Answer::fresh() const {
  const auto first = static_cast<int32_t>(block_ * request_.block);
  std::vector<int32_t> tokens(candidates_.begin(), std::lower_bound(candidates_.begin(), candidates_.end(), first));
  for (int32_t token = first; token < block_end(); token++) tokens.push_back(token);
  return tokens;
}

/// Indices into the candidates of those to be fixed: the surest first, the earlier one of equals.
std::vector<size_t> Answer::choose(const Sampled& sampled) const {
  std::vector<double> rank = sampled.confidence;
  if (request_.remasking == Remasking::random)
    for (size_t i = 0; i < rank.size(); i++)
      rank[i] = uniform(seed_, 0, static_cast<uint32_t>(candidates_[i]), static_cast<uint32_t>(step_), Stream::remask);
  std::vector<size_t> order(rank.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank[a] > rank[b]; });
  const auto count = static_cast<size_t>(due(block_step_));
  if (!request_.threshold) {
    order.resize(std::min(count, order.size()));
    return order;
  }
  std::vector<size_t> chosen;
  for (size_t i = 0; i < order.size(); i++)
    if (i < count || sampled.confidence[order[i]] > *request_.threshold) chosen.push_back(order[i]);
  return chosen;
}

Fixed Answer::apply(const Sampled& sampled) {
  mark();
  std::vector<size_t> chosen = choose(sampled);
  std::sort(chosen.begin(), chosen.end());
  for (size_t i = 0; i < candidates_.size(); i++) guess_[static_cast<size_t>(candidates_[i])] = sampled.values[i];
  Fixed fixed;
  for (const size_t i : chosen) {
    if (!fix(candidates_[i], sampled.values[i])) continue;
    fixed.cells.push_back(static_cast<uint32_t>(candidates_[i]));
    fixed.confidence.push_back(static_cast<float>(sampled.confidence[i]));
  }
  find_masked();
  find_candidates();
  step_++, block_step_++;
  advance();
  return fixed;
}

/// On to the next block, or to the end.
void Answer::advance() {
  if (request_.compat == Compat::none && stops_here()) finish_ = Finish::stop;
  while (!finish_ && block_over()) {
    if (request_.compat == Compat::reference && stops_after_block()) {
      finish_ = Finish::stop;
    } else if (block_ + 1 == blocks()) {
      finish_ = Finish::length;
    } else {
      block_++;
      begin_block();
    }
  }
}

/// An end token stands, and everything before it.
bool Answer::stops_here() const {
  for (const int32_t id : cells_) {
    if (id < 0) return false;
    if (std::find(request_.ends.begin(), request_.ends.end(), id) != request_.ends.end()) return true;
  }
  return false;
}

bool Answer::stops_after_block() const {
  if (request_.ends.empty()) return false;
  const auto holds = [end = request_.ends.front()](const std::vector<int32_t>& ids) {
    return std::find(ids.begin(), ids.end(), end) != ids.end();
  };
  return holds(layout_->prefixes.front()) || holds(cells_) || holds(layout_->suffixes.front());
}

std::vector<int32_t> Answer::ids() const {
  std::vector<int32_t> ids = cells_;
  if (finish_ == Finish::stop && request_.compat == Compat::reference) ids.resize(static_cast<size_t>(block_end()));
  if (finish_ == Finish::stop && request_.compat == Compat::none)
    ids.erase(std::find_first_of(ids.begin(), ids.end(), request_.ends.begin(), request_.ends.end()), ids.end());
  for (int32_t& id : ids)
    if (id < 0) id = layout_->mask_token;
  return ids;
}

std::array<int64_t, 4> Answer::rest() const {
  return {block_, block_step_, block_masked_, finish_ ? int64_t{1} + (*finish_ == Finish::length) : int64_t{0}};
}

void Answer::take_rest(const std::array<int64_t, 4>& rest) {
  block_ = rest[0], block_step_ = rest[1], block_masked_ = rest[2];
  if (block_ >= blocks() || block_step_ > block_steps() || block_masked_ > request_.block || rest[3] > 2)
    disagree("expected a block and a step of this request");
  if (step_ < block_step_ || step_ > block_ * block_steps() + block_step_) disagree("expected as many steps as its blocks have");
  finish_ = rest[3] == 0 ? std::nullopt : std::optional(rest[3] == 1 ? Finish::stop : Finish::length);
  find_candidates();
  const auto in_block = std::count_if(candidates_.begin(), candidates_.end(), [&](int32_t t) { return t >= block_ * request_.block; });
  const auto later = static_cast<int64_t>(masked_.size() - candidates_.size());
  if (in_block > block_masked_ || (block_step_ == 0 && in_block != block_masked_) || later != request_.length - block_end())
    disagree("expected as many masked tokens as its blocks leave");
  if (!finish_ && block_over()) disagree("expected a block with steps left");
  if (finish_ == Finish::length && (block_ + 1 != blocks() || !block_over())) disagree("expected its last block to be over");
  if (finish_ == Finish::stop && !(request_.compat == Compat::none ? stops_here() : stops_after_block()))
    disagree("expected a token that ends it");
}

}  // namespace dimoo

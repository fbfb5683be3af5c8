// Canvases by themselves, without a model: the steps left after cells were masked again, which of equally sure tokens comes first, and
// states written down between a remasking and the step after it.
#include "diffusion/answer.h"
#include "diffusion/picture.h"
#include "test/native/check.h"

using namespace dimoo;

namespace {

constexpr int64_t kSide = 4;

std::shared_ptr<const Layout> picture_layout() {
  auto layout = std::make_shared<Layout>();
  layout->rows = layout->columns = kSide;
  layout->prefixes = {{1, 2}}, layout->suffixes = {{3}};
  layout->mask_token = 7, layout->row_end_token = 8, layout->offset = 100;
  return layout;
}

Picture picture_of(int64_t steps, ReusePolicy reuse = {}) {
  return {picture_layout(), {std::vector<int32_t>(kSide * kSide, -1), steps, {}}, reuse, 1};
}

/// Fixes the first masked cells, as many as the schedule says.
void step(Picture& picture) {
  const size_t count = picture.masked().size(), stay = std::min(static_cast<size_t>(picture.keep()), count - 1);
  std::vector<uint8_t> stays(count, 0);
  std::fill(stays.end() - static_cast<std::ptrdiff_t>(stay), stays.end(), uint8_t{1});
  picture.apply({std::vector<int32_t>(count, 5), std::vector<double>(count, 0.5), stays});
}

std::vector<uint8_t> saved(const Canvas& canvas) {
  ByteWriter out;
  canvas.save(out);
  return out.take();
}

}  // namespace

TEST(the_steps_of_a_remasked_share_are_rounded_up) {
  Picture picture = picture_of(8);
  for (int i = 0; i < 7; i++) step(picture);
  const auto left = static_cast<int64_t>(picture.masked().size());
  std::vector<uint32_t> cells;
  for (uint32_t cell = 0; static_cast<int64_t>(cells.size()) + left < 5; cell++) cells.push_back(cell);
  picture.remask(cells);
  CHECK_EQ(picture.masked().size(), size_t{5});
  CHECK_EQ(picture.steps(), 7 + 3);  // 8 steps x 5 of 16 cells = 2.5; one step was left
}

TEST(of_equally_sure_tokens_the_earlier_one_is_fixed) {
  auto layout = std::make_shared<Layout>();
  layout->rows = 1, layout->columns = 4, layout->row_ends = false, layout->mask_token = 7;
  layout->prefixes = {{1}}, layout->suffixes = {{2}};
  AnswerRequest request;
  request.length = request.block = request.steps = 4;
  Answer answer(layout, request, {}, 1);
  CHECK(answer.apply({{10, 11, 12, 13}, {0.5, 0.5, 0.5, 0.5}, {}}).cells == std::vector<uint32_t>{0});
  CHECK(answer.apply({{11, 12, 13}, {0.25, 0.5, 0.5}, {}}).cells == std::vector<uint32_t>{2});
}

TEST(a_state_after_remasking_is_the_present_one) {
  const ReusePolicy reuse{ReusePolicy::Kind::ml_cache, 0.5, 0.0, 100};
  Picture picture = picture_of(8, reuse);
  for (int i = 0; i < 4; i++) step(picture);
  CHECK(picture.plan().pass == PassKind::cached);
  CHECK(picture.remask({0, 1}) == 2);
  const std::vector<uint8_t> state = saved(picture);
  Picture again = picture_of(8, reuse);
  ByteReader in(state);
  again.restore(in, 1000);
  in.end();
  CHECK_EQ(again.step(), picture.step());
  CHECK(again.masked() == picture.masked());
  CHECK(again.cells() == picture.cells());
  CHECK_EQ(again.steps(), picture.steps());
  CHECK(again.plan().pass == PassKind::full);
}

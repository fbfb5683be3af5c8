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

Picture picture_of(int64_t steps, ReusePtr reuse = {}) {
  return {picture_layout(), {std::vector<int32_t>(kSide * kSide, -1), steps, {}}, std::move(reuse), 1};
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
  const ReusePtr reuse = ml_cache(0.5, 0.0, 100);
  Picture picture = picture_of(8, reuse);
  for (int i = 0; i < 4; i++) step(picture);
  CHECK(picture.work().pass == PassKind::cached);
  CHECK(picture.remask({0, 1}) == 2);
  const std::vector<uint8_t> state = saved(picture);
  Picture again = picture_of(8, reuse);
  ByteReader in(state);
  again.restore(in, 1000, Resume::exact);
  in.end();
  CHECK_EQ(again.step(), picture.step());
  CHECK(again.masked() == picture.masked());
  CHECK(again.cells() == picture.cells());
  CHECK_EQ(again.steps(), picture.steps());
  CHECK(again.work().pass == PassKind::full);
}

TEST(a_picture_that_begins_at_a_step_spreads_its_masked_cells_over_the_rest) {
  PictureRequest request{std::vector<int32_t>(kSide * kSide, 3), 8, {Schedule::Kind::linear, {}}, 6};
  for (size_t cell = 0; cell < 7; cell++) request.cells[cell] = -1;
  Picture picture(picture_layout(), request, ml_cache(0.5, 1.0, 100), 1);
  CHECK_EQ(picture.step(), 6);
  CHECK_EQ(picture.steps(), 6 + 4);  // 8 steps x 7 of 16 cells = 3.5; two were left
  CHECK_EQ(picture.keep(), cosine_keep(7, 0, 4));
  CHECK(picture.work().pass == PassKind::full);
  request.first_step = 3;
  CHECK_EQ(Picture(picture_layout(), request, {}, 1).steps(), 3 + 5);
  request.first_step = 0;  // as it ever was
  const Picture whole(picture_layout(), request, {}, 1);
  CHECK_EQ(whole.steps(), 8);
  CHECK_EQ(whole.keep(), request.schedule.keep(7, 0, 8));
  request.first_step = 20, request.cells.assign(kSide * kSide, 3);
  CHECK(Picture(picture_layout(), request, {}, 1).done());
}

TEST(pinned_cells_are_never_masked_again) {
  PictureRequest request{std::vector<int32_t>(kSide * kSide, 3), 8, {}, 4, {1, 2}};
  Picture picture(picture_layout(), request, {}, 1);
  CHECK_EQ(picture.remask({0, 1, 2, 5}), 2);
  CHECK(picture.masked() == (std::vector<int32_t>{0, 5}));
  CHECK_EQ(picture.remask({1, 2}), 0);
}

/// Steps of a picture with kept values: what repeats them, and what goes on from where they stood.
TEST(a_state_goes_on_exactly_or_from_where_it_stood) {
  const ReusePtr reuse = ml_cache(0.5, 0.0, 100);
  Picture picture = picture_of(8, reuse);
  for (int i = 0; i < 4; i++) step(picture);
  CHECK(picture.work().pass == PassKind::cached);
  const std::vector<uint8_t> state = saved(picture);
  const auto restored = [&](Resume resume) {
    Picture again = picture_of(8, reuse);
    ByteReader in(state);
    again.restore(in, 1000, resume);
    in.end();
    CHECK(again.work().pass == PassKind::full);
    return again;
  };
  const Picture exact = restored(Resume::exact), present = restored(Resume::present);
  CHECK_EQ(exact.step(), 0);
  CHECK_EQ(present.step(), 4);
  CHECK(present.cells() == picture.cells());
  CHECK_EQ(present.keep(), picture.keep());
}

TEST(every_count_of_a_state_must_agree_with_the_others) {
  const ReusePtr reuse = ml_cache(0.5, 0.0, 100);
  Picture picture = picture_of(8, reuse);
  for (int i = 0; i < 3; i++) step(picture);
  const std::vector<uint8_t> state = saved(picture);
  const auto refused = [&](size_t number, int64_t value) {
    std::vector<uint8_t> damaged = state;
    for (size_t i = 0; i < 8; i++) damaged[number * 8 + i] = static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i));
    Picture again = picture_of(8, reuse);
    ByteReader in(damaged);
    try {
      again.restore(in, 1000, Resume::exact);
    } catch (const Error& error) {
      CHECK(error.code() == Code::request_invalid && error.text().starts_with("snapshot: "));
      return;
    }
    check::failed(__FILE__, __LINE__, "number ", number, " was ", value, " and nobody noticed");
  };
  // step, forced, start, length, masked at the start, spread, number of cells
  for (const int64_t value : {-1, 4, 9, 1 << 21}) refused(0, value);
  refused(1, 2), refused(1, 1);
  for (const int64_t value : {1, 3, 4}) refused(2, value);
  for (const int64_t value : {0, 7, 9, 1 << 20}) refused(3, value);
  for (const int64_t value : {0, 3, 17}) refused(4, value);
  refused(5, 2);
  for (const int64_t value : {0, 15, 17, 1 << 20}) refused(6, value);
}

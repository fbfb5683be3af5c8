// Drafts show their cell the right way round, whatever the image tokenizer makes of it.
#include "jobs/previews.h"

#include "model/hyperparameters.h"
#include "test/native/engine_fixture.h"

using namespace engine_fixture;

namespace {

constexpr int64_t kDark = 40, kBright = 200;

/// Every cell becomes dark, but for its upper right quarter of pixels, which is as bright as this.
void paint_quarters(std::span<uint8_t> rgb, int64_t side, int64_t scale) {
  for (int64_t y = 0; y < side; y++)
    for (int64_t x = 0; x < side; x++) {
      const bool bright = y % scale < scale / 2 && x % scale >= scale / 2;
      for (int64_t c = 0; c < 3; c++) rgb[static_cast<size_t>((y * side + x) * 3 + c)] = static_cast<uint8_t>(bright ? kBright : kDark);
    }
}

}  // namespace

TEST(drafts_are_not_turned) {
  const auto source = Source::open(DIMOO_GOLDEN "/checkpoint");
  const VqHyperparameters hyper = read_hyperparameters(*source).vq;
  int64_t next = 0;
  const std::vector<uint8_t> table =
      make_preview_table(*source, hyper, [&](std::span<uint8_t> rgb, int64_t side, std::span<int32_t> codes) {
        for (int32_t& code : codes) code = static_cast<int32_t>(next++ % hyper.codebook_size);
        paint_quarters(rgb, side, hyper.scale());
      });
  CHECK_EQ(static_cast<int64_t>(table.size()), hyper.codebook_size * kPreviewBytes);
  for (int64_t code = 0; code < hyper.codebook_size; code++)
    for (int64_t y = 0; y < 4; y++)
      for (int64_t x = 0; x < 4; x++)
        CHECK_NEAR(table[static_cast<size_t>(code * kPreviewBytes + (y * 4 + x) * 3)], y < 2 && x >= 2 ? kBright : kDark, 12);
}

TEST(who_waits_for_the_drafts_of_another_may_leave) {
  Model cancelled(options_for()), closed(options_for());
  const auto code_of = [](Model& model, CancelToken& cancel) {
    try {
      preview_table(model, &cancel);
    } catch (const Error& error) {
      return error.code();
    }
    return Code::internal;
  };
  CancelToken cancel, never;
  std::unique_lock makes(cancelled.weights().drafts.mutex);
  CHECK(&cancelled.weights() == &closed.weights());
  auto first = std::async(std::launch::async, code_of, std::ref(cancelled), std::ref(cancel));
  auto second = std::async(std::launch::async, code_of, std::ref(closed), std::ref(never));
  CHECK(first.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
  cancel.cancel();
  closed.close();
  const bool left = first.wait_for(std::chrono::seconds(10)) == std::future_status::ready &&
                    second.wait_for(std::chrono::seconds(10)) == std::future_status::ready;
  makes.unlock();
  CHECK(left);
  CHECK(first.get() == Code::aborted && second.get() == Code::disposed);
}

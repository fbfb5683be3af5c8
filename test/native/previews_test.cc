// Drafts show their cell the right way round, whatever the image tokenizer makes of it.
#include "jobs/previews.h"

#include "model/hyperparameters.h"
#include "test/native/check.h"

using namespace dimoo;

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

// The cosine schedule in the original's fp32, from recorded counts, and the ways a schedule can be given.
#include "diffusion/picture.h"
#include "test/native/golden.h"

using namespace golden;

namespace {

/// The original's vectorised cosine is itself off by up to two units in the last place; the counts are exact all the same.
constexpr double kUlp = 1.2e-7;

}  // namespace

TEST(cosine_keep_counts) {
  const Json recorded = json("sampling.json");
  for (const Json& entry : recorded.find("cosine_keep")->as_array()) {
    const int64_t steps = entry.int_or("timesteps", 0), masked = entry.int_or("vq_len", 0);
    const auto counts = list<int64_t>(*entry.find("keep_n"));
    CHECK_EQ(static_cast<int64_t>(counts.size()), steps);
    for (int64_t step = 0; step < steps; step++) CHECK_EQ(cosine_keep(masked, step, steps), counts[static_cast<size_t>(step)]);
  }
}

TEST(cosine_fragile_cases) {
  const Json recorded = json("sampling.json");
  for (const Json& entry : recorded.find("cosine_fragile")->as_array()) {
    const int64_t steps = entry.int_or("timesteps", 0), masked = entry.int_or("vq_len", 0), step = entry.int_or("step", 0);
    CHECK_EQ(cosine_keep(masked, step, steps), entry.int_or("keep_n", -1));
    CHECK_NEAR(cosine_ratio(step, steps), entry.find("frac_fp32")->as_double(), kUlp);
  }
}

TEST(cosine_ratios_in_fp32) {
  const Json recorded = json("sampling.json");
  for (const auto& [steps, ratios] : recorded.find("cosine_frac_fp32")->as_object()) {
    const auto expected = list<float>(ratios);
    for (size_t i = 0; i < expected.size(); i++) CHECK_NEAR(cosine_ratio(static_cast<int64_t>(i), std::stoll(steps)), expected[i], kUlp);
  }
}

TEST(linear_and_table_schedules_end_at_zero_and_keep_one_until_then) {
  const Schedule linear{Schedule::Kind::linear, {}}, table{Schedule::Kind::table, {0.9f, 0.0f, 0.0f}};
  CHECK_EQ(linear.keep(100, 0, 4), 75);
  CHECK_EQ(linear.keep(100, 3, 4), 0);
  CHECK_EQ(table.keep(10, 0, 3), 9);
  CHECK_EQ(table.keep(10, 1, 3), 1);
  CHECK_EQ(table.keep(10, 2, 3), 0);
}

TEST(a_canvas_with_given_cells_touches_only_masked_ones) {
  auto layout = std::make_shared<Layout>();
  layout->prefixes = {{1, 2, 3}, {4}};
  layout->suffixes = {{9}, {9}};
  layout->rows = 2, layout->columns = 3;
  layout->mask_token = 7, layout->row_end_token = 8, layout->offset = 100;
  Picture canvas(layout, {{5, -1, 0, -1, -1, 2}, 2, {}}, {}, 1);
  CHECK(canvas.masked() == (std::vector<int32_t>{1, 3, 4}));
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < layout->sequence(1); i++) tokens.push_back(layout->token(1, i, canvas.cells()));
  CHECK(tokens == (std::vector<int32_t>{4, 105, 7, 100, 8, 7, 7, 102, 8, 9}));
  CHECK_EQ(layout->position(0, 4), 8);
  const auto fixed = canvas.apply({{11, 12, 13}, {0.5, 0.9, 0.1}, {1, 0, 1}});
  CHECK(fixed.cells == (std::vector<uint32_t>{3}));
  CHECK(canvas.cells() == (std::vector<int32_t>{5, -1, 0, 12, -1, 2}));
  CHECK(canvas.guess() == (std::vector<int32_t>{5, 11, 0, 12, 13, 2}));
  canvas.apply({{21, 23}, {1, 1}, {0, 0}});
  CHECK(canvas.done());
}

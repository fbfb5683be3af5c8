// Determinism (docs/contracts.md#determinism) on whole models: a sequence's logits and a picture's codes are the same bits alone and beside
// any mates, before or behind them, on any number of threads, in every precision and type of weights, on every CPU variant.
#include <set>

#include "cpu/dispatch.h"
#include "diffusion/picture.h"
#include "test/native/converted.h"

using namespace golden;

namespace {

enum class Place { front, back };

/// Logits of `ids` in a pass of `total` rows; the rest is one other branch.
std::vector<float> logits_among(Bound& bound, const std::vector<int32_t>& ids, int64_t total, Place place) {
  const auto n = static_cast<int64_t>(ids.size()), rest = total - n, first = place == Place::front ? 0 : rest;
  std::vector<int32_t> tokens(static_cast<size_t>(total), 7), positions(tokens.size()), rows;
  std::copy(ids.begin(), ids.end(), tokens.begin() + first);
  const int64_t mate = place == Place::front ? n : 0;
  for (int64_t i = 0; i < rest; i++) positions[static_cast<size_t>(mate + i)] = static_cast<int32_t>(i);
  for (int64_t i = 0; i < n; i++) {
    positions[static_cast<size_t>(first + i)] = static_cast<int32_t>(i);
    rows.push_back(static_cast<int32_t>(first + i));
  }
  std::vector<BranchRows> branches{{first, n}};
  if (rest > 0) branches.insert(place == Place::front ? branches.end() : branches.begin(), {mate, rest});
  std::vector<float> logits(static_cast<size_t>(n * bound.hyper.vocab));
  bound.backbone->head(bound.backbone->forward({tokens, positions, branches, rows}), Slice::vocabulary,
                       Tensor(logits.data(), n, bound.hyper.vocab));
  return logits;
}

/// The golden checkpoint with matrices of this type ("": the folder as it is).
std::unique_ptr<Source> checkpoint(const TemporaryFolder& folder, const std::string& type) {
  if (type.empty()) return Source::open(path("checkpoint"));
  return converted(folder, type);
}

/// A picture of 4 x 4 cells at temperature 1, guided, in six steps.
std::vector<int32_t> picture(Bound& bound, uint64_t seed) {
  const TokenRoles& tokens = bound.hyper.tokens;
  auto layout = std::make_shared<Layout>();
  layout->rows = layout->columns = 4;
  layout->mask_token = tokens.mask, layout->row_end_token = tokens.row_end, layout->offset = bound.hyper.code_offset;
  layout->prefixes = {{40, 41, 42, tokens.answer_begin, tokens.image_begin}, {tokens.uncondition, tokens.answer_begin, tokens.image_begin}};
  layout->suffixes.assign(2, {tokens.image_end, tokens.answer_end});
  Picture canvas(layout, {std::vector<int32_t>(16, -1), 6, {}}, {}, seed);
  Pass pass(*bound.device, *bound.backbone);
  const float guidance[] = {3};
  while (!canvas.done()) {
    Seat seat;
    seat.canvas = &canvas, seat.guidance = guidance, seat.temperature = 1;
    pass.run({&seat, 1});
  }
  return canvas.cells();
}

}  // namespace

TEST(logits_are_the_same_bits_for_every_row_total) {
  const TemporaryFolder folder;
  const SafetensorsFile file(path("forward.safetensors"));
  for (const char* type : {"", "q8_0", "q4_0"}) {
    const auto source = checkpoint(folder, type);
    for (const Precision precision : {Precision::f32, Precision::fast})
      for (const auto& variant : cpu::variants()) {
        Bound bound(*source, variant.name, 2, precision);
        for (const char* name : {"s1", "s7", "s33"}) {
          const auto ids = values<int32_t>(file.at(text(name, ".ids")));
          const auto alone = logits_among(bound, ids, static_cast<int64_t>(ids.size()), Place::front);
          for (const int64_t total : {63, 64, 65, 127, 128, 129})
            for (const Place place : {Place::front, Place::back})
              if (logits_among(bound, ids, total, place) != alone)
                check::failed(__FILE__, __LINE__, type, " ", variant.name, " ", name, ": other bits in a pass of ", total, " rows");
        }
      }
  }
}

TEST(logits_are_the_same_bits_on_any_number_of_threads) {
  const TemporaryFolder folder;
  const SafetensorsFile file(path("forward.safetensors"));
  const auto ids = values<int32_t>(file.at("s130.ids"));
  for (const char* type : {"", "q8_0"}) {
    const auto source = checkpoint(folder, type);
    for (const auto& variant : cpu::variants()) {
      const auto one = Bound(*source, variant.name, 1, Precision::fast).logits(ids);
      for (const int threads : {2, 4, 8}) CHECK(Bound(*source, variant.name, threads, Precision::fast).logits(ids) == one);
    }
  }
}

TEST(a_row_of_the_same_branch_does_change_the_others) {
  // Bidirectional attention: were this not so, the comparisons above would say nothing.
  const auto source = Source::open(path("checkpoint"));
  const SafetensorsFile file(path("forward.safetensors"));
  auto ids = values<int32_t>(file.at("s33.ids"));
  Bound bound(*source);
  const auto before = bound.logits(ids);
  ids.back() = ids.back() == 7 ? 8 : 7;
  const auto after = bound.logits(ids);
  CHECK(!std::equal(before.begin(), before.begin() + bound.hyper.vocab, after.begin()));
}

TEST(a_seed_gives_one_picture_and_another_seed_another) {
  const auto source = Source::open(path("checkpoint"));
  for (const Precision precision : {Precision::f32, Precision::fast}) {
    Bound one(*source, "", 1, precision);
    const auto first = picture(one, 5);
    CHECK(picture(one, 5) == first);
    for (const int threads : {2, 8}) {
      Bound more(*source, "", threads, precision);
      CHECK(picture(more, 5) == first);
    }
    std::set<std::vector<int32_t>> different{first};
    for (const uint64_t seed : {uint64_t{0}, uint64_t{6}, (uint64_t{1} << 32) + 5, ~uint64_t{0}}) different.insert(picture(one, seed));
    CHECK_EQ(different.size(), size_t{5});
  }
}

// unmask against the original's recorded draws (docs/model.md#pictures) and against a plain recomputation: guidance of
// one to three branches, ties, extreme noise, our own random numbers, any number of threads, damaged logits.
#include "cpu/unmask.h"

#include <cmath>

#include "base/random.h"
#include "cpu/exp_sum.h"
#include "test/native/golden.h"

using namespace golden;

namespace {

struct Result {
  std::vector<int32_t> codes;
  std::vector<float> confidence;
  std::vector<uint8_t> stays;
  bool operator==(const Result&) const = default;
};

/// One job over consecutive rows of each branch.
Result run(ThreadPool& pool, const std::vector<float>& logits, int64_t rows, int64_t v, UnmaskJob job) {
  Result result;
  std::vector<int32_t> cells(static_cast<size_t>(rows));
  for (size_t i = 0; i < cells.size(); i++) cells[i] = static_cast<int32_t>(i * 3 + 1);
  result.codes.resize(cells.size()), result.confidence.resize(cells.size()), result.stays.resize(cells.size());
  job.rows = rows;
  job.cells = cells.data();
  job.codes = result.codes.data(), job.confidence = result.confidence.data(), job.stays = result.stays.data();
  std::vector<float> copy = logits;
  const Tensor all(copy.data(), rows * job.branches, v);
  for (int b = 0; b < job.branches; b++) job.logits[b].tensor = all.slice(b * rows, rows);
  cpu::unmask(pool, {&job, 1});
  return result;
}

std::vector<float> noise_logits(int64_t count, float scale, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); i++) values[i] = scale * (2 * uniform(seed, static_cast<uint32_t>(i), 0, 0, Stream::text) - 1);
  return values;
}

}  // namespace

TEST(gumbel_noise_of_extreme_uniforms) {
  const SafetensorsFile file(path("sampling.safetensors"));
  const auto u = values<float>(file.at("gumbel_noise_edge.uniform")), noise = values<float>(file.at("gumbel_noise_edge.noise"));
  for (size_t i = 0; i < u.size(); i++) CHECK_NEAR(cpu::gumbel(u[i]), noise[i], 1e-6 * std::fmax(1.0f, std::fabs(noise[i])));
}

TEST(recorded_samples_and_probabilities) {
  const SafetensorsFile file(path("sampling.safetensors"));
  ThreadPool pool(2);
  const Json cases = json("sampling.json");
  for (const Json& entry : cases.find("gumbel_max_sample")->as_array()) {
    const std::string name = entry.find("tensors")->as_string();
    const auto& shape = file.at(name + ".logits").shape;
    const auto noise = values<float>(file.at(name + ".uniform"));
    UnmaskJob job;
    job.temperature = static_cast<float>(entry.find("tau")->as_double());
    job.sample_noise = noise.data();
    const std::vector<float> cut_noise(static_cast<size_t>(shape[1]), 0.5f);
    job.cut_noise = cut_noise.data();
    const Result result = run(pool, values<float>(file.at(name + ".logits")), shape[1], shape[2], job);
    CHECK(result.codes == values<int32_t>(file.at(name + ".sampled")));
    CHECK_NEAR(largest_difference(result.confidence, values<float>(file.at(name + ".prob"))), 0, 1e-6);
  }
}

TEST(recorded_cuts_with_ties_and_zero_probabilities) {
  const SafetensorsFile file(path("sampling.safetensors"));
  int stayed = 0;
  const Json cases = json("sampling.json");
  for (const Json& entry : cases.find("mask_by_random_topk")->as_array()) {
    const std::string name = entry.find("tensors")->as_string();
    auto confidence = values<float>(file.at(name + ".probs"));
    const auto noise = values<float>(file.at(name + ".uniform"));
    const auto expected = values<uint8_t>(file.at(name + ".stay_masked"));
    std::vector<uint8_t> stays(expected.size());
    std::vector<int32_t> cells(expected.size());
    UnmaskJob job;
    job.rows = static_cast<int64_t>(expected.size());
    job.temperature = static_cast<float>(entry.find("temperature")->as_double());
    job.keep = entry.find("mask_len")->as_int();
    job.cells = cells.data(), job.confidence = confidence.data(), job.cut_noise = noise.data(), job.stays = stays.data();
    cpu::cut(job);
    CHECK(stays == expected);
    for (const uint8_t s : stays) stayed += s;
  }
  CHECK(stayed > 0);
}

TEST(guidance_follows_its_equations) {
  constexpr int64_t kRows = 5, kCodes = 37;
  ThreadPool pool(2);
  const auto all = noise_logits(3 * kRows * kCodes, 4, 11);
  const float s = 2.5f, z = 4.0f;
  for (const int branches : {1, 2, 3}) {
    UnmaskJob job;
    job.branches = branches, job.guidance[0] = s, job.guidance[1] = z;
    const Result result = run(pool, all, kRows, kCodes, job);
    for (int64_t r = 0; r < kRows; r++) {
      std::vector<float> guided(kCodes);
      double sum = 0;
      for (int64_t i = 0; i < kCodes; i++) {
        const auto at = [&](int64_t b) { return all[static_cast<size_t>((b * kRows + r) * kCodes + i)]; };
        float& g = guided[static_cast<size_t>(i)];
        g = branches == 1 ? at(0) : branches == 2 ? (1 + s) * at(0) - s * at(1) : at(0) + s * (at(0) - at(1)) + z * (at(0) - at(2));
      }
      const auto top = std::max_element(guided.begin(), guided.end());
      for (const float g : guided) sum += std::exp(double{g} - *top);
      CHECK_EQ(result.codes[static_cast<size_t>(r)], static_cast<int32_t>(top - guided.begin()));
      CHECK_NEAR(result.confidence[static_cast<size_t>(r)], 1 / sum, 1e-6);
    }
  }
}

TEST(a_floor_leaves_only_what_the_conditional_branch_finds_likely) {
  constexpr int64_t kRows = 30, kCodes = 61;
  ThreadPool pool(2);
  const auto all = noise_logits(3 * kRows * kCodes, 6, 21);
  const auto share = [&](int64_t row, int32_t code) {
    const float* c = all.data() + row * kCodes;
    return std::exp(c[code] - *std::max_element(c, c + kCodes));
  };
  for (const int branches : {1, 2, 3})
    for (const float temperature : {0.0f, 0.7f}) {
      UnmaskJob job;
      job.branches = branches, job.guidance[0] = 2, job.guidance[1] = 3, job.temperature = temperature, job.seed = 5;
      const Result free = run(pool, all, kRows, kCodes, job);
      job.floor = 1e-30f;  // below every code's share
      CHECK(run(pool, all, kRows, kCodes, job) == free);
      job.floor = 0.2f;
      const Result bound = run(pool, all, kRows, kCodes, job);
      job.floor = 1;
      const Result likeliest = run(pool, all, kRows, kCodes, job);
      bool lifted = false;
      for (int64_t r = 0; r < kRows; r++) {
        const auto at = static_cast<size_t>(r);
        lifted = lifted || share(r, free.codes[at]) < 0.2f;
        CHECK(share(r, bound.codes[at]) >= 0.2f);
        CHECK_NEAR(share(r, likeliest.codes[at]), 1, 0);
        if (share(r, free.codes[at]) < 0.2f) continue;
        CHECK_EQ(bound.codes[at], free.codes[at]);  // the same noise
        CHECK_NEAR(bound.confidence[at], free.confidence[at], 0);
      }
      CHECK_EQ(lifted, branches > 1 || temperature > 0);
    }
}

TEST(ties_take_the_lowest_code_and_fix_more_cells) {
  constexpr int64_t kRows = 6, kCodes = 9;
  ThreadPool pool(2);
  std::vector<float> logits(kRows * kCodes, 1.0f);
  for (int64_t r = 0; r < kRows; r++) logits[static_cast<size_t>(r * kCodes + 4)] = logits[static_cast<size_t>(r * kCodes + 7)] = 3.0f;
  UnmaskJob job;
  job.keep = 4;
  const Result result = run(pool, logits, kRows, kCodes, job);
  for (const int32_t code : result.codes) CHECK_EQ(code, 4);
  for (const uint8_t stays : result.stays) CHECK_EQ(int{stays}, 0);  // all as sure as each other: nothing lies strictly below
  const std::vector<float> noise(kRows * kCodes, 0.25f);
  job.temperature = 0.7f, job.sample_noise = noise.data();
  CHECK_EQ(run(pool, logits, kRows, kCodes, job).codes[0], 4);
}

TEST(own_noise_is_philox_and_no_code_is_passed_over_wrongly) {
  constexpr int64_t kRows = 40, kCodes = 515;
  ThreadPool pool(2);
  for (const float scale : {0.0f, 0.5f, 8.0f, 60.0f}) {
    const auto logits = noise_logits(kRows * kCodes, scale, 5);
    UnmaskJob job;
    job.temperature = 0.8f, job.seed = 0x123456789abcdefull, job.step = 3, job.keep = 17;
    const Result result = run(pool, logits, kRows, kCodes, job);
    std::vector<float> score(kRows);
    for (int64_t r = 0; r < kRows; r++) {
      const auto cell = static_cast<uint32_t>(r * 3 + 1);
      int64_t best = 0;
      float top = -INFINITY;
      for (int64_t i = 0; i < kCodes; i++) {
        const float here = logits[static_cast<size_t>(r * kCodes + i)] / job.temperature +
                           cpu::gumbel(uniform(job.seed, static_cast<uint32_t>(i), cell, job.step, Stream::sample));
        if (here > top) top = here, best = i;
      }
      CHECK_EQ(result.codes[static_cast<size_t>(r)], static_cast<int32_t>(best));
      score[static_cast<size_t>(r)] = std::log(std::fmax(result.confidence[static_cast<size_t>(r)], 1e-20f)) +
                                      job.temperature * cpu::gumbel(uniform(job.seed, 0, cell, job.step, Stream::cut));
    }
    std::vector<float> sorted = score;
    std::sort(sorted.begin(), sorted.end());
    for (size_t r = 0; r < kRows; r++) CHECK_EQ(bool{result.stays[r] != 0}, score[r] < sorted[17]);
  }
}

/// Our own uniforms reach noise of 16.6: a code that needs more than 13 of it is not passed over.
TEST(a_code_wins_by_the_largest_noise) {
  constexpr int64_t kCodes = 512;
  constexpr float kRare = 13;
  ThreadPool pool(1);
  UnmaskJob job;
  job.temperature = 1, job.step = 2;
  const auto noise = [&](int64_t code) { return cpu::gumbel(uniform(job.seed, static_cast<uint32_t>(code), 1, job.step, Stream::sample)); };
  int64_t lucky = 0;
  while (noise(lucky) < kRare)
    if (++lucky == kCodes) lucky = 0, job.seed++;
  const int64_t likely = lucky == 0 ? 1 : 0;
  std::vector<float> logits(kCodes, -100.0f);
  logits[static_cast<size_t>(likely)] = 0;
  logits[static_cast<size_t>(lucky)] = noise(likely) - kRare + 0.25f;  // its own noise lifts it above, less of it would not
  CHECK(logits[static_cast<size_t>(lucky)] < 0);
  CHECK_EQ(run(pool, logits, 1, kCodes, job).codes[0], static_cast<int32_t>(lucky));
}

TEST(threads_and_mates_never_change_a_result) {
  constexpr int64_t kRows = 33, kCodes = 130;
  const auto logits = noise_logits(2 * kRows * kCodes, 3, 9);
  UnmaskJob job;
  job.branches = 2, job.guidance[0] = 4, job.temperature = 1, job.seed = 7, job.keep = 10;
  ThreadPool one(1), two(2), eight(8);
  const Result alone = run(one, logits, kRows, kCodes, job);
  CHECK(run(two, logits, kRows, kCodes, job) == alone);
  CHECK(run(eight, logits, kRows, kCodes, job) == alone);
  UnmaskJob other = job;
  other.seed = 8;
  CHECK(run(two, logits, kRows, kCodes, other).codes != alone.codes);
  other = job, other.step = 1;
  CHECK(run(two, logits, kRows, kCodes, other).codes != alone.codes);
}

TEST(logits_that_are_not_finite_are_named) {
  ThreadPool pool(2);
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    auto logits = noise_logits(4 * 20, 1, 2);
    logits[2 * 20 + 19] = bad;
    CHECK_THROWS(run(pool, logits, 4, 20, {}), Code::model_corrupt, "cell 7");
    UnmaskJob job;
    job.floor = 0.5f;
    CHECK_THROWS(run(pool, logits, 4, 20, job), Code::model_corrupt, "cell 7");
  }
}

TEST(recorded_text_noise) {
  const SafetensorsFile file(path("sampling.safetensors"));
  ThreadPool pool(2);
  const Json cases = json("sampling.json");
  for (const Json& entry : cases.find("add_gumbel_noise")->as_array()) {
    const std::string name = entry.find("tensors")->as_string();
    const auto& shape = file.at(name + ".logits").shape;
    auto logits = values<float>(file.at(name + ".logits"));
    const auto noise = values<double>(file.at(name + ".uniform"));
    const auto rows = static_cast<size_t>(shape[1]);
    std::vector<int32_t> tokens(rows), ids(rows);
    std::vector<double> confidence(rows);
    TextUnmaskJob job;
    job.rows = shape[1], job.temperature = entry.find("temperature")->as_double(), job.noise = noise.data();
    job.logits[0].tensor = Tensor(logits.data(), shape[1], shape[2]);
    job.tokens = tokens.data(), job.ids = ids.data(), job.confidence = confidence.data();
    cpu::unmask_text(pool, {&job, 1});
    CHECK(ids == values<int32_t>(file.at(name + ".argmax")));
  }
}

TEST(text_logits_that_are_not_finite_are_named) {
  ThreadPool pool(2);
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    auto logits = noise_logits(3 * 50, 1, 2);
    logits[50 + 31] = bad;
    const std::vector<int32_t> tokens{4, 9, 11};
    std::vector<int32_t> ids(3);
    std::vector<double> confidence(3);
    TextUnmaskJob job;
    job.rows = 3, job.temperature = 0.5, job.tokens = tokens.data(), job.ids = ids.data(), job.confidence = confidence.data();
    job.logits[0].tensor = Tensor(logits.data(), 3, 50);
    CHECK_THROWS(cpu::unmask_text(pool, {&job, 1}), Code::model_corrupt, "token 9");
  }
}

TEST(exponentials_are_within_their_rounding) {
  for (int i = 0; i <= 20000; i++) {
    const double x = -90.0 * i / 20000, wide = -710.0 * i / 20000;
    const auto narrow = static_cast<float>(x);
    CHECK_NEAR(cpu::exp_negative(narrow), std::exp(double{narrow}), narrow < -87 ? 1.7e-38 : 2.4e-7 * std::exp(double{narrow}));
    CHECK_NEAR(cpu::exp_negative(wide), std::exp(wide), wide < -700 ? 1e-304 : 1e-15 * std::exp(wide));
  }
}

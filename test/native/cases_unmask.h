// Cases of unmask and unmask_text: guidance, what a floor rules out, our own random numbers, ties, rows of a shared tensor. Codes and ids
// are exact, confidences to f32's rounding, or f64's seen through f32.
#pragma once
#include "test/native/cases.h"

namespace cases {

struct TextShape {
  int64_t rows, vocabulary;
  int branches;
  double temperature;
  float scale;  // of the logits; 0: all equal
};

/// Tensor rows 2 r + 1 of branch 0 and rows - 1 - r of branch 1 are those of candidate r.
inline int64_t text_row(const TextShape& s, int branch, int64_t r) { return branch == 0 ? 2 * r + 1 : s.rows - 1 - r; }

inline Expected expected_text(const TextShape& s, const std::vector<float>& first, const std::vector<float>& second, float guidance,
                              uint64_t seed) {
  Expected ids, confidence;
  for (int64_t r = 0; r < s.rows; r++) {
    std::vector<double> logits, score;
    for (int64_t i = 0; i < s.vocabulary; i++) {
      const float c = first[static_cast<size_t>(text_row(s, 0, r) * s.vocabulary + i)];
      float guided = c;
      if (s.branches == 2) {
        const float u = second[static_cast<size_t>(text_row(s, 1, r) * s.vocabulary + i)];
        guided = u + (guidance + 1.0f) * (c - u);
      }
      logits.push_back(guided);
      const double u = uniform_f64(seed, static_cast<uint32_t>(i), static_cast<uint32_t>(r * 7 + 2), 5, Stream::text);
      score.push_back(s.temperature > 0 ? guided - s.temperature * std::log(-std::log(u)) : guided);
    }
    const auto best = std::max_element(score.begin(), score.end()) - score.begin();  // the lowest of equals
    const double top = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const double l : logits) sum += std::exp(l - top);
    const double p = std::exp(logits[static_cast<size_t>(best)] - top) / sum;
    ids.push(static_cast<double>(best), 0);
    confidence.push(p, 4 * kUnit * p);
  }
  ids.value.insert(ids.value.end(), confidence.value.begin(), confidence.value.end());
  ids.bound.insert(ids.bound.end(), confidence.bound.begin(), confidence.bound.end());
  return ids;
}

inline Case text_case(const TextShape& s) {
  constexpr float kGuidance = 1.5f;
  constexpr uint64_t kSeed = 0xfedcba9876543210ull;
  const auto first = std::make_shared<std::vector<float>>(random_values(2 * s.rows * s.vocabulary, 50, s.scale)),
             second = std::make_shared<std::vector<float>>(random_values(s.rows * s.vocabulary, 51, s.scale));
  Case c;
  c.name = text("unmask_text ", s.rows, "x", s.vocabulary, ", ", s.branches, " branches, temperature ", s.temperature, ", scale ", s.scale);
  c.bind = [=](Device& device) -> Bound {
    const auto a = std::make_shared<Guarded>(device, 2 * s.rows, s.vocabulary, 3, *first),
               b = std::make_shared<Guarded>(device, s.rows, s.vocabulary, 1, *second);
    const auto count = static_cast<size_t>(s.rows);
    const auto ids = std::make_shared<std::vector<int32_t>>(count, -1);
    const auto confidence = std::make_shared<std::vector<double>>(count, -1);
    return {[=, &device] {
              std::vector<int32_t> tokens, rows[2];
              for (int64_t r = 0; r < s.rows; r++) {
                tokens.push_back(static_cast<int32_t>(r * 7 + 2));
                for (int branch = 0; branch < 2; branch++) rows[branch].push_back(static_cast<int32_t>(text_row(s, branch, r)));
              }
              TextUnmaskJob job;
              job.rows = s.rows, job.branches = s.branches, job.guidance = kGuidance;
              job.temperature = s.temperature, job.seed = kSeed, job.step = 5, job.tokens = tokens.data();
              job.logits[0] = {a->tensor(), rows[0].data()}, job.logits[1] = {b->tensor(), rows[1].data()};
              job.ids = ids->data(), job.confidence = confidence->data();
              device.unmask_text({&job, 1});
              device.settle();
            },
            [=] {
              std::vector<float> out(ids->begin(), ids->end());
              for (const double p : *confidence) out.push_back(static_cast<float>(p));
              return out;
            }};
  };
  c.expected = [=](Compute) { return expected_text(s, *first, *second, kGuidance, kSeed); };
  return c;
}

struct PictureShape {
  int64_t rows, codes;
  int branches;
  float temperature, floor;
};

/// Tensor row of candidate r in each branch.
inline int64_t picture_row(const PictureShape& s, int branch, int64_t r) {
  return branch == 0 ? 2 * r + 1 : branch == 1 ? s.rows - 1 - r : r;
}

inline Expected expected_picture(const PictureShape& s, const std::vector<float> (&logits)[3], const float (&weight)[2], uint64_t seed) {
  Expected codes, confidence;
  for (int64_t r = 0; r < s.rows; r++) {
    const auto at = [&](int branch, int64_t i) { return logits[branch][static_cast<size_t>(picture_row(s, branch, r) * s.codes + i)]; };
    float likeliest = -INFINITY;
    for (int64_t i = 0; i < s.codes; i++) likeliest = std::max(likeliest, at(0, i));
    std::vector<float> guided, score;  // what a floor rules out has no score, but counts among the probabilities
    for (int64_t i = 0; i < s.codes; i++) {
      const float c = at(0, i);
      float g = c;
      if (s.branches == 2) g = (1.0f + weight[0]) * c - weight[0] * at(1, i);
      if (s.branches == 3) g = c + weight[0] * (c - at(1, i)) + weight[1] * (c - at(2, i));
      guided.push_back(g);
      const float u = uniform(seed, static_cast<uint32_t>(i), static_cast<uint32_t>(r * 5 + 3), 4, Stream::sample);
      const float drawn = s.temperature > 0 ? g / s.temperature - std::log(-std::log(u)) : g;
      score.push_back(std::exp(c - likeliest) < s.floor ? -INFINITY : drawn);
    }
    const auto best = std::max_element(score.begin(), score.end()) - score.begin();
    const double top = *std::max_element(guided.begin(), guided.end());
    double sum = 0;
    for (const double g : guided) sum += std::exp(g - top);
    const double p = std::exp(guided[static_cast<size_t>(best)] - top) / sum;
    codes.push(static_cast<double>(best), 0);
    confidence.push(p, p * kUnit * (64 + 4 * std::fabs(std::log(p))));  // the exponential's argument is rounded
  }
  codes.value.insert(codes.value.end(), confidence.value.begin(), confidence.value.end());
  codes.bound.insert(codes.bound.end(), confidence.bound.begin(), confidence.bound.end());
  return codes;
}

inline Case picture_case(const PictureShape& s) {
  static constexpr float kWeight[2] = {1.5f, 2.5f};
  constexpr uint64_t kSeed = 0x0123456789abcdefull;
  struct Logits {
    std::vector<float> of[3];
  };
  const auto logits = std::make_shared<Logits>();
  for (uint64_t branch = 0; branch < 3; branch++)
    logits->of[branch] = random_values((branch == 0 ? 2 : 1) * s.rows * s.codes, 60 + branch, 7);
  Case c;
  c.name = text("unmask ", s.rows, "x", s.codes, ", ", s.branches, " branches, temperature ", s.temperature, ", floor ", s.floor);
  c.bind = [=](Device& device) -> Bound {
    std::vector<std::shared_ptr<Guarded>> tensors;
    for (int branch = 0; branch < 3; branch++)
      tensors.push_back(std::make_shared<Guarded>(device, (branch == 0 ? 2 : 1) * s.rows, s.codes, branch, logits->of[branch]));
    const auto count = static_cast<size_t>(s.rows);
    const auto codes = std::make_shared<std::vector<int32_t>>(count, -1);
    const auto confidence = std::make_shared<std::vector<float>>(count, -1.0f);
    return {[=, &device] {
              std::vector<int32_t> cells, rows[3];
              for (int64_t r = 0; r < s.rows; r++) {
                cells.push_back(static_cast<int32_t>(r * 5 + 3));
                for (int branch = 0; branch < 3; branch++) rows[branch].push_back(static_cast<int32_t>(picture_row(s, branch, r)));
              }
              UnmaskJob job;
              job.rows = s.rows, job.branches = s.branches, job.guidance[0] = kWeight[0], job.guidance[1] = kWeight[1];
              job.floor = s.floor, job.temperature = s.temperature, job.seed = kSeed, job.step = 4, job.cells = cells.data();
              for (int branch = 0; branch < s.branches; branch++)
                job.logits[branch] = {tensors[static_cast<size_t>(branch)]->tensor(), rows[branch].data()};
              job.codes = codes->data(), job.confidence = confidence->data();
              device.unmask({&job, 1});
              device.settle();
            },
            [=] {
              std::vector<float> out(codes->begin(), codes->end());
              out.insert(out.end(), confidence->begin(), confidence->end());
              return out;
            }};
  };
  c.expected = [=](Compute) { return expected_picture(s, logits->of, kWeight, kSeed); };
  return c;
}

inline std::vector<Case> unmask_cases() {
  std::vector<Case> all;
  for (const PictureShape& s : {PictureShape{5, 37, 1, 0, 0},
                                {6, 130, 1, 1, 0.2f},
                                {9, 667, 2, 0, 0},
                                {9, 667, 2, 0, 0.3f},
                                {7, 515, 2, 0.6f, 0.05f},
                                {7, 515, 3, 0.6f, 0},
                                {7, 515, 3, 0.6f, 0.1f},
                                {4, 515, 3, 0.8f, 1},
                                {2, 12000, 3, 0.8f, 0.01f}})
    all.push_back(picture_case(s));
  for (const TextShape& s : {TextShape{1, 1, 1, 0, 1},
                             {5, 37, 1, 0, 4},
                             {9, 667, 2, 0, 8},
                             {4, 33, 1, 0, 0},
                             {4, 33, 1, 1, 0},
                             {17, 1003, 2, 0.7, 6},
                             {3, 5000, 1, 1, 0.5},
                             {3, 800, 1, 2.5, 90}})
    all.push_back(text_case(s));
  return all;
}

}  // namespace cases

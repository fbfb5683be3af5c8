// What a run is asked to decode, and how it is treated.
#pragma once
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "diffusion/answer.h"
#include "diffusion/picture.h"
#include "model/hyperparameters.h"

namespace dimoo {

enum class Delivery { latest, all, none };

/// Recorded uniforms of one step in place of Philox (tests).
struct StepNoise {
  std::vector<float> sample, cut;
  std::vector<double> text;
};

struct RunRequest {
  std::string id;  // empty: one that no other run has
  std::shared_ptr<const Layout> layout;
  std::vector<float> guidance;
  float floor = 0;  // of pictures, 0 to 1: see UnmaskJob
  std::variant<PictureRequest, AnswerRequest> target;
  std::vector<uint64_t> seeds;  // one picture each; one for an answer
  float temperature = 0;
  ReusePtr reuse = no_reuse();
  bool pixels = true;          // pictures are decoded at the end; otherwise only their codes are wanted
  std::vector<int32_t> probe;  // ids whose probabilities at the answer's first token are the result
  int64_t priority = 0;        // larger goes first
  std::string tag;             // key of fair sharing
  Delivery delivery = Delivery::latest;
  int64_t buffer = 1;
  std::vector<StepNoise> noise;
  std::vector<uint8_t> state;  // to go on from: the state of a `Snapshot` of the same request
  Resume resume = Resume::exact;

  const PictureRequest* picture() const { return std::get_if<PictureRequest>(&target); }
  const AnswerRequest* answer() const { return std::get_if<AnswerRequest>(&target); }
  int64_t steps() const { return picture() ? picture()->steps : answer()->steps; }
};

/// request/invalid naming what lies out of its bounds or does not fit the rest, model/unsupported for pictures of a text model. Nothing
/// behind checks again.
void check(const RunRequest& request, const Hyperparameters& hyper);

}  // namespace dimoo

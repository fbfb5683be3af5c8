// A model on the golden checkpoint, requests for it, and a gate that holds the engine while a test lines up its runs.
#pragma once
#include <future>

#include "engine/model.h"
#include "test/native/golden.h"

namespace engine_fixture {

using namespace dimoo;

constexpr int64_t kSide = 4;  // cells

inline LoadOptions options_for(const std::string& source = golden::path("checkpoint")) {
  LoadOptions options;
  options.source = source;
  options.threads = 2;
  options.precision = Precision::f32;
  return options;
}

inline RunRequest request_for(const Model& model, uint64_t seed, int64_t steps = 4) {
  const Hyperparameters& hyper = model.weights().hyper;
  auto layout = std::make_shared<Layout>();
  layout->rows = layout->columns = kSide;
  layout->mask_token = hyper.tokens.mask, layout->row_end_token = hyper.tokens.row_end, layout->offset = hyper.code_offset;
  layout->prefixes = {{5, 6, 7, 8, hyper.tokens.image_begin}, {9, hyper.tokens.image_begin}};
  layout->suffixes.assign(2, {hyper.tokens.image_end, hyper.tokens.answer_end});
  RunRequest request;
  request.layout = std::move(layout);
  request.guidance = {2.0f};
  request.target = PictureRequest{std::vector<int32_t>(kSide * kSide, -1), steps, {}};
  request.seeds = {seed};
  request.temperature = 1;
  return request;
}

inline PictureRequest& picture_of(RunRequest& request) { return std::get<PictureRequest>(request.target); }

inline int64_t rows_for(const RunRequest& request) { return request.layout->all_rows(); }

/// A run of many passes and pictures: a canvas itself takes no more steps than it has cells.
inline RunRequest long_request_for(const Model& model, uint64_t seed) {
  RunRequest request = request_for(model, seed, 4096);
  request.seeds.assign(64, seed);
  return request;
}

/// A run whose end can be waited for.
class Reader {
 public:
  Reader(Model& model, RunRequest request)
      : bell_(std::make_shared<Bell>()), run(model.start(std::move(request), [bell = bell_] { bell->ring(); })) {}

  Outcome& end() {
    std::unique_lock lock(bell_->mutex);
    Outcome* outcome = nullptr;
    if (!bell_->rung.wait_for(lock, std::chrono::seconds(60), [&] { return (outcome = run->outcome()) != nullptr; }))
      check::failed(__FILE__, __LINE__, "the run did not end");
    return *outcome;
  }
  /// The next step; waits for it.
  StepEvent step() {
    StepEvent event;
    std::unique_lock lock(bell_->mutex);
    if (!bell_->rung.wait_for(lock, std::chrono::seconds(60), [&] { return run->next(event) == Run::Next::step; }))
      check::failed(__FILE__, __LINE__, "no step came");
    return event;
  }
  std::vector<int32_t> tokens() { return end().pictures.at(0).tokens; }

 private:
  struct Bell {
    std::mutex mutex;
    std::condition_variable rung;
    void ring() {
      { std::lock_guard lock(mutex); }
      rung.notify_all();
    }
  };
  std::shared_ptr<Bell> bell_;

 public:
  const std::shared_ptr<Run> run;
};

/// While it stands, the engine's thread does nothing else.
class Gate {
 public:
  explicit Gate(const LoadOptions& options) : engine_(Engine::acquire(options)) {
    std::promise<void> reached;
    auto closed = reached.get_future();
    thread_ = std::thread([this, &reached] {
      engine_->perform(2, [&](Device&) {
        reached.set_value();
        open_.get_future().wait();
      });
    });
    closed.wait();
  }
  ~Gate() {
    if (thread_.joinable()) open();
  }
  void open() {
    open_.set_value();
    thread_.join();
  }

 private:
  std::shared_ptr<Engine> engine_;
  std::promise<void> open_;
  std::thread thread_;
};

inline std::vector<int32_t> alone(Model& model, uint64_t seed, int64_t steps = 4) {
  return Reader(model, request_for(model, seed, steps)).tokens();
}

}  // namespace engine_fixture

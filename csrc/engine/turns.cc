// Turns that the device works for: one picture's decoding, or one pass of whoever is ready. Meanwhile the lock is free, so that
// runs may come, be read and be cancelled.
#include <algorithm>
#include <new>

#include "engine/engine.h"

namespace dimoo {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

int64_t rows_of(const CanvasLayout& layout) {
  int64_t rows = 0;
  for (int64_t branch = 0; branch < layout.branches(); branch++) rows += layout.sequence(branch);
  return rows;
}

Error as_error(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {Code::device_out_of_memory, "the process has no memory left"};
  } catch (const std::exception& error) {
    return {Code::internal, error.what()};
  }
}

/// Recorded uniforms must be as many as the step reads.
void take_noise(const StepNoise& noise, int64_t codebook, Seat& seat) {
  const size_t masked = seat.canvas->masked().size(), samples = masked * static_cast<size_t>(codebook);
  if (noise.cut.size() != masked || noise.sample.size() != samples)
    fail(Code::request_invalid, "noise of step ", seat.canvas->step(), ": expected ", samples, " and ", masked, " values, got ",
         noise.sample.size(), " and ", noise.cut.size());
  seat.sample_noise = noise.sample.data(), seat.cut_noise = noise.cut.data();
}

}  // namespace

/// Works without the lock; the work is abandoned once all these runs are cancelled. What it threw is returned.
std::exception_ptr Engine::fly(std::unique_lock<std::mutex>& lock, std::vector<std::shared_ptr<Run>> runs, FunctionRef<void()> work) {
  CancelToken cancel;
  in_flight_ = std::move(runs);
  pass_cancel_ = &cancel;
  if (std::all_of(in_flight_.begin(), in_flight_.end(), [](const auto& run) { return run->cancelled(); })) cancel.cancel();
  lock.unlock();
  device_->set_cancel(&cancel);
  std::exception_ptr error;
  try {
    work();
  } catch (...) {
    error = std::current_exception();
  }
  device_->set_cancel(nullptr);
  lock.lock();
  in_flight_.clear();
  pass_cancel_ = nullptr;
  changed_.notify_all();
  return error;
}

void Engine::decode_picture(std::unique_lock<std::mutex>& lock, size_t index) {
  const Entry entry = runs_[index];
  const auto at = runs_.begin() + static_cast<std::ptrdiff_t>(index);
  std::rotate(at, at + 1, runs_.end());
  const auto start = Clock::now();
  const auto error = fly(lock, {entry.run}, [&] {
    const CanvasLayout& layout = *entry.run->request().layout;
    const int64_t scale = entry.weights->hyper.vq.scale();
    Picture picture;
    picture.tokens = entry.run->canvases()[static_cast<size_t>(entry.run->next_picture())].cells();
    picture.width = layout.columns * scale;
    picture.height = layout.rows * scale;
    picture.pixels.resize(static_cast<size_t>(picture.width * picture.height * 3));
    entry.weights->vq->decode(picture.tokens, layout.rows, layout.columns, picture.pixels);
    entry.run->record_picture(std::move(picture), ms_since(start));
  });
  if (error) entry.run->fail(as_error(error));
}

/// Seats those pictures of a run that are furthest behind, as far as the budget goes; an empty pass takes at least one.
void Engine::seat_run(const Entry& entry, Seating& s) {
  Run& run = *entry.run;
  const RunRequest& request = run.request();
  const int64_t need = rows_of(*request.layout), budget = std::min(s.budget, entry.budget);
  int64_t step = INT64_MAX;
  for (const Canvas& canvas : run.canvases())
    if (!canvas.done()) step = std::min(step, canvas.step());
  for (size_t image = 0; image < run.canvases().size(); image++) {
    Canvas& canvas = run.canvases()[image];
    if (canvas.done() || canvas.step() != step || (s.rows > 0 && s.rows + need > budget)) continue;
    Seat seat;
    seat.canvas = &canvas;
    seat.layout = request.layout.get();
    seat.guidance = request.guidance;
    seat.temperature = request.temperature;
    if (!request.noise.empty()) take_noise(request.noise[static_cast<size_t>(canvas.step())], s.weights->hyper.vq.codebook_size, seat);
    s.rows += need;
    s.budget = budget;
    s.seats.push_back(std::move(seat));
    s.parts.push_back({entry, static_cast<int64_t>(image)});
  }
}

/// Whoever is ready among the runs on these weights, in turn. Those served go to the back of the queue.
Engine::Seating Engine::seat_ready(size_t first) {
  Seating s;
  s.weights = runs_[first].weights;
  s.budget = runs_[first].budget;
  const bool alone = runs_[first].alone;
  std::deque<Entry> served, left;
  for (size_t i = 0; i < runs_.size(); i++) {
    Entry& entry = runs_[i];
    const size_t before = s.parts.size();
    const bool may = i == first || (!alone && !entry.alone);
    try {
      if (may && entry.weights == s.weights && entry.run->ready()) seat_run(entry, s);
    } catch (const Error& error) {
      entry.run->fail(error);
    }
    const bool seated = s.parts.size() > before;
    if (seated) entry.alone = false;
    (seated ? served : left).push_back(std::move(entry));
  }
  runs_ = std::move(left);
  for (Entry& entry : served) runs_.push_back(std::move(entry));
  return s;
}

/// A pass that fails is taken apart: each of its runs goes alone next time, so that only the cause's own run fails.
void Engine::run_pass(std::unique_lock<std::mutex>& lock, size_t first) {
  Seating s = seat_ready(first);
  if (s.parts.empty()) return;  // cancelled just now
  std::vector<std::shared_ptr<Run>> runs;
  std::map<std::shared_ptr<Tally>, int64_t> steps;
  for (const Part& part : s.parts) {
    if (runs.empty() || runs.back() != part.entry.run) runs.push_back(part.entry.run);
    steps[part.entry.tally]++;
  }
  device_->set_panel_budget(panel_budget());
  const auto start = Clock::now();
  const auto error = fly(lock, runs, [&] {
    s.weights->pass->run(s.seats);
    const double ms = ms_since(start);
    for (const auto& run : runs) run->record_pass(ms);
    for (size_t i = 0; i < s.parts.size(); i++) s.parts[i].entry.run->record(s.parts[i].image, s.seats[i].rows, s.seats[i].fixed);
    for (const auto& [tally, count] : steps) tally->count_pass(s.rows, count, ms);
  });
  if (!error) return;
  if (runs.size() == 1) return runs.front()->fail(as_error(error));
  for (Entry& entry : runs_) entry.alone |= std::find(runs.begin(), runs.end(), entry.run) != runs.end();
}

int64_t Engine::panel_budget() {
  int64_t budget = 0;
  for (const auto& [name, weights] : bound_)
    if (const auto alive = weights.lock()) budget += alive->panel_budget;
  return budget;
}

}  // namespace dimoo

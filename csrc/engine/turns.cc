// Turns that the device works for: one picture's decoding, or one pass of whoever is ready. Meanwhile the lock is free, so that
// runs may come, be read and be cancelled.
#include <algorithm>
#include <new>
#include <set>

#include "engine/engine.h"

namespace dimoo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSmoothing = 0.9;  // share of what was known of the speed before the last pass

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

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
void take_noise(const RunRequest& request, int64_t values, Seat& seat) {
  if (request.noise.empty()) return;
  const auto step = static_cast<size_t>(seat.canvas->step());
  if (step >= request.noise.size()) fail(Code::request_invalid, "noise: expected more than ", step, " steps, got ", request.noise.size());
  const StepNoise& noise = request.noise[step];
  const size_t rows = seat.canvas->wanted().size(), samples = rows * static_cast<size_t>(values);
  const bool picture = request.picture() != nullptr;
  const size_t found = picture ? noise.sample.size() : noise.text.size();
  if (found != samples || (picture && noise.cut.size() != rows))
    fail(Code::request_invalid, "noise of step ", step, ": expected ", samples, " and ", rows, " values, got ", found, " and ",
         noise.cut.size());
  seat.sample_noise = noise.sample.data(), seat.cut_noise = noise.cut.data(), seat.text_noise = noise.text.data();
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

/// Nothing is left to decide: a picture's pixels are due, counted like the rows that the device could have done meanwhile.
void Engine::finish_decoded(std::unique_lock<std::mutex>& lock, size_t index) {
  Entry& entry = runs_[index];
  const std::shared_ptr<Run> run = entry.run;
  if (run->request().answer()) return run->record_answer();
  const std::shared_ptr<Weights> weights = entry.weights;
  const int64_t arrival = entry.arrival, maps = entry.vq_maps;
  device_->set_threads(entry.threads);
  entry.turn = ++turns_;
  const auto start = Clock::now();
  const auto error = fly(lock, {run}, [&] {
    const Layout& layout = *run->request().layout;
    const int64_t scale = weights->hyper.vq.scale();
    DecodedPicture picture;
    picture.tokens = run->desks()[static_cast<size_t>(run->next_picture())].canvas->cells();
    if (!run->request().pixels) return run->record_picture(std::move(picture), 0);
    picture.width = layout.columns * scale;
    picture.height = layout.rows * scale;
    picture.pixels.resize(static_cast<size_t>(picture.width * picture.height * 3));
    weights->vq->set_map_budget(maps);
    weights->vq->decode(picture.tokens, layout.rows, layout.columns, picture.pixels);
    run->record_picture(std::move(picture), ms_since(start));
  });
  for (const Entry& known : runs_)
    if (known.arrival == arrival) charge(known, static_cast<int64_t>(ms_since(start) * rows_per_ms_));
  if (error) run->fail(as_error(error));
}

/// Seats those canvases of a run that are furthest behind, as far as the budget goes; an empty pass takes at least one.
void Engine::seat_run(Entry& entry, Seating& s) {
  const RunRequest& request = entry.run->request();
  const Slice slice = request.picture() ? Slice::codes : Slice::vocabulary;
  const int64_t budget = std::min(s.budget, entry.budget);
  int64_t step = INT64_MAX;
  for (const Run::Desk& desk : entry.run->desks())
    if (!desk.canvas->done()) step = std::min(step, desk.canvas->step());
  for (size_t image = 0; image < entry.run->desks().size(); image++) {
    Run::Desk& desk = entry.run->desks()[image];
    if (desk.canvas->done() || desk.canvas->step() != step) continue;
    const int64_t need = rows_to_compute(*desk.canvas, desk.memo.get());
    if (s.rows > 0 && s.rows + need > budget) continue;
    Seat seat;
    seat.canvas = desk.canvas.get();
    seat.memo = desk.memo.get();
    seat.slice = slice;
    seat.guidance = request.guidance;
    seat.floor = request.floor;
    seat.temperature = request.temperature;
    seat.probe = request.probe;
    take_noise(request, s.weights->backbone->slice_width(slice), seat);
    s.rows += need;
    s.budget = budget;
    s.seats.push_back(std::move(seat));
    s.parts.push_back({entry, image, request.layout->all_rows()});
    charge(entry, need);
    entry.turn = turns_;
  }
}

/// `first`, then whoever is ready among the runs on its weights, always the one whose turn it is.
Engine::Seating Engine::seat_ready(size_t first) {
  Seating s;
  s.weights = runs_[first].weights;
  s.budget = runs_[first].budget;
  turns_++;
  const bool alone = runs_[first].alone;
  std::set<size_t> left;
  for (size_t i = 0; i < runs_.size(); i++)
    if (i == first || (!alone && !runs_[i].alone && runs_[i].weights == s.weights && runs_[i].run->ready())) left.insert(i);
  for (size_t next = first;;) {
    left.erase(next);
    try {
      seat_run(runs_[next], s);
    } catch (const Error& error) {
      runs_[next].run->fail(error);
    }
    if (left.empty() || s.rows >= s.budget) break;
    next = *std::min_element(left.begin(), left.end(), [this](size_t a, size_t b) { return rank(runs_[a]) < rank(runs_[b]); });
  }
  for (const Part& part : s.parts)
    for (Entry& entry : runs_)
      if (entry.run == part.entry.run) entry.alone = false;
  return s;
}

/// What a pass does while the lock is free.
void Engine::fly_pass(Seating& s, std::span<const std::shared_ptr<Run>> runs) {
  const auto start = Clock::now();
  for (size_t i = 0; i < s.seats.size(); i++) {
    Run::Desk& desk = s.parts[i].entry.run->desks()[s.parts[i].image];
    if (!desk.memo && desk.canvas->plan().keeps)
      desk.memo = std::make_unique<Memo>(*device_, s.weights->hyper, s.weights->backbone->kv_type(), desk.canvas->layout());
    s.seats[i].memo = desk.memo.get();
  }
  s.weights->pass->run(s.seats);
  const double ms = ms_since(start);
  std::map<Tally*, int64_t> steps, reused;
  for (const auto& run : runs) run->record_pass(ms);
  for (size_t i = 0; i < s.parts.size(); i++) {
    const Part& part = s.parts[i];
    Seat& seat = s.seats[i];
    Run& run = *part.entry.run;
    if (!seat.probe.empty()) run.record_probe(std::move(seat.probabilities));
    run.record(static_cast<int64_t>(part.image), seat.pass, seat.block, seat.rows, seat.fixed);
    steps[part.entry.tally.get()]++, reused[part.entry.tally.get()] += part.full_rows - seat.rows;
    if (run.request().answer() && seat.canvas->done()) run.record_answer();
    if (seat.canvas->done()) run.desks()[part.image].memo.reset();
  }
  for (const auto& [tally, count] : steps) tally->count_pass(s.rows, reused[tally], count, ms, s.weights->pass->forward_ms());
  rows_per_ms_ = rows_per_ms_ == 0 ? static_cast<double>(s.rows) / ms
                                   : kSmoothing * rows_per_ms_ + (1 - kSmoothing) * static_cast<double>(s.rows) / ms;
}

/// A pass that fails is taken apart: each of its runs goes alone next time, so that only the cause's own run fails. False: it is held
/// back for more runs to come.
bool Engine::run_pass(std::unique_lock<std::mutex>& lock, size_t first) {
  const auto ready_at = runs_[first].ready_at;
  if (Clock::now() < ready_at && !stop_ && fills_no_pass(first)) {
    look_again_ = ready_at;
    return false;
  }
  Seating s = seat_ready(first);
  if (s.parts.empty()) return true;  // cancelled just now
  std::vector<std::shared_ptr<Run>> runs;
  for (const Part& part : s.parts)
    if (std::find(runs.begin(), runs.end(), part.entry.run) == runs.end()) runs.push_back(part.entry.run);
  device_->set_panel_budget(panel_budget());
  device_->set_threads(std::max_element(s.parts.begin(), s.parts.end(), [](const Part& a, const Part& b) {
                         return a.entry.threads < b.entry.threads;
                       })->entry.threads);
  const auto error = fly(lock, runs, [&] { fly_pass(s, runs); });
  if (!error) return true;
  if (runs.size() == 1) {
    runs.front()->fail(as_error(error));
    return true;
  }
  for (Entry& entry : runs_) entry.alone |= std::find(runs.begin(), runs.end(), entry.run) != runs.end();
  return true;
}

/// Whether the runs that are ready leave a pass with room; only runs that have taken no step are held back.
bool Engine::fills_no_pass(size_t first) const {
  int64_t rows = 0;
  for (const Entry& entry : runs_)
    if (entry.run->ready() && entry.weights == runs_[first].weights)
      rows += static_cast<int64_t>(entry.run->desks().size()) * entry.run->request().layout->all_rows();
  const bool begun = std::any_of(runs_.begin(), runs_.end(), [](const Entry& entry) {
    return entry.run->ready() &&
           std::any_of(entry.run->desks().begin(), entry.run->desks().end(), [](const Run::Desk& desk) { return desk.canvas->step() > 0; });
  });
  return !begun && rows < runs_[first].budget;
}

int64_t Engine::panel_budget() {
  int64_t budget = 0;
  for (const auto& [name, weights] : bound_)
    if (const auto alive = weights.lock()) budget += alive->panel_budget;
  return budget;
}

}  // namespace dimoo

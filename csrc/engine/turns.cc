// Turns that the device works for: one picture's decoding, or one pass of whoever is ready. Meanwhile the lock is free, so that
// runs may come, be read and be cancelled.
#include <algorithm>

#include "engine/engine.h"

namespace dimoo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSmoothing = 0.9;  // share of what was known of the speed before the last pass

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

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

/// Decodes the next picture of a run whose cells are all decided.
void decode_picture(Run& run, Weights& weights, int64_t maps) {
  const auto start = Clock::now();
  const Layout& layout = *run.request().layout;
  const int64_t scale = weights.hyper.vq.scale();
  DecodedPicture picture;
  picture.tokens = run.desks()[static_cast<size_t>(run.next_picture())].canvas->cells();
  if (!run.request().pixels) return run.record_picture(std::move(picture), 0);
  picture.width = layout.columns * scale;
  picture.height = layout.rows * scale;
  picture.pixels.resize(static_cast<size_t>(picture.width * picture.height * 3));
  weights.vq->set_map_budget(maps);
  weights.vq->decode(picture.tokens, layout.rows, layout.columns, picture.pixels);
  run.record_picture(std::move(picture), ms_since(start));
}

}  // namespace

/// Works without the lock for the entries in flight; the work is abandoned once nobody waits for any of them. What it threw is returned.
std::exception_ptr Engine::fly(Lock& lock, FunctionRef<void()> work) noexcept {
  CancelToken cancel;
  pass_cancel_ = &cancel;
  if (nobody_waits()) cancel.cancel();
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
  for (const auto& entry : runs_) entry->in_flight = false;
  pass_cancel_ = nullptr;
  changed_.notify_all();
  return error;
}

/// Nothing is left to decide: a picture's pixels are due, counted like the rows that the device could have done meanwhile.
void Engine::finish_decoded(Lock& lock, Entry& entry) {
  scheduler_.begin_turn(entry);
  entry.in_flight = true;
  const auto start = Clock::now();
  const auto error = fly(lock, [&] {
    if (entry.run->request().answer()) return entry.run->record_answer();
    device_->set_threads(entry.threads);
    decode_picture(*entry.run, *entry.bound, entry.vq_maps);
  });
  scheduler_.charge(entry, static_cast<int64_t>(ms_since(start) * rows_per_ms_));
  if (error) end(lock, entry, error_of(error));
}

/// Seats those canvases of a run that are furthest behind, as far as the budget goes; an empty pass takes at least one.
void Engine::seat_run(Entry& entry, Seating& s) {
  Run& run = *entry.run;
  const RunRequest& request = run.request();
  const Slice slice = request.picture() ? Slice::codes : Slice::vocabulary;
  const int64_t budget = std::min(s.budget, entry.budget);
  s.seats.reserve(s.seats.size() + run.desks().size());
  s.parts.reserve(s.parts.size() + run.desks().size());
  int64_t step = INT64_MAX;
  for (const Run::Desk& desk : run.desks())
    if (!desk.canvas->done()) step = std::min(step, desk.canvas->step());
  for (size_t image = 0; image < run.desks().size(); image++) {
    Run::Desk& desk = run.desks()[image];
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
    s.parts.push_back({&entry, image});
    entry.in_flight = true;
    scheduler_.seat(entry, need);
  }
}

/// `first`, then whoever is ready among the runs on its weights, always the one whose turn it is.
Engine::Seating Engine::seat_ready(Lock& lock, Entry& first) {
  Seating s;
  s.weights = first.bound;
  s.budget = first.budget;
  scheduler_.begin_pass(first);
  for (Candidate* next = scheduler_.next_mate(); next; next = s.rows < s.budget ? scheduler_.next_mate() : nullptr) {
    auto& entry = static_cast<Entry&>(*next);
    try {
      seat_run(entry, s);
    } catch (...) {
      end(lock, entry, error_of(std::current_exception()));
    }
  }
  return s;
}

/// What a pass does while the lock is free.
void Engine::fly_pass(Seating& s) {
  const auto start = Clock::now();
  for (size_t i = 0; i < s.seats.size(); i++) {
    Run::Desk& desk = s.parts[i].entry->run->desks()[s.parts[i].image];
    if (!desk.memo && desk.canvas->work().keeps)
      desk.memo = std::make_unique<Memo>(*device_, s.weights->hyper, s.weights->backbone->kv_type(), desk.canvas->layout());
    s.seats[i].memo = desk.memo.get();
  }
  s.weights->pass->run(s.seats);
  record_pass(s, ms_since(start));
}

/// Every canvas has taken its step, so nothing may keep the others from hearing of theirs: what fails here ends that run alone.
void Engine::record_pass(Seating& s, double ms) noexcept {
  const auto first_of = [&](size_t i, auto same) {
    return std::find_if(s.parts.begin(), s.parts.begin() + static_cast<std::ptrdiff_t>(i), same) ==
           s.parts.begin() + static_cast<std::ptrdiff_t>(i);
  };
  for (size_t i = 0; i < s.parts.size(); i++)
    if (first_of(i, [&](const Part& part) { return part.entry == s.parts[i].entry; })) s.parts[i].entry->run->record_pass(ms);
  for (size_t i = 0; i < s.parts.size(); i++) {
    const Part& part = s.parts[i];
    Seat& seat = s.seats[i];
    Run& run = *part.entry->run;
    try {
      if (seat.error) std::rethrow_exception(seat.error);
      if (!seat.probe.empty()) run.record_probe(std::move(seat.probabilities));
      run.record(static_cast<int64_t>(part.image), seat.pass, seat.block, seat.rows, seat.fixed);
      if (run.request().answer() && seat.canvas->done()) run.record_answer();
    } catch (...) {
      run.fail(error_of(std::current_exception()));
    }
    if (seat.canvas->done()) run.desks()[part.image].memo.reset();
  }
  for (size_t i = 0; i < s.parts.size(); i++) {
    Tally& tally = *s.parts[i].entry->tally;
    if (!first_of(i, [&](const Part& part) { return part.entry->tally.get() == &tally; })) continue;
    int64_t steps = 0, reused = 0;
    for (size_t j = i; j < s.parts.size(); j++)
      if (s.parts[j].entry->tally.get() == &tally) steps++, reused += s.parts[j].entry->run->request().layout->all_rows() - s.seats[j].rows;
    tally.count_pass(s.rows, reused, steps, ms, s.weights->pass->forward_ms());
  }
  const double rows_per_ms = static_cast<double>(s.rows) / ms;
  rows_per_ms_ = rows_per_ms_ == 0 ? rows_per_ms : kSmoothing * rows_per_ms_ + (1 - kSmoothing) * rows_per_ms;
}

/// A pass that fails is taken apart: each of its runs goes alone next time, so that only the cause's own run fails.
void Engine::run_pass(Lock& lock, Entry& first) {
  Seating s = seat_ready(lock, first);
  if (s.parts.empty()) return;
  int threads = 1;
  for (const Part& part : s.parts) threads = std::max(threads, part.entry->threads);
  const int64_t panels = panel_budget();
  const auto error = fly(lock, [&] {
    device_->set_panel_budget(panels);
    device_->set_threads(threads);
    fly_pass(s);
  });
  if (!error) return;
  const bool alone = std::all_of(s.parts.begin(), s.parts.end(), [&](const Part& part) { return part.entry == s.parts.front().entry; });
  if (alone) return end(lock, *s.parts.front().entry, error_of(error));
  for (const Part& part : s.parts) part.entry->alone = true;
}

int64_t Engine::panel_budget() noexcept {
  int64_t budget = 0;
  for (const auto& [name, weights] : bound_)
    if (const auto alive = weights.lock()) budget += alive->panel_budget;
  return budget;
}

}  // namespace dimoo

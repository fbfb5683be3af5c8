// The doorbell is rung, and the keeper told, without the lock held.
#include "engine/run.h"

#include <algorithm>
#include <utility>

#include "engine/tally.h"

namespace dimoo {
namespace {

constexpr int64_t kStateLayout = 2;     // of `write_state`
constexpr int64_t kRemaskedBytes = 24;  // of one remasking there

}  // namespace

const char* run_state_name(RunState state) {
  switch (state) {
    case RunState::queued: return "queued";
    case RunState::running: return "running";
    case RunState::paused: return "paused";
    case RunState::done: return "done";
    case RunState::failed: return "failed";
    case RunState::aborted: return "aborted";
  }
  return "failed";
}

Run::Run(RunRequest request, const Hyperparameters& hyper, std::function<void()> doorbell)
    : request_(std::move(request)), doorbell_(std::move(doorbell)) {
  for (const uint64_t seed : request_.seeds) {
    Desk desk;
    if (const PictureRequest* picture = request_.picture())
      desk.canvas = std::make_unique<Picture>(request_.layout, *picture, request_.reuse, seed);
    else
      desk.canvas = std::make_unique<Answer>(request_.layout, *request_.answer(), request_.reuse, seed);
    desks_.push_back(std::move(desk));
  }
  pictures_.reserve(desks_.size());
  const int64_t values = request_.picture() ? hyper.vq.codebook_size : hyper.vocab;
  if (!request_.state.empty()) restore(request_.state, static_cast<int32_t>(values - 1));
}

void Run::set_keeper(std::weak_ptr<RunKeeper> keeper, std::shared_ptr<Tally> tally) {
  keeper_ = std::move(keeper), tally_ = std::move(tally);
}

Run::Next Run::next(StepEvent& out) {
  bool resumes = false;
  {
    std::lock_guard lock(mutex_);
    if (events_.empty() || state_ == RunState::aborted || state_ == RunState::failed) {
      if (dimoo::ended(state_)) return Next::ended;
      wants_step_ = true;
      return Next::none;
    }
    out = std::move(events_.front());
    events_.pop_front();
    resumes = request_.delivery == Delivery::all;
  }
  if (resumes) tell_keeper();
  return Next::step;
}

Outcome* Run::outcome() {
  std::lock_guard lock(mutex_);
  return dimoo::ended(state_) ? &outcome_ : nullptr;
}

RunState Run::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

bool Run::decoded() const noexcept {
  return std::all_of(desks_.begin(), desks_.end(), [](const Desk& desk) { return desk.canvas->done(); });
}

Standing Run::standing() const noexcept {
  Standing now;
  for (const Desk& desk : desks_)
    if (!desk.canvas->done()) now.rows_left += (desk.canvas->steps() - desk.canvas->step()) * request_.layout->all_rows();
  const bool over = decoded();
  std::lock_guard lock(mutex_);
  now.placed = state_ == RunState::running;
  now.begun = begun_.has_value();
  now.stepped = outcome_.forward_passes > 0;
  if (state_ == RunState::queued) now.wants = Wants::place;
  if (state_ != RunState::running) return now;
  const bool unread = request_.delivery == Delivery::all && static_cast<int64_t>(events_.size()) >= request_.buffer;
  if (over)
    now.wants = Wants::finish;
  else if (!unread)
    now.wants = Wants::step;
  return now;
}

/// With the lock held.
void Run::move_to(RunState state) noexcept {
  if (tally_) tally_->move(state_, state);
  state_ = state;
}

void Run::begin() noexcept {
  std::lock_guard lock(mutex_);
  if (state_ != RunState::queued) return;
  move_to(RunState::running);
  if (begun_) return;
  begun_ = Clock::now();
  outcome_.queued_ms = ms_between(created_, *begun_);
}

void Run::cancel() noexcept {
  cancelled_.store(true);
  finish(RunState::aborted);
  tell_keeper();
}

void Run::set_paused(bool paused) noexcept {
  {
    std::lock_guard lock(mutex_);
    wants_pause_ = paused;
  }
  tell_keeper();
}

void Run::tell_keeper() noexcept {
  if (const auto keeper = keeper_.lock()) keeper->look_again();
}

void Run::remask(int64_t image, std::vector<uint32_t> cells) {
  if (!request_.picture()) dimoo::fail(Code::request_invalid, "remask: expected a run that draws pictures");
  if (image < 0 || image >= static_cast<int64_t>(request_.seeds.size()))
    dimoo::fail(Code::request_invalid, "remask: image must lie in 0..", request_.seeds.size() - 1, ", got ", image);
  for (const uint32_t cell : cells)
    if (cell >= request_.layout->cells())
      dimoo::fail(Code::request_invalid, "remask: cells must lie in 0..", request_.layout->cells() - 1, ", got ", cell);
  {
    std::lock_guard lock(mutex_);
    if (dimoo::ended(state_) || desks_[static_cast<size_t>(image)].closed)
      dimoo::fail(Code::request_invalid, "remask: expected a picture with steps left, got one whose last step is done");
    remasks_.push_back({image, std::move(cells)});
  }
  tell_keeper();
}

std::optional<Snapshot> Run::snapshot() {
  {
    std::lock_guard lock(mutex_);
    if (dimoo::ended(state_)) dimoo::fail(Code::request_invalid, "snapshot: expected a run under way, got one that has ended");
    if (snapshot_error_) throw *std::exchange(snapshot_error_, std::nullopt);
    if (snapshot_) return std::exchange(snapshot_, std::nullopt);
    wants_snapshot_ = true;
  }
  tell_keeper();
  return {};
}

Run::Settled Run::settle() noexcept {
  Settled settled;
  std::lock_guard lock(mutex_);
  if (dimoo::ended(state_)) return settled;
  if (wants_pause_ != (state_ == RunState::paused)) {
    move_to(wants_pause_ ? RunState::paused : RunState::queued);
    settled.ring = true;
  }
  try {
    for (const Pending& pending : remasks_) {
      auto& picture = static_cast<Picture&>(*desks_[static_cast<size_t>(pending.image)].canvas);
      outcome_.remasked.push_back({pending.image, picture.step(), 0});
      outcome_.remasked.back().cells = picture.remask(pending.cells);
    }
  } catch (...) {
    settled.failure = error_of(std::current_exception());
  }
  remasks_.clear();
  for (Desk& desk : desks_) desk.closed = desk.canvas->done();
  if (settled.failure || !std::exchange(wants_snapshot_, false)) return settled;
  settled.ring = true;
  try {
    const auto behind = [](const Desk& a, const Desk& b) { return a.canvas->step() < b.canvas->step(); };
    snapshot_ = Snapshot{write_state(), std::min_element(desks_.begin(), desks_.end(), behind)->canvas->step()};
  } catch (...) {
    snapshot_error_ = error_of(std::current_exception());
  }
  return settled;
}

/// The layout's number, remasked (count, then image, step, cells of each), then every canvas.
std::vector<uint8_t> Run::write_state() const {
  ByteWriter out;
  out.number(kStateLayout);
  out.number(static_cast<int64_t>(outcome_.remasked.size()));
  for (const Remasked& r : outcome_.remasked) out.number(r.image), out.number(r.step), out.number(r.cells);
  for (const Desk& desk : desks_) desk.canvas->save(out);
  return out.take();
}

void Run::restore(const std::vector<uint8_t>& state, int32_t largest_value) {
  ByteReader in(state);
  in.number("layout", kStateLayout, kStateLayout);
  const int64_t count = in.number("number of remaskings", 0, static_cast<int64_t>(state.size()) / kRemaskedBytes);
  for (int64_t i = 0; i < count; i++) {
    const int64_t image = in.number("remasked image", 0, static_cast<int64_t>(desks_.size()) - 1);
    const int64_t step = in.number("remasked step", 0, 1 << 20);
    outcome_.remasked.push_back({image, step, in.number("remasked cells", 0, request_.layout->cells())});
  }
  for (Desk& desk : desks_) desk.canvas->restore(in, largest_value, request_.resume);
  in.end();
}

void Run::fail(const Error& error) noexcept { finish(RunState::failed, &error); }

void Run::finish(RunState state, const Error* error) noexcept {
  {
    std::lock_guard lock(mutex_);
    if (dimoo::ended(state_)) return;
    outcome_.state = state;
    if (error) outcome_.error = *error;
    outcome_.total_ms = ms_between(created_, Clock::now());
    if (state == RunState::done)
      outcome_.pictures = std::move(pictures_);
    else
      events_.clear();
    wants_step_ = wants_snapshot_ = false;
    remasks_.clear();
    move_to(state);
  }
  doorbell_();
}

// What has ended is read without the lock, so nothing of it changes any more.
void Run::record_pass(double ms) noexcept {
  std::lock_guard lock(mutex_);
  if (state_ != RunState::running) return;
  outcome_.decode_ms += ms;
  outcome_.forward_passes++;
}

void Run::record(int64_t image, PassKind pass, int64_t block, int64_t rows, const Fixed& fixed) {
  const Canvas& canvas = *desks_[static_cast<size_t>(image)].canvas;
  StepEvent event;
  event.image = image;
  event.step = canvas.step() - 1;
  event.steps = canvas.steps();
  event.masked = static_cast<int64_t>(canvas.masked().size());
  event.rows = rows;
  event.block = block;
  event.blocks = canvas.blocks();
  event.pass = pass;
  {
    std::lock_guard lock(mutex_);
    if (state_ != RunState::running) return;
    event.elapsed_ms = ms_between(*begun_, Clock::now());
    outcome_.forward_tokens += rows;
    outcome_.steps = std::max(outcome_.steps, canvas.step());
    if (request_.delivery == Delivery::none) return;
  }
  event.tokens = canvas.cells();
  event.guess = canvas.guess();
  event.changed = fixed.cells;
  event.confidence = fixed.confidence;
  deliver(std::move(event));
}

void Run::deliver(StepEvent event) {
  bool ring = false;
  {
    std::lock_guard lock(mutex_);
    if (state_ != RunState::running) return;
    const auto waiting = std::find_if(events_.begin(), events_.end(), [&](const StepEvent& e) { return e.image == event.image; });
    if (request_.delivery == Delivery::latest && waiting != events_.end()) {
      event.skipped = waiting->skipped + 1;
      event.changed.insert(event.changed.begin(), waiting->changed.begin(), waiting->changed.end());
      event.confidence.insert(event.confidence.begin(), waiting->confidence.begin(), waiting->confidence.end());
      *waiting = std::move(event);
    } else {
      events_.push_back(std::move(event));
    }
    ring = std::exchange(wants_step_, false);
  }
  if (ring) doorbell_();
}

void Run::record_probe(std::vector<double> probabilities) {
  std::lock_guard lock(mutex_);
  if (state_ == RunState::running) outcome_.probabilities = std::move(probabilities);
}

void Run::record_picture(DecodedPicture picture, double ms) {
  pictures_.push_back(std::move(picture));
  {
    std::lock_guard lock(mutex_);
    if (state_ != RunState::running) return;
    outcome_.vq_ms += ms;
  }
  if (pictures_.size() == desks_.size()) finish(RunState::done);
}

void Run::record_answer() {
  const auto& answer = static_cast<const Answer&>(*desks_.front().canvas);
  {
    std::lock_guard lock(mutex_);
    if (state_ != RunState::running) return;
    outcome_.answer = answer.ids();
    outcome_.finish = answer.finish();
  }
  finish(RunState::done);
}

}  // namespace dimoo

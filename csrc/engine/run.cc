// The doorbell is rung without the lock held.
#include "engine/run.h"

#include <algorithm>
#include <utility>

namespace dimoo {

const char* run_state_name(RunState state) {
  switch (state) {
    case RunState::queued: return "queued";
    case RunState::running: return "running";
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
  const int64_t values = request_.picture() ? hyper.vq.codebook_size : hyper.vocab;
  if (!request_.state.empty()) restore(request_.state, static_cast<int32_t>(values - 1));
}

Run::Next Run::next(StepEvent& out) {
  bool resumes = false;
  {
    std::lock_guard lock(mutex_);
    if (events_.empty() || state_ == RunState::aborted || state_ == RunState::failed) {
      if (state_ == RunState::done || state_ == RunState::failed || state_ == RunState::aborted) return Next::ended;
      wants_step_ = true;
      return Next::none;
    }
    out = std::move(events_.front());
    events_.pop_front();
    resumes = request_.delivery == Delivery::all;
  }
  if (resumes) changed();
  return Next::step;
}

Outcome* Run::outcome() {
  std::lock_guard lock(mutex_);
  return state_ == RunState::queued || state_ == RunState::running ? nullptr : &outcome_;
}

RunState Run::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

bool Run::ended() const {
  const RunState now = state();
  return now != RunState::queued && now != RunState::running;
}

bool Run::decoded() const {
  return std::all_of(desks_.begin(), desks_.end(), [](const Desk& desk) { return desk.canvas->done(); });
}

bool Run::ready() const {
  {
    std::lock_guard lock(mutex_);
    if (state_ != RunState::running) return false;
    if (request_.delivery == Delivery::all && static_cast<int64_t>(events_.size()) >= request_.buffer) return false;
  }
  return !decoded();
}

int64_t Run::rows_left() const {
  int64_t rows = 0;
  for (const Desk& desk : desks_)
    if (!desk.canvas->done()) rows += (desk.canvas->steps() - desk.canvas->step()) * request_.layout->all_rows();
  return rows;
}

void Run::start() {
  std::lock_guard lock(mutex_);
  if (state_ != RunState::queued) return;
  state_ = RunState::running;
  started_ = Clock::now();
  outcome_.queued_ms = std::chrono::duration<double, std::milli>(started_ - created_).count();
}

void Run::cancel() {
  cancelled_.store(true);
  finish(RunState::aborted);
  changed();
}

void Run::changed() {
  std::function<void()> call;
  {
    std::lock_guard lock(mutex_);
    call = on_change;
  }
  if (call) call();
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
    const bool over = (state_ != RunState::queued && state_ != RunState::running) || desks_[static_cast<size_t>(image)].closed;
    if (over) dimoo::fail(Code::request_invalid, "remask: expected a picture with steps left, got one whose last step is done");
    remasks_.push_back({image, std::move(cells)});
  }
  changed();
}

std::optional<Snapshot> Run::snapshot() {
  {
    std::lock_guard lock(mutex_);
    if (state_ != RunState::queued && state_ != RunState::running)
      dimoo::fail(Code::request_invalid, "snapshot: expected a run under way, got one that has ended");
    if (snapshot_) return std::exchange(snapshot_, std::nullopt);
    wants_snapshot_ = true;
  }
  changed();
  return {};
}

bool Run::settle() {
  std::lock_guard lock(mutex_);
  if (state_ != RunState::queued && state_ != RunState::running) return false;
  for (const Pending& pending : remasks_) {
    auto& picture = static_cast<Picture&>(*desks_[static_cast<size_t>(pending.image)].canvas);
    const int64_t step = picture.step(), cells = picture.remask(pending.cells);
    outcome_.remasked.push_back({pending.image, step, cells});
  }
  remasks_.clear();
  for (Desk& desk : desks_) desk.closed = desk.canvas->done();
  if (!std::exchange(wants_snapshot_, false)) return false;
  const auto behind = [](const Desk& a, const Desk& b) { return a.canvas->step() < b.canvas->step(); };
  snapshot_ = Snapshot{write_state(), std::min_element(desks_.begin(), desks_.end(), behind)->canvas->step()};
  return true;
}

/// remasked (count, then image, step, cells of each), then every canvas.
std::vector<uint8_t> Run::write_state() const {
  ByteWriter out;
  out.number(static_cast<int64_t>(outcome_.remasked.size()));
  for (const Remasked& r : outcome_.remasked) out.number(r.image), out.number(r.step), out.number(r.cells);
  for (const Desk& desk : desks_) desk.canvas->save(out);
  return out.take();
}

void Run::restore(const std::vector<uint8_t>& state, int32_t largest_value) {
  ByteReader in(state);
  const int64_t count = in.number("number of remaskings", 0, 1 << 20);
  for (int64_t i = 0; i < count; i++) {
    const int64_t image = in.number("remasked image", 0, static_cast<int64_t>(desks_.size()) - 1);
    const int64_t step = in.number("remasked step", 0, 1 << 20);
    outcome_.remasked.push_back({image, step, in.number("remasked cells", 0, request_.layout->cells())});
  }
  for (Desk& desk : desks_) desk.canvas->restore(in, largest_value);
  in.end();
}

void Run::fail(Error error) { finish(RunState::failed, std::move(error)); }

void Run::finish(RunState state, std::optional<Error> error) {
  {
    std::lock_guard lock(mutex_);
    if (state_ != RunState::queued && state_ != RunState::running) return;
    state_ = state;
    outcome_.state = state;
    outcome_.error = std::move(error);
    outcome_.total_ms = since_ms(created_);
    if (state == RunState::done)
      outcome_.pictures = std::move(pictures_);
    else
      events_.clear();
    wants_step_ = wants_snapshot_ = false;
    remasks_.clear();
    if (on_end) on_end(state);
  }
  doorbell_();
}

// What has ended is read without the lock, so nothing of it changes any more.
void Run::record_pass(double ms) {
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
  event.elapsed_ms = since_ms(started_);
  {
    std::lock_guard lock(mutex_);
    if (state_ != RunState::running) return;
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

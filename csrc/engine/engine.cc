// The engine's thread holds its lock except while the device works. A turn is one task, one picture's decoding, or one pass.
#include "engine/engine.h"

#include <algorithm>
#include <utility>

namespace dimoo {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<Engine>> engines;
};
/// The one static; never destroyed, so nothing runs at exit.
Registry& registry() {
  static Registry* const all = new Registry;
  return *all;
}

int64_t rows_of(const CanvasLayout& layout) {
  int64_t rows = 0;
  for (int64_t branch = 0; branch < layout.branches(); branch++) rows += layout.sequence(branch);
  return rows;
}

/// What identifies bound weights: files and how they compute.
std::string identity(const Source& source, Precision precision) {
  std::string key = precision == Precision::fast ? "fast" : "f32";
  for (const MappedFile& file : source.files()) {
    const auto& id = file.identity();
    key += text(';', id.device, ',', id.inode, ',', id.mtime, ',', id.size);
  }
  return key;
}

}  // namespace

std::shared_ptr<Engine> Engine::acquire(const LoadOptions& options) {
  const std::string key = text(options.device, '|', options.threads, '|', options.variant);
  std::lock_guard lock(registry().mutex);
  std::weak_ptr<Engine>& known = registry().engines[key];
  if (auto engine = known.lock()) return engine;
  auto engine = std::make_shared<Engine>(options);
  known = engine;
  return engine;
}

Engine::Engine(const LoadOptions& options) {
  DeviceOptions device;
  device.threads = options.threads;
  device.variant = options.variant;
  device.panel_bytes = 0;
  device_ = create_device(options.device, device);
  thread_ = std::thread([this] { loop(); });
}

Engine::~Engine() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

std::shared_ptr<Weights> Engine::bind(const LoadOptions& options) {
  auto source = Source::open(options.source);
  std::lock_guard lock(bind_mutex_);
  const std::string key = identity(*source, options.precision);
  if (auto known = bound_[key].lock()) return known;
  auto weights = std::make_shared<Weights>();
  weights->hyper = read_hyperparameters(*source);
  weights->precision = options.precision;
  weights->fingerprint = fingerprint(weights->hyper, *source);
  weights->source = std::move(source);
  perform([&](Device& device) {
    weights->backbone = std::make_unique<Backbone>(device, weights->hyper, *weights->source, options.precision);
    weights->vq = std::make_unique<Vq>(device, weights->hyper.vq, *weights->source);
    weights->pass = std::make_unique<Pass>(device, *weights->backbone, weights->hyper);
    weights->panel_budget = options.panel_bytes >= 0 ? options.panel_bytes : default_panel_budget(*weights->source);
    int64_t budget = weights->panel_budget;
    for (const auto& [name, other] : bound_)
      if (const auto alive = other.lock()) budget += alive->panel_budget;
    device.set_panel_budget(budget);
  });
  bound_[key] = weights;
  return weights;
}

void Engine::perform(FunctionRef<void(Device&)> body, const CancelToken* cancel) {
  Task task{&body, cancel, false, {}};
  std::unique_lock lock(mutex_);
  tasks_.push_back(&task);
  wake_.notify_all();
  changed_.wait(lock, [&] { return task.done; });
  if (task.error) std::rethrow_exception(task.error);
}

void Engine::submit(Entry entry) {
  entry.run->on_change = [weak = weak_from_this()] {
    if (const auto engine = weak.lock()) engine->nudge();
  };
  std::lock_guard lock(mutex_);
  runs_.push_back(std::move(entry));
  wake_.notify_all();
}

void Engine::leave(Model* model) {
  std::unique_lock lock(mutex_);
  const auto mine = [&] {
    std::vector<std::shared_ptr<Run>> runs;
    for (const Entry& entry : runs_)
      if (entry.model == model) runs.push_back(entry.run);
    return runs;
  };
  const auto runs = mine();
  lock.unlock();
  for (const auto& run : runs) run->cancel();
  lock.lock();
  wake_.notify_all();
  changed_.wait(lock, [&] { return mine().empty(); });
}

/// A run was cancelled or may go on: the pass under way is abandoned when nobody waits for it any more.
void Engine::nudge() {
  std::lock_guard lock(mutex_);
  const bool wanted = std::any_of(in_flight_.begin(), in_flight_.end(), [](const auto& run) { return !run->cancelled(); });
  if (pass_cancel_ && !in_flight_.empty() && !wanted) pass_cancel_->cancel();
  wake_.notify_all();
}

void Engine::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    drop_ended();
    start_waiting();
    if (take_turn(lock)) continue;
    if (stop_) return;
    wake_.wait(lock);
  }
}

void Engine::drop_ended() {
  const auto before = runs_.size();
  std::erase_if(runs_, [&](const Entry& entry) {
    if (!entry.run->ended()) return false;
    entry.model->count(entry.run->state());
    return true;
  });
  if (runs_.size() != before) changed_.notify_all();
}

/// Runs wait in order of arrival; those under way move to the back as they are served, which keeps that order.
void Engine::start_waiting() {
  std::map<Model*, int64_t> active;
  for (const Entry& entry : runs_) active[entry.model] += entry.run->state() == RunState::running;
  for (const Entry& entry : runs_)
    if (entry.run->state() == RunState::queued && active[entry.model] < entry.max_active) entry.run->start(), active[entry.model]++;
}

bool Engine::take_turn(std::unique_lock<std::mutex>& lock) {
  size_t first = 0;
  while (first < runs_.size()) {
    const Run& run = *runs_[first].run;
    if (run.ready() || (run.decoded() && run.state() == RunState::running)) break;
    first++;
  }
  const bool work = first < runs_.size();
  if (!tasks_.empty() && (task_turn_ || !work)) {
    task_turn_ = false;
    run_task(lock);
    return true;
  }
  if (!work) return false;
  task_turn_ = true;
  if (!runs_[first].run->decoded()) {
    run_pass(lock, first);
  } else {
    const Entry entry = runs_[first];
    std::rotate(runs_.begin() + static_cast<std::ptrdiff_t>(first), runs_.begin() + static_cast<std::ptrdiff_t>(first) + 1, runs_.end());
    decode_picture(lock, entry);
  }
  return true;
}

void Engine::run_task(std::unique_lock<std::mutex>& lock) {
  Task& task = *tasks_.front();
  tasks_.pop_front();
  lock.unlock();
  device_->set_cancel(task.cancel);
  try {
    if (task.cancel) task.cancel->check();
    (*task.body)(*device_);
  } catch (...) {
    task.error = std::current_exception();
  }
  device_->set_cancel(nullptr);
  lock.lock();
  task.done = true;
  changed_.notify_all();
}

void Engine::decode_picture(std::unique_lock<std::mutex>& lock, const Entry& entry) {
  work(lock, {entry.run}, [&] {
    const auto start = Clock::now();
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
}

/// Canvases that travel in one pass, and the runs they belong to.
struct Engine::Load {
  struct Part {
    Entry entry;
    int64_t image;
  };
  std::vector<Part> parts;
  std::vector<Seat> seats;  // one a part
  int64_t rows = 0;

  /// Takes the run's canvases that are next in step, as far as the budget goes; the first canvas of a pass always fits.
  bool take(const Entry& entry) {
    Run& run = *entry.run;
    if (!run.ready()) return false;
    const size_t before = parts.size();
    const int64_t need = rows_of(*run.request().layout);
    int64_t step = INT64_MAX;
    for (const Canvas& canvas : run.canvases())
      if (!canvas.done()) step = std::min(step, canvas.step());
    for (size_t image = 0; image < run.canvases().size(); image++) {
      Canvas& canvas = run.canvases()[image];
      if (canvas.done() || canvas.step() != step || (rows > 0 && rows + need > entry.budget)) continue;
      rows += need;
      seats.push_back(seat(run.request(), canvas));
      parts.push_back({entry, static_cast<int64_t>(image)});
    }
    return parts.size() > before;
  }

  static Seat seat(const RunRequest& request, Canvas& canvas) {
    Seat seat;
    seat.canvas = &canvas;
    seat.layout = request.layout.get();
    seat.guidance = request.guidance;
    seat.temperature = request.temperature;
    if (!request.noise.empty()) {
      const StepNoise& noise = request.noise[static_cast<size_t>(canvas.step())];
      seat.sample_noise = noise.sample.data(), seat.cut_noise = noise.cut.data();
    }
    return seat;
  }

  std::vector<std::shared_ptr<Run>> runs() const {
    std::vector<std::shared_ptr<Run>> all;
    for (const Part& part : parts)
      if (all.empty() || all.back() != part.entry.run) all.push_back(part.entry.run);
    return all;
  }
};

/// One pass of ready canvases of one model, run after run in turn; whoever was served goes to the back.
void Engine::run_pass(std::unique_lock<std::mutex>& lock, size_t first) {
  const std::shared_ptr<Weights> weights = runs_[first].weights;
  Load load;
  std::deque<Entry> served, left;
  for (Entry& entry : runs_) (entry.weights == weights && load.take(entry) ? served : left).push_back(entry);
  left.insert(left.end(), served.begin(), served.end());
  runs_ = std::move(left);

  const auto runs = load.runs();
  work(lock, runs, [&] {
    const auto start = Clock::now();
    weights->pass->run(load.seats);
    const double ms = ms_since(start);
    for (const auto& run : runs) run->record_pass(ms);
    for (size_t i = 0; i < load.parts.size(); i++) load.parts[i].entry.run->record(load.parts[i].image, load.seats[i].rows, load.seats[i].fixed);
    load.parts.front().entry.model->count_pass(load.rows, static_cast<int64_t>(load.seats.size()), ms);
  });
}

/// Does a unit of work for these runs without the lock; what it throws fails them. Abandoned when all of them are cancelled.
void Engine::work(std::unique_lock<std::mutex>& lock, const std::vector<std::shared_ptr<Run>>& runs, FunctionRef<void()> body) {
  CancelToken cancel;
  in_flight_ = runs;
  pass_cancel_ = &cancel;
  lock.unlock();
  device_->set_cancel(&cancel);
  try {
    body();
  } catch (const Error& error) {
    for (const auto& run : runs) run->fail(error);
  } catch (const std::exception& error) {
    for (const auto& run : runs) run->fail(Error(Code::internal, error.what()));
  }
  device_->set_cancel(nullptr);
  lock.lock();
  in_flight_.clear();
  pass_cancel_ = nullptr;
  changed_.notify_all();
}

}  // namespace dimoo

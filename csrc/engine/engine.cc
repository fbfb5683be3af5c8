// The engine's life, who joins and leaves it, and whose turn it is. Its thread holds the lock except while the device works
// (engine/turns.cc).
#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "base/thread_pool.h"

namespace dimoo {
namespace {

constexpr std::chrono::milliseconds kLook{20};  // how often a waiting thread looks whether it was cancelled

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<Engine>> engines;
};
/// The one static; never destroyed, so nothing runs at exit.
Registry& registry() {
  static Registry* const all = new Registry;
  return *all;
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
  const int threads = options.threads > 0 ? options.threads : usable_cpus();
  const std::string key = text(options.device, '|', threads, '|', options.variant);
  std::lock_guard lock(registry().mutex);
  std::erase_if(registry().engines, [](const auto& entry) { return entry.second.expired(); });
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

std::shared_ptr<Weights> Engine::bind(const LoadOptions& options, const CancelToken* cancel) {
  auto source = Source::open(options.source);
  std::unique_lock binding(bind_mutex_, std::defer_lock);
  while (!binding.try_lock()) {
    if (cancel) cancel->check();
    std::this_thread::sleep_for(kLook);
  }
  const std::string key = identity(*source, options.precision);
  if (const auto known = bound_.find(key); known != bound_.end())
    if (auto weights = known->second.lock()) return weights;
  auto weights = std::make_shared<Weights>();
  weights->hyper = read_hyperparameters(*source);
  weights->precision = options.precision;
  weights->fingerprint = fingerprint(weights->hyper, *source);
  weights->panel_budget = options.panel_bytes >= 0 ? options.panel_bytes : default_panel_budget(*source);
  weights->source = std::move(source);
  perform(
      [&](Device& device) {
        weights->backbone = std::make_unique<Backbone>(device, weights->hyper, *weights->source, options.precision);
        if (weights->hyper.has_images()) weights->vq = std::make_unique<Vq>(device, weights->hyper.vq, *weights->source);
        weights->pass = std::make_unique<Pass>(device, *weights->backbone, weights->hyper);
      },
      cancel);
  std::lock_guard lock(mutex_);
  std::erase_if(bound_, [](const auto& entry) { return entry.second.expired(); });
  bound_[key] = weights;
  return weights;
}

void Engine::perform(FunctionRef<void(Device&)> body, const CancelToken* cancel) {
  Task task{&body, cancel, false, {}};
  std::unique_lock lock(mutex_);
  tasks_.push_back(&task);
  wake_.notify_all();
  while (!task.done) {
    if (!cancel) {
      changed_.wait(lock);
      continue;
    }
    changed_.wait_for(lock, kLook);
    if (cancel->cancelled() && std::erase(tasks_, &task) > 0) cancel->check();
  }
  if (task.error) std::rethrow_exception(task.error);
}

void Engine::submit(Entry entry, int64_t panels) {
  entry.run->on_change = [weak = weak_from_this()] {
    if (const auto engine = weak.lock()) engine->nudge();
  };
  std::lock_guard lock(mutex_);
  entry.weights->panel_budget = std::min(entry.weights->panel_budget, panels);
  runs_.push_back(std::move(entry));
  wake_.notify_all();
}

void Engine::leave(const Tally& tally) {
  std::vector<std::shared_ptr<Run>> mine;
  std::unique_lock lock(mutex_);
  for (const Entry& entry : runs_)
    if (entry.tally.get() == &tally) mine.push_back(entry.run);
  lock.unlock();
  for (const auto& run : mine) run->cancel();
  lock.lock();
  drop_ended();
  wake_.notify_all();
  changed_.wait(lock, [&] {
    const bool under_way = std::any_of(in_flight_.begin(), in_flight_.end(),
                                       [&](const auto& run) { return std::find(mine.begin(), mine.end(), run) != mine.end(); });
    return !under_way || std::any_of(in_flight_.begin(), in_flight_.end(), [](const auto& run) { return !run->cancelled(); });
  });
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
  std::erase_if(runs_, [](const Entry& entry) { return entry.run->ended(); });
}

/// Runs wait in order of arrival; those under way move to the back as they are served, which keeps that order.
void Engine::start_waiting() {
  std::map<const Tally*, int64_t> active;
  for (const Entry& entry : runs_) active[entry.tally.get()] += entry.run->state() == RunState::running;
  for (const Entry& entry : runs_) {
    int64_t& running = active[entry.tally.get()];
    if (entry.run->state() == RunState::queued && running < entry.max_active) entry.run->start(), running++;
  }
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
  runs_[first].run->decoded() ? decode_picture(lock, first) : run_pass(lock, first);
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

}  // namespace dimoo

// The engine's life, who joins and leaves it, and whose turn it is. Its thread holds the lock except while the device works
// (engine/turns.cc).
#include "engine/engine.h"

#include <algorithm>
#include <set>
#include <utility>

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
  const std::string key = text(options.device, '|', options.variant);
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

std::shared_ptr<Weights> Engine::bind(const LoadOptions& options, const Progress& progress, const CancelToken* cancel) {
  auto source = Source::open(options.source);
  std::unique_lock binding(bind_mutex_, std::defer_lock);
  while (!binding.try_lock()) {
    if (cancel) cancel->check();
    std::this_thread::sleep_for(kLook);
  }
  if (options.threads > most_threads_) {  // plans count what every thread holds
    perform(
        options.threads, [](Device&) {}, cancel);
    most_threads_ = options.threads;
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
      options.threads,
      [&](Device& device) {
        const int64_t total = Backbone::matrix_bytes(weights->hyper, *weights->source);
        const auto bound = [&, done = int64_t{0}](int64_t bytes) mutable {
          if (cancel) cancel->check();
          done += bytes;
          if (progress && device.copies_weights()) progress("upload", done, total);
        };
        weights->backbone = std::make_unique<Backbone>(device, weights->hyper, *weights->source, options.precision, bound);
        if (weights->hyper.has_images()) weights->vq = std::make_unique<Vq>(device, weights->hyper.vq, *weights->source);
        weights->pass = std::make_unique<Pass>(device, *weights->backbone);
      },
      cancel);
  std::lock_guard lock(mutex_);
  std::erase_if(bound_, [](const auto& entry) { return entry.second.expired(); });
  bound_[key] = weights;
  return weights;
}

void Engine::perform(int threads, FunctionRef<void(Device&)> body, const CancelToken* cancel) {
  Task task{threads, &body, cancel, false, {}};
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
  entry.arrival = ++arrivals_;
  entry.model = text(entry.tally.get());
  entry.tenant = text(entry.model, ' ', entry.run->request().tenant);
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
    settle_runs(lock);
    drop_ended();
    start_waiting();
    look_again_ = {};
    if (take_turn(lock)) continue;
    if (stop_) return;
    if (look_again_ == std::chrono::steady_clock::time_point{})
      wake_.wait(lock);
    else
      wake_.wait_until(lock, look_again_);
  }
}

/// Between two steps of whatever is under way.
void Engine::settle_runs(std::unique_lock<std::mutex>& lock) {
  std::vector<std::shared_ptr<Run>> to_ring;
  for (Entry& entry : runs_)
    if (entry.run->settle()) to_ring.push_back(entry.run);
  if (to_ring.empty()) return;
  lock.unlock();
  for (const auto& run : to_ring) run->ring();
  lock.lock();
}

void Engine::drop_ended() {
  std::set<std::string> models, tenants;
  std::erase_if(runs_, [&](const Entry& entry) {
    if (!entry.run->ended()) {
      models.insert(entry.model), tenants.insert(entry.tenant);
      return false;
    }
    for (Run::Desk& desk : entry.run->desks()) desk.memo.reset();
    return true;
  });
  models_.keep(models), tenants_.keep(tenants);
}

Rank Engine::rank(const Entry& entry) {
  Rank rank;
  rank.priority = -entry.run->request().priority;
  rank.model = models_.of(entry.model);
  rank.arrival = entry.arrival;
  if (entry.policy == Policy::shortest) rank.policy = entry.run->rows_left();
  if (entry.policy == Policy::fair) rank.policy = tenants_.of(entry.tenant), rank.turn = entry.turn;
  return rank;
}

void Engine::charge(const Entry& entry, int64_t rows) {
  models_.charge(entry.model, rows);
  tenants_.charge(entry.tenant, rows);
}

/// Queued runs start by rank while there is a place and room for what they keep. A tenant without a run under way always has a place,
/// so that nobody's long runs keep another's out.
void Engine::start_waiting() {
  std::map<const Tally*, int64_t> active;
  std::map<std::string, int64_t> active_of;
  std::vector<std::pair<Rank, Entry*>> waiting;
  int64_t held = 0;
  for (Entry& entry : runs_) {
    const bool running = entry.run->state() == RunState::running;
    active[entry.tally.get()] += running, active_of[entry.tenant] += running;
    if (running) held += entry.held;
    if (entry.run->state() == RunState::queued) waiting.emplace_back(rank(entry), &entry);
  }
  std::sort(waiting.begin(), waiting.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  bool room = true;
  for (const auto& [rank, entry] : waiting) {
    int64_t &of_model = active[entry->tally.get()], &of_tenant = active_of[entry->tenant];
    if (of_model >= entry->max_active && (of_tenant > 0 || entry->policy != Policy::fair)) continue;
    if (entry->held > 0) room = room && (held == 0 || held + entry->held <= entry->room);
    if (entry->held > 0 && !room) continue;
    entry->run->start();
    of_model++, of_tenant++, held += entry->held;
  }
}

std::optional<size_t> Engine::first_in_turn() {
  std::optional<size_t> first;
  Rank best;
  for (size_t i = 0; i < runs_.size(); i++) {
    const Run& run = *runs_[i].run;
    if (!run.ready() && !(run.decoded() && run.state() == RunState::running)) continue;
    const Rank here = rank(runs_[i]);
    if (!first || here < best) first = i, best = here;
  }
  return first;
}

bool Engine::take_turn(std::unique_lock<std::mutex>& lock) {
  const std::optional<size_t> first = first_in_turn();
  if (!tasks_.empty() && (task_turn_ || !first)) {
    task_turn_ = false;
    run_task(lock);
    return true;
  }
  if (!first) return false;
  task_turn_ = true;
  if (!runs_[*first].run->decoded()) return run_pass(lock, *first);
  finish_decoded(lock, *first);
  return true;
}

void Engine::run_task(std::unique_lock<std::mutex>& lock) {
  Task& task = *tasks_.front();
  tasks_.pop_front();
  lock.unlock();
  device_->set_cancel(task.cancel);
  device_->set_threads(task.threads);
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

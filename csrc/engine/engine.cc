// The engine's life, who joins and leaves it, and whose turn it is. Its thread holds the lock except while the device works
// (engine/turns.cc).
#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "base/entropy.h"
#include "engine/plan.h"

namespace dimoo {
namespace {

constexpr std::chrono::milliseconds kLook{20};  // how often a waiting thread looks whether it was cancelled

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<Engine>> engines;
  std::string process;  // what no other process calls itself
  int64_t runs = 0;     // that were given a name
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

std::string Engine::unique_id() {
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  if (all.process.empty()) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string name;
    for (int word = 0; word < 2; word++)
      for (uint64_t bits = entropy(), digit = 0; digit < 16; digit++, bits >>= 4) name += kHex[bits & 15];
    all.process = std::move(name);
  }
  return text("run-", all.process, "-", ++all.runs);
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
    wake();
  }
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
  // A model that is bound serves plans as well.
  if (const auto known = bound_.find(key); known != bound_.end())
    if (auto weights = known->second.lock()) return weights;
  auto weights = std::make_shared<Weights>();
  weights->hyper = read_hyperparameters(*source);
  weights->precision = options.precision;
  weights->fingerprint = fingerprint(weights->hyper, *source);
  weights->panel_budget = options.panel_bytes >= 0 ? options.panel_bytes : default_panel_budget(*source);
  weights->source = std::move(source);
  if (options.use == Use::plans) return weights;
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
  wake();
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

void Engine::submit(std::unique_ptr<Entry> entry, int64_t panels) {
  std::lock_guard lock(mutex_);
  if (entry->tally->has_left()) fail(Code::disposed, "the model was closed");
  const RunRequest& request = entry->run->request();
  entry->weights = entry->bound.get();
  entry->arrival = ++arrivals_, entry->priority = request.priority;
  entry->model = models_.open(entry->tally.get());
  entry->tag = tags_.open({entry->tally.get(), request.tag});
  entry->rows = static_cast<int64_t>(request.seeds.size()) * request.layout->all_rows();
  runs_.reserve(runs_.size() + 1);
  scheduler_.add(*entry);
  entry->bound->panel_budget = std::min(entry->bound->panel_budget, panels);
  runs_.push_back(std::move(entry));
  wake();
}

bool Engine::nobody_waits() const noexcept {
  return std::none_of(runs_.begin(), runs_.end(), [](const auto& entry) { return entry->in_flight && !entry->run->cancelled(); });
}

void Engine::leave(Tally& tally) noexcept {
  Lock lock(mutex_);
  tally.leave();  // who is about to submit a run comes too late
  const auto of_model = [&](const auto& entry) { return entry->tally.get() == &tally && !entry->run->cancelled(); };
  for (auto at = runs_.begin(); (at = std::find_if(runs_.begin(), runs_.end(), of_model)) != runs_.end();) {
    const std::shared_ptr<Run> run = (*at)->run;
    lock.unlock();
    run->cancel();
    lock.lock();
  }
  wake();
  changed_.wait(lock, [&] {
    const bool under_way =
        std::any_of(runs_.begin(), runs_.end(), [&](const auto& entry) { return entry->in_flight && entry->tally.get() == &tally; });
    return !under_way || !nobody_waits();
  });
}

/// With the lock held. What is asked for while the loop has let go of the lock is not lost: it looks once more before it waits.
void Engine::wake() noexcept {
  news_ = true;
  wake_.notify_all();
}

void Engine::look_again() noexcept {
  std::lock_guard lock(mutex_);
  if (pass_cancel_ && nobody_waits()) pass_cancel_->cancel();
  wake();
}

void Engine::loop() noexcept {
  Lock lock(mutex_);
  for (;;) {
    bool worked = true;
    news_ = false;
    try {
      settle_runs(lock);
      drop_ended();
      for (const auto& entry : runs_) entry->now = entry->run->standing();
      scheduler_.give_places([](Candidate& candidate) {
        auto& entry = static_cast<Entry&>(candidate);
        entry.run->begin();
        entry.now = entry.run->standing();
      });
      look_again_ = {};
      worked = take_turn(lock);
    } catch (...) {
      rescue(lock, error_of(std::current_exception()));
    }
    turn_of_ = nullptr;
    if (worked) continue;
    if (stop_) return;
    if (look_again_ == std::chrono::steady_clock::time_point{})
      wake_.wait(lock, [&] { return news_; });
    else
      wake_.wait_until(lock, look_again_, [&] { return news_; });
  }
}

/// A turn that could not be taken to its end ends whoever had it.
void Engine::rescue(Lock& lock, const Error& error) noexcept {
  if (!lock.owns_lock()) lock.lock();
  for (size_t i = 0; i < runs_.size(); i++)
    if (std::exchange(runs_[i]->in_flight, false) && runs_[i].get() != turn_of_) end(lock, *runs_[i], error);
  if (turn_of_) end(lock, *turn_of_, error);
}

/// Entries stay where they are meanwhile: only this thread takes them out.
void Engine::end(Lock& lock, const Entry& entry, const Error& error) noexcept {
  Run& run = *entry.run;
  lock.unlock();
  run.fail(error);
  lock.lock();
}

/// Between two steps of whatever is under way.
void Engine::settle_runs(Lock& lock) noexcept {
  for (size_t i = 0; i < runs_.size(); i++) {
    const Entry& entry = *runs_[i];
    const Run::Settled settled = entry.run->settle();
    if (settled.failure) end(lock, entry, *settled.failure);
    if (!settled.ring) continue;
    lock.unlock();
    entry.run->ring();
    lock.lock();
  }
}

void Engine::drop_ended() noexcept {
  std::erase_if(runs_, [&](const auto& entry) {
    if (!entry->run->ended()) return false;
    for (Run::Desk& desk : entry->run->desks()) desk.memo.reset();
    scheduler_.remove(*entry);
    return true;
  });
}

bool Engine::take_turn(Lock& lock) {
  // Who is held back keeps nobody else from a turn.
  const auto now = stop_ ? Candidate::Time::max() : std::chrono::steady_clock::now();
  Candidate* first = scheduler_.first(now, &look_again_);
  if (!tasks_.empty() && (task_turn_ || !first)) {
    task_turn_ = false;
    run_task(lock);
    return true;
  }
  if (!first) return false;
  task_turn_ = true;
  turn_of_ = static_cast<Entry*>(first);
  if (first->now.wants == Wants::finish) {
    finish_decoded(lock, *turn_of_);
    return true;
  }
  run_pass(lock, *turn_of_);
  return true;
}

void Engine::run_task(Lock& lock) noexcept {
  Task& task = *tasks_.front();
  tasks_.pop_front();
  lock.unlock();
  device_->set_cancel(task.cancel);
  try {
    device_->set_threads(task.threads);
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

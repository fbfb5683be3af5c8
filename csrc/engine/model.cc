// Values were validated in TypeScript; here shapes and bounds are checked again, because everything behind relies on them.
#include "engine/model.h"

#include <algorithm>

#include "base/thread_pool.h"
#include "engine/within.h"

namespace dimoo {
namespace {

LoadOptions resolved(LoadOptions options) {
  if (options.threads <= 0) options.threads = usable_cpus();
  return options;
}

}  // namespace

Model::Model(const LoadOptions& options, const Progress& progress, const CancelToken* cancel)
    : options_(resolved(options)), engine_(Engine::acquire(options_)), weights_(engine_->bind(options_, progress, cancel)) {}

Model::~Model() { close(); }

void Model::check_open() const {
  if (closed_) fail(Code::disposed, "the model was closed");
}

void Model::check_bound() const {
  check_open();
  if (!weights_->backbone) fail(Code::request_invalid, "expected a model that was loaded to run, got one that was loaded for plans only");
}

void Model::need_images() const {
  check_open();
  if (!weights_->hyper.has_images()) fail(Code::model_unsupported, "expected a model with image codes, got one that answers in text only");
}

MemoryPlan Model::plan(std::span<const RunRequest> requests) const {
  check_open();
  if (requests.empty()) fail(Code::request_invalid, "plan: expected one request or more, got none");
  for (const RunRequest& request : requests) check(request, weights_->hyper);
  return plan_runs(engine_->device(), *weights_, options_, requests);
}

void Model::check_fits(const RunRequest& request) const {
  check_bound();
  check(request, weights_->hyper);
  admit_run(engine_->device(), *weights_, options_, request);
}

std::shared_ptr<Run> Model::start(RunRequest request, std::function<void()> doorbell) {
  check_bound();
  check(request, weights_->hyper);
  const Admission admission = admit_run(engine_->device(), *weights_, options_, request);
  if (request.id.empty()) request.id = Engine::unique_id();
  auto entry = std::make_unique<Entry>();
  entry->run = std::make_shared<Run>(std::move(request), weights_->hyper, std::move(doorbell));
  entry->bound = weights_, entry->tally = tally_, entry->threads = options_.threads, entry->vq_maps = admission.vq_maps;
  entry->policy = options_.policy, entry->max_active = options_.max_active;
  entry->held = admission.held, entry->room = admission.room, entry->budget = admission.budget;
  if (options_.batch_window_ms > 0)
    entry->ready_at = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.batch_window_ms);
  entry->run->set_keeper(engine_, tally_);
  tally_->admit(options_.max_active + options_.max_queue);
  const std::shared_ptr<Run> run = entry->run;
  try {
    engine_->submit(std::move(entry), admission.plan.panels);
  } catch (...) {
    run->fail(error_of(std::current_exception()));  // is counted as ended
    throw;
  }
  return run;
}

std::vector<int32_t> Model::encode(std::span<const uint8_t> rgb, int64_t width, int64_t height, CancelToken* cancel) {
  need_images();
  check_bound();
  const int64_t scale = weights_->hyper.vq.scale();
  if (width < scale || height < scale || width % scale || height % scale || static_cast<int64_t>(rgb.size()) / 3 / width != height ||
      static_cast<int64_t>(rgb.size()) != width * height * 3)
    fail(Code::image_invalid, "encodeVq: sides must be multiples of ", scale, " with 3 bytes a pixel, got ", width, " x ", height, " in ",
         rgb.size(), " bytes");
  const int64_t maps = admit_vq(engine_->device(), *weights_, options_, "encodeVq", width / scale, height / scale).maps;
  std::vector<int32_t> codes(static_cast<size_t>(width / scale * (height / scale)));
  perform(
      [&](Device&) {
        weights_->vq->set_map_budget(maps);
        weights_->vq->encode(rgb, height, width, codes);
      },
      cancel);
  return codes;
}

std::vector<uint8_t> Model::decode(std::span<const int32_t> codes, int64_t rows, int64_t columns, CancelToken* cancel) {
  need_images();
  check_bound();
  within("grid rows", rows, 1, 4096);
  within("grid columns", columns, 1, 4096);
  within("codes", static_cast<int64_t>(codes.size()), rows * columns, rows * columns);
  for (const int32_t code : codes) within("code", code, 0, weights_->hyper.vq.codebook_size - 1);
  const int64_t maps = admit_vq(engine_->device(), *weights_, options_, "decodeVq", columns, rows).maps;
  const int64_t scale = weights_->hyper.vq.scale();
  std::vector<uint8_t> rgb(static_cast<size_t>(rows * columns * scale * scale * 3));
  perform(
      [&](Device&) {
        weights_->vq->set_map_budget(maps);
        weights_->vq->decode(codes, rows, columns, rgb);
      },
      cancel);
  return rgb;
}

void Model::perform(FunctionRef<void(Device&)> task, CancelToken* cancel) {
  CancelToken own;
  CancelToken* token = cancel ? cancel : &own;
  {
    std::lock_guard lock(tasks_mutex_);
    check_open();
    tasks_.push_back(token);
  }
  std::exception_ptr error;
  try {
    engine_->perform(options_.threads, task, token);
  } catch (...) {
    error = std::current_exception();
  }
  {
    std::lock_guard lock(tasks_mutex_);
    std::erase(tasks_, token);
  }
  if (!error) return;
  if (closed_) check_open();
  std::rethrow_exception(error);
}

void Model::close() noexcept {
  {
    std::lock_guard lock(tasks_mutex_);
    closed_ = true;
    for (CancelToken* token : tasks_) token->cancel();
  }
  engine_->leave(*tally_);
}

}  // namespace dimoo

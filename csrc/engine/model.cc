// Admission and bookkeeping of one loaded model. Values were validated in TypeScript; here shapes and bounds are checked again,
// because everything behind relies on them.
#include "engine/model.h"

#include <algorithm>
#include <cmath>

#include "base/thread_pool.h"

namespace dimoo {
namespace {

[[noreturn]] void bad(const char* what, int64_t low, int64_t high, int64_t actual) {
  fail(Code::request_invalid, what, " must lie in ", low, "..", high, ", got ", actual);
}

void within(const char* what, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) bad(what, low, high, value);
}

void need_images(const Hyperparameters& hyper) {
  if (!hyper.has_images()) fail(Code::model_unsupported, "expected a model with image codes, got one that answers in text only");
}

/// What is free for the image tokenizer's maps beside its packed kernels; the encoder's take no more than the decoder's.
int64_t room_for_maps(const Device& device, const Source& source, int64_t limit) {
  return std::max<int64_t>(0, available_bytes(device, limit) - device.memory().used - Vq::panel_bytes(device, source));
}

void check_picture(const PictureRequest& request, const Layout& layout, const Hyperparameters& hyper) {
  need_images(hyper);
  within("cells", static_cast<int64_t>(request.cells.size()), layout.cells(), layout.cells());
  for (const int32_t code : request.cells) within("code", code, -1, hyper.vq.codebook_size - 1);
  if (request.schedule.kind == Schedule::Kind::table)
    within("values of the schedule", static_cast<int64_t>(request.schedule.table.size()), request.steps, request.steps);
}

void check_answer(const AnswerRequest& request, const Layout& layout, const Hyperparameters& hyper) {
  within("length", request.length, layout.cells(), layout.cells());
  within("block", request.block, 1, request.length);
  if (request.length % request.block != 0)
    fail(Code::request_invalid, "length must be a multiple of block ", request.block, ", got ", request.length);
  const int64_t blocks = request.length / request.block;
  if (request.steps % blocks != 0) fail(Code::request_invalid, "steps must be a multiple of the ", blocks, " blocks, got ", request.steps);
  for (const int32_t id : request.ends) within("end token", id, 0, hyper.vocab - 1);
  if (request.threshold && !(*request.threshold >= 0 && *request.threshold <= 1))
    fail(Code::request_invalid, "threshold must lie in 0..1, got ", *request.threshold);
}

void check_reuse(const RunRequest& request) {
  const ReusePolicy& reuse = request.reuse;
  if (reuse.kind == ReusePolicy::Kind::prefix && request.picture()) fail(Code::request_invalid, "reuse: prefix is for answers only");
  if (reuse.kind != ReusePolicy::Kind::ml_cache) return;
  within("cache refresh", reuse.refresh, 1, 4096);
  if (!(reuse.ratio >= 0 && reuse.ratio <= 1)) fail(Code::request_invalid, "cache ratio must lie in 0..1, got ", reuse.ratio);
  if (!(reuse.warmup >= 0 && reuse.warmup <= 1)) fail(Code::request_invalid, "cache warmup must lie in 0..1, got ", reuse.warmup);
}

void check_layout(const Layout& layout, const Hyperparameters& hyper) {
  within("grid rows", layout.rows, 1, 4096);
  within("grid columns", layout.columns, 1, 1 << 20);
  within("grid cells", layout.cells(), 1, 1 << 20);
  within("branches", layout.branches(), 1, 3);
  within("suffixes", static_cast<int64_t>(layout.suffixes.size()), layout.branches(), layout.branches());
  for (const auto& prefix : layout.prefixes) {
    within("tokens of a prefix", static_cast<int64_t>(prefix.size()), 1, 1 << 20);
    for (const int32_t id : prefix) within("token id", id, 0, hyper.vocab - 1);
  }
  for (const auto& suffix : layout.suffixes)
    for (const int32_t id : suffix) within("token id", id, 0, hyper.vocab - 1);
}

void check(const RunRequest& request, const Hyperparameters& hyper) {
  const Layout& layout = *request.layout;
  check_layout(layout, hyper);
  const auto weights = static_cast<int64_t>(request.guidance.size());
  within("guidance weights", weights, layout.branches() - 1, layout.branches() - 1);
  within("pictures", static_cast<int64_t>(request.seeds.size()), 1, request.picture() ? 64 : 1);
  within("steps", request.steps(), 1, 4096);
  within("buffer", request.buffer, 1, 1 << 20);
  if (request.picture()) check_picture(*request.picture(), layout, hyper);
  if (request.answer()) {
    within("branches", layout.branches(), 1, 2);
    check_answer(*request.answer(), layout, hyper);
  }
  check_reuse(request);
  for (const int32_t id : request.probe) within("probe", id, 0, hyper.vocab - 1);
  if (!(request.temperature >= 0) || !std::isfinite(request.temperature))
    fail(Code::request_invalid, "temperature must not be negative, got ", request.temperature);
  for (const float weight : request.guidance)
    if (!std::isfinite(weight)) fail(Code::request_invalid, "guidance must be finite, got ", weight);
  if (!(request.floor >= 0 && request.floor <= 1)) fail(Code::request_invalid, "floor: expected 0 to 1, got ", request.floor);
}

LoadOptions resolved(LoadOptions options) {
  if (options.threads <= 0) options.threads = usable_cpus();
  return options;
}

}  // namespace

Model::Model(const LoadOptions& options, const Progress& progress, const CancelToken* cancel)
    : options_(resolved(options)), engine_(Engine::acquire(options_)), weights_(engine_->bind(options_, progress, cancel)) {}

Model::~Model() { close(); }

MemoryPlan Model::plan(const RunShape& shape, int64_t available) const {
  const int64_t budget = options_.panel_bytes >= 0 ? options_.panel_bytes : default_panel_budget(*weights_->source);
  return plan_memory(engine_->device(), weights_->hyper, *weights_->source, weights_->precision, shape, budget, available);
}

MemoryPlan Model::admit(const RunRequest& request, Entry& entry) const {
  const auto images = static_cast<int64_t>(request.seeds.size());
  const RunShape one = canvas_shape(weights_->hyper, weights_->backbone->kv_type(), request);
  const int64_t available = available_bytes(engine_->device(), options_.max_host_bytes);  // asks the system: once is enough
  entry.budget = options_.max_rows_per_pass;
  // Mates fill a pass to its budget; where memory is short, fewer do.
  const auto shape = [&] {
    RunShape all = times(one, images, 1);
    if (entry.budget <= one.pass_rows) return all;
    // Of a text pass with reuse every row may be read, of any other no larger a share than of one run.
    const auto share = [&](int64_t rows) {
      return rows == 0 || request.reuse.kind == ReusePolicy::Kind::none ? (entry.budget * rows + one.pass_rows - 1) / one.pass_rows
                                                                        : entry.budget;
    };
    all.pass_rows = entry.budget, all.code_rows = share(one.code_rows), all.text_rows = share(one.text_rows);
    return all;
  };
  while (entry.budget > one.pass_rows && !plan(shape(), available).fits()) entry.budget = std::max(one.pass_rows, entry.budget / 2);
  const MemoryPlan least = plan(times(one, images, 1), available);
  if (!least.fits())
    throw Error(Code::device_out_of_memory,
                text(request.picture() ? "a picture of " : "an answer of ", request.layout->columns, " x ", request.layout->rows,
                     request.picture() ? " cells" : " tokens", images > 1 ? text(" (", images, " of them)") : std::string(), " needs ",
                     least.needed(), " bytes, ", engine_->device().id(), " has ", least.available),
                least.needed(), least.available);
  entry.vq_maps = least.vq_maps;
  entry.held = one.held_kv * images + one.held_logits * images;
  entry.room = available - (least.needed() - least.panels - entry.held);
  return plan(times(one, images, entry.budget), available);
}

void Model::need_images() const {
  check_open();
  dimoo::need_images(weights_->hyper);
}

void Model::check_open() const {
  if (closed_) fail(Code::disposed, "the model was closed");
}

std::shared_ptr<Run> Model::start(RunRequest request, std::function<void()> doorbell) {
  check_open();
  check(request, weights_->hyper);
  Entry entry;
  const MemoryPlan plan = admit(request, entry);
  entry.run = std::make_shared<Run>(std::move(request), weights_->hyper, std::move(doorbell));
  entry.policy = options_.policy;
  if (options_.batch_window_ms > 0) entry.ready_at = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.batch_window_ms);
  entry.weights = weights_;
  entry.tally = tally_;
  entry.threads = options_.threads;
  entry.max_active = options_.max_active;
  entry.run->on_end = [tally = tally_](RunState state) { tally->count(state); };
  tally_->admit(options_.max_active + options_.max_queue);
  auto run = entry.run;
  engine_->submit(std::move(entry), plan.panels);
  return run;
}

std::vector<int32_t> Model::encode(std::span<const uint8_t> rgb, int64_t width, int64_t height, CancelToken* cancel) {
  need_images();
  const int64_t scale = weights_->hyper.vq.scale();
  if (width < scale || height < scale || width % scale || height % scale || static_cast<int64_t>(rgb.size()) != width * height * 3)
    fail(Code::image_invalid, "encodeVq: sides must be multiples of ", scale, " with 3 bytes a pixel, got ", width, " x ", height, " in ",
         rgb.size(), " bytes");
  std::vector<int32_t> codes(static_cast<size_t>(width / scale * (height / scale)));
  perform(
      [&](Device& device) {
        weights_->vq->set_map_budget(room_for_maps(device, *weights_->source, options_.max_host_bytes));
        weights_->vq->encode(rgb, height, width, codes);
      },
      cancel);
  return codes;
}

std::vector<uint8_t> Model::decode(std::span<const int32_t> codes, int64_t rows, int64_t columns, CancelToken* cancel) {
  need_images();
  within("grid rows", rows, 1, 4096);
  within("grid columns", columns, 1, 4096);
  within("codes", static_cast<int64_t>(codes.size()), rows * columns, rows * columns);
  for (const int32_t code : codes) within("code", code, 0, weights_->hyper.vq.codebook_size - 1);
  const int64_t scale = weights_->hyper.vq.scale();
  std::vector<uint8_t> rgb(static_cast<size_t>(rows * columns * scale * scale * 3));
  perform(
      [&](Device& device) {
        weights_->vq->set_map_budget(room_for_maps(device, *weights_->source, options_.max_host_bytes));
        weights_->vq->decode(codes, rows, columns, rgb);
      },
      cancel);
  return rgb;
}

EngineStats Model::stats() const {
  EngineStats stats = tally_->stats();
  stats.queued = std::max<int64_t>(0, stats.running - options_.max_active);
  stats.running -= stats.queued;
  return stats;
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

void Model::close() {
  {
    std::lock_guard lock(tasks_mutex_);
    closed_ = true;
    for (CancelToken* token : tasks_) token->cancel();
  }
  engine_->leave(*tally_);
}

}  // namespace dimoo

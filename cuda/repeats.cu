// Two arenas stand in for the pool while a pass is recorded or compared: one for what its ops need while they run, one for their lists.
#include <algorithm>
#include <cstring>
#include <utility>

#include "cuda/repeats.h"
#include "cuda/runtime.h"

namespace dimoo::cuda {
namespace {

constexpr size_t kMostRecordings = 64;
constexpr int kPlainVisits = 2;   // of a shape before it is recorded: many come no more often
constexpr int kMostFailures = 3;  // in a row, of a shape whose passes never agree

}  // namespace

std::byte* Arena::take(int64_t bytes) {
  const int64_t at = top_;
  top_ += (std::max<int64_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  most_ = std::max(most_, top_);
  taken_++;
  return fits() ? data() + at : reinterpret_cast<std::byte*>(at);
}

Repeats::~Repeats() {
  for (Recording& recording : recordings_) forget(recording);
}

void Repeats::forget(Recording& recording) {
  for (const cudaGraphExec_t graph : std::exchange(recording.graphs, {})) cudaGraphExecDestroy(graph);
}

Repeats::Recording& Repeats::find(const void* owner, std::span<const int64_t> shape) {
  const auto known = std::find_if(recordings_.begin(), recordings_.end(), [&](const Recording& r) {
    return r.owner == owner && std::equal(r.shape.begin(), r.shape.end(), shape.begin(), shape.end());
  });
  if (known != recordings_.end()) {
    recordings_.splice(recordings_.begin(), recordings_, known);
  } else {
    recordings_.push_front({owner, {shape.begin(), shape.end()}, {}, {}});
    if (recordings_.size() > kMostRecordings) forget(recordings_.back()), recordings_.pop_back();
  }
  return recordings_.front();
}

void Repeats::run(const void* owner, std::span<const int64_t> shape, FunctionRef<void()> ops) {
  Recording& recording = find(owner, shape);
  const bool again = recording.asked++ >= kPlainVisits && recording.failures < kMostFailures;
  if (!again || !(!recording.graphs.empty() ? agrees(recording, ops) : record(recording, ops)) || !start(recording)) return ops();
  recording.failures = 0;
}

/// Lets `ops` say what they do.
void Repeats::watch(Mode mode, Recording& recording, FunctionRef<void()> ops) {
  struct Off {
    Repeats& repeats;
    ~Off() { repeats.mode_ = Mode::off, repeats.now_ = nullptr; }
  } const off{*this};
  mode_ = mode, now_ = &recording, compared_ = 0;
  scratch_->reset(false), lists_->reset(true);
  contents_.assign(contents_.size(), std::byte{0});
  rows_.clear();
  ops();
}

bool Repeats::agrees(Recording& recording, FunctionRef<void()> ops) {
  bool same = true;
  try {
    watch(Mode::comparing, recording, ops);
  } catch (const Differs&) {
    same = false;
  }
  same = same && compared_ == recording.launches.size();
  if (!same) recording.failures++, forget(recording);
  return same;
}

/// Room for what the ops took, and some more, as recordings that speak of other places are void.
void Repeats::make_room() {
  for (const auto& arena : {scratch_, lists_}) {
    if (arena->fits()) continue;
    for (Recording& recording : recordings_) forget(recording);
    const int64_t bytes = arena->most() + arena->bytes() / 2;
    arena->set_memory({});
    arena->set_memory(allocate(stream_.pool(), bytes));
  }
  contents_.resize(static_cast<size_t>(lists_->bytes()));
}

/// What cannot be captured runs as it is, and fails there if it must.
bool Repeats::record(Recording& recording, FunctionRef<void()> ops) {
  try {
    capture(recording, ops);
    return true;
  } catch (const Differs&) {
  } catch (const Error& error) {
    if (error.code() != Code::internal && error.code() != Code::device_out_of_memory) {
      forget(recording);  // what was captured before a cut
      throw;
    }
  }
  recording.failures++, forget(recording);
  return false;
}

void Repeats::begin_capture() {
  Pool& pool = *stream_.pool();
  pool.hold(true);
  const cudaError_t status = cudaStreamBeginCapture(pool.stream(), cudaStreamCaptureModeThreadLocal);
  if (status != cudaSuccess) pool.hold(false);
  check(status, "cudaStreamBeginCapture");
  capturing_ = true, cut_ = false;
  stream_.pace().begin();
}

void Repeats::end_capture() {
  Pool& pool = *stream_.pool();
  cudaGraph_t graph = nullptr;
  const cudaError_t status = cudaStreamEndCapture(pool.stream(), &graph);
  capturing_ = false;
  pool.hold(false);
  check(status, "cudaStreamEndCapture");
  cudaGraphExec_t made = nullptr;
  const cudaError_t instantiated = cudaGraphInstantiate(&made, graph, 0);
  cudaGraphDestroy(graph);
  check(instantiated, "cudaGraphInstantiate");
  now_->graphs.push_back(made);
  check(cudaGraphUpload(made, pool.stream()), "cudaGraphUpload");
}

void Repeats::abandon_capture() noexcept {
  if (!capturing_) return;
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(stream_.pool()->stream(), &graph) != cudaSuccess) cudaGetLastError();
  if (graph) cudaGraphDestroy(graph);
  capturing_ = false;
  stream_.pool()->hold(false);
}

void Repeats::capture(Recording& recording, FunctionRef<void()> ops) {
  watch(Mode::sizing, recording, ops);
  make_room();
  recording.launches.clear();
  struct Abandoned {
    Repeats& repeats;
    ~Abandoned() { repeats.abandon_capture(); }
  } const abandoned{*this};
  watch(Mode::recording, recording, [&] {
    begin_capture();
    ops();
    end_capture();
  });
}

/// Whether it could be started.
bool Repeats::start(Recording& recording) {
  stream_.check_cancel();
  try {
    stream_.upload(lists_->data(), contents_.data(), lists_->most());
    for (const cudaGraphExec_t graph : recording.graphs) {
      stream_.start(graph);
      stream_.end_group();
    }
    stream_.replayed();
    return true;
  } catch (const Error& error) {
    if (error.code() != Code::internal && error.code() != Code::device_out_of_memory) throw;
  }
  recording.failures++, forget(recording);
  return false;
}

void Repeats::append_bytes(const void* data, size_t bytes) {
  const size_t at = noted_.size();
  noted_.resize(at + bytes);
  std::memcpy(noted_.data() + at, data, bytes);
}

bool Repeats::noted() {
  if (mode_ == Mode::recording) {
    if (cut_) end_capture(), begin_capture();
    now_->launches.insert(now_->launches.end(), noted_.begin(), noted_.end());
  }
  if (mode_ == Mode::comparing) {
    const auto& recorded = now_->launches;
    if (recorded.size() - compared_ < noted_.size() || std::memcmp(recorded.data() + compared_, noted_.data(), noted_.size()) != 0)
      throw Differs{};
    compared_ += noted_.size();
  }
  return mode_ == Mode::recording;
}

Buffer Repeats::scratch(int64_t bytes) {
  std::byte* data = scratch_->take(bytes);
  if (!scratch_->fits() && mode_ != Mode::sizing) throw Differs{};
  return Buffer(data, static_cast<size_t>(bytes), scratch_);
}

std::byte* Repeats::place(const void* from, int64_t bytes, int64_t room) {
  std::byte* data = lists_->take(std::max(bytes, room));
  if (!lists_->fits() && mode_ != Mode::sizing) throw Differs{};
  if (mode_ != Mode::sizing && bytes > 0) std::memcpy(contents_.data() + (data - lists_->data()), from, static_cast<size_t>(bytes));
  return data;
}

Buffer Repeats::list(const void* from, int64_t bytes) { return Buffer(place(from, bytes, 0), static_cast<size_t>(bytes), lists_); }

const int32_t* Repeats::rows(std::span<const int32_t> values) {
  for (const Placed& placed : rows_)
    if (placed.from == values.data() && placed.values.size() >= values.size() &&
        std::equal(values.begin(), values.end(), placed.values.begin()))
      return placed.at;
  const auto bytes = static_cast<int64_t>(values.size_bytes());
  auto* at = reinterpret_cast<const int32_t*>(place(values.data(), bytes, now_->shape.front() * 4));
  rows_.push_back({values.data(), {values.begin(), values.end()}, at});
  return at;
}

}  // namespace dimoo::cuda

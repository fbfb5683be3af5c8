// Passes that come again in the same shape, as CUDA graphs: the third time their launches are captured, from then on the ops only say what
// they would do. Where every launch is the recorded one, bit for bit in its arguments, the recording goes out: one graph, or a few where
// the pass takes longer than a group of launches may (cuda/pace.h). Host lists that may differ (rows, positions, tiles) go into fixed
// places of device memory before it. Where any launch differs, the pass runs as it is.
#pragma once
#include <cuda_runtime.h>

#include <list>
#include <memory>
#include <span>
#include <vector>

#include "base/function_ref.h"
#include "base/tensor.h"

namespace dimoo::cuda {

class Stream;

/// Device memory handed out in order, so that the same ops get the same addresses. Whatever is given back stays where it is until all is.
class Arena : public MemoryOwner {
 public:
  std::byte* take(int64_t bytes);
  void give_back(void*, size_t) noexcept override {
    if (--taken_ == 0 && !keeps_) top_ = kFirst;
  }
  /// From the beginning; `keeps`: nothing is used twice.
  void reset(bool keeps) { top_ = most_ = kFirst, taken_ = 0, keeps_ = keeps; }
  /// Bytes that were taken at once, from its beginning.
  int64_t most() const { return most_; }
  int64_t bytes() const { return static_cast<int64_t>(memory_.bytes()); }
  bool fits() const { return most_ <= bytes(); }
  std::byte* data() const { return static_cast<std::byte*>(memory_.data()); }
  void set_memory(Buffer memory) { memory_ = std::move(memory); }

 private:
  static constexpr int64_t kAlignment = 256, kFirst = kAlignment;  // no address is null, not even while there is no memory

  Buffer memory_;
  int64_t top_ = kFirst, most_ = kFirst, taken_ = 0;
  bool keeps_ = false;
};

class Repeats {
 public:
  explicit Repeats(Stream& stream) : stream_(stream) {}
  ~Repeats();
  Repeats(const Repeats&) = delete;
  Repeats& operator=(const Repeats&) = delete;

  /// Runs `ops`, which launch kernels and take lists and scratch, and nothing else: no uploads, no waits, no read-backs. `owner` and
  /// `shape` tell one pass from another; that the launches agree is checked.
  void run(const void* owner, std::span<const int64_t> shape, FunctionRef<void()> ops);

  /// Whether the ops of a pass are being recorded or compared; the calls below are for then.
  bool watching() const { return mode_ != Mode::off; }
  Buffer scratch(int64_t bytes);
  Buffer list(const void* from, int64_t bytes);
  /// A list of rows of the pass: one that comes again, or its beginning, is brought once, told by where it lies and by what is in it. Its
  /// place has room for all rows, so that the places behind it do not depend on its length.
  const int32_t* rows(std::span<const int32_t> values);
  /// The launches so far are a graph, those to come another.
  void cut() { cut_ = true; }
  /// Notes a launch. Whether it is to be made.
  template <class... Parameters>
  bool note(const void* kernel, dim3 grid, int threads, int64_t shared, Parameters... parameters) {
    noted_.clear();
    append(kernel), append(grid.x), append(grid.y), append(threads), append(shared);
    (append(parameters), ...);
    return noted();
  }

 private:
  enum class Mode { off, sizing, recording, comparing };
  struct Recording {
    const void* owner;
    std::vector<int64_t> shape;
    std::vector<std::byte> launches;
    std::vector<cudaGraphExec_t> graphs;
    int asked = 0, failures = 0;  // failures: in a row
  };
  struct Differs {};

  template <class T>
  void append(T value) {
    __builtin_clear_padding(&value);
    append_bytes(&value, sizeof value);
  }
  void append_bytes(const void* data, size_t bytes);
  bool noted();
  void watch(Mode mode, Recording& recording, FunctionRef<void()> ops);
  bool record(Recording& recording, FunctionRef<void()> ops);
  void capture(Recording& recording, FunctionRef<void()> ops);
  void begin_capture();
  void end_capture();
  void abandon_capture() noexcept;
  bool agrees(Recording& recording, FunctionRef<void()> ops);
  bool start(Recording& recording);
  void forget(Recording& recording);
  void make_room();
  std::byte* place(const void* from, int64_t bytes, int64_t room);
  Recording& find(const void* owner, std::span<const int64_t> shape);

  Stream& stream_;
  Mode mode_ = Mode::off;
  std::list<Recording> recordings_;  // the latest first
  Recording* now_ = nullptr;
  bool capturing_ = false, cut_ = false;
  size_t compared_ = 0;  // bytes of now_->launches
  std::vector<std::byte> noted_;
  std::shared_ptr<Arena> scratch_ = std::make_shared<Arena>(), lists_ = std::make_shared<Arena>();
  std::vector<std::byte> contents_;  // of the lists' arena
  struct Placed {
    const int32_t* from;
    std::vector<int32_t> values;
    const int32_t* at;
  };
  std::vector<Placed> rows_;
};

}  // namespace dimoo::cuda

// What the emulation must notice, shown on kernels with planted faults; and what only it can show without a GPU: how often a step waits,
// and that a lost device is told as such.
#include <cuda_runtime.h>

#include <memory>

#include "cuda/ptx/cp_async.cuh"
#include "cuda/ptx/shared.cuh"
#include "cuda/runtime.h"
#include "test/native/traces.h"

using namespace dimoo;

namespace {

constexpr int kThreads = 64;

template <bool kWaits>
__global__ void reversed(const float* from, float* to) {
  __shared__ float room[kThreads];
  room[threadIdx.x] = from[threadIdx.x];
  if (kWaits) __syncthreads();
  to[threadIdx.x] = room[kThreads - 1 - threadIdx.x];
}

template <int kPending>
__global__ void copied(const float* from, float* to) {
  auto* room = cuda::ptx::dynamic_shared<float>();
  if (threadIdx.x < kThreads / 4) cuda::ptx::cp_async(cuda::ptx::dynamic_shared_start() + threadIdx.x * 16, from + threadIdx.x * 4, 16);
  cuda::ptx::cp_async_commit();
  cuda::ptx::cp_async_wait<kPending>();
  __syncthreads();
  to[threadIdx.x] = room[threadIdx.x];
}

__global__ void half_waits(const float*, float*) {
  if (threadIdx.x < kThreads / 2) __syncthreads();
}

__global__ void two_places(const float*, float*) {
  if (threadIdx.x < kThreads / 2)
    __syncthreads();
  else
    __syncthreads();
}

std::vector<float> run(void (*kernel)(const float*, float*)) {
  cuda::Stream stream(0);
  std::vector<float> values(kThreads);
  for (size_t i = 0; i < values.size(); i++) values[i] = static_cast<float>(i);
  const Buffer in = stream.list(std::span<const float>(values)), out = stream.scratch(kThreads * 4);
  stream.launch("test", kernel, 1, kThreads, kThreads * 4, static_cast<const float*>(in.data()), static_cast<float*>(out.data()));
  stream.download(values.data(), out.data(), kThreads * 4);
  return values;
}

std::string error_of(void (*kernel)(const float*, float*)) {
  try {
    run(kernel);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

bool holds(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST(a_missing_barrier_shows) {
  std::vector<float> expected;
  for (int i = kThreads; i-- > 0;) expected.push_back(static_cast<float>(i));
  CHECK(run(reversed<true>) == expected);
  if (!emulation::order().eager) CHECK(run(reversed<false>) != expected);  // eager leaves what the block before wrote
}

TEST(a_missing_wait_for_copies_shows) {
  CHECK_EQ(run(copied<0>)[5], 5.0f);
  if (!emulation::order().eager) CHECK(run(copied<1>)[5] != 5.0f);
}

TEST(barriers_that_not_all_threads_reach_are_errors) {
  CHECK(holds(error_of(half_waits), "ended while others wait"));
  CHECK(holds(error_of(two_places), "wait at different places"));
}

TEST(a_copy_must_stay_inside_of_device_memory) {
  cuda::Stream stream(0);
  const Buffer small = stream.scratch(8);
  float values[4] = {};
  bool thrown = false;
  try {
    stream.upload(small.data(), values, 16);
    stream.download(values, small.data(), 8);
  } catch (const std::runtime_error& error) {
    thrown = holds(error.what(), "outside of device memory");
  }
  CHECK(thrown);
}

/// An arena counts what is out by the buffers that are, and begins anew once none is.
TEST(an_arena_begins_anew_once_all_of_it_is_given_back) {
  const auto arena = std::make_shared<cuda::Arena>(), other = std::make_shared<cuda::Arena>();
  const auto take = [](const auto& from) { return Buffer(from->take(1 << 20), 1 << 20, from); };
  Buffer one = take(arena), two = take(arena), elsewhere = take(other);
  CHECK(!arena->fits());
  const void* const first = one.data();
  CHECK(first != two.data());
  CHECK(first == elsewhere.data());  // neither has memory: their owners tell them apart
  one = Buffer(), elsewhere = Buffer();
  CHECK(take(arena).data() != first);  // two is out
  two = Buffer();
  CHECK(take(arena).data() == first);
}

__global__ void counted(float* to) {
  if (threadIdx.x == 0) *to += 1;
}

/// A recording is started only for the launches that it holds, all of them: passes of the same shape that come back shorter, longer or with
/// other arguments run as they are.
TEST(a_recorded_pass_that_comes_back_otherwise_runs_as_it_is) {
  cuda::Stream stream(0);
  float seen[2] = {};
  const Buffer memory = stream.scratch(sizeof seen);
  auto* const sums = static_cast<float*>(memory.data());
  stream.clear(sums, sizeof seen);
  const int64_t shape[] = {32};
  const auto pass = [&](int launches, int at = 0) {
    const int64_t before = stream.activity().replays;
    stream.repeat(&stream, shape, [&] {
      for (int i = 0; i < launches; i++) stream.launch("counted", counted, 1, 32, 0, sums + at);
    });
    stream.download(seen, sums, sizeof seen);
    return stream.activity().replays > before;
  };
  for (int i = 0; i < 2; i++) CHECK(!pass(3));
  for (int i = 0; i < 2; i++) CHECK(pass(3));
  CHECK_EQ(seen[0], 12.0f);
  CHECK(!pass(2));
  CHECK_EQ(seen[0], 14.0f);
  CHECK(pass(3));  // recorded again
  CHECK(!pass(4));
  CHECK_EQ(seen[0], 21.0f);
  CHECK(pass(3));
  CHECK(!pass(3, 1));
  CHECK_EQ(seen[0], 24.0f);
  CHECK_EQ(seen[1], 3.0f);
}

/// What a pass over a sequence takes, and what follows once somebody cancels in the middle of it.
TEST(little_follows_a_cancellation) {
  if (emulation::order().eager) check::skip("nothing is queued where everything runs at once");
  const auto source = Source::open(golden::path("checkpoint"));
  golden::Bound bound(*source, "", 1, Precision::fast, "cuda:0");
  const std::vector<int32_t> ids(150, 7);
  int64_t ran = 0;
  struct Unwatched {
    ~Unwatched() { emulation::watch({}); }
  } const unwatched;
  for (const bool recorded : {false, true}) {
    for (int i = 0; i < (recorded ? 4 : 1); i++) bound.logits(ids);
    const Activity before = bound.device->activity();
    ran = 0;
    emulation::watch([&] { ran++; });
    bound.logits(ids);
    const int64_t whole = ran, groups = bound.device->activity().groups - before.groups;
    CHECK_EQ(bound.device->activity().replays - before.replays, int64_t{recorded});
    CHECK(groups >= 8);
    CancelToken cancel;
    ran = 0;
    emulation::watch([&] {
      if (++ran == whole / 3) cancel.cancel();
    });
    bound.device->set_cancel(&cancel);
    CHECK_THROWS(bound.logits(ids), Code::aborted, "");
    bound.device->set_cancel(nullptr);
    float value = 0;
    const Buffer any = bound.device->allocate(4);
    bound.device->download(&value, Tensor(static_cast<float*>(any.data()), 1, 1));  // whatever was queued runs
    emulation::watch({});
    CHECK(ran < whole);
    // At most three groups of kGroupSeconds, rounded up to whole launches: those ahead, and the one that ran.
    CHECK((cuda::Pace::kAhead + 1) * cuda::Pace::kGroupSeconds <= 0.050);
    CHECK(ran - whole / 3 <= (cuda::Pace::kAhead + 1) * (whole / groups + 2));
  }
}

/// With ML-Cache too, whose choice needs no wait of its own, and with logits in pieces, which are cut after the last.
TEST(a_step_waits_for_the_gpu_once) {
  const auto source = Source::open(golden::path("checkpoint"));
  for (const auto& [name, steps, piece] : {std::tuple{"t2i_cfg4_mlcache_b", 5, INT64_MAX}, {"t2i_cfg1p5_two_steps", 2, int64_t{7}}}) {
    golden::Bound bound(*source, "", 1, Precision::fast, "cuda:0");
    const traces::PictureTrace trace(name, bound.hyper);
    Pass pass(*bound.device, *bound.backbone);
    pass.set_most_piece_rows(piece);
    traces::Desk desk = trace.desk();
    bool cached = false;
    for (int step = 0; step < steps; step++) {
      Seat seat = trace.seat(bound, desk);
      const int64_t before = bound.device->activity().waits;
      pass.run({&seat, 1});
      if (step > 0) CHECK_EQ(bound.device->activity().waits - before, int64_t{1});  // the first one also makes room
      cached = cached || seat.pass == PassKind::cached;
    }
    CHECK_EQ(cached, trace.reuse && trace.reuse->keeps_logits());
  }
}

TEST(a_lost_device_is_told_as_such_and_let_go) {
  const auto source = Source::open(golden::path("checkpoint"));
  {
    golden::Bound bound(*source, "", 1, Precision::f32, "cuda:1");
    const traces::PictureTrace trace("t2i_one_step", bound.hyper);
    Pass pass(*bound.device, *bound.backbone);
    traces::Desk desk = trace.desk();
    Seat seat = trace.seat(bound, desk);
    emulation::inject(cudaErrorIllegalAddress);
    CHECK_THROWS(pass.run({&seat, 1}), Code::device_lost, "an illegal memory access");
    CHECK_THROWS(pass.run({&seat, 1}), Code::device_lost, "an illegal memory access");
    CHECK(!desk.canvas->done());
  }
  emulation::inject(cudaSuccess);
}

/// All that CUDA says no process survives, or that a GPU does not: others are of one call.
TEST(errors_that_stay_are_a_lost_device) {
  cuda::Stream stream(0);
  const auto code_of = [&](int error) {
    emulation::inject(static_cast<cudaError_t>(error));
    try {
      stream.wait("test");
    } catch (const Error& thrown) {
      emulation::inject(cudaSuccess);
      return thrown.code();
    }
    return Code::aborted;
  };
  for (const int error : {46, 214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 810, 999})
    if (code_of(error) != Code::device_lost) check::failed(__FILE__, __LINE__, "error ", error, " is not told as a lost device");
  CHECK(code_of(cudaErrorInvalidConfiguration) == Code::internal);
  CHECK(code_of(cudaErrorMemoryAllocation) == Code::device_out_of_memory);
}

/// A kernel's code is loaded when it first starts, beside the pool that keeps what was given back: the launch is tried once more without
/// that, then it is told as what it is.
TEST(a_launch_without_memory_is_tried_again_and_told) {
  const std::vector<float> truth = run(reversed<true>);
  emulation::starve(1);
  CHECK(run(reversed<true>) == truth);
  emulation::starve(2);
  try {
    run(reversed<true>);
    check::failed(__FILE__, __LINE__, "expected an error");
  } catch (const Error& error) {
    CHECK(error.code() == Code::device_out_of_memory);
    CHECK(error.text().starts_with("test: "));
    CHECK(error.available() > 0);
  }
  CHECK(run(reversed<true>) == truth);
}

/// Memory that cannot be pinned is this machine's: it is not told as the GPU's.
TEST(pinned_memory_that_is_refused_is_told_as_what_it_is) {
  emulation::refuse_pinned();
  try {
    const cuda::Stream stream(0);
    check::failed(__FILE__, __LINE__, "expected an error");
  } catch (const Error& error) {
    CHECK(error.code() == Code::device_out_of_memory);
    CHECK(error.text().find("this machine has no ") != std::string_view::npos);
    CHECK(error.text().find("GPU") == std::string_view::npos);
    CHECK(error.needed() > 0);
  }
  const cuda::Stream stream(0);  // nothing was left behind
}

/// Also where it is a recording that does not find its memory: its ops then run as they are.
TEST(a_recording_without_memory_runs_as_it_is) {
  const auto source = Source::open(golden::path("checkpoint"));
  golden::Bound bound(*source, "", 1, Precision::fast, "cuda:0");
  const std::vector<int32_t> ids(40, 7);
  const auto truth = bound.logits(ids);
  for (int i = 0; i < 2; i++) bound.logits(ids);
  const auto replayed = [&](int starved) {
    const int64_t before = bound.device->activity().replays;
    emulation::starve(starved);
    CHECK(bound.logits(ids) == truth);
    return bound.device->activity().replays - before;
  };
  CHECK_EQ(replayed(1), int64_t{0});  // while it is recorded
  CHECK_EQ(replayed(0), int64_t{1});
  CHECK_EQ(replayed(1), int64_t{0});  // when it is started
  CHECK_EQ(replayed(0), int64_t{1});
}

/// A clock that a driver does not tell must not make a group, and so a wait, of every launch.
TEST(an_unknown_clock_is_a_slow_one) {
  const struct Told {
    ~Told() { emulation::tell_clock(100); }
  } told;
  const auto groups = [](int kilohertz, bool known) {
    emulation::tell_clock(kilohertz, known);
    cuda::Pace pace(nullptr, 0);
    int launches = 0;
    for (; !pace.full(); launches++) pace.expect({.tensor = 1e9});
    return launches;
  };
  const int slow = groups(1'000'000, true);
  CHECK(slow > 10 && slow < groups(2'000'000, true));
  CHECK_EQ(groups(0, true), slow);
  CHECK_EQ(groups(0, false), slow);
}

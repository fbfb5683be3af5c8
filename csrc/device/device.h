// The device interface: memory and every op, on one page. csrc/cpu and cuda/ implement it; nobody else names them.
// All tensors are device memory and row-major; activations are f32, or of a type that the device would round them to anyway. A row's
// result never depends on how many rows travel along (docs/contracts.md#determinism). Ops on one device are called by one thread.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/function_ref.h"
#include "base/tensor.h"

namespace dimoo {

/// f32: reference arithmetic, weights dequantised exactly. fast: F16 and BF16 weights compute in bf16, quantised ones with
/// int8 activations (CPU); F32 weights keep f32. Accumulation is f32 (int32 inside a group of 32) in both.
enum class Precision { f32, fast };

/// What becomes of a product p: out = p, out += p.
enum class Epilogue { store, add };

/// What the multiply-adds of an op are made of.
enum class Arithmetic { f32, bf16, int8 };

/// A matrix as it lies in its source: (rows = out, cols = in), rows contiguous, block layouts of ggml.
struct HostTensor {
  std::string name;
  DType type = DType::f32;
  int64_t rows = 0;
  int64_t cols = 0;
  const std::byte* data = nullptr;

  int64_t bytes() const { return rows * type_bytes(type, cols); }
  HostTensor slice(int64_t first, int64_t count) const { return {name, type, count, cols, data + first * type_bytes(type, cols)}; }
};

/// A picture or feature map: pixels (height * width, channels), channels innermost. Where an op says so it may be a strip: whole rows
/// of pixels from `first` on, of a picture of this height.
struct Image {
  Tensor pixels;
  int64_t height = 0;
  int64_t width = 0;
  int64_t first = 0;
  int64_t channels() const { return pixels.cols; }
  int64_t rows() const { return width > 0 ? pixels.rows / width : 0; }
};

/// How a convolution walks its input. half: pad one row below and one column right with zeros, stride 2, no other padding.
/// twice: nearest-neighbour 2x upsampling first, then as `same`.
enum class Sampling { same, half, twice };
enum class Activation { none, silu };

/// A matrix bound to a device: (rows, cols) = (out, in). Refers to the source's mapping, which must outlive it.
class Weight {
 public:
  virtual ~Weight() = default;
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t taps() const { return taps_; }  // 1 or 9 for convolutions
  Sampling sampling() const { return sampling_; }
  DType operand() const { return operand_; }  // Device::operand_type

 protected:
  explicit Weight(int64_t rows, int64_t cols, DType operand = DType::f32, int64_t taps = 1, Sampling sampling = Sampling::same)
      : rows_(rows), cols_(cols), operand_(operand), taps_(taps), sampling_(sampling) {}

 private:
  int64_t rows_, cols_;
  DType operand_;
  int64_t taps_;
  Sampling sampling_;
};

/// What a convolution does to each channel of its input before it: act(x * scale + shift). Host memory, (channels) each; empty: nothing.
struct ChannelScale {
  std::span<const float> scale, shift;
  Activation act = Activation::none;
};

/// Keys whose softmax attention takes by itself before it combines them, in order, with those before: part of the result's definition
/// (docs/contracts.md#determinism).
inline constexpr int kKeyChunk = 512;

/// Query rows of one branch and the keys they attend to (all of the branch, no mask).
struct AttentionSpan {
  int64_t first = 0;                     // first query row in q and out
  int64_t count = 0;                     // query rows
  Tensor k, v;                           // (n, kv_heads * head_dim), keys after rotary; f32, or of the device's kv_type()
  Precision precision = Precision::f32;  // fast: products of queries, keys, weights and values in bf16 where the device has them
};

/// Where one branch's logits of a job lie: row i is `tensor` row `rows[i]`, or row i where `rows` is null.
struct LogitRows {
  Tensor tensor;  // (*, v)
  const int32_t* rows = nullptr;
  const float* row(int64_t i) const { return tensor.f32_row(rows ? rows[i] : i); }
};

/// What rotary does to a product's columns; heads 0: nothing.
struct Turn {
  std::span<const int32_t> positions;  // (r)
  Tensor table;                        // as `rotary` takes it
  int heads = 0;
};

/// Rows [first, first + count) of a product go to rows `rows` (distinct; empty: in order) of `out`.
struct Placement {
  int64_t first = 0, count = 0;
  std::span<const int32_t> rows;
  Tensor out;  // of the type that the product's own has
};

/// ML-Cache's choice in one branch: the rows whose largest logit lies at or below the quantile at 1 - ratio (docs/model.md#ml-cache).
struct ChooseJob {
  Tensor maxima;  // (n, 1)
  double ratio = 0;
  std::vector<int32_t>* rows = nullptr;  // ascending, in host memory
};

/// One picture's share of an unmask: guidance, sampling, confidence and the cut (docs/model.md#pictures). A picture may be decided
/// a few cells at a time, and cut after them.
struct UnmaskJob {
  int64_t rows = 0;        // cells masked now
  int branches = 1;        // 1 to 3; 0: `sure` holds all confidences and only the cut is left
  LogitRows logits[3];     // branch 0 is conditional
  float guidance[2] = {};  // weight of each unconditional branch
  float floor = 0;         // only codes at least this times as likely as the likeliest one, to branch 0 alone, are chosen
  float temperature = 0;
  uint64_t seed = 0;
  uint32_t step = 0;
  int64_t keep = 0;                     // cells to stay masked; clamped to 0 .. rows-1
  const int32_t* cells = nullptr;       // (rows) grid index of each row: its position in the random counter
  const float* sample_noise = nullptr;  // (rows, v) recorded uniforms in place of Philox (tests)
  const float* cut_noise = nullptr;     // (rows)
  Tensor sure;                          // (rows, 1) on the device: confidences kept for a cut to come, or to cut by; without data: neither
  // Results, (rows) each, in host memory, after `settle`.
  int32_t* codes = nullptr;
  float* confidence = nullptr;  // softmax probability of the code, temperature 1, over the guided logits
  uint8_t* stays = nullptr;     // 1 = masked again; null: no cut yet
};

/// One answer's share of a text unmask: guidance, Gumbel and confidence in f64 (docs/model.md#answers). Which tokens are
/// fixed is the caller's choice.
struct TextUnmaskJob {
  int64_t rows = 0;     // candidates
  int branches = 1;     // 1 or 2
  LogitRows logits[2];  // branch 0 is conditional
  float guidance = 0;   // u + (guidance + 1) (c - u), in f32
  double temperature = 0;
  uint64_t seed = 0;
  uint32_t step = 0;
  const int32_t* tokens = nullptr;  // (rows) index of each candidate in the answer: its position in the random counter
  const double* noise = nullptr;    // (rows, v) recorded uniforms in place of Philox (tests)
  // Results, (rows) each, in host memory, after `settle`.
  int32_t* ids = nullptr;
  double* confidence = nullptr;  // softmax probability of the id, temperature 1, over the guided logits
};

struct VariantReport {
  std::string op;
  std::string chosen;
  std::vector<std::string> available;
  std::vector<std::string> by_name = {};  // those of `available` that are never chosen unasked
};

struct MemoryReport {
  int64_t used = 0;  // bytes this device holds: buffers, panels, scratch
  int64_t free = 0;  // bytes it could still take
  int64_t total = 0;
  int64_t peak = 0;  // the most that was used at once, where a device keeps count
};

/// What a device was asked to do so far, where it counts: kernels started one by one, recordings of many started as one, times the host
/// waited for it, and groups of work that it let the host run ahead by.
struct Activity {
  int64_t launches = 0, replays = 0, waits = 0, groups = 0;
};

struct DeviceOptions {
  int threads = 0;           // at first; 0: as many as this process may use
  int64_t panel_bytes = -1;  // budget for repacked weights; -1: unlimited until the engine states one
  std::string variant;       // forces ways to run the ops: a name of cpu/dispatch.h, or what cuda/tuning.h reads
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string id() const = 0;    // "cpu", "cuda:0"
  virtual std::string name() const = 0;  // of the hardware
  virtual std::vector<VariantReport> variants() const = 0;
  virtual int threads() const = 0;
  /// How many threads the next ops use. Never changes a result.
  virtual void set_threads(int) {}
  /// Operations per second (a multiply-add is two) that no op of this arithmetic exceeds, measured now, in about 20 ms. 0: unknown.
  virtual double peak(Arithmetic) { return 0; }

  // Memory -----------------------------------------------------------------------------------------------------------
  virtual MemoryReport memory() const = 0;
  virtual Activity activity() const { return {}; }
  /// device/out-of-memory with the bytes needed and the bytes there are. 64-byte aligned, not cleared.
  virtual Buffer allocate(int64_t bytes) = 0;
  virtual void upload(Tensor to, const void* from) = 0;
  virtual void download(void* to, Tensor from) = 0;
  /// What unmask, unmask_text and choose bring to the host is there once this returns, and what went wrong on the way is thrown: the one
  /// wait of a step.
  virtual void settle() {}
  /// Forgets what has not settled: the memory that it was meant for is about to go.
  virtual void abandon() noexcept {}
  /// Whether `prepare` copies: binding then takes as long as moving the weights.
  virtual bool copies_weights() const { return false; }
  /// Binds a matrix for `linear`, `gated`, `embed`; repacking happens at first use within the panel budget.
  std::unique_ptr<Weight> prepare(const HostTensor& tensor, Precision precision);
  /// Binds a convolution kernel: f32 or f16 (out, in, size, size) as PyTorch stores it; size 1 or 3. It is used in this sampling only.
  std::unique_ptr<Weight> prepare_conv(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling);
  /// Bytes that repacked copies of this matrix take once used.
  virtual int64_t panel_bytes(const HostTensor& tensor, Precision precision) const = 0;
  /// The same for a convolution kernel.
  virtual int64_t conv_panel_bytes(const HostTensor& tensor, Sampling) const { return panel_bytes(tensor, Precision::f32); }
  /// Bytes of private scratch for products and attention on up to `rows` rows of a model of this width.
  virtual int64_t scratch_bytes(int64_t rows, int64_t width, int64_t hidden) const = 0;
  virtual void set_panel_budget(int64_t bytes) = 0;
  /// Rows of a pass from which on throughput hardly grows: more of them in one pass only make it longer.
  virtual int64_t saturating_rows() const { return 2048; }
  /// To how many rows a pass of `rows` is filled up, so that passes come again in the same shape where that helps.
  virtual int64_t filled_rows(int64_t rows) const { return rows; }
  /// Runs `ops`: a pass of `owner`, which a device may record where it has seen this shape (rows first) before. They only call transformer
  /// ops that bring nothing to the host.
  virtual void repeat(const void* /*owner*/, std::span<const int64_t> /*shape*/, FunctionRef<void()> ops) { ops(); }
  /// Watched between units of work; raised, the running op throws Error{aborted}. Null watches nothing.
  virtual void set_cancel(const CancelToken* cancel) = 0;

  // Transformer ------------------------------------------------------------------------------------------------------
  // Shapes, types and lists of rows are checked here once for all devices (device/doors.cc); what disagrees is an Error that names both.
  /// The type besides f32 in which x of products with a matrix stored so may be handed over: what they round it to, so that no result
  /// changes. norm, gated, gather and attention write rows of that type too. f32: there is none.
  virtual DType operand_type(DType /*stored*/, Precision) const { return DType::f32; }
  /// out (r, d) = rows `ids` (r, i32 host) of the table, dequantised.
  void embed(const Weight& table, std::span<const int32_t> ids, Tensor out);
  /// out = x / sqrt(mean(x^2) + eps) * weight (d); statistics in f32, fixed order.
  void norm(Tensor x, Tensor weight, float eps, Tensor out);
  /// out (r, n) = x (r, k) w^T.
  void linear(Tensor x, const Weight& w, Tensor out);
  /// out (r, n) += x (r, k) w^T.
  void linear_add(Tensor x, const Weight& w, Tensor out);
  /// out (r, m) = silu(x gate^T) * (x up^T).
  void gated(Tensor x, const Weight& gate, const Weight& up, Tensor out);
  /// The type in which keys and values for attention of this precision are kept: one that changes no result. f32, or what attention
  /// would round them to.
  virtual DType kv_type(Precision, int64_t /*head_dim*/) const { return DType::f32; }
  /// out (r, n) = x w^T, turned; then the placements' rows go to their places instead, and theirs of `out` are undefined. f32 or kv_type().
  void project(Tensor x, const Weight& w, const Turn& turn, std::span<const Placement> placements, Tensor out);
  /// Whether `project` is one op here and not linear, rotary and scatter.
  virtual bool fuses_projections() const { return false; }
  /// In place on x (r, heads * hd), half-split convention: table row p = cos (hd/2), sin (hd/2) of position p.
  void rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads);
  /// out = softmax(q k^T / sqrt(hd)) v per span, zeros without keys; query head i uses key/value head i / (heads / kv_heads). q and out are
  /// f32 or of kv_type().
  void attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out);
  /// out row i = x row rows[i]; `out` is f32 or of x's type.
  void gather(Tensor x, std::span<const int32_t> rows, Tensor out);
  /// out row rows[i] = x row i; the rows are distinct. `out` may be of kv_type().
  void scatter(Tensor x, std::span<const int32_t> rows, Tensor out);
  /// out (r, 1) = the largest value of each row of x.
  void row_max(Tensor x, Tensor out);
  /// Whether all values are finite. A device that queues its work may say yes and throw model/corrupt when it settles.
  virtual bool finite(Tensor x);
  /// Every job's rows.
  virtual void choose(std::span<const ChooseJob> jobs);
  /// Guidance, softmax, Gumbel, arg-max, confidence and the cut, for every job. model/corrupt naming the cell when logits are not
  /// finite.
  virtual void unmask(std::span<const UnmaskJob> jobs) = 0;
  /// The same for text, without the cut. model/corrupt naming the token when logits are not finite.
  virtual void unmask_text(std::span<const TextUnmaskJob> jobs) = 0;

  // Image tokenizer (always f32) -------------------------------------------------------------------------------------
  /// Adds each channel's sum and sum of squares to `sums` (2 c, host): one row of pixels after another, so that strips of a picture, in
  /// order, add up to the same bits as the whole.
  void channel_sums(Image x, std::span<double> sums);
  /// out = conv(scaled x) + bias, plus `residual` where it has data. 3x3 (zero padding 1, after scaling) or 1x1, and how it walks x, by the
  /// kernel. x, residual and out may be strips; x then holds every row that the rows of out touch. `residual` may be `out`; with a 1x1
  /// kernel and no residual, `out` may be the first channels of `x`.
  void conv(Image x, const ChannelScale& scale, const Weight& kernel, Tensor bias, Image residual, Image out);
  /// ids[i] (host) = the nearest row of table (k, c) to row i of x (n, c), Euclidean, lowest index on ties.
  void nearest(Tensor x, const Weight& table, std::span<int32_t> ids);

 protected:
  // What a device does once the checks have passed. `linear` and `linear_add` are one product with another end.
  virtual std::unique_ptr<Weight> do_prepare(const HostTensor& tensor, Precision precision) = 0;
  virtual std::unique_ptr<Weight> do_prepare_conv(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) = 0;
  virtual void do_embed(const Weight& table, std::span<const int32_t> ids, Tensor out) = 0;
  virtual void do_norm(Tensor x, Tensor weight, float eps, Tensor out) = 0;
  virtual void do_linear(Tensor x, const Weight& w, Epilogue epilogue, Tensor out) = 0;
  virtual void do_gated(Tensor x, const Weight& gate, const Weight& up, Tensor out) = 0;
  virtual void do_project(Tensor x, const Weight& w, const Turn& turn, std::span<const Placement> placements, Tensor out);
  virtual void do_rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads) = 0;
  virtual void do_attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) = 0;
  virtual void do_gather(Tensor x, std::span<const int32_t> rows, Tensor out) = 0;
  virtual void do_scatter(Tensor x, std::span<const int32_t> rows, Tensor out) = 0;
  virtual void do_row_max(Tensor x, Tensor out) = 0;
  virtual void do_channel_sums(Image x, std::span<double> sums) = 0;
  virtual void do_conv(Image x, const ChannelScale& scale, const Weight& kernel, Tensor bias, Image residual, Image out) = 0;
  virtual void do_nearest(Tensor x, const Weight& table, std::span<int32_t> ids) = 0;
};

}  // namespace dimoo

// The door of every op: what its tensors, types and lists must agree in, checked once for all devices. A text names the op, what was
// expected and what came. Values of tensors are not looked at.
#include <algorithm>

#include "device/device.h"

namespace dimoo {
namespace {

void expect(bool holds, const char* op, const char* what, int64_t expected, int64_t actual) {
  if (!holds) fail(Code::internal, op, ": ", what, " must be ", expected, ", got ", actual);
}

void equal(const char* op, const char* what, int64_t expected, int64_t actual) { expect(expected == actual, op, what, expected, actual); }

void check_shape(const char* op, const char* what, Tensor expected, Tensor actual) {
  if (expected.rows != actual.rows || expected.cols != actual.cols)
    fail(Code::internal, op, ": ", what, " must be ", expected.rows, " x ", expected.cols, ", got ", actual.rows, " x ", actual.cols);
}

/// The first `count` of `rows`, each below `limit`.
void check_rows(const char* op, std::span<const int32_t> rows, int64_t count, int64_t limit) {
  const auto listed = static_cast<int64_t>(rows.size());
  if (listed < count) fail(Code::internal, op, ": listed rows must be at least ", count, ", got ", listed);
  for (const int32_t row : rows.first(static_cast<size_t>(count)))
    if (row < 0 || row >= limit) fail(Code::internal, op, ": rows must lie in 0..", limit - 1, ", got ", row);
}

/// f32, or `other`.
void check_type(const char* op, const char* what, DType actual, DType other = DType::f32) {
  if (actual == DType::f32 || actual == other) return;
  fail(Code::internal, op, ": ", what, " must be f32", other == DType::f32 ? "" : " or ", other == DType::f32 ? "" : type_info(other).name,
       ", got ", type_info(actual).name);
}

/// Rows of any product of this device.
void check_rows_type(const Device& device, const char* op, const char* what, Tensor rows) {
  check_type(op, what, rows.type, device.operand_type(DType::bf16, Precision::fast));
}

void check_linear(const char* op, Tensor x, const Weight& w, Tensor out) {
  check_type(op, "x", x.type, w.operand());
  equal(op, "columns of x", w.cols(), x.cols);
  equal(op, "columns of out", w.rows(), out.cols);
  equal(op, "rows of out", x.rows, out.rows);
}

void check_blocks(const HostTensor& tensor) {
  const int block = type_info(tensor.type).block;
  if (tensor.cols % block)
    fail(Code::model_corrupt, tensor.name, ": columns must be a multiple of ", block, " for ", type_info(tensor.type).name, ", got ",
         tensor.cols);
}

/// Angles for `heads` heads of a row, and a position of the table for each row.
void check_angles(const char* op, int64_t rows, int64_t cols, int heads, std::span<const int32_t> positions, Tensor table) {
  equal(op, "columns modulo heads", 0, cols % heads);
  equal(op, "columns of the table", cols / heads, table.cols);
  check_rows(op, positions, rows, table.rows);
}

/// Whether a picture's pixels are whole rows of it.
void check_image(const char* op, const char* what, const Image& image) {
  if (image.rows() * image.width != image.pixels.rows)
    fail(Code::internal, op, ": pixels of ", what, " must be whole rows of ", image.width, ", got ", image.pixels.rows);
}

/// Rows [first, end) of the input picture that the rows of `out` touch.
struct RowRange {
  int64_t first, end;
};
RowRange touched_rows(const Image& x, const Weight& kernel, const Image& out) {
  const bool half = kernel.sampling() == Sampling::half, wide = kernel.taps() > 1;
  const int64_t before = wide && !half ? 1 : 0, behind = wide ? half ? 2 : 1 : 0;
  int64_t first = out.first * (half ? 2 : 1) - before, last = (out.first + out.rows() - 1) * (half ? 2 : 1) + behind;
  first = std::max<int64_t>(0, first);
  if (kernel.sampling() == Sampling::twice) first /= 2, last /= 2;
  return {first, std::min(x.height, last + 1)};
}

}  // namespace

std::unique_ptr<Weight> Device::prepare(const HostTensor& tensor, Precision precision) {
  check_blocks(tensor);
  return do_prepare(tensor, precision);
}

std::unique_ptr<Weight> Device::prepare_conv(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) {
  equal("conv", "values per output channel", in * size * size, tensor.cols);
  expect(sampling != Sampling::twice || size == 3, "conv", "size of an upsampling kernel", 3, size);
  return do_prepare_conv(tensor, in, size, sampling);
}

void Device::embed(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  equal("embed", "columns of out", table.cols(), out.cols);
  equal("embed", "ids", out.rows, static_cast<int64_t>(ids.size()));
  for (const int32_t id : ids)
    if (id < 0 || id >= table.rows()) fail(Code::request_invalid, "embed: ids must lie in 0..", table.rows() - 1, ", got ", id);
  do_embed(table, ids, out);
}

void Device::norm(Tensor x, Tensor weight, float eps, Tensor out) {
  equal("norm", "length of weight", x.cols, weight.cols);
  check_shape("norm", "out", x, out);
  check_type("norm", "x", x.type), check_rows_type(*this, "norm", "out", out);
  do_norm(x, weight, eps, out);
}

void Device::linear(Tensor x, const Weight& w, Tensor out) {
  check_linear("linear", x, w, out), check_type("linear", "out", out.type);
  do_linear(x, w, Epilogue::store, out);
}

void Device::linear_add(Tensor x, const Weight& w, Tensor out) {
  check_linear("linear_add", x, w, out), check_type("linear_add", "out", out.type);
  do_linear(x, w, Epilogue::add, out);
}

void Device::gated(Tensor x, const Weight& gate, const Weight& up, Tensor out) {
  check_linear("gated", x, gate, out);
  check_linear("gated", x, up, out);
  check_rows_type(*this, "gated", "out", out);
  do_gated(x, gate, up, out);
}

void Device::project(Tensor x, const Weight& w, const Turn& turn, std::span<const Placement> placements, Tensor out) {
  check_linear("project", x, w, out);
  if (turn.heads > 0) check_angles("project", x.rows, out.cols, turn.heads, turn.positions, turn.table);
  for (const Placement& p : placements) {
    equal("project", "columns of a place", out.cols, p.out.cols);
    expect(p.first >= 0 && p.first + p.count <= out.rows, "project", "end of the placed rows at most", out.rows, p.first + p.count);
    if (p.rows.empty()) expect(p.count <= p.out.rows, "project", "rows of a place at least", p.count, p.out.rows);
    if (!p.rows.empty()) check_rows("project", p.rows, p.count, p.out.rows);
    if (p.out.type != out.type)
      fail(Code::internal, "project: expected places of ", type_info(out.type).name, ", got ", type_info(p.out.type).name);
  }
  do_project(x, w, turn, placements, out);
}

void Device::rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads) {
  check_angles("rotary", x.rows, x.cols, heads, positions, table);
  do_rotary(x, positions, table, heads);
}

void Device::attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) {
  equal("attention", "heads modulo key/value heads", 0, heads % kv_heads);
  equal("attention", "columns of q modulo heads", 0, q.cols % heads);
  check_shape("attention", "out", q, out);
  const int64_t hd = q.cols / heads;
  for (const Tensor& rows : {q, out}) check_type("attention", "q and out", rows.type, kv_type(Precision::fast, hd));
  for (const AttentionSpan& span : spans) {
    expect(span.first >= 0 && span.count >= 0 && span.first + span.count <= q.rows, "attention", "end of the queries at most", q.rows,
           span.first + span.count);
    equal("attention", "columns of keys", kv_heads * hd, span.k.cols);
    check_shape("attention", "values", span.k, span.v);
    const DType kept = kv_type(span.precision, hd);
    for (const DType type : {span.k.type, span.v.type})
      if (type != DType::f32 && type != kept)
        fail(Code::internal, "attention: expected keys and values of ", type_info(kept).name, ", got ", type_info(type).name);
  }
  do_attention(q, spans, heads, kv_heads, out);
}

void Device::gather(Tensor x, std::span<const int32_t> rows, Tensor out) {
  equal("gather", "columns of out", x.cols, out.cols);
  check_rows_type(*this, "gather", "x", x), check_type("gather", "out", out.type, x.type);
  check_rows("gather", rows, out.rows, x.rows);
  do_gather(x, rows, out);
}

void Device::scatter(Tensor x, std::span<const int32_t> rows, Tensor out) {
  equal("scatter", "columns of out", x.cols, out.cols);
  check_rows("scatter", rows, x.rows, out.rows);
  do_scatter(x, rows, out);
}

void Device::row_max(Tensor x, Tensor out) {
  equal("row_max", "rows of out", x.rows, out.rows);
  do_row_max(x, out);
}

void Device::channel_sums(Image x, std::span<double> sums) {
  check_image("channel_sums", "x", x);
  equal("channel_sums", "sums", 2 * x.channels(), static_cast<int64_t>(sums.size()));
  do_channel_sums(x, sums);
}

void Device::conv(Image x, const ChannelScale& scale, const Weight& kernel, Tensor bias, Image residual, Image out) {
  equal("conv", "values of a kernel", x.channels() * kernel.taps(), kernel.cols());
  equal("conv", "channels of out", kernel.rows(), out.channels());
  equal("conv", "length of bias", kernel.rows(), bias.cols);
  check_image("conv", "x", x), check_image("conv", "out", out);
  const auto factors = static_cast<int64_t>(scale.scale.size());
  expect(factors == 0 || factors == x.channels(), "conv", "channels of the scale", x.channels(), factors);
  equal("conv", "channels of the shift", factors, static_cast<int64_t>(scale.shift.size()));
  const RowRange touched = touched_rows(x, kernel, out);
  expect(x.first <= touched.first, "conv", "first row of x at most", touched.first, x.first);
  expect(x.first + x.rows() >= touched.end, "conv", "end of the rows of x at least", touched.end, x.first + x.rows());
  const bool in_place = out.pixels.data == x.pixels.data && out.pixels.rows > 0;
  if (in_place && (kernel.taps() != 1 || kernel.sampling() != Sampling::same || residual.pixels.data))
    fail(Code::internal, "conv: into its own input only 1x1 kernels without a residual");
  do_conv(x, scale, kernel, bias, residual, out);
}

void Device::nearest(Tensor x, const Weight& table, std::span<int32_t> ids) {
  equal("nearest", "columns of x", table.cols(), x.cols);
  equal("nearest", "ids", x.rows, static_cast<int64_t>(ids.size()));
  do_nearest(x, table, ids);
}

}  // namespace dimoo

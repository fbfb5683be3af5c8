// One line per equation. All memory is reserved before the first op; the last block computes only what the head will read.
#include "model/backbone.h"

#include <algorithm>
#include <cmath>

#include "model/rotary_rows.h"
#include "source/quantize.h"

namespace dimoo {
namespace {

HostTensor host(const Source& source, const std::string& name) {
  const SourceTensor& tensor = *source.find(name);
  const int64_t rows = tensor.shape.front();
  return {name, tensor.type, rows, tensor.values() / rows, tensor.data};
}

/// F32 weights keep f32 activations (docs/contracts.md#precision).
Precision attention_precision(const Source& source, Precision precision) {
  return source.find("blk.0.attn_q.weight")->type == DType::f32 ? Precision::f32 : precision;
}

}  // namespace

std::vector<float> host_vector(const Source& source, const std::string& name) {
  const SourceTensor& tensor = *source.find(name);
  std::vector<float> values(static_cast<size_t>(tensor.values()));
  dequantize(tensor.type, tensor.data, tensor.values(), values.data());
  return values;
}

/// A batch filled up to the rows that its device likes to see again: those behind are copies of the last one, belong to no branch and are
/// read by nobody.
struct Backbone::Filled {
  std::vector<int32_t> tokens, positions, head_rows;
  std::span<const BranchRows> branches;
  int64_t heads;  // of the batch that was given

  Filled(const Batch& batch, const Device& device)
      : tokens(batch.tokens.begin(), batch.tokens.end()),
        positions(batch.positions.begin(), batch.positions.end()),
        head_rows(batch.head_rows.begin(), batch.head_rows.end()),
        branches(batch.branches),
        heads(static_cast<int64_t>(batch.head_rows.size())) {
    const auto fill = [&](std::vector<int32_t>& list) {
      if (!list.empty()) list.resize(static_cast<size_t>(device.filled_rows(static_cast<int64_t>(list.size()))), list.back());
    };
    fill(tokens), fill(positions), fill(head_rows);
  }
  Batch batch() const { return {tokens, positions, branches, head_rows, static_cast<int64_t>(head_rows.size()) - heads}; }
  /// What a device must see again to repeat a pass: rows, rows of the head, and of every branch whether it has a cache and how many of
  /// attention's chunks its keys are.
  std::vector<int64_t> shape() const {
    std::vector<int64_t> shape{static_cast<int64_t>(tokens.size()), static_cast<int64_t>(head_rows.size())};
    for (const BranchRows& b : branches) {
      const int64_t chunks = ((b.cache ? b.cache->rows() : b.count) + kKeyChunk - 1) / kKeyChunk;
      shape.push_back(b.cache ? -chunks : chunks);
    }
    return shape;
  }
};

/// Views of the workspace for r rows: keys and values, residual stream, normalised rows, queries, attention, the rows of the last block
/// that the head reads, MLP. Rows that only products or attention read lie in the type that these would round them to.
struct Backbone::Workspace {
  Tensor k, v, x, h, q, a, s, m;

  Workspace(void* data, const Hyperparameters& hyper, const Types& types, int64_t r) {
    auto* at = static_cast<std::byte*>(data);
    const auto take = [&](int64_t cols, DType type = DType::f32) {
      const Tensor tensor(at, type, r, cols);
      at += r * type_bytes(type, cols);
      return tensor;
    };
    const int64_t d = hyper.d_model, kv = hyper.kv_heads * hyper.head_dim;
    k = take(kv, types.kv), v = take(kv, types.kv);
    x = take(d), s = take(d), h = take(d, types.rows), q = take(d, types.kv), a = take(d, types.rows), m = take(hyper.mlp, types.rows);
  }
  /// Rows of the head's type where the residual stream lies once it is no longer needed.
  Tensor last(const Types& types, int64_t count) const { return {x.data, types.last, count, x.cols}; }
};

Backbone::Backbone(Device& device, const Hyperparameters& hyper, const Source& source, Precision precision, const Bound& bound)
    : device_(device),
      hyper_(hyper),
      attention_(attention_precision(source, precision)),
      types_(types(device, hyper, source, precision)),
      rotary_(device, hyper.head_dim, hyper.rope_theta) {
  const auto bind = [&](const HostTensor& tensor) {
    std::unique_ptr<Weight> weight = device.prepare(tensor, precision);
    if (bound) bound(tensor.bytes());
    return weight;
  };
  const auto matrix = [&](const std::string& name) { return bind(host(source, name)); };
  const auto rotated = [&](const std::string& name) {
    HostTensor tensor = host(source, name);
    if (hyper.rotary_rows == RotaryRows::neighbours) tensor.data = half_split_.emplace_back(half_split_rows(tensor, hyper.head_dim)).data();
    return bind(tensor);
  };
  const auto vector = [&](const std::string& name) {
    const std::vector<float> values = host_vector(source, name);
    owned_.push_back(device.allocate(static_cast<int64_t>(values.size()) * 4));
    const Tensor tensor(static_cast<float*>(owned_.back().data()), 1, static_cast<int64_t>(values.size()));
    device.upload(tensor, values.data());
    return tensor;
  };
  embedding_ = matrix("token_embd.weight");
  out_norm_ = vector("output_norm.weight");
  const HostTensor output = host(source, hyper.tied ? "token_embd.weight" : "output.weight");
  head_ = hyper.tied ? device.prepare(output, precision) : bind(output);
  if (hyper.has_images()) head_codes_ = device.prepare(output.slice(hyper.code_offset, hyper.vq.codebook_size), precision);
  for (int64_t i = 0; i < hyper.layers; i++) {
    const std::string name = "blk." + std::to_string(i) + ".";
    blocks_.push_back({{hyper.heads, hyper.kv_heads, hyper.rms_eps},
                       vector(name + "attn_norm.weight"),
                       vector(name + "ffn_norm.weight"),
                       rotated(name + "attn_q.weight"),
                       rotated(name + "attn_k.weight"),
                       matrix(name + "attn_v.weight"),
                       matrix(name + "attn_output.weight"),
                       matrix(name + "ffn_gate.weight"),
                       matrix(name + "ffn_up.weight"),
                       matrix(name + "ffn_down.weight")});
  }
}

int64_t Backbone::matrix_bytes(const Hyperparameters& hyper, const Source& source) {
  int64_t bytes = 0;
  for (const ExpectedTensor& expected : expected_tensors(hyper))
    if (expected.matrix) bytes += host(source, expected.name).bytes();
  return bytes;
}

Backbone::Types Backbone::types(const Device& device, const Hyperparameters& hyper, const Source& source, Precision precision) {
  const auto operand = [&](const std::string& name) { return device.operand_type(source.find(name)->type, precision); };
  Types types;
  types.kv = types.rows = kv_type(device, hyper, source, precision);
  for (const ExpectedTensor& expected : expected_tensors(hyper))
    if (expected.matrix && expected.name.starts_with("blk.") && operand(expected.name) != types.rows) types.rows = DType::f32;
  types.last = operand(hyper.tied ? "token_embd.weight" : "output.weight");
  return types;
}

int64_t Backbone::activation_bytes(const Device& device, const Hyperparameters& hyper, const Source& source, Precision precision,
                                   int64_t rows) {
  return activation_bytes(hyper, types(device, hyper, source, precision), rows);
}

int64_t Backbone::activation_bytes(const Hyperparameters& hyper, const Types& types, int64_t rows) {
  const int64_t d = hyper.d_model;
  return rows * (type_bytes(DType::f32, 2 * d) + type_bytes(types.kv, d) + type_bytes(types.rows, 2 * d + hyper.mlp));
}

int64_t Backbone::kv_bytes(const Hyperparameters& hyper, DType kv_type, int64_t rows) {
  return rows * 2 * type_bytes(kv_type, hyper.kv_heads * hyper.head_dim);
}

DType Backbone::kv_type(const Device& device, const Hyperparameters& hyper, const Source& source, Precision precision) {
  return device.kv_type(attention_precision(source, precision), hyper.head_dim);
}

int64_t Backbone::panel_bytes(const Device& device, const Hyperparameters& hyper, const Source& source, Precision precision) {
  int64_t bytes = 0;
  for (const ExpectedTensor& expected : expected_tensors(hyper))
    if (expected.matrix && expected.name.starts_with("blk.")) bytes += device.panel_bytes(host(source, expected.name), precision);
  const HostTensor output = host(source, hyper.tied ? "token_embd.weight" : "output.weight");
  return bytes + device.panel_bytes(hyper.has_images() ? output.slice(hyper.code_offset, hyper.vq.codebook_size) : output, precision);
}

void Backbone::reserve(int64_t rows) {
  if (rows <= workspace_rows_) return;
  workspace_ = Buffer();
  workspace_rows_ = 0;  // should there be no memory
  workspace_ = device_.allocate(activation_bytes(hyper_, types_, rows) + kv_bytes(hyper_, types_.kv, rows));
  workspace_rows_ = rows;
}

/// Keys, turned, and values of all packed rows; where a branch has a cache, they go there.
void Backbone::keys_and_values(const Batch& batch, int64_t layer, const Workspace& w) {
  const Block& block = blocks_[static_cast<size_t>(layer)];
  std::vector<Placement> keys, values;
  for (const BranchRows& b : batch.branches) {
    if (!b.cache) continue;
    const auto rows = batch.positions.subspan(static_cast<size_t>(b.first), static_cast<size_t>(b.count));
    keys.push_back({b.first, b.count, rows, b.cache->keys(layer)}), values.push_back({b.first, b.count, rows, b.cache->values(layer)});
  }
  block.keys_and_values(device_, w.h, batch.positions, rotary_.angles(), keys, values, w.k, w.v);
}

/// All packed rows of each branch as queries; those of no branch get zeros.
std::vector<AttentionSpan> Backbone::spans(const Batch& batch, int64_t layer, const Workspace& w) const {
  std::vector<AttentionSpan> spans;
  for (const BranchRows& b : batch.branches) {
    const bool kept = b.cache != nullptr;
    spans.push_back({b.first, b.count, kept ? b.cache->keys(layer) : w.k.slice(b.first, b.count),
                     kept ? b.cache->values(layer) : w.v.slice(b.first, b.count), attention_});
  }
  const int64_t end = batch.branches.back().first + batch.branches.back().count;
  spans.push_back({end, w.x.rows - end, w.k.slice(0, 0), w.v.slice(0, 0), attention_});
  return spans;
}

/// The first `count` blocks, on all rows.
void Backbone::run_blocks(const Batch& batch, const Workspace& w, int64_t count, const Observer& observer) {
  for (int64_t i = 0; i < count; i++) {
    const Block& block = blocks_[static_cast<size_t>(i)];
    block.normalise(device_, w.x, w.h);
    keys_and_values(batch, i, w);
    block.advance(device_, w.x, w.h, batch.positions, rotary_.angles(), spans(batch, i, w), {w.h, w.q, w.a, w.m});
    if (observer) observer("block" + std::to_string(i), w.x);
  }
}

/// Keys and values of all rows, the rest of those that the head reads; then the final norm.
void Backbone::run_last_block(const Batch& batch, const Workspace& w) {
  const Block& block = blocks_.back();
  const auto o = static_cast<int64_t>(batch.head_rows.size());
  const Tensor q = w.q.slice(0, o), a = w.a.slice(0, o), s = w.s.slice(0, o), h = w.h.slice(0, o), m = w.m.slice(0, o);
  block.normalise(device_, w.x, w.h);
  keys_and_values(batch, hyper_.layers - 1, w);
  if (o == 0) return;
  std::vector<int32_t> positions;
  for (const int32_t row : batch.head_rows) positions.push_back(batch.positions[static_cast<size_t>(row)]);
  std::vector<AttentionSpan> read = spans(batch, hyper_.layers - 1, w);
  const auto end = batch.head_rows.end() - batch.idle_heads;
  for (AttentionSpan& span : read) {
    const auto from = std::lower_bound(batch.head_rows.begin(), end, span.first);
    const auto to = std::lower_bound(from, end, span.first + span.count);
    span.first = from - batch.head_rows.begin(), span.count = to - from;
  }
  read.back().first = o - batch.idle_heads, read.back().count = batch.idle_heads;  // those without keys
  device_.gather(w.h, batch.head_rows, a);
  device_.gather(w.x, batch.head_rows, s);
  block.advance(device_, s, a, positions, rotary_.angles(), read, {h, q, a, m});
  device_.norm(s, out_norm_, hyper_.rms_eps, w.last(types_, o));
}

void Backbone::run_all(const Batch& batch, const Workspace& w, const Observer& observer) {
  device_.embed(*embedding_, batch.tokens, w.x);
  if (observer) observer("embed", w.x);
  run_blocks(batch, w, hyper_.layers, observer);
  device_.norm(w.x, out_norm_, hyper_.rms_eps, w.s);
  if (observer) observer("ln_f", w.s);
  device_.gather(w.s, batch.head_rows, w.x.slice(0, static_cast<int64_t>(batch.head_rows.size())));
}

void Backbone::check_finite(const Batch& batch, Tensor hidden) {
  if (device_.finite(hidden)) return;
  find_bad_layer(batch);
  fail(Code::model_corrupt, "output_norm: values are not finite (damaged weights?)");
}

Tensor Backbone::forward(const Batch& given) {
  const Filled filled(given, device_);
  const Batch batch = filled.batch();
  const Workspace w = workspace(batch);
  device_.repeat(this, filled.shape(), [&] {
    device_.embed(*embedding_, batch.tokens, w.x);
    run_blocks(batch, w, hyper_.layers - 1, {});
    run_last_block(batch, w);
  });
  const Tensor read = w.last(types_, static_cast<int64_t>(given.head_rows.size()));
  check_finite(given, read);
  return read;
}

Hidden Backbone::forward_all(const Batch& given, const Observer& observer) {
  const auto rows = static_cast<int64_t>(given.tokens.size()), heads = static_cast<int64_t>(given.head_rows.size());
  if (observer) {
    const Workspace w = workspace(given);
    run_all(given, w, observer);
    return {w.s, w.x.slice(0, heads)};
  }
  const Filled filled(given, device_);
  const Batch batch = filled.batch();
  const Workspace w = workspace(batch);
  std::vector<int64_t> shape = filled.shape();
  shape.push_back(0);  // no branch has no chunks: another pass than `forward` of this shape
  device_.repeat(this, shape, [&] { run_all(batch, w, {}); });
  const Hidden hidden{w.s.slice(0, rows), w.x.slice(0, heads)};
  check_finite(given, hidden.all);
  return hidden;
}

/// Room for the rows of a batch, and angles for its positions.
Backbone::Workspace Backbone::workspace(const Batch& batch) {
  const auto rows = static_cast<int64_t>(batch.tokens.size());
  reserve(rows);
  rotary_.reserve(*std::max_element(batch.positions.begin(), batch.positions.end()) + 1);
  return {workspace_.data(), hyper_, types_, rows};
}

void Backbone::head(Tensor rows, Slice slice, Tensor logits) {
  device_.linear(rows, slice == Slice::codes ? *head_codes_ : *head_, logits);
}

void Backbone::find_bad_layer(const Batch& batch) {
  forward_all(batch, [this](std::string_view name, Tensor value) {
    const auto bad = [&] { fail(Code::model_corrupt, name, ": values are not finite (damaged weights?)"); };
    try {
      if (!device_.finite(value)) bad();
      device_.settle();
    } catch (const Error& error) {
      if (error.code() != Code::model_corrupt) throw;
      bad();
    }
  });
}

}  // namespace dimoo

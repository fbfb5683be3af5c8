// The transformer (docs/model.md#network): bidirectional, pre-norm, rotary, gated MLP. Knows rows of branches, not requests.
// A pass computes the packed rows it is given; each branch attends to all of its own rows, those that are not computed by their kept
// keys and values. The last layer's queries and MLP are computed only for the rows that the head will read.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "model/block.h"
#include "model/hyperparameters.h"
#include "model/kv_cache.h"
#include "model/rotary_table.h"

namespace dimoo {

struct BranchRows {
  int64_t first = 0, count = 0;    // packed rows of one branch; all of it unless there is a cache
  const KvCache* cache = nullptr;  // holds the branch's keys and values; the packed rows' are written to it at their positions
};

/// Packed rows of all branches of all runs of a pass.
struct Batch {
  std::span<const int32_t> tokens;     // (r) vocabulary ids
  std::span<const int32_t> positions;  // (r) index within the branch
  std::span<const BranchRows> branches;
  std::span<const int32_t> head_rows;  // (o) packed rows that the head will read, ascending
  int64_t idle_heads = 0;              // of them, the last ones: nobody reads what comes of those
};

/// Which rows of the output matrix the head computes.
enum class Slice { codes, vocabulary };

/// What a test may look at: called with a name ("embed", "block0", "ln_f") and the tensor, for all rows.
using Observer = std::function<void(std::string_view name, Tensor value)>;

/// Rows after the final norm, valid until the next pass.
struct Hidden {
  Tensor all;   // (r, d) f32, of every packed row: the features that a second network would go on from
  Tensor read;  // (o, d), of those that the head reads
};

class Backbone {
 public:
  /// Called with the bytes of a matrix once it is bound. What it throws ends the binding.
  using Bound = std::function<void(int64_t bytes)>;
  /// Binds every tensor; `source` must outlive this.
  Backbone(Device& device, const Hyperparameters& hyper, const Source& source, Precision precision, const Bound& bound = {});
  /// What `bound` is told in all.
  static int64_t matrix_bytes(const Hyperparameters& hyper, const Source& source);

  /// The rows `head_rows` (o, d) after the final norm, valid until the next call: the last block computes only those.
  /// Throws model/corrupt naming the layer where values stop being finite.
  Tensor forward(const Batch& batch);
  /// Every row after the final norm, and among them the same bits as `forward`'s. The observer sees what lies between.
  Hidden forward_all(const Batch& batch, const Observer& observer = {});
  /// Throws model/corrupt naming the first layer of this batch whose values are not finite, where there is one: for devices that notice
  /// only when they settle.
  void find_bad_layer(const Batch& batch);
  /// logits (r, v) of the slice from rows that `forward` returned.
  void head(Tensor rows, Slice slice, Tensor logits);
  static int64_t slice_width(const Hyperparameters& hyper, Slice slice) {
    return slice == Slice::codes ? hyper.vq.codebook_size : hyper.vocab;
  }
  int64_t slice_width(Slice slice) const { return slice_width(hyper_, slice); }

  /// Device bytes of one pass: activations and one layer of K/V for `rows` rows.
  static int64_t activation_bytes(const Device& device, const Hyperparameters& hyper, const Source& source, Precision precision,
                                  int64_t rows);
  static int64_t kv_bytes(const Hyperparameters& hyper, DType kv_type, int64_t rows);
  /// How keys and values of this checkpoint are kept on this device.
  static DType kv_type(const Device& device, const Hyperparameters& hyper, const Source& source, Precision precision);
  DType kv_type() const { return types_.kv; }
  /// Bytes of panels that all weights of a picture pass take once packed.
  static int64_t panel_bytes(const Device& device, const Hyperparameters& hyper, const Source& source, Precision precision);

 private:
  /// In which types rows lie between ops: keys, values and queries; normalised rows, attention's and the MLP's; those that the head reads.
  struct Types {
    DType kv, rows, last;
  };
  struct Workspace;
  struct Filled;
  static Types types(const Device& device, const Hyperparameters& hyper, const Source& source, Precision precision);
  static int64_t activation_bytes(const Hyperparameters& hyper, const Types& types, int64_t rows);
  Workspace workspace(const Batch& batch);
  void run_blocks(const Batch& batch, const Workspace& w, int64_t count, const Observer& observer);
  void run_last_block(const Batch& batch, const Workspace& w);
  void run_all(const Batch& batch, const Workspace& w, const Observer& observer);
  void keys_and_values(const Batch& batch, int64_t layer, const Workspace& w);
  void check_finite(const Batch& batch, Tensor hidden);
  std::vector<AttentionSpan> spans(const Batch& batch, int64_t layer, const Workspace& w) const;
  void reserve(int64_t rows);

  Device& device_;
  Hyperparameters hyper_;
  std::vector<Buffer> owned_;                       // norm vectors
  std::vector<std::vector<std::byte>> half_split_;  // Q and K of llama.cpp's files, rows put back
  std::unique_ptr<Weight> embedding_, head_codes_, head_;
  Tensor out_norm_;
  std::vector<Block> blocks_;
  Precision attention_;
  Types types_;
  RotaryTable rotary_;
  Buffer workspace_;
  int64_t workspace_rows_ = 0;
};

/// A small tensor (norms, biases) as f32.
std::vector<float> host_vector(const Source& source, const std::string& name);

}  // namespace dimoo

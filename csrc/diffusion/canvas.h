// One picture or answer being decoded: which cells are fixed, what the next step computes and reads, what comes out of it. Pure
// logic, no memory of a device. What a step computes follows from the state alone, so a state written down goes on as it would have.
#pragma once
#include <memory>
#include <optional>

#include "diffusion/bytes.h"
#include "diffusion/layout.h"
#include "diffusion/reuse.h"

namespace dimoo {

/// The cells that a step fixed, ascending, and how sure the model was of each.
struct Fixed {
  std::vector<uint32_t> cells;
  std::vector<float> confidence;
};

/// Vectors in the order of `wanted()`: the value sampled and its softmax probability.
struct Sampled {
  std::vector<int32_t> values;
  std::vector<double> confidence;
  std::vector<uint8_t> stays;  // pictures: 1 where the cut masks the cell again
};

class Canvas {
 public:
  virtual ~Canvas() = default;
  const Layout& layout() const { return *layout_; }
  const ReusePolicy& reuse() const { return reuse_; }
  uint64_t seed() const { return seed_; }
  int64_t step() const { return step_; }
  const std::vector<int32_t>& cells() const { return cells_; }    // values, -1 = masked
  const std::vector<int32_t>& guess() const { return guess_; }    // values; the model's present guess where masked
  const std::vector<int32_t>& masked() const { return masked_; }  // masked cells, ascending

  virtual int64_t steps() const = 0;
  virtual bool done() const = 0;
  /// The step to come.
  virtual StepPlan plan() const = 0;
  /// Cells whose logits it reads, ascending.
  virtual const std::vector<int32_t>& wanted() const = 0;
  /// Cells whose rows a `text` pass computes, ascending.
  virtual std::vector<int32_t> fresh() const { return {}; }
  /// Pictures: cells to stay masked after it.
  virtual int64_t keep() const { return 0; }
  virtual int64_t block() const { return 0; }
  virtual int64_t blocks() const { return 1; }
  /// Takes its outcome.
  virtual Fixed apply(const Sampled& sampled) = 0;

  /// What `restore` needs for the same end: the present state, or that before the last full step where kept values are in use.
  void save(ByteWriter& out) const;
  /// Into a canvas of the same request that has taken no step. request/invalid for a state that does not fit.
  void restore(ByteReader& in, int32_t largest_value);

 protected:
  Canvas(std::shared_ptr<const Layout> layout, std::vector<int32_t> cells, ReusePolicy reuse, uint64_t seed);
  /// Sets a cell; false where the value is the mask itself.
  bool fix(int32_t cell, int32_t value);
  void find_masked();
  virtual void save_rest(ByteWriter& out) const = 0;
  virtual void restore_rest(ByteReader& in) = 0;
  /// To be called as the outcome of a step arrives, before anything changes.
  void mark();

  std::shared_ptr<const Layout> layout_;
  ReusePolicy reuse_;
  std::vector<int32_t> cells_, guess_, masked_;
  int64_t step_ = 0;
  uint64_t seed_ = 0;

 private:
  std::vector<uint8_t> write_state() const;
  std::vector<uint8_t> before_full_;  // the state before the last full step whose values were kept
};

}  // namespace dimoo

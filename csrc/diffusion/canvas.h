// One picture or answer being decoded: which cells are fixed, what the next step computes and reads, what comes out of it. Pure
// logic, no memory of a device. What a step computes follows from the state alone, so a state written down goes on as it would have.
#pragma once
#include <array>
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

/// How a state that was written down goes on. exact: to the same bits, which may mean to repeat steps since the last full one. present:
/// from the cells as they stood, with a full step, on a device or in a precision whose repetition could come to other cells.
enum class Resume { exact, present };

class Canvas {
 public:
  virtual ~Canvas() = default;
  const Layout& layout() const { return *layout_; }
  const Reuse& reuse() const { return *reuse_; }
  uint64_t seed() const { return seed_; }
  int64_t step() const { return step_; }
  const std::vector<int32_t>& cells() const { return cells_; }    // values, -1 = masked
  const std::vector<int32_t>& guess() const { return guess_; }    // values; the model's present guess where masked
  const std::vector<int32_t>& masked() const { return masked_; }  // masked cells, ascending

  virtual int64_t steps() const = 0;
  virtual bool done() const = 0;
  /// Of the step to come.
  StepWork work() const { return reuse_->work(stretch()); }
  /// Cells whose logits it reads, ascending.
  virtual const std::vector<int32_t>& wanted() const = 0;
  /// Cells whose rows a `text` pass computes, ascending.
  virtual std::vector<int32_t> fresh() const { return {}; }
  /// Pictures: cells to stay masked after it.
  virtual int64_t keep() const { return 0; }
  virtual int64_t block() const { return 0; }
  virtual int64_t blocks() const { return 1; }
  /// Takes its outcome. What it throws leaves the canvas useless.
  virtual Fixed apply(const Sampled& sampled) = 0;

  /// What `restore` needs for the same end: the present state and, where kept values are in use, that before the last full step.
  void save(ByteWriter& out) const;
  /// Into a canvas of the same request that has taken no step. request/invalid for a state that does not fit it, or itself.
  void restore(ByteReader& in, int32_t largest_value, Resume resume);

 protected:
  /// All that changes while a canvas decodes, but for guesses. `rest` means something to the kind of canvas only.
  struct State {
    int64_t step = 0;
    bool forced = false;
    std::array<int64_t, 4> rest{};
    std::vector<int32_t> cells;
  };

  /// Without `reuse`: none.
  Canvas(std::shared_ptr<const Layout> layout, std::vector<int32_t> cells, ReusePtr reuse, uint64_t seed);
  /// Sets a cell; false where the value is the mask itself.
  bool fix(int32_t cell, int32_t value);
  void find_masked();
  /// The step to come, in what reuse counts by.
  virtual StretchStep stretch() const = 0;
  virtual std::array<int64_t, 4> rest() const = 0;
  /// Takes a state over; request/invalid where its parts do not agree with the request and each other.
  virtual void take_rest(const std::array<int64_t, 4>& rest) = 0;
  /// To be called as the outcome of a step arrives, before anything changes; the step is no longer forced.
  void mark();
  [[noreturn]] static void disagree(const char* what) { dimoo::fail(Code::request_invalid, "snapshot: ", what); }

  std::shared_ptr<const Layout> layout_;
  ReusePtr reuse_;
  std::vector<int32_t> cells_, guess_, masked_;
  int64_t step_ = 0;
  bool forced_ = false;  // the next step computes everything
  uint64_t seed_ = 0;

 private:
  State state() const { return {step_, forced_, rest(), cells_}; }
  void take(State state);
  State read(ByteReader& in, int32_t largest_value) const;
  std::optional<State> before_full_;  // the state before the last full step whose values were kept
};

}  // namespace dimoo

#include "engine/memo.h"

#include <utility>

namespace dimoo {

Memo::Memo(Device& device, const Hyperparameters& hyper, DType kv_type, const Layout& layout) : device_(device) {
  for (int64_t branch = 0; branch < layout.branches(); branch++)
    branches_.push_back({KvCache(device, hyper, kv_type, layout.sequence(branch)), {}, {}});
}

int64_t Memo::kv_bytes(const Hyperparameters& hyper, DType kv_type, const Layout& layout) {
  return KvCache::bytes(hyper, kv_type, layout.all_rows());
}

int64_t Memo::logits_bytes(const Layout& layout, int64_t wanted, int64_t width) {
  return layout.branches() * wanted * width * 4 + layout.all_rows() * 4;
}

void Memo::begin(const Canvas& canvas, int64_t width) {
  const std::vector<int32_t>& wanted = canvas.wanted();
  wanted_ = static_cast<int64_t>(wanted.size());
  width_ = width;
  slot_.assign(static_cast<size_t>(canvas.layout().cells()), -1);
  for (size_t i = 0; i < wanted.size(); i++) slot_[static_cast<size_t>(wanted[i])] = static_cast<int32_t>(i);
  for (Branch& branch : branches_)
    if (branch.maxima.bytes() == 0) branch.maxima = device_.allocate(branch.kv.rows() * 4);
  const int64_t bytes = canvas.layout().branches() * wanted_ * width * 4;
  if (static_cast<int64_t>(logits_.bytes()) >= bytes) return;
  logits_ = Buffer();
  logits_ = device_.allocate(bytes);
}

std::vector<int32_t> Memo::slots(const std::vector<int32_t>& cells) const {
  std::vector<int32_t> slots;
  for (const int32_t cell : cells) slots.push_back(slot_[static_cast<size_t>(cell)]);
  return slots;
}

Tensor Memo::logits(int64_t branch) const { return {static_cast<float*>(logits_.data()) + branch * wanted_ * width_, wanted_, width_}; }

Tensor Memo::maxima(int64_t branch) const {
  const Branch& b = branches_[static_cast<size_t>(branch)];
  return {static_cast<float*>(b.maxima.data()), b.kv.rows(), 1};
}

}  // namespace dimoo

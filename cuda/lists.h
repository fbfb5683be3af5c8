// Host lists that ops name again and again (positions, rows): uploaded once and kept for the next ops, found by their content, so a caller
// may change or free its own at any time.
#pragma once
#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "cuda/runtime.h"

namespace dimoo::cuda {

class Lists {
 public:
  /// Lists that one op may name.
  static constexpr size_t kAtOnce = 128;
  /// Lists that are kept.
  static constexpr size_t kKept = 256;
  explicit Lists(Stream& stream) : stream_(stream) {}

  /// Valid for launches until the next kKept calls.
  const int32_t* on_device(std::span<const int32_t> values) {
    if (stream_.repeats().watching()) return stream_.repeats().rows(values);
    for (Kept& kept : kept_)
      if (kept.values.size() == values.size() &&
          (values.empty() || std::memcmp(kept.values.data(), values.data(), values.size_bytes()) == 0))
        return kept.used = ++calls_, static_cast<const int32_t*>(kept.memory.data());
    Kept& oldest = kept_.size() < kKept ? kept_.emplace_back() : *std::min_element(kept_.begin(), kept_.end(), older);
    oldest = {{values.begin(), values.end()}, stream_.list(values), ++calls_};
    return static_cast<const int32_t*>(oldest.memory.data());
  }

 private:
  struct Kept {
    std::vector<int32_t> values;
    Buffer memory;
    int64_t used = 0;
  };
  static bool older(const Kept& a, const Kept& b) { return a.used < b.used; }

  Stream& stream_;
  std::vector<Kept> kept_;
  int64_t calls_ = 0;
};

}  // namespace dimoo::cuda

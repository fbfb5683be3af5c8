// What a GPU may do in more than one way with the same bits: how rows are shared out, and which forms of a kernel are taken. The host
// decides by shapes alone; a test or scripts/gpu-session forces a way by name. Which of them wins only a GPU can tell, so every one that
// has not been measured yet can be turned.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace dimoo::cuda {

/// Tiles of tensor core products, and of attention's queries.
enum class TileRows { automatic, few, some, many };

struct Tuning {
  TileRows products = TileRows::automatic;  // 32 x 128, 64 x 64 or 128 x 128 results a block
  bool wide_warps = true;                   // warps of 64 x 64 results in the largest tile of bf16 weights, not of 32 x 64
  int stages = 0;                           // of that tile's shared memory: 3 or 4; 0: by how many blocks then fit
  int64_t expand_rows = 256;                // from more rows than that on other types are made bf16 once a product; negative: never
  TileRows queries = TileRows::automatic;   // 32 or 128 queries of 16 a warp, or as many of 32 a warp
  bool tall_queries = false;                // automatic: 32 a warp wherever queries are many
};

/// From "name=value" after "name=value", separated by commas; empty: the defaults. request/invalid naming what is known.
///   products=few|some|many warps=wide|narrow stages=3|4 expand=<rows>|never queries=few|many|tall
Tuning tuning_of(const std::string& text);
/// What `text` may say of each name, for reports.
struct TuningChoice {
  std::string name, chosen;
  std::vector<std::string> available;
};
std::vector<TuningChoice> choices(const Tuning& tuning);

inline constexpr int64_t kFewRows = 32, kSomeRows = 64;

/// Which tile `rows` rows take: small ones where there are few rows, or so few large ones that some of the GPU would have none. The bits
/// are the same.
inline TileRows product_rows(const Tuning& tuning, int64_t rows, int64_t many_blocks, int processors) {
  if (tuning.products != TileRows::automatic) return tuning.products;
  if (rows <= kFewRows) return TileRows::few;
  return rows <= kSomeRows || many_blocks < processors ? TileRows::some : TileRows::many;
}

/// A matrix of more rows (a head over the whole vocabulary) is never made bf16: its copy would take a gigabyte.
inline constexpr int64_t kMostExpanded = 32768;
/// Whether weights that are not bf16, a matrix of `n` rows, become so first: then more rows share the work of reading them.
inline bool expands(const Tuning& tuning, int64_t rows, int64_t n) {
  return tuning.expand_rows >= 0 && rows > tuning.expand_rows && n <= kMostExpanded;
}

}  // namespace dimoo::cuda

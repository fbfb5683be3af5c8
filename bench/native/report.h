// What the native benches share: options, random inputs, and the commit that was measured.
#pragma once
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/json.h"
#include "source/quantize.h"

namespace bench {

struct Options {
  int threads = 0;
  int repeats = 5;
  std::string only, variant;
};

inline Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!std::strcmp(argv[i], "--threads"))
      options.threads = std::atoi(argv[i + 1]);
    else if (!std::strcmp(argv[i], "--repeats"))
      options.repeats = std::max(1, std::atoi(argv[i + 1]));
    else if (!std::strcmp(argv[i], "--op"))
      options.only = argv[i + 1];
    else if (!std::strcmp(argv[i], "--variant"))
      options.variant = argv[i + 1];
  }
  return options;
}

/// Uniform in [-1, 1), the same on every run.
inline std::vector<float> random_values(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  uint32_t state = 1;
  for (float& v : values) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) * 0x1p-23f - 1.0f;
  }
  return values;
}

/// rows x cols of a type; up to 64 rows are random, then they repeat (quantising well is slow).
inline std::vector<std::byte> random_matrix(dimoo::DType type, int64_t rows, int64_t cols, float scale = 1.0f) {
  const int64_t row_bytes = dimoo::type_bytes(type, cols), distinct = std::min<int64_t>(rows, 64);
  std::vector<float> values = random_values(distinct * cols);
  for (float& v : values) v *= scale;
  std::vector<std::byte> data(static_cast<size_t>(rows * row_bytes));
  for (int64_t r = 0; r < distinct; r++) dimoo::quantize(type, values.data() + r * cols, cols, data.data() + r * row_bytes);
  for (int64_t r = distinct; r < rows; r++)
    std::memcpy(data.data() + r * row_bytes, data.data() + (r - distinct) * row_bytes, static_cast<size_t>(row_bytes));
  return data;
}

/// $DIMOO_COMMIT where binaries travel without their checkout.
inline std::string commit() {
  if (const char* given = std::getenv("DIMOO_COMMIT")) return given;
  std::string hash = "unknown";
  if (FILE* git = popen("git rev-parse --short HEAD 2>/dev/null", "r")) {
    char line[64] = {};
    if (std::fgets(line, sizeof line, git)) hash = std::string(line, std::strcspn(line, "\n"));
    pclose(git);
  }
  return hash;
}

}  // namespace bench

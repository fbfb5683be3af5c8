// Sizes as messages tell them.
#pragma once
#include <cstdint>
#include <cstdio>
#include <string>

namespace dimoo {

/// "512 bytes", "6.1 MiB", "4.7 GiB".
inline std::string size_text(int64_t bytes) {
  if (bytes < 10'000) return std::to_string(bytes) + " bytes";
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  double size = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; size >= 1000 && unit < 3; unit++) size /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, size < 100 ? "%.1f %s" : "%.0f %s", size, kUnits[unit]);
  return text;
}

}  // namespace dimoo

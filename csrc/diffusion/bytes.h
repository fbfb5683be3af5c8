// Little-endian numbers and arrays in a row: how a run's state is written down. The reader trusts no byte.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/error.h"

namespace dimoo {

class ByteWriter {
 public:
  void number(int64_t value) {
    for (int shift = 0; shift < 64; shift += 8) bytes_.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> shift));
  }
  void numbers(const std::vector<int32_t>& values) {
    number(static_cast<int64_t>(values.size()));
    for (const int32_t value : values)
      for (int shift = 0; shift < 32; shift += 8) bytes_.push_back(static_cast<uint8_t>(static_cast<uint32_t>(value) >> shift));
  }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

/// Throws request/invalid for bytes that end early or numbers out of their range.
class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  int64_t number(const char* what, int64_t low, int64_t high) {
    uint64_t value = 0;
    const auto part = take(8);
    for (size_t i = 0; i < 8; i++) value |= uint64_t{part[i]} << (8 * i);
    const auto found = static_cast<int64_t>(value);
    if (found < low || found > high) fail(Code::request_invalid, "snapshot: ", what, " must lie in ", low, "..", high, ", got ", found);
    return found;
  }
  /// Exactly `count` values of low .. high.
  std::vector<int32_t> numbers(const char* what, int64_t count, int32_t low, int32_t high) {
    number(what, count, count);
    need(static_cast<size_t>(count) * 4);
    std::vector<int32_t> values(static_cast<size_t>(count));
    for (int32_t& to : values) {
      uint32_t value = 0;
      const auto part = take(4);
      for (size_t i = 0; i < 4; i++) value |= uint32_t{part[i]} << (8 * i);
      to = static_cast<int32_t>(value);
      if (to < low || to > high) fail(Code::request_invalid, "snapshot: ", what, " must lie in ", low, "..", high, ", got ", to);
    }
    return values;
  }
  void end() const {
    if (!bytes_.empty()) fail(Code::request_invalid, "snapshot: expected its end, got ", bytes_.size(), " more bytes");
  }

 private:
  void need(size_t count) const {
    if (bytes_.size() < count) fail(Code::request_invalid, "snapshot: expected ", count, " more bytes, got ", bytes_.size());
  }
  std::span<const uint8_t> take(size_t count) {
    need(count);
    const auto part = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return part;
  }
  std::span<const uint8_t> bytes_;
};

}  // namespace dimoo

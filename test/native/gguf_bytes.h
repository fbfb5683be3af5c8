// GGUF files written by hand, so that tests can lie in any field.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct GgufBytes {
  std::string magic = "GGUF", keys, tensors, data;
  uint32_t version = 3;
  uint64_t key_count = 0, tensor_count = 0, alignment = 32;

  template <class T>
  static std::string le(T value) {
    std::string out(sizeof value, '\0');
    std::memcpy(out.data(), &value, sizeof value);
    return out;
  }
  static std::string str(std::string_view text) { return le<uint64_t>(text.size()) + std::string(text); }

  GgufBytes& key(std::string_view name, uint32_t type, std::string_view value) {
    keys += str(name) + le(type) + std::string(value);
    key_count++;
    return *this;
  }
  /// `sides` innermost first, as in the file.
  GgufBytes& tensor(std::string_view name, std::vector<uint64_t> sides, uint32_t type, uint64_t offset) {
    tensors += str(name) + le(static_cast<uint32_t>(sides.size()));
    for (const uint64_t side : sides) tensors += le(side);
    tensors += le(type) + le(offset);
    tensor_count++;
    return *this;
  }
  std::string bytes() const {
    std::string out = magic + le(version) + le(tensor_count) + le(key_count) + keys + tensors;
    out.resize((out.size() + alignment - 1) / alignment * alignment);
    return out + data;
  }
};

inline std::span<const std::byte> as_bytes(std::string_view text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

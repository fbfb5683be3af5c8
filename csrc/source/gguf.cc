// One cursor that never passes the end; counts are checked against the bytes that are left before anything is reserved.
#include "source/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace dimoo {
namespace {

constexpr uint32_t kAlignment = 32;
constexpr int kMaxArrayDepth = 2;
constexpr uint64_t kMaxValues = uint64_t{1} << 22;  // of all arrays together; a tokenizer has under a million
static_assert(std::endian::native == std::endian::little, "GGUF is read and written as it lies in memory");

struct TypeNumber {
  DType type;
  uint32_t number, file_type;
};
constexpr TypeNumber kTypes[] = {
    {DType::f32, 0, 0},    {DType::f16, 1, 1},    {DType::q4_0, 2, 2},   {DType::q8_0, 8, 7},    {DType::q4_k, 12, 15},
    {DType::q5_k, 13, 17}, {DType::q6_k, 14, 18}, {DType::i8, 24, 1024}, {DType::i32, 26, 1024}, {DType::bf16, 30, 32},
};

class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, std::string_view what) : bytes_(bytes), what_(what) {}

  template <class T>
  T take() {
    T value;
    std::memcpy(&value, need(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view string() {
    const auto length = take<uint64_t>();
    const auto text = need(length);
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }
  std::span<const std::byte> need(uint64_t count) {
    if (count > left()) fail(Code::model_corrupt, what_, ": truncated: needs ", count, " bytes at byte ", at_, ", has ", left());
    const auto part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }
  /// Counts array elements over the whole file.
  void spend(uint64_t values) {
    if (values > kMaxValues - spent_) fail(Code::model_corrupt, what_, ": absurd array length ", values, " at byte ", at_);
    spent_ += values;
  }
  uint64_t left() const { return bytes_.size() - at_; }
  uint64_t at() const { return at_; }
  std::string_view what() const { return what_; }

 private:
  std::span<const std::byte> bytes_;
  std::string_view what_;
  uint64_t at_ = 0, spent_ = 0;
};

/// Bytes that a value of this type takes at least.
uint64_t least_bytes(uint32_t type) {
  constexpr uint8_t kBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
  return type < sizeof kBytes ? kBytes[type] : 0;
}

bool read_bool(Cursor& in) {
  const auto byte = in.take<uint8_t>();
  if (byte > 1) fail(Code::model_corrupt, in.what(), ": expected 0 or 1 as boolean at byte ", in.at() - 1, ", got ", int{byte});
  return byte == 1;
}

Json read_value(Cursor& in, uint32_t type, int depth);

Json read_array(Cursor& in, int depth) {
  const auto type = in.take<uint32_t>();
  const auto count = in.take<uint64_t>();
  const uint64_t least = least_bytes(type);
  if (least == 0 || depth >= kMaxArrayDepth) fail(Code::model_corrupt, in.what(), ": bad array of type ", type, " at byte ", in.at());
  if (count > in.left() / least) fail(Code::model_corrupt, in.what(), ": absurd array length ", count, " at byte ", in.at());
  in.spend(count);
  Json::Array items;
  items.reserve(count);
  for (uint64_t i = 0; i < count; i++) items.push_back(read_value(in, type, depth + 1));
  return Json(std::move(items));
}

Json read_value(Cursor& in, uint32_t type, int depth) {
  switch (type) {
    case 0: return Json(static_cast<int64_t>(in.take<uint8_t>()));
    case 1: return Json(static_cast<int64_t>(in.take<int8_t>()));
    case 2: return Json(static_cast<int64_t>(in.take<uint16_t>()));
    case 3: return Json(static_cast<int64_t>(in.take<int16_t>()));
    case 4: return Json(static_cast<int64_t>(in.take<uint32_t>()));
    case 5: return Json(static_cast<int64_t>(in.take<int32_t>()));
    case 6: return Json(static_cast<double>(in.take<float>()));
    case 7: return Json(read_bool(in));
    case 8: return Json(in.string());
    case 9: return read_array(in, depth);
    case 10: return Json(in.take<uint64_t>());
    case 11: return Json(in.take<int64_t>());
    case 12: return Json(in.take<double>());
    default: fail(Code::model_corrupt, in.what(), ": unknown value type ", type, " at byte ", in.at());
  }
}

struct Declared {
  SourceTensor tensor;
  uint64_t offset;
};

Declared read_tensor(Cursor& in, uint64_t alignment) {
  Declared declared;
  SourceTensor& tensor = declared.tensor;
  tensor.name = in.string();
  const auto dimensions = in.take<uint32_t>();
  if (dimensions < 1 || dimensions > 4)
    fail(Code::model_corrupt, in.what(), ": tensor ", tensor.name, ": expected 1 to 4 dimensions, got ", dimensions);
  uint64_t values = 1;
  for (uint32_t i = 0; i < dimensions; i++) {
    const auto side = in.take<uint64_t>();
    if (side == 0 || side > (uint64_t{1} << 40) || __builtin_mul_overflow(values, side, &values))
      fail(Code::model_corrupt, in.what(), ": tensor ", tensor.name, ": absurd shape");
    tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(side));
  }
  const auto number = in.take<uint32_t>();
  const auto type = dtype_of_gguf(number);
  if (!type) fail(Code::model_unsupported, in.what(), ": tensor ", tensor.name, ": unknown tensor type ", number);
  tensor.type = *type;
  const TypeInfo& info = type_info(*type);
  if (tensor.shape.back() % info.block)
    fail(Code::model_corrupt, in.what(), ": tensor ", tensor.name, ": a row must be a multiple of ", info.block, ", got ",
         tensor.shape.back());
  uint64_t bytes = 0;
  if (values > INT64_MAX || __builtin_mul_overflow(values / static_cast<uint64_t>(info.block), static_cast<uint64_t>(info.bytes), &bytes) ||
      bytes > INT64_MAX)
    fail(Code::model_corrupt, in.what(), ": tensor ", tensor.name, ": absurd size");
  tensor.bytes = static_cast<int64_t>(bytes);
  declared.offset = in.take<uint64_t>();
  if (declared.offset % alignment)
    fail(Code::model_corrupt, in.what(), ": tensor ", tensor.name, ": offset must be a multiple of ", alignment, ", got ", declared.offset);
  return declared;
}

/// Binds tensors to their bytes; refuses what lies outside or overlaps.
void place(std::vector<Declared>& declared, std::span<const std::byte> data, std::string_view what) {
  std::vector<const Declared*> order;
  for (Declared& entry : declared) {
    const auto bytes = static_cast<uint64_t>(entry.tensor.bytes);
#if !defined(DIMOO_FUZZ_PLANT)
    if (entry.offset > data.size() || bytes > data.size() - entry.offset)
      fail(Code::model_corrupt, what, ": tensor ", entry.tensor.name, ": expected ", bytes, " bytes at ", entry.offset, ", the file has ",
           data.size(), " (truncated?)");
#endif
    entry.tensor.data = data.data() + entry.offset;
    order.push_back(&entry);
  }
  std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < order.size(); i++)
    if (order[i - 1]->offset + static_cast<uint64_t>(order[i - 1]->tensor.bytes) > order[i]->offset)
      fail(Code::model_corrupt, what, ": tensors ", order[i - 1]->tensor.name, " and ", order[i]->tensor.name, " overlap");
}

Json read_metadata(Cursor& in, uint64_t keys) {
  Json::Object metadata;
  for (uint64_t i = 0; i < keys; i++) {
    std::string key(in.string());
    const auto type = in.take<uint32_t>();
    metadata.emplace_back(std::move(key), read_value(in, type, 0));
  }
  std::vector<std::string_view> names;
  for (const auto& [key, value] : metadata) names.push_back(key);
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin != names.end()) fail(Code::model_corrupt, in.what(), ": the key ", *twin, " stands twice");
  return Json(std::move(metadata));
}

}  // namespace

Gguf parse_gguf(std::span<const std::byte> bytes, std::string_view what) {
  Cursor in(bytes, what);
  if (bytes.size() < 4 || std::memcmp(bytes.data(), "GGUF", 4) != 0) fail(Code::model_corrupt, what, ": expected a GGUF file (bad magic)");
  in.need(4);
  if (const auto version = in.take<uint32_t>(); version != 3)
    fail(Code::model_unsupported, what, ": expected GGUF version 3, got ", version);
  const auto tensors = in.take<uint64_t>(), keys = in.take<uint64_t>();
  if (keys > in.left() / 13) fail(Code::model_corrupt, what, ": absurd number of keys ", keys);
  if (tensors > in.left() / 32) fail(Code::model_corrupt, what, ": absurd number of tensors ", tensors);
  Gguf gguf;
  gguf.metadata = read_metadata(in, keys);
  const int64_t alignment = gguf.metadata.int_or("general.alignment", kAlignment);
  if (alignment < 8 || alignment > 65536 || (alignment & (alignment - 1)))
    fail(Code::model_corrupt, what, ": general.alignment must be a power of two from 8 to 65536, got ", alignment);
  std::vector<Declared> declared;
  declared.reserve(tensors);
  for (uint64_t i = 0; i < tensors; i++) declared.push_back(read_tensor(in, static_cast<uint64_t>(alignment)));
  const uint64_t start =
      (in.at() + static_cast<uint64_t>(alignment) - 1) / static_cast<uint64_t>(alignment) * static_cast<uint64_t>(alignment);
  place(declared, bytes.subspan(std::min<uint64_t>(start, bytes.size())), what);
  for (Declared& entry : declared) gguf.tensors.push_back(std::move(entry.tensor));
  return gguf;
}

uint32_t gguf_type(DType type) {
  for (const TypeNumber& entry : kTypes)
    if (entry.type == type) return entry.number;
  fail(Code::internal, "gguf_type: no number for ", type_info(type).name);
}

std::optional<DType> dtype_of_gguf(uint32_t number) {
  for (const TypeNumber& entry : kTypes)
    if (entry.number == number) return entry.type;
  return std::nullopt;
}

uint32_t gguf_file_type(DType type) {
  for (const TypeNumber& entry : kTypes)
    if (entry.type == type) return entry.file_type;
  return 1024;
}

}  // namespace dimoo

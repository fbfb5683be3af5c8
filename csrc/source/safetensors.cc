// The header is bounded (100 MB, as the format says) and read by the strict JSON reader; every number is checked before use.
#include "source/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/json.h"

namespace dimoo {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;

int64_t bytes_of(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL" || dtype == "F8_E4M3" || dtype == "F8_E5M2") return 1;
  return 0;
}

SafetensorsEntry read_entry(const std::string& name, const Json& value, std::span<const std::byte> data, std::string_view what) {
  const Json *dtype = value.find("dtype"), *shape = value.find("shape"), *offsets = value.find("data_offsets");
  if (!dtype || !dtype->is_string() || !shape || !shape->is_array() || !offsets || !offsets->is_array() || offsets->as_array().size() != 2)
    fail(Code::model_corrupt, what, ": tensor ", name, ": expected dtype, shape and two data_offsets");
  SafetensorsEntry entry{name, dtype->as_string(), {}, {}};
  uint64_t bytes = static_cast<uint64_t>(bytes_of(entry.dtype));
  if (bytes == 0) fail(Code::model_unsupported, what, ": tensor ", name, ": unknown dtype ", entry.dtype);
  for (const Json& side : shape->as_array()) {
    const uint64_t length = side.as_uint();
    if (length > (uint64_t{1} << 40) || __builtin_mul_overflow(bytes, length, &bytes))
      fail(Code::model_corrupt, what, ": tensor ", name, ": absurd shape");
    entry.shape.push_back(static_cast<int64_t>(length));
  }
  const uint64_t begin = offsets->as_array()[0].as_uint(), end = offsets->as_array()[1].as_uint();
  if (begin > end || end > data.size())
    fail(Code::model_corrupt, what, ": tensor ", name, ": data must lie within ", data.size(), " bytes, got ", begin, "..", end);
  if (end - begin != bytes)
    fail(Code::model_corrupt, what, ": tensor ", name, ": expected ", bytes, " bytes for its shape, got ", end - begin);
  entry.data = data.subspan(begin, bytes);
  return entry;
}

void refuse_overlaps(std::vector<SafetensorsEntry>& entries, std::string_view what) {
  std::vector<const SafetensorsEntry*> order;
  for (const SafetensorsEntry& entry : entries)
    if (!entry.data.empty()) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->data.data() < b->data.data(); });
  for (size_t i = 1; i < order.size(); i++)
    if (order[i - 1]->data.data() + order[i - 1]->data.size() > order[i]->data.data())
      fail(Code::model_corrupt, what, ": tensors ", order[i - 1]->name, " and ", order[i]->name, " overlap");
}

}  // namespace

std::vector<SafetensorsEntry> parse_safetensors(std::span<const std::byte> bytes, std::string_view what) {
  uint64_t length = 0;
  if (bytes.size() < 8) fail(Code::model_corrupt, what, ": expected a safetensors header, got ", bytes.size(), " bytes");
  std::memcpy(&length, bytes.data(), 8);
  if (length > kMaxHeader || length > bytes.size() - 8)
    fail(Code::model_corrupt, what, ": header length must be at most ", std::min<uint64_t>(kMaxHeader, bytes.size() - 8), ", got ", length,
         " (truncated, or not a safetensors file)");
  static_assert(std::endian::native == std::endian::little, "data is used as it lies in the file");
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + 8, length);
  const Json parsed = Json::parse(header, what);
  if (!parsed.is_object()) fail(Code::model_corrupt, what, ": expected a JSON object as header");
  std::vector<SafetensorsEntry> entries;
  for (const auto& [name, value] : parsed.as_object())
    if (name != "__metadata__") entries.push_back(read_entry(name, value, bytes.subspan(8 + length), what));
  refuse_overlaps(entries, what);
  return entries;
}

const SafetensorsEntry& SafetensorsFile::at(std::string_view name) const {
  for (const SafetensorsEntry& entry : entries_)
    if (entry.name == name) return entry;
  fail(Code::model_corrupt, file_.path(), ": no tensor named ", name);
}

}  // namespace dimoo

// Block formats against golden data (docs/files.md#types): reading bit for bit, writing at most 2 % worse than ggml's own
// quantiser per kind of row, and the formats without a choice byte for byte.
#include "source/quantize.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/json.h"
#include "source/safetensors.h"
#include "test/native/check.h"

using namespace dimoo;

namespace {

struct Format {
  const char* name;
  DType type;
  bool exact;  // the bytes themselves are given
};
constexpr Format kFormats[] = {{"F16", DType::f16, true},    {"BF16", DType::bf16, true},  {"Q8_0", DType::q8_0, true},
                               {"Q6_K", DType::q6_k, false}, {"Q5_K", DType::q5_k, false}, {"Q4_K", DType::q4_k, false},
                               {"Q4_0", DType::q4_0, false}};

const SafetensorsFile& golden() {
  static const SafetensorsFile file(DIMOO_GOLDEN "/gguf_blocks.safetensors");
  return file;
}
Json golden_json() {
  std::ifstream in(DIMOO_GOLDEN "/gguf_blocks.json");
  return Json::parse(std::string(std::istreambuf_iterator<char>(in), {}), "gguf_blocks.json");
}
std::vector<float> floats(std::span<const std::byte> bytes) {
  std::vector<float> values(bytes.size() / 4);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}
double rms(const float* a, const float* b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
  return std::sqrt(sum / static_cast<double>(count));
}
std::vector<std::byte> quantized(DType type, const std::vector<float>& values) {
  std::vector<std::byte> bytes(static_cast<size_t>(type_bytes(type, static_cast<int64_t>(values.size()))));
  quantize(type, values.data(), static_cast<int64_t>(values.size()), bytes.data());
  return bytes;
}

}  // namespace

TEST(reads_blocks_bit_for_bit) {
  for (const Format& format : kFormats) {
    const auto blocks = golden().at(text(format.name, ".blocks")).data;
    const auto expected = floats(golden().at(text(format.name, ".dequantized")).data);
    std::vector<float> actual(expected.size());
    dequantize(format.type, blocks.data(), static_cast<int64_t>(actual.size()), actual.data());
    for (size_t i = 0; i < actual.size(); i++)
      if (std::memcmp(&actual[i], &expected[i], 4) != 0)
        check::failed(__FILE__, __LINE__, format.name, " value ", i, ": expected ", expected[i], ", got ", actual[i]);
  }
}

TEST(writes_the_only_possible_bytes) {
  const auto values = floats(golden().at("values").data);
  for (const Format& format : kFormats) {
    if (!format.exact) continue;
    const auto expected = golden().at(text(format.name, ".blocks")).data;
    const auto actual = quantized(format.type, values);
    CHECK_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); i++)
      if (actual[i] != expected[i]) check::failed(__FILE__, __LINE__, format.name, " byte ", i, " differs");
  }
}

TEST(writes_no_worse_than_two_percent) {
  const auto values = floats(golden().at("values").data);
  const Json json = golden_json();
  const int64_t columns = json.int_or("columns", 0);
  for (const Format& format : kFormats) {
    const auto bytes = quantized(format.type, values);
    std::vector<float> back(values.size());
    dequantize(format.type, bytes.data(), static_cast<int64_t>(back.size()), back.data());
    for (const auto& [kind, range] : json.find("rows")->as_object()) {
      const int64_t first = range.as_array()[0].as_int() * columns, last = range.as_array()[1].as_int() * columns;
      const double bound = json.find("types")->find(format.name)->find("rms_error")->find(kind)->as_double();
      const double error = rms(values.data() + first, back.data() + first, last - first);
      if (!(error <= bound * 1.02)) check::failed(__FILE__, __LINE__, format.name, " ", kind, ": at most ", bound * 1.02, ", got ", error);
    }
  }
}

TEST(blocks_are_independent) {
  const auto values = floats(golden().at("values").data);
  for (const Format& format : kFormats) {
    const auto all = quantized(format.type, values);
    const int64_t half = 10 * 512;
    const auto second = quantized(format.type, std::vector<float>(values.begin() + half, values.end()));
    CHECK(std::equal(second.begin(), second.end(), all.begin() + type_bytes(format.type, half)));
  }
}

TEST(halves_keep_every_bit_pattern) {
  for (uint32_t bits = 0; bits < 65536; bits++) {
    const auto half = static_cast<uint16_t>(bits);
    std::byte stored[2];
    std::memcpy(stored, &half, 2);
    float f16 = 0, bf16 = 0;
    dequantize(DType::f16, stored, 1, &f16);
    dequantize(DType::bf16, stored, 1, &bf16);
    const float expected = f16_to_f32(half);
    CHECK(std::memcmp(&f16, &expected, 4) == 0);
    CHECK_EQ(std::bit_cast<uint32_t>(bf16), bits << 16);
    if (!std::isnan(expected)) CHECK_EQ(f32_to_f16(expected), half);
  }
}

TEST(other_types_are_no_weights) {
  float value = 0;
  std::byte byte{};
  CHECK_THROWS(dequantize(DType::i32, &byte, 1, &value), Code::internal, "expected a weight type");
  CHECK_THROWS(quantize(DType::i8, &value, 1, &byte), Code::internal, "expected a weight type");
}

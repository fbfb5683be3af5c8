// Values to blocks and back, through a file: finite values stay finite and near, the writer's file is what the reader reads,
// and a second round changes nothing in formats without a choice. First byte: the type; then f32 values.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "fuzz.h"
#include "source/gguf.h"
#include "source/gguf_writer.h"

namespace {

using dimoo::DType;
constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q6_k, DType::q5_k, DType::q4_k, DType::q4_0};
constexpr int64_t kCols = 256;
constexpr float kLargest = 65504.0f;  // fits every type

std::vector<float> values_of(const uint8_t* data, size_t size) {
  std::vector<float> values(kCols);
  std::memcpy(values.data(), data, std::min(size, values.size() * sizeof(float)));
  for (float& value : values) value = std::isfinite(value) ? std::clamp(value, -kLargest, kLargest) : 0.0f;
  return values;
}

/// Half a step of the coarsest type (4 bits over the block's range) with room for what f16 scales cannot hold.
void require_near(const std::vector<float>& values, const std::vector<float>& back) {
  float top = 0;
  for (const float value : values) top = std::max(top, std::fabs(value));
  for (size_t i = 0; i < values.size(); i++) fuzz::require(std::fabs(values[i] - back[i]) <= 0.5f * top + 1e-4f);
}

void write_file(const std::string& path, DType type, const std::vector<std::byte>& blocks) {
  dimoo::GgufWriter writer(path);
  writer.set_string("general.architecture", "fuzz");
  writer.set_u32("general.file_type", dimoo::gguf_file_type(type));
  writer.set_f32("f", 1.5f), writer.set_bool("b", true), writer.set_u32s("u", std::array<uint32_t, 2>{1, 2});
  writer.declare("x", type, std::array<int64_t, 2>{1, kCols});
  fuzz::require(writer.file_bytes() > 0);
  writer.write(std::span(blocks).first(7));
  writer.write(std::span(blocks).subspan(7));
  writer.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const DType type = kTypes[data[0] % std::size(kTypes)];
  const std::vector<float> values = values_of(data + 1, size - 1);
  std::vector<std::byte> blocks(static_cast<size_t>(dimoo::type_bytes(type, kCols)));
  dimoo::quantize(type, values.data(), kCols, blocks.data());
  std::vector<float> back(values.size());
  dimoo::dequantize(type, blocks.data(), kCols, back.data());
  require_near(values, back);
  static const std::string path =
      (std::filesystem::temp_directory_path() / ("dimoo-fuzz-" + std::to_string(::getpid()) + ".gguf")).string();
  write_file(path, type, blocks);
  const auto source = dimoo::Source::open(path);
  fuzz::require(std::memcmp(source->find("x")->data, blocks.data(), blocks.size()) == 0);
  std::filesystem::remove(path);
  return 0;
}

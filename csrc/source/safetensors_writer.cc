#include "source/safetensors_writer.h"

#include "base/error.h"

namespace dimoo {
namespace {

const char* name_of(DType type) {
  if (type == DType::f32) return "F32";
  if (type == DType::f16) return "F16";
  if (type == DType::bf16) return "BF16";
  fail(Code::internal, "safetensors: expected F32, F16 or BF16, got ", type_info(type).name);
}

}  // namespace

void SafetensorsWriter::declare(const std::string& name, DType type, std::span<const int64_t> shape) {
  int64_t values = 1;
  Json::Array sides;
  for (const int64_t side : shape) values *= side, sides.emplace_back(side);
  const int64_t begin = end_;
  end_ += type_bytes(type, values);
  Json entry(Json::Object{});
  entry.set("dtype", name_of(type)).set("shape", std::move(sides)).set("data_offsets", Json::Array{begin, end_});
  header_.emplace_back(name, std::move(entry));
}

/// The header is filled up with blanks so that data begin at a multiple of 8.
void SafetensorsWriter::write_header() {
  begun_ = true;
  Json::Object all{{"__metadata__", Json(Json::Object{{"format", "pt"}})}};
  for (auto& entry : header_) all.push_back(std::move(entry));
  std::string text = Json(std::move(all)).dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();
  std::byte prefix[8];
  for (int i = 0; i < 8; i++) prefix[i] = static_cast<std::byte>(length >> (8 * i));
  file_.write(prefix, 8);
  file_.write(text.data(), text.size());
}

void SafetensorsWriter::write(std::span<const std::byte> data) {
  if (!begun_) write_header();
  written_ += static_cast<int64_t>(data.size());
  file_.write(data.data(), data.size());
}

void SafetensorsWriter::finish() {
  if (!begun_) write_header();
  if (written_ != end_) fail(Code::internal, "safetensors: expected ", end_, " bytes of data, got ", written_);
  file_.finish();
}

}  // namespace dimoo

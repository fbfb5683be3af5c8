// The header is kept in memory until the first data.
#include "source/gguf_writer.h"

#include "base/error.h"
#include "base/output_file.h"
#include "source/gguf.h"

namespace dimoo {
namespace {

constexpr uint64_t kAlignment = 32;

uint64_t align(uint64_t value) { return (value + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

struct GgufWriter::Impl {
  struct Declared {
    std::string name;
    uint64_t offset, bytes;
  };
  OutputFile file;
  bool header_written = false;
  std::string keys, tensors;
  uint64_t key_count = 0, data_bytes = 0, data_start = 0;
  std::vector<Declared> declared;
  size_t current = 0;
  uint64_t written = 0;  // of the current tensor

  explicit Impl(const std::string& path) : file(path) {}

  template <class T>
  static void put(std::string& to, T value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  static void put_string(std::string& to, std::string_view value) {
    put<uint64_t>(to, value.size());
    to.append(value);
  }
  void key(std::string_view name, uint32_t type) {
    if (header_written) fail(Code::internal, "gguf writer: keys come before data");
    put_string(keys, name);
    put<uint32_t>(keys, type);
    key_count++;
  }
  void pad_to(uint64_t count) {
    static constexpr char kZeros[kAlignment] = {};
    file.write(kZeros, count);
  }
  std::string header() {
    std::string out = "GGUF";
    put<uint32_t>(out, 3);
    put<uint64_t>(out, declared.size());
    put<uint64_t>(out, key_count);
    out += keys;
    out += tensors;
    out.resize(align(out.size()));
    return out;
  }
  void write_header() {
    const std::string out = header();
    file.write(out.data(), out.size());
    header_written = true;
  }
  /// Moves past tensors that are complete, writing their padding.
  void advance() {
    while (current < declared.size() && written == declared[current].bytes) {
      pad_to(align(written) - written);
      written = 0;
      current++;
    }
  }
};

GgufWriter::GgufWriter(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
GgufWriter::~GgufWriter() = default;

void GgufWriter::set_u32(std::string_view key, uint32_t value) {
  impl_->key(key, 4);
  Impl::put(impl_->keys, value);
}
void GgufWriter::set_f32(std::string_view key, float value) {
  impl_->key(key, 6);
  Impl::put(impl_->keys, value);
}
void GgufWriter::set_bool(std::string_view key, bool value) {
  impl_->key(key, 7);
  Impl::put<uint8_t>(impl_->keys, value);
}
void GgufWriter::set_string(std::string_view key, std::string_view value) {
  impl_->key(key, 8);
  Impl::put_string(impl_->keys, value);
}
void GgufWriter::set_u32s(std::string_view key, std::span<const uint32_t> values) {
  impl_->key(key, 9);
  Impl::put<uint32_t>(impl_->keys, 4);
  Impl::put<uint64_t>(impl_->keys, values.size());
  for (const uint32_t value : values) Impl::put(impl_->keys, value);
}

void GgufWriter::declare(std::string_view name, DType type, std::span<const int64_t> shape) {
  if (impl_->header_written) fail(Code::internal, "gguf writer: tensors are declared before data");
  uint64_t values = 1;
  for (const int64_t side : shape) values *= static_cast<uint64_t>(side);
  const auto bytes = static_cast<uint64_t>(type_bytes(type, static_cast<int64_t>(values)));
  Impl::put_string(impl_->tensors, name);
  Impl::put<uint32_t>(impl_->tensors, static_cast<uint32_t>(shape.size()));
  for (size_t i = shape.size(); i-- > 0;) Impl::put<uint64_t>(impl_->tensors, static_cast<uint64_t>(shape[i]));
  Impl::put<uint32_t>(impl_->tensors, gguf_type(type));
  Impl::put<uint64_t>(impl_->tensors, impl_->data_bytes);
  impl_->declared.push_back({std::string(name), impl_->data_bytes, bytes});
  impl_->data_bytes += align(bytes);
}

int64_t GgufWriter::file_bytes() const { return static_cast<int64_t>(impl_->header().size() + impl_->data_bytes); }

void GgufWriter::write(std::span<const std::byte> data) {
  if (!impl_->header_written) impl_->write_header();
  impl_->advance();
  if (impl_->current == impl_->declared.size() || data.size() > impl_->declared[impl_->current].bytes - impl_->written)
    fail(Code::internal, "gguf writer: more data than was declared");
  impl_->file.write(data.data(), data.size());
  impl_->written += data.size();
}

void GgufWriter::finish() {
  if (!impl_->header_written) impl_->write_header();
  impl_->advance();
  if (impl_->current != impl_->declared.size())
    fail(Code::internal, "gguf writer: ", impl_->declared[impl_->current].name, " is incomplete");
  impl_->file.finish();
}

}  // namespace dimoo

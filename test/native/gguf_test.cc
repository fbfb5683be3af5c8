// The GGUF reader against files that lie in every field, and the writer read back by the reader.
#include "source/gguf.h"

#include <array>
#include <cstring>

#include "source/gguf_writer.h"
#include "test/native/check.h"
#include "test/native/gguf_bytes.h"
#include "test/native/temporary.h"

using namespace dimoo;

namespace {

std::string le32(uint32_t value) { return GgufBytes::le(value); }
std::string le64(uint64_t value) { return GgufBytes::le(value); }
Gguf parse(const std::string& bytes) { return parse_gguf(as_bytes(bytes), "test.gguf"); }

/// Two F32 tensors of 8 values, one key.
GgufBytes good() {
  GgufBytes file;
  file.key("general.architecture", 8, GgufBytes::str("lumina-dimoo"));
  file.tensor("a", {8}, 0, 0).tensor("b", {4, 2}, 0, 32);
  file.data.assign(64, '\x01');
  return file;
}

#define REFUSED(file, expected_code, part) CHECK_THROWS(parse((file).bytes()), Code::expected_code, part)

}  // namespace

TEST(reads_a_good_file) {
  const std::string bytes = good().bytes();
  const Gguf gguf = parse(bytes);
  CHECK_EQ(gguf.metadata.string_or("general.architecture", ""), "lumina-dimoo");
  CHECK_EQ(gguf.tensors.size(), 2u);
  CHECK(gguf.tensors[1].shape == (std::vector<int64_t>{2, 4}));
  CHECK_EQ(gguf.tensors[1].bytes, 32);
  CHECK_EQ(gguf.tensors[1].data - gguf.tensors[0].data, 32);
}

TEST(reads_every_value_type) {
  GgufBytes file;
  file.key("u8", 0, GgufBytes::le<uint8_t>(255)).key("i8", 1, GgufBytes::le<int8_t>(-128));
  file.key("u16", 2, GgufBytes::le<uint16_t>(65535)).key("i16", 3, GgufBytes::le<int16_t>(-32768));
  file.key("u32", 4, le32(4294967295u)).key("i32", 5, GgufBytes::le<int32_t>(-1)).key("f32", 6, GgufBytes::le(0.5f));
  file.key("bool", 7, std::string(1, '\1')).key("string", 8, GgufBytes::str("text"));
  file.key("array", 9, le32(4) + le64(2) + le32(1) + le32(2));
  file.key("nested", 9, le32(9) + le64(1) + le32(8) + le64(1) + GgufBytes::str("x"));
  file.key("u64", 10, le64(~uint64_t{0})).key("i64", 11, GgufBytes::le<int64_t>(-5)).key("f64", 12, GgufBytes::le(0.25));
  const Json json = parse(file.bytes()).metadata;
  CHECK_EQ(json.dump(), R"({"u8":255,"i8":-128,"u16":65535,"i16":-32768,"u32":4294967295,"i32":-1,"f32":0.5,"bool":true,)"
                        R"("string":"text","array":[1,2],"nested":[["x"]],"u64":18446744073709551615,"i64":-5,"f64":0.25})");
}

TEST(refuses_a_bad_header) {
  GgufBytes magic = good();
  magic.magic = "GGUX";
  REFUSED(magic, model_corrupt, "bad magic");
  CHECK_THROWS(parse("GG"), Code::model_corrupt, "bad magic");
  CHECK_THROWS(parse("GGUF"), Code::model_corrupt, "truncated");
  for (const uint32_t version : {0u, 1u, 2u, 4u, 0x03000000u}) {
    GgufBytes file = good();
    file.version = version;
    REFUSED(file, model_unsupported, "expected GGUF version 3");
  }
}

TEST(refuses_every_truncation) {
  const std::string bytes = good().bytes();
  for (size_t length = 0; length < bytes.size(); length++) {
    bool refused = false;
    try {
      (void)parse(bytes.substr(0, length));
    } catch (const Error& error) {
      refused = error.code() == Code::model_corrupt;
    }
    if (!refused) check::failed(__FILE__, __LINE__, "accepted ", length, " of ", bytes.size(), " bytes");
  }
}

TEST(refuses_absurd_counts) {
  GgufBytes keys = good(), tensors = good();
  keys.key_count = uint64_t{1} << 60;
  REFUSED(keys, model_corrupt, "absurd number of keys");
  tensors.tensor_count = uint64_t{1} << 60;
  REFUSED(tensors, model_corrupt, "absurd number of tensors");
  REFUSED(GgufBytes().key("k", 9, le32(0) + le64(uint64_t{1} << 62)), model_corrupt, "absurd array length");
  REFUSED(GgufBytes().key("k", 9, le32(9) + le64(3)), model_corrupt, "absurd array length");
  GgufBytes long_name;
  long_name.keys = le64(~uint64_t{0}) + "name" + std::string(20, 'x');
  long_name.key_count = 1;
  REFUSED(long_name, model_corrupt, "truncated");
  GgufBytes many;  // all bytes are there, but a value each would take gigabytes
  many.key("k", 9, le32(0) + le64(5 << 20) + std::string(5 << 20, '\0'));
  REFUSED(many, model_corrupt, "absurd array length");
}

TEST(refuses_bad_keys) {
  REFUSED(good().key("k", 13, std::string(8, '\0')), model_corrupt, "unknown value type 13");
  REFUSED(good().key("k", 9, le32(99) + le64(0)), model_corrupt, "bad array of type 99");
  REFUSED(good().key("k", 7, std::string(1, '\2')), model_corrupt, "expected 0 or 1 as boolean");
  REFUSED(good().key("general.architecture", 4, le32(1)), model_corrupt, "stands twice");
  const std::string three = le32(9) + le64(1) + le32(9) + le64(1) + le32(9) + le64(1) + le32(4) + le64(0);
  REFUSED(GgufBytes().key("k", 9, three + std::string(64, '\0')), model_corrupt, "bad array");
  for (const uint32_t alignment : {0u, 1u, 12u, 1u << 20})
    REFUSED(GgufBytes().key("general.alignment", 4, le32(alignment)), model_corrupt, "general.alignment must be a power of two");
  REFUSED(GgufBytes().key("general.alignment", 8, GgufBytes::str("x")), model_corrupt, "whole number");
}

TEST(keeps_to_other_alignments) {
  GgufBytes file;
  file.alignment = 64;
  file.key("general.alignment", 4, le32(64)).tensor("a", {8}, 0, 0).tensor("b", {8}, 0, 64);
  file.data.assign(96, '\2');
  const std::string bytes = file.bytes();
  CHECK_EQ(parse(bytes).tensors[1].data - parse(bytes).tensors[0].data, 64);
  file.tensor("c", {8}, 0, 32);
  REFUSED(file, model_corrupt, "offset must be a multiple of 64");
}

TEST(data_begins_at_the_files_own_alignment) {
  GgufBytes file;
  file.alignment = 64;
  file.key("general.alignment", 4, le32(64)).tensor("a", {8}, 0, 0);
  size_t header = 0;
  for (int i = 0; i < 2; i++) {  // a header of 64 n + 1 .. 64 n + 32 bytes: the next multiple of 32 is another
    header = file.magic.size() + 20 + file.keys.size() + file.tensors.size();
    if (i == 0) file.key("k", 8, GgufBytes::str(std::string((64 - (header + 21) % 64 + 20) % 64, 'x')));
  }
  CHECK(header % 64 > 0 && header % 64 <= 32);
  file.data.assign(32, '\2');
  const std::string bytes = file.bytes();
  const auto* start = reinterpret_cast<const std::byte*>(bytes.data());
  CHECK_EQ(parse(bytes).tensors[0].data - start, static_cast<std::ptrdiff_t>((header + 63) / 64 * 64));
}

TEST(refuses_bad_tensors) {
  const uint64_t big = uint64_t{1} << 39;
  REFUSED(good().tensor("c", {}, 0, 64), model_corrupt, "expected 1 to 4 dimensions, got 0");
  REFUSED(good().tensor("c", {1, 1, 1, 1, 1}, 0, 64), model_corrupt, "expected 1 to 4 dimensions, got 5");
  REFUSED(good().tensor("c", {0}, 0, 64), model_corrupt, "absurd shape");
  REFUSED(good().tensor("c", {uint64_t{1} << 41}, 0, 64), model_corrupt, "absurd shape");
  REFUSED(good().tensor("c", {big, big}, 0, 64), model_corrupt, "absurd shape");
  REFUSED(good().tensor("c", {big, 1 << 24}, 0, 64), model_corrupt, "absurd size");
  REFUSED(good().tensor("c", {33}, 8, 64), model_corrupt, "a row must be a multiple of 32, got 33");
  REFUSED(good().tensor("c", {8}, 0, 33), model_corrupt, "offset must be a multiple of 32");
  for (const uint32_t type : {3u, 6u, 10u, 31u, 1000u})
    REFUSED(good().tensor("c", {256}, type, 64), model_unsupported, "unknown tensor type");
}

TEST(refuses_tensors_outside_or_overlapping) {
  REFUSED(good().tensor("c", {8}, 0, 64), model_corrupt, "truncated?");
  REFUSED(good().tensor("c", {8}, 0, ~uint64_t{0} - 31), model_corrupt, "the file has 64");
  REFUSED(good().tensor("c", {17}, 0, 0), model_corrupt, "the file has 64");
  REFUSED(good().tensor("c", {8}, 0, 32), model_corrupt, "overlap");
  REFUSED(good().tensor("c", {16}, 0, 0), model_corrupt, "overlap");
}

TEST(numbers_of_types_go_both_ways) {
  for (const DType type :
       {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q6_k, DType::q5_k, DType::q4_k, DType::q4_0, DType::i8, DType::i32})
    CHECK(dtype_of_gguf(gguf_type(type)) == type);
  CHECK(!dtype_of_gguf(7));
  CHECK_EQ(gguf_file_type(DType::bf16), 32u);
}

TEST(writer_is_read_back) {
  const TemporaryFolder folder;
  const std::string path = folder.at("x.gguf");
  const std::array<uint32_t, 2> channels{16, 32};
  const std::array<float, 12> values{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const auto data = std::as_bytes(std::span(values));
  {
    GgufWriter writer(path);
    writer.set_string("general.architecture", "lumina-dimoo");
    writer.set_u32("u", 7), writer.set_f32("f", 0.5f), writer.set_bool("b", true), writer.set_u32s("us", channels);
    writer.declare("first", DType::f32, std::array<int64_t, 2>{3, 1});
    writer.declare("second", DType::f32, std::array<int64_t, 1>{9});
    writer.write(data.first(8));
    writer.write(data.subspan(8, 4));
    CHECK(!std::filesystem::exists(path));
    writer.write(data.subspan(12));
    writer.finish();
    CHECK_EQ(static_cast<int64_t>(std::filesystem::file_size(path)), writer.file_bytes());
  }
  CHECK_EQ(folder.count(), 1u);
  const auto source = Source::open(path);
  CHECK_EQ(source->settings().dump(), R"({"general.architecture":"lumina-dimoo","u":7,"f":0.5,"b":true,"us":[16,32]})");
  CHECK(source->find("first")->shape == (std::vector<int64_t>{3, 1}));
  CHECK(std::memcmp(source->find("second")->data, &values[3], 36) == 0);
  CHECK(source->find("third") == nullptr);
}

TEST(writer_leaves_nothing_half_written) {
  const TemporaryFolder folder;
  {
    GgufWriter writer(folder.at("x.gguf"));
    writer.declare("a", DType::f32, std::array<int64_t, 1>{8});
    writer.write(std::vector<std::byte>(8));
    CHECK(folder.count() <= 1);  // none where the file system has nameless files
    CHECK(!std::filesystem::exists(folder.at("x.gguf")));
    CHECK_THROWS(writer.finish(), Code::internal, "a is incomplete");
  }
  CHECK_EQ(folder.count(), 0u);
}

TEST(writer_writes_plain_files_only) {
  const TemporaryFolder folder;
  CHECK_THROWS(GgufWriter("/dev/full"), Code::output_failed, "no plain file");
  CHECK_THROWS(GgufWriter(folder.at(".")), Code::output_failed, "no plain file");
  CHECK_THROWS(GgufWriter(folder.at(std::string("a\0b", 3))), Code::output_failed, "NUL");
  CHECK_EQ(folder.count(), 0u);
}

TEST(writer_keeps_an_older_file_until_it_is_done) {
  const TemporaryFolder folder;
  const std::string path = folder.write("x.gguf", "old");
  {
    GgufWriter first(path), second(path);
    first.declare("a", DType::f32, std::array<int64_t, 1>{8});
  }
  CHECK_EQ(read_file(path), "old");
  CHECK_EQ(folder.count(), 1u);
}

TEST(writer_refuses_misuse) {
  const TemporaryFolder folder;
  GgufWriter writer(folder.at("x.gguf"));
  const std::array<float, 2> values{1, 2};
  writer.declare("a", DType::f32, std::array<int64_t, 1>{1});
  CHECK_THROWS(writer.write(std::as_bytes(std::span(values))), Code::internal, "more data than was declared");
  CHECK_THROWS(writer.set_u32("k", 1), Code::internal, "keys come before data");
  CHECK_THROWS(writer.declare("b", DType::f32, std::array<int64_t, 1>{1}), Code::internal, "declared before data");
}

TEST(writer_says_what_it_cannot_write) {
  const TemporaryFolder folder;
  CHECK_THROWS(GgufWriter(folder.at("none/x.gguf")), Code::output_failed, "cannot be created");
  CHECK_THROWS(GgufWriter(folder.at("")), Code::output_failed, "expected the name of a file");
  CHECK_THROWS(GgufWriter(""), Code::output_failed, "expected the name of a file");
}

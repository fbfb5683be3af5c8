// Safetensors files and Hugging Face folders: what is good is read, what lies about itself is refused with the right code.
#include "source/safetensors.h"

#include <cstring>

#include "base/json.h"
#include "source/hf_folder.h"
#include "test/native/check.h"
#include "test/native/gguf_bytes.h"
#include "test/native/temporary.h"

using namespace dimoo;

namespace {

std::string file_of(std::string_view header, size_t data_bytes) {
  return GgufBytes::le<uint64_t>(header.size()) + std::string(header) + std::string(data_bytes, '\1');
}
std::vector<SafetensorsEntry> parse(const std::string& bytes) { return parse_safetensors(as_bytes(bytes), "test.safetensors"); }
void refuse(std::string_view header, size_t data_bytes, Code code, std::string_view part) {
  try {
    (void)parse(file_of(header, data_bytes));
  } catch (const Error& error) {
    if (error.code() == code && error.text().find(part) != std::string::npos) return;
    check::failed(__FILE__, __LINE__, header, ": threw ", code_name(error.code()), " ", error.text());
  }
  check::failed(__FILE__, __LINE__, header, ": did not throw");
}

constexpr const char* kConfig = R"({"d_model": 4})";
std::string one_tensor(std::string_view name, std::string_view dtype = "F32", size_t bytes = 8) {
  return file_of(text(R"({")", name, R"(": {"dtype": ")", dtype, R"(", "shape": [2], "data_offsets": [0, )", bytes, "]}}"), bytes);
}
std::unique_ptr<Source> open(const TemporaryFolder& folder) { return Source::open(folder.path().string()); }

}  // namespace

TEST(reads_entries_in_order) {
  const std::string bytes = file_of(
      R"({"__metadata__": {"format": "pt"}, "b": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [4, 16]},
          "a": {"dtype": "I32", "shape": [], "data_offsets": [0, 4]}, "empty": {"dtype": "F64", "shape": [0, 7], "data_offsets": [4, 4]}})",
      16);
  const auto entries = parse(bytes);
  CHECK_EQ(entries.size(), 3u);
  CHECK_EQ(entries[0].name, "b");
  CHECK(entries[0].shape == (std::vector<int64_t>{2, 3}));
  CHECK_EQ(entries[0].data.size(), 12u);
  CHECK_EQ(entries[0].data.data() - entries[1].data.data(), 4);
  CHECK(entries[2].data.empty());
}

TEST(reads_the_golden_file) {
  const SafetensorsFile file(DIMOO_GOLDEN "/gguf_blocks.safetensors");
  CHECK(file.at("values").shape == (std::vector<int64_t>{21, 512}));
  CHECK_EQ(file.at("Q4_K.blocks").dtype, "U8");
  CHECK_THROWS(file.at("nothing"), Code::model_corrupt, "no tensor named nothing");
}

TEST(refuses_bad_headers) {
  CHECK_THROWS(parse("1234567"), Code::model_corrupt, "expected a safetensors header");
  CHECK_THROWS(parse(GgufBytes::le<uint64_t>(100) + "{}"), Code::model_corrupt, "truncated");
  CHECK_THROWS(parse(GgufBytes::le(~uint64_t{0}) + "{}"), Code::model_corrupt, "header length must be at most 2");
  refuse("[]", 0, Code::model_corrupt, "expected a JSON object");
  refuse("{", 0, Code::model_corrupt, "bad JSON");
  refuse(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})", 8,
         Code::model_corrupt, "stands twice");
}

TEST(refuses_bad_entries) {
  for (const char* entry :
       {"1", "{}", R"({"dtype": "F32", "shape": [1]})", R"({"dtype": "F32", "shape": 1, "data_offsets": [0, 4]})",
        R"({"dtype": 1, "shape": [1], "data_offsets": [0, 4]})", R"({"dtype": "F32", "shape": [1], "data_offsets": [0]})"})
    refuse(text(R"({"a": )", entry, "}"), 4, Code::model_corrupt, "expected dtype, shape and two data_offsets");
  refuse(R"({"a": {"dtype": "F3", "shape": [1], "data_offsets": [0, 4]}})", 4, Code::model_unsupported, "unknown dtype F3");
  refuse(R"({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}})", 4, Code::model_corrupt, "not negative");
  refuse(R"({"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}})", 4, Code::model_corrupt, "whole number");
  refuse(R"({"a": {"dtype": "F32", "shape": [1099511627776, 1099511627776], "data_offsets": [0, 4]}})", 4, Code::model_corrupt,
         "absurd shape");
  refuse(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 5]}})", 8, Code::model_corrupt,
         "expected 4 bytes for its shape, got 5");
  refuse(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}})", 8, Code::model_corrupt, "must lie within");
  refuse(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})", 3, Code::model_corrupt, "must lie within 3 bytes");
  refuse(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [18446744073709551612, 0]}})", 3, Code::model_corrupt, "must lie within");
}

TEST(refuses_overlaps) {
  refuse(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})", 8,
         Code::model_corrupt, "tensors a and b overlap");
}

TEST(folder_gives_gguf_names) {
  CHECK_EQ(gguf_name("model.transformer.wte.weight"), "token_embd.weight");
  CHECK_EQ(gguf_name("model.transformer.ff_out.weight"), "output.weight");
  CHECK_EQ(gguf_name("model.transformer.ln_f.weight"), "output_norm.weight");
  CHECK_EQ(gguf_name("model.transformer.blocks.31.ff_proj.weight"), "blk.31.ffn_gate.weight");
  CHECK_EQ(gguf_name("model.transformer.blocks.0.up_proj.weight"), "blk.0.ffn_up.weight");
  CHECK_EQ(gguf_name("model.transformer.blocks.0.ff_out.weight"), "blk.0.ffn_down.weight");
  CHECK_EQ(gguf_name("model.transformer.blocks.0.q_proj.bias"), "");
  CHECK_EQ(gguf_name("model.transformer.blocks.x.q_proj.weight"), "");
  CHECK_EQ(gguf_name("model.transformer.blocks.1234567.q_proj.weight"), "");
  CHECK_EQ(gguf_name("model.transformer.other"), "");
  CHECK_EQ(gguf_name("wte.weight"), "");
}

TEST(folder_reads_shards_and_vq) {
  const auto source = Source::open(DIMOO_GOLDEN "/checkpoint");
  CHECK(source->format() == Source::Format::safetensors);
  CHECK(source->find("token_embd.weight")->type == DType::bf16);
  CHECK(source->find("token_embd.weight")->shape == (std::vector<int64_t>{667, 64}));
  CHECK(source->find("vq.quantize.embedding.weight")->type == DType::f32);
  CHECK(source->tokenizer_json().starts_with("{"));
  CHECK_EQ(source->settings().find("config")->int_or("d_model", 0), 64);
  CHECK_EQ(source->settings().find("vq")->int_or("num_vq_embeddings", 0), 64);
  CHECK(source->generation().as_object().empty());
}

TEST(folder_without_parts_is_refused) {
  const TemporaryFolder folder;
  CHECK_THROWS(Source::open(folder.at("nothing")), Code::model_not_found, "nothing");
  CHECK_THROWS(open(folder), Code::model_not_found, "a folder with config.json");
  folder.write("config.json", "{");
  CHECK_THROWS(open(folder), Code::model_corrupt, "config.json: bad JSON");
  folder.write("config.json", kConfig);
  CHECK_THROWS(open(folder), Code::model_not_found, "model.safetensors");
  folder.write("model.safetensors", "");
  CHECK_THROWS(open(folder), Code::model_corrupt, "an empty one");
  folder.write("model.safetensors", one_tensor("model.transformer.wte.weight"));
  CHECK_EQ(open(folder)->tensors().size(), 1u);
  folder.write("vqvae/config.json", "{}");
  CHECK_THROWS(open(folder), Code::model_not_found, "diffusion_pytorch_model.safetensors");
  folder.write("vqvae/diffusion_pytorch_model.safetensors", one_tensor("decoder.conv_in.bias", "F16", 4));
  CHECK(open(folder)->find("vq.decoder.conv_in.bias")->type == DType::f16);
}

TEST(folder_with_unknown_tensors_is_refused) {
  const TemporaryFolder folder;
  folder.write("config.json", kConfig);
  folder.write("model.safetensors", one_tensor("model.transformer.blocks.0.q_norm.weight"));
  CHECK_THROWS(open(folder), Code::model_unsupported, "unknown tensor model.transformer.blocks.0.q_norm.weight");
  folder.write("model.safetensors", one_tensor("model.transformer.wte.weight", "I32"));
  CHECK_THROWS(open(folder), Code::model_unsupported, "expected F32, F16 or BF16, got I32");
  folder.write("model.safetensors", one_tensor("model.transformer.blocks.0.rotary_emb.inv_freq"));
  CHECK(open(folder)->tensors().empty());
  folder.write("model.safetensors",
               file_of(R"({"model.transformer.wte.weight": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}})", 0));
  CHECK_THROWS(open(folder), Code::model_corrupt, "an empty shape");
}

TEST(folder_index_decides) {
  const TemporaryFolder folder;
  folder.write("config.json", kConfig);
  const auto index = [&](std::string_view shard) {
    folder.write("model.safetensors.index.json", text(R"({"weight_map": {"model.transformer.wte.weight": ")", shard, R"("}})"));
  };
  folder.write("one.safetensors", one_tensor("model.transformer.wte.weight"));
  folder.write("two.safetensors", one_tensor("model.transformer.ln_f.weight"));
  index("one.safetensors");
  CHECK_EQ(open(folder)->tensors().size(), 1u);
  index("two.safetensors");
  CHECK_THROWS(open(folder), Code::model_corrupt, "expected 1 tensors in two.safetensors, got 0");
  index("../one.safetensors");
  CHECK_THROWS(open(folder), Code::model_corrupt, "expected the name of a file in the folder");
  index("three.safetensors");
  CHECK_THROWS(open(folder), Code::model_not_found, "three.safetensors");
  folder.write("model.safetensors.index.json", "{}");
  CHECK_THROWS(open(folder), Code::model_corrupt, "expected weight_map");
}

TEST(folder_reads_defaults) {
  const TemporaryFolder folder;
  folder.write("config.json", kConfig);
  folder.write("model.safetensors", one_tensor("model.transformer.wte.weight"));
  folder.write("generation_config.json", R"({"lumina_dimoo": {"image": {"steps": 8}}})");
  CHECK_EQ(open(folder)->generation().dump(), R"({"image":{"steps":8}})");
}

TEST(a_file_must_be_gguf) {
  const TemporaryFolder folder;
  CHECK_THROWS(Source::open(folder.write("x.bin", "some bytes")), Code::model_corrupt, "bad magic");
  CHECK_THROWS(Source::open(folder.write("x.gguf", "")), Code::model_corrupt, "an empty one");
  CHECK_THROWS(Source::open("/dev/null"), Code::model_corrupt, "something else");
}

TEST(folder_lists_what_is_missing_once) {
  const TemporaryFolder folder;
  folder.write("config.json", kConfig);
  CHECK_THROWS(open(folder), Code::model_not_found, "expected model.safetensors, or model.safetensors.index.json");
  std::string map;
  for (int i = 1; i <= 7; i++) map += text(i > 1 ? "," : "", "\"model.transformer.blocks.", i, ".q_proj.weight\": \"", i, ".safetensors\"");
  folder.write("model.safetensors.index.json", text("{\"weight_map\": {", map, "}}"));
  folder.write("3.safetensors", one_tensor("model.transformer.blocks.3.q_proj.weight"));
  CHECK_THROWS(open(folder), Code::model_not_found,
               "6 of the 7 files that model.safetensors.index.json names are missing: 1.safetensors, 2.safetensors, 4.safetensors, "
               "5.safetensors, 6.safetensors and 1 more; fetch them again");
}

TEST(folder_takes_what_python_wrote) {
  const TemporaryFolder folder;
  folder.write("config.json", "\xEF\xBB\xBF{\"init_cutoff_factor\": Infinity, \"a\": [-Infinity, NaN]}");
  folder.write("model.safetensors", one_tensor("model.transformer.wte.weight"));
  folder.write("generation_config.json", R"({"temperature": NaN})");
  folder.write("tokenizer.json", "\xEF\xBB\xBF{}");
  CHECK_EQ(std::string(open(folder)->tokenizer_json()), "{}");
}

TEST(pointers_of_git_lfs_are_named) {
  const TemporaryFolder folder;
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4998000000\n";
  CHECK_THROWS(Source::open(folder.write("x.gguf", pointer)), Code::model_corrupt, "Git LFS pointer");
  folder.write("config.json", kConfig);
  folder.write("model.safetensors", pointer);
  CHECK_THROWS(open(folder), Code::model_corrupt, "model.safetensors: expected a model's file, got a Git LFS pointer");
  folder.write("model.safetensors", one_tensor("model.transformer.wte.weight"));
  folder.write("tokenizer.json", pointer);
  CHECK_THROWS(open(folder), Code::model_corrupt, "tokenizer.json: expected a model's file, got a Git LFS pointer");
}

TEST(json_of_many_gigabytes_is_refused_unread) {
  const TemporaryFolder folder;
  folder.write("config.json", kConfig);
  std::error_code full;
  std::filesystem::resize_file(folder.path() / "config.json", uint64_t{1} << 36, full);  // sparse
  if (full) check::skip("no sparse files here: " + full.message());
  CHECK_THROWS(open(folder), Code::model_corrupt, "config.json: expected a file of at most 33554432 bytes, got 68719476736");
  folder.write("config.json", kConfig);
  folder.write("model.safetensors", one_tensor("model.transformer.wte.weight"));
  folder.write("tokenizer.json", "{}");
  std::filesystem::resize_file(folder.path() / "tokenizer.json", uint64_t{1} << 36);
  CHECK_THROWS(open(folder), Code::model_corrupt, "tokenizer.json: expected a file of at most 268435456 bytes");
}

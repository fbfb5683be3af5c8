// export is convert's inverse: a folder made of a file that was made of a folder has its tensors, byte for byte, and its numbers, tokenizer
// and defaults; nothing half-written stays.
#include "jobs/export.h"

#include "jobs/convert.h"
#include "model/hyperparameters.h"
#include "source/gguf_writer.h"
#include "source/hf_folder.h"
#include "source/quantize.h"
#include "source/safetensors.h"
#include "test/native/check.h"
#include "test/native/converted.h"

using namespace dimoo;

namespace {

constexpr const char* kCheckpoint = DIMOO_GOLDEN "/checkpoint";

ExportReport run_export(const std::string& source, const std::string& output, std::optional<DType> type = {},
                        int64_t shard_bytes = int64_t{5} << 30) {
  return export_folder({source, output, type, shard_bytes}, {}, CancelToken());
}

std::vector<float> values_of(const SourceTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.values()));
  dequantize(tensor.type, tensor.data, tensor.values(), values.data());
  return values;
}

void check_same(const Source& one, const Source& two) {
  for (const SourceTensor& tensor : one.tensors()) {
    const SourceTensor* other = two.find(tensor.name);
    CHECK(other && other->type == tensor.type && other->shape == tensor.shape);
    CHECK(std::equal(tensor.data, tensor.data + tensor.bytes, other->data));
  }
  CHECK_EQ(one.tensors().size(), two.tensors().size());
  CHECK(one.tokenizer_json() == two.tokenizer_json());
  CHECK_EQ(one.generation().dump(), two.generation().dump());
  CHECK_EQ(fingerprint(read_hyperparameters(one), one), fingerprint(read_hyperparameters(two), two));
}

}  // namespace

TEST(a_folder_comes_back_from_its_file_byte_for_byte) {
  const TemporaryFolder folder;
  golden::converted(folder, "bf16");
  const ExportReport report = run_export(folder.at("bf16.gguf"), folder.at("back"));
  const auto from = Source::open(kCheckpoint), to = Source::open(folder.at("back"));
  check_same(*from, *to);
  CHECK_EQ(report.tensors, static_cast<int64_t>(from->tensors().size()));
  CHECK_EQ(report.files, 2);
  CHECK_EQ(to->settings().find("config")->string_or("torch_dtype", ""), "bfloat16");
  CHECK_EQ(folder.count(), 2u);  // nothing beside the file and the folder
}

TEST(numbers_are_those_that_were_read) {
  const TemporaryFolder folder;
  golden::converted(folder, "bf16");
  run_export(folder.at("bf16.gguf"), folder.at("back"));
  const Hyperparameters one = read_hyperparameters(*Source::open(folder.at("bf16.gguf"))),
                        two = read_hyperparameters(*Source::open(folder.at("back")));
  CHECK_EQ(two.d_model, one.d_model);
  CHECK_EQ(two.kv_heads, one.kv_heads);
  CHECK_EQ(two.context_length, one.context_length);
  CHECK(two.rope_theta == one.rope_theta && two.rms_eps == one.rms_eps && two.tied == one.tied);
  CHECK(two.vq.channels == one.vq.channels);
  CHECK_EQ(two.vq.norm_groups, one.vq.norm_groups);
  const std::string config = read_file(folder.at("back/config.json"));
  CHECK(config.find("\"rms_norm_eps\":1e-05") != std::string::npos);  // not 9.999999747378752e-06
}

TEST(a_folder_and_quantised_files_can_be_exported) {
  const TemporaryFolder folder;
  run_export(kCheckpoint, folder.at("copy"));
  check_same(*Source::open(kCheckpoint), *Source::open(folder.at("copy")));
  const auto quantised = golden::converted(folder, "q8_0");
  run_export(folder.at("q8_0.gguf"), folder.at("exact"));
  const auto exact = Source::open(folder.at("exact"));
  for (const SourceTensor& tensor : quantised->tensors()) CHECK(values_of(tensor) == values_of(*exact->find(tensor.name)));
  run_export(folder.at("q8_0.gguf"), folder.at("half"), DType::f16);
  const auto half = Source::open(folder.at("half"));
  CHECK(half->find("blk.0.attn_q.weight")->type == DType::f16 && half->find("output_norm.weight")->type == DType::f16);
  CHECK_EQ(half->settings().find("config")->string_or("torch_dtype", ""), "float16");
}

TEST(large_checkpoints_are_split_and_listed) {
  const TemporaryFolder folder;
  const ExportReport report = run_export(kCheckpoint, folder.at("split"), {}, 100'000);
  CHECK(report.files > 3);
  CHECK(!std::filesystem::exists(folder.path() / "split/model.safetensors"));
  for (int64_t i = 1; i < report.files; i++) {
    char name[80];
    std::snprintf(name, sizeof name, "split/model-%05d-of-%05d.safetensors", static_cast<int>(i), static_cast<int>(report.files - 1));
    const SafetensorsFile shard(folder.at(name));
    int64_t bytes = 0;
    for (const SafetensorsEntry& entry : shard.entries()) bytes += static_cast<int64_t>(entry.data.size());
    CHECK(bytes <= 100'000 || shard.entries().size() == 1);
  }
  check_same(*Source::open(kCheckpoint), *Source::open(folder.at("split")));
}

TEST(norms_that_bf16_cannot_hold_stay_f32) {
  const TemporaryFolder folder;
  golden::converted(folder, "bf16");
  {
    const auto source = Source::open(folder.at("bf16.gguf"));
    const SourceTensor& norm = *source->find("output_norm.weight");
    const int64_t offset = norm.data - source->files().front().bytes().data();
    std::fstream file(folder.at("bf16.gguf"), std::ios::binary | std::ios::in | std::ios::out);
    const float odd = 1.0000001f;
    file.seekp(offset);
    file.write(reinterpret_cast<const char*>(&odd), 4);
  }
  run_export(folder.at("bf16.gguf"), folder.at("back"));
  const auto back = Source::open(folder.at("back"));
  CHECK(back->find("output_norm.weight")->type == DType::f32 && values_of(*back->find("output_norm.weight"))[0] == 1.0000001f);
  CHECK(back->find("blk.0.attn_norm.weight")->type == DType::bf16);
}

TEST(what_stands_in_the_way_is_said_and_nothing_stays) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "full");
  folder.write("full/notes.txt", "mine");
  CHECK_THROWS(run_export(kCheckpoint, folder.at("full")), Code::output_failed, "expected a folder that does not exist yet or is empty");
  CHECK_THROWS(run_export(kCheckpoint, folder.at("none/below")), Code::output_failed, "cannot be created");
  CHECK_THROWS(run_export(folder.at("nothing.gguf"), folder.at("x")), Code::model_not_found, "nothing.gguf");
  CancelToken cancelled;
  cancelled.cancel();
  CHECK_THROWS(export_folder({kCheckpoint, folder.at("x"), {}}, {}, cancelled), Code::aborted, "");
  CHECK_EQ(folder.count(), 1u);
  std::filesystem::create_directory(folder.path() / "empty");
  run_export(kCheckpoint, folder.at("empty") + "/");
  CHECK(std::filesystem::exists(folder.path() / "empty/config.json"));
  CHECK_EQ(folder.count(), 2u);
}

TEST(names_are_their_inverses) {
  for (const ExpectedTensor& tensor : expected_tensors(read_hyperparameters(*Source::open(kCheckpoint))))
    if (!tensor.name.starts_with("vq.")) CHECK_EQ(gguf_name(hf_name(tensor.name)), tensor.name);
  CHECK(hf_name("blk.0.unknown.weight").empty());
}

// Sources on disk: the input, cut at zero-length markers "\n--\n", becomes the files of a model folder, or a .gguf file when
// it is one piece. What opens is read to the last byte.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fuzz.h"
#include "source/safetensors.h"

namespace {

constexpr std::string_view kCut = "\n--\n";
constexpr const char* kFiles[] = {"config.json",       "model.safetensors.index.json",
                                  "one.safetensors",   "model.safetensors",
                                  "vqvae/config.json", "vqvae/diffusion_pytorch_model.safetensors",
                                  "tokenizer.json",    "generation_config.json"};

const std::filesystem::path& root() {
  static const std::filesystem::path path = [] {
    std::string name = (std::filesystem::temp_directory_path() / "dimoo-fuzz-XXXXXX").string();
    fuzz::require(::mkdtemp(name.data()) != nullptr);
    std::atexit([] { std::filesystem::remove_all(root()); });
    return std::filesystem::path(name);
  }();
  return path;
}

void write(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
}

/// An empty piece is a file that is not there.
std::string lay_out(std::string_view input) {
  if (input.find(kCut) == std::string_view::npos) {
    write(root() / "x.gguf", input);
    return (root() / "x.gguf").string();
  }
  std::filesystem::remove_all(root() / "folder");
  std::filesystem::create_directories(root() / "folder/vqvae");
  for (const char* file : kFiles) {
    const size_t cut = input.find(kCut);
    if (const std::string_view piece = input.substr(0, cut); !piece.empty()) write(root() / "folder" / file, piece);
    input.remove_prefix(cut == std::string_view::npos ? input.size() : cut + kCut.size());
  }
  return (root() / "folder").string();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string path = lay_out(fuzz::text_of(data, size));
  fuzz::accepts([&] {
    const auto source = dimoo::Source::open(path);
    for (const dimoo::SourceTensor& tensor : source->tensors()) {
      fuzz::read_all(tensor);
      fuzz::require(source->find(tensor.name) == &tensor);
    }
    fuzz::require(source->find("no such tensor") == nullptr);
    fuzz::touch(std::as_bytes(std::span(source->tokenizer_json())));
    (void)source->settings().dump();
    (void)source->generation().dump();
  });
  fuzz::accepts([&] { dimoo::SafetensorsFile(path + "/one.safetensors").at("a"); });
  return 0;
}

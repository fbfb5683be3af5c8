// llama.cpp behind the same few words as bench/native/pass_bench.cc, so that both can be asked in turns:
//   driver <model.gguf> <rows> <threads> <on|off>     flash attention
// stdin `pass` -> the seconds of one pass over `rows` tokens with logits of the last; `logits <file>` -> f32 logits of the rows 0,
// rows/2 and rows-1. One line of answer each. Compiled by bench/compare-llama.mjs against llama.cpp's own build.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "llama.h"

namespace {

double decode(llama_context* context, llama_batch batch) {
  const auto start = std::chrono::steady_clock::now();
  if (llama_decode(context, batch) != 0) std::exit(1);
  llama_synchronize(context);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void want(llama_batch& batch, const int* rows, int count) {
  for (int i = 0; i < batch.n_tokens; i++) batch.logits[i] = 0;
  for (int i = 0; i < count; i++) batch.logits[rows[i]] = 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return std::fprintf(stderr, "usage: driver <model.gguf> <rows> <threads> <on|off>\n"), 2;
  llama_log_set(
      [](ggml_log_level level, const char* text, void*) {
        if (level >= GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
      },
      nullptr);
  llama_backend_init();
  llama_model* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (!model) return 1;
  const int rows = std::atoi(argv[2]), threads = std::atoi(argv[3]);
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = static_cast<uint32_t>(rows);
  params.n_threads = params.n_threads_batch = threads;
  params.flash_attn_type = std::string(argv[4]) == "on" ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.no_perf = true;
  llama_context* context = llama_init_from_model(model, params);
  if (!context) return 1;
  const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
  llama_batch batch = llama_batch_init(rows, 0, 1);
  batch.n_tokens = rows;
  for (int i = 0; i < rows; i++) {
    batch.token[i] = static_cast<llama_token>(static_cast<long long>(i) * 7919 % vocabulary);
    batch.pos[i] = i, batch.n_seq_id[i] = 1, batch.seq_id[i][0] = 0;
  }
  const int asked[] = {0, rows / 2, rows - 1};
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "pass") {
      want(batch, asked + 2, 1);
      std::cout << decode(context, batch) << std::endl;
    } else if (line.rfind("logits ", 0) == 0) {
      want(batch, asked, 3);
      decode(context, batch);
      std::ofstream out(line.substr(7), std::ios::binary);
      for (const int row : asked)
        out.write(reinterpret_cast<const char*>(llama_get_logits_ith(context, row)), static_cast<std::streamsize>(vocabulary) * 4);
      std::cout << vocabulary << std::endl;
    }
  }
  llama_batch_free(batch);
  llama_free(context);
  llama_model_free(model);
}

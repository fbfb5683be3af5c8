// What a full disk does to a file that is being written: an error in words, and nothing stays.
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <string>
#include <vector>

#include "source/gguf_writer.h"
#include "test/native/check.h"
#include "test/native/temporary.h"

using namespace dimoo;

TEST(writer_fails_on_a_full_disk) {
  const TemporaryFolder folder;
  struct rlimit old {};
  ::getrlimit(RLIMIT_FSIZE, &old);
  struct rlimit small = old;
  small.rlim_cur = 4096;  // a file of this size is what a full disk looks like
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &small);
  std::string caught;
  try {
    GgufWriter writer(folder.at("x.gguf"));
    writer.declare("a", DType::f32, std::array<int64_t, 1>{4096});
    const std::vector<std::byte> data(16384);
    writer.write(data);
  } catch (const Error& error) {
    caught = text(code_name(error.code()), " ", error.text());
  }
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  CHECK(caught.starts_with("output/failed") && caught.find("cannot be written") != std::string::npos);
  CHECK_EQ(folder.count(), 0u);
}

// The native tests' few words: TEST(name) { CHECK(...); }. One executable a file; it runs all its tests, or those whose names
// contain its argument ("=name": exactly that one), prints one line each ("ok name", "not ok name: why", or "skipped name: why" for one
// that cannot say anything here) and fails when one failed or none ran.
#pragma once
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"

namespace check {

struct Test {
  const char* name;
  void (*body)();
};
inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}
struct Register {
  Register(const char* name, void (*body)()) { tests().push_back({name, body}); }
};

template <class... Parts>
[[noreturn]] void failed(const char* file, int line, const Parts&... parts) {
  std::ostringstream out;
  out << (std::strrchr(file, '/') ? std::strrchr(file, '/') + 1 : file) << ":" << line << ": ";
  (out << ... << parts);
  throw std::runtime_error(out.str());
}

/// Thrown by a test that cannot say anything here.
struct Skipped {
  std::string why;
};
[[noreturn]] inline void skip(std::string why) { throw Skipped{std::move(why)}; }

/// Sanitizers make everything ten times slower: the longest tests then do less, as long as each piece of code still runs.
inline bool sanitized() { return std::getenv("DIMOO_SANITIZED") != nullptr; }

inline bool run(const Test& test) {
  try {
    test.body();
    std::printf("ok %s\n", test.name);
    return true;
  } catch (const Skipped& skipped) {
    std::printf("skipped %s: %s\n", test.name, skipped.why.c_str());
    return true;
  } catch (const std::exception& error) {
    std::printf("not ok %s: %s\n", test.name, error.what());
    return false;
  }
}

}  // namespace check

#define TEST(name)                                             \
  static void name();                                          \
  static const check::Register registered_##name{#name, name}; \
  static void name()
#define CHECK(condition)                                             \
  do {                                                               \
    if (!(condition)) check::failed(__FILE__, __LINE__, #condition); \
  } while (0)
#define CHECK_EQ(actual, expected)                                                                                    \
  do {                                                                                                                \
    const auto check_a = (actual);                                                                                    \
    const auto check_e = (expected);                                                                                  \
    if (!(check_a == check_e)) check::failed(__FILE__, __LINE__, #actual, ": expected ", check_e, ", got ", check_a); \
  } while (0)
#define CHECK_NEAR(actual, expected, tolerance)                                                                       \
  do {                                                                                                                \
    const double check_a = (actual), check_e = (expected);                                                            \
    if (!(std::fabs(check_a - check_e) <= (tolerance)))                                                               \
      check::failed(__FILE__, __LINE__, #actual, ": expected ", check_e, " within ", (tolerance), ", got ", check_a); \
  } while (0)
/// Expects Error{code}; the text must contain `part`.
#define CHECK_THROWS(expression, expected_code, part)                                                                  \
  do {                                                                                                                 \
    bool check_thrown = false;                                                                                         \
    try {                                                                                                              \
      (void)(expression);                                                                                              \
    } catch (const dimoo::Error& error) {                                                                              \
      check_thrown = true;                                                                                             \
      if (error.code() != (expected_code) || error.text().find(part) == std::string::npos)                             \
        check::failed(__FILE__, __LINE__, #expression, ": threw ", dimoo::code_name(error.code()), " ", error.text()); \
    }                                                                                                                  \
    if (!check_thrown) check::failed(__FILE__, __LINE__, #expression, ": did not throw");                              \
  } while (0)

int main(int argc, char** argv) {
  const bool list = argc > 1 && std::strcmp(argv[1], "--list") == 0;
  const char* filter = argc > 1 && !list ? argv[1] : "";
  int ran = 0, failed = 0;
  for (const check::Test& test : check::tests()) {
    if (*filter == '=' ? std::strcmp(test.name, filter + 1) != 0 : !std::strstr(test.name, filter)) continue;
    ran++;
    if (list)
      std::printf("%s\n", test.name);
    else
      failed += !check::run(test);
    std::fflush(stdout);
  }
  return failed > 0 || ran == 0;
}

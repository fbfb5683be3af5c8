// The one error of the core: a code (docs/contracts.md#errors) and a sentence that names what was expected, then what was
// found. Thrown, never printed; csrc/napi turns it into a JavaScript error with the same code.
#pragma once
#include <cstdint>
#include <exception>
#include <sstream>
#include <string>

namespace dimoo {

enum class Code {
  model_not_found,
  model_unsupported,
  model_corrupt,
  request_invalid,
  image_invalid,
  device_unavailable,
  device_out_of_memory,
  device_lost,
  queue_full,
  queue_timeout,
  run_deadline,
  output_failed,
  disposed,
  aborted,
  internal,
};

/// The public spelling, e.g. "model/corrupt".
const char* code_name(Code code);

class Error : public std::exception {
 public:
  Error(Code code, std::string text) : code_(code), text_(std::move(text)) {}
  /// For device/out-of-memory: bytes needed and bytes there are. For queue/full: milliseconds until it may be worth trying again.
  Error(Code code, std::string text, int64_t needed, int64_t available)
      : code_(code), text_(std::move(text)), needed_(needed), available_(available) {}

  Code code() const { return code_; }
  const std::string& text() const { return text_; }
  int64_t needed() const { return needed_; }
  int64_t available() const { return available_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  Code code_;
  std::string text_;
  int64_t needed_ = 0;
  int64_t available_ = 0;
};

/// Joins anything that has operator<< into one string: text("got ", 3, " rows").
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

template <class... Parts>
[[noreturn]] void fail(Code code, const Parts&... parts) {
  throw Error(code, text(parts...));
}

}  // namespace dimoo

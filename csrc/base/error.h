// The one error of the core: a code (docs/contracts.md#errors) and a sentence that names what was expected, then what was
// found. Thrown, never printed; csrc/napi turns it into a JavaScript error with the same code.
#pragma once
#include <cstdint>
#include <exception>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace dimoo {

enum class Code {
  model_not_found,
  model_unreadable,
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

/// Copying one takes no memory and cannot fail, so that an error reaches whoever it is for even where there is none left.
class Error : public std::exception {
 public:
  Error(Code code, std::string text) : code_(code), text_(std::make_shared<const std::string>(std::move(text))) {}
  /// For device/out-of-memory: bytes needed and bytes there are. For queue/full: milliseconds until it may be worth trying again.
  Error(Code code, std::string text, int64_t needed, int64_t available) : Error(code, std::move(text)) {
    needed_ = needed, available_ = available;
  }
  /// Takes no memory: `text` is a literal.
  static Error constant(Code code, const char* text) noexcept { return {code, text, Literal{}}; }

  Code code() const { return code_; }
  std::string_view text() const noexcept { return text_ ? std::string_view(*text_) : std::string_view(literal_); }
  int64_t needed() const { return needed_; }
  int64_t available() const { return available_; }
  const char* what() const noexcept override { return text_ ? text_->c_str() : literal_; }

 private:
  struct Literal {};
  Error(Code code, const char* text, Literal) noexcept : code_(code), literal_(text) {}

  Code code_;
  std::shared_ptr<const std::string> text_;
  const char* literal_ = "";
  int64_t needed_ = 0;
  int64_t available_ = 0;
};

/// Whatever was thrown: ours as it is, a failed allocation as device/out-of-memory, anything else as `internal` with its words.
Error error_of(const std::exception_ptr& thrown) noexcept;

/// Joins anything that has operator<< into one string: text("got ", 3, " rows").
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

/// Text from outside (a name in a file, a path) as messages hold it: at most 200 bytes, its middle left out. Control characters are made
/// harmless once, where messages enter JavaScript.
std::string shortened(std::string_view text);

/// A string of our own words, however long.
struct OwnWords {
  std::string text;
};

/// Strings are taken for text from outside, unless they are said to be `OwnWords`.
template <class Part>
decltype(auto) said(const Part& part) {
  if constexpr (std::is_same_v<Part, std::string> || std::is_same_v<Part, std::string_view>)
    return shortened(part);
  else if constexpr (std::is_same_v<Part, OwnWords>)
    return static_cast<const std::string&>(part.text);
  else
    return static_cast<const Part&>(part);
}

template <class... Parts>
[[noreturn]] void fail(Code code, const Parts&... parts) {
  throw Error(code, text(said(parts)...));
}

}  // namespace dimoo

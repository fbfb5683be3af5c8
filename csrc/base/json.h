// JSON for headers and options: a strict reader of untrusted text (RFC 8259; depth, size and duplicate keys bounded) and a
// writer. Integers up to 2^64 keep their value; other numbers are doubles. Errors name the byte where reading stopped.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace dimoo {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;  // in the file's order

  Json() = default;  // null
  // From null on, not as the variant copies itself: that of libstdc++ takes one of these alternatives for there, and destroys it, where
  // copying one finds no memory.
  Json(const Json& other) : Json() { value_ = other.value_; }
  Json(Json&&) noexcept = default;
  Json& operator=(const Json&) = default;
  Json& operator=(Json&&) noexcept = default;
  ~Json() = default;
  // NOLINTBEGIN(google-explicit-constructor): values convert, so that building an object reads like JSON
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(static_cast<int64_t>(value)) {}
  Json(int64_t value) : value_(value) {}
  Json(uint64_t value) : value_(value) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  // NOLINTEND(google-explicit-constructor)

  /// python: also what Python's json writes, NaN and infinities, and a byte order mark.
  enum class Dialect { standard, python };
  /// Throws Error{on_error} with `what` named: "config.json: expected ',' or '}' at byte 17".
  static Json parse(std::string_view text, std::string_view what, Code on_error = Code::model_corrupt, Dialect dialect = Dialect::standard);
  std::string dump() const;

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const { return std::holds_alternative<int64_t>(value_) || std::holds_alternative<uint64_t>(value_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // Each throws Error{model_corrupt} "expected a string, got a number" when the value is of another kind or out of range.
  bool as_bool() const;
  int64_t as_int() const;
  uint64_t as_uint() const;
  double as_double() const;
  const std::string& as_string() const;
  const Array& as_array() const;
  const Object& as_object() const;

  /// Member of an object; null when this is not an object or has no such key.
  const Json* find(std::string_view key) const;
  /// As find, but a missing member or a null is `fallback`.
  int64_t int_or(std::string_view key, int64_t fallback) const;
  double double_or(std::string_view key, double fallback) const;
  bool bool_or(std::string_view key, bool fallback) const;
  std::string string_or(std::string_view key, std::string_view fallback) const;
  /// Appends a member (objects under construction).
  Json& set(std::string key, Json value);

 private:
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, Array, Object> value_;
};

}  // namespace dimoo

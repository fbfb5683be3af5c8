// Values and their writer, which prints doubles so that they read back the same. The reader is json_parse.cc.
#include "base/json.h"

#include <charconv>
#include <cmath>

namespace dimoo {
namespace {

void write_string(std::string& out, std::string_view value) {
  out.push_back('"');
  for (const char c : value) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          static constexpr char kHex[] = "0123456789abcdef";
          out += "\\u00";
          out.push_back(kHex[c >> 4]);
          out.push_back(kHex[c & 15]);
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

template <class Number>
void write_number(std::string& out, Number value) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, end);
}

void write(std::string& out, const Json& value);

void write_object(std::string& out, const Json::Object& members) {
  out.push_back('{');
  for (size_t i = 0; i < members.size(); i++) {
    if (i) out.push_back(',');
    write_string(out, members[i].first);
    out.push_back(':');
    write(out, members[i].second);
  }
  out.push_back('}');
}

void write_array(std::string& out, const Json::Array& items) {
  out.push_back('[');
  for (size_t i = 0; i < items.size(); i++) {
    if (i) out.push_back(',');
    write(out, items[i]);
  }
  out.push_back(']');
}

void write(std::string& out, const Json& value) {
  if (value.is_null())
    out += "null";
  else if (value.is_bool())
    out += value.as_bool() ? "true" : "false";
  else if (value.is_string())
    write_string(out, value.as_string());
  else if (value.is_array())
    write_array(out, value.as_array());
  else if (value.is_object())
    write_object(out, value.as_object());
  else if (!value.is_integer())
    std::isfinite(value.as_double()) ? write_number(out, value.as_double()) : void(out += "null");
  else if (value.as_double() < 0)
    write_number(out, value.as_int());
  else
    write_number(out, value.as_uint());
}

const char* kind(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_bool()) return "a boolean";
  if (value.is_number()) return "a number";
  if (value.is_string()) return "a string";
  return value.is_array() ? "an array" : "an object";
}

[[noreturn]] void mismatch(const char* expected, const Json& value) {
  fail(Code::model_corrupt, "expected ", expected, ", got ", kind(value));
}

}  // namespace

std::string Json::dump() const {
  std::string out;
  write(out, *this);
  return out;
}

bool Json::as_bool() const {
  if (const bool* value = std::get_if<bool>(&value_)) return *value;
  mismatch("a boolean", *this);
}

int64_t Json::as_int() const {
  if (const int64_t* value = std::get_if<int64_t>(&value_)) return *value;
  if (const uint64_t* value = std::get_if<uint64_t>(&value_); value && *value <= uint64_t{INT64_MAX}) return static_cast<int64_t>(*value);
  if (const double* value = std::get_if<double>(&value_); value && *value == std::trunc(*value) && std::fabs(*value) < 9e15)
    return static_cast<int64_t>(*value);
  mismatch("a whole number", *this);
}

uint64_t Json::as_uint() const {
  if (const uint64_t* value = std::get_if<uint64_t>(&value_)) return *value;
  const int64_t value = as_int();
  if (value < 0) mismatch("a number that is not negative", *this);
  return static_cast<uint64_t>(value);
}

double Json::as_double() const {
  if (const double* value = std::get_if<double>(&value_)) return *value;
  if (const int64_t* value = std::get_if<int64_t>(&value_)) return static_cast<double>(*value);
  if (const uint64_t* value = std::get_if<uint64_t>(&value_)) return static_cast<double>(*value);
  mismatch("a number", *this);
}

const std::string& Json::as_string() const {
  if (const std::string* value = std::get_if<std::string>(&value_)) return *value;
  mismatch("a string", *this);
}

const Json::Array& Json::as_array() const {
  if (const Array* value = std::get_if<Array>(&value_)) return *value;
  mismatch("an array", *this);
}

const Json::Object& Json::as_object() const {
  if (const Object* value = std::get_if<Object>(&value_)) return *value;
  mismatch("an object", *this);
}

const Json* Json::find(std::string_view key) const {
  const Object* members = std::get_if<Object>(&value_);
  if (!members) return nullptr;
  for (const auto& [name, value] : *members)
    if (name == key) return &value;
  return nullptr;
}

int64_t Json::int_or(std::string_view key, int64_t fallback) const {
  const Json* value = find(key);
  return value && !value->is_null() ? value->as_int() : fallback;
}

double Json::double_or(std::string_view key, double fallback) const {
  const Json* value = find(key);
  return value && !value->is_null() ? value->as_double() : fallback;
}

bool Json::bool_or(std::string_view key, bool fallback) const {
  const Json* value = find(key);
  return value && !value->is_null() ? value->as_bool() : fallback;
}

std::string Json::string_or(std::string_view key, std::string_view fallback) const {
  const Json* value = find(key);
  return value && !value->is_null() ? value->as_string() : std::string(fallback);
}

Json& Json::set(std::string key, Json value) {
  if (is_null()) value_ = Object{};
  std::get<Object>(value_).emplace_back(std::move(key), std::move(value));
  return *this;
}

}  // namespace dimoo

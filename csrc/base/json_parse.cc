// The reader: UTF-8 is checked first, then one recursive descent with limits on depth and on the number of values.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/json.h"

namespace dimoo {
namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxValues = size_t{1} << 23;  // a tokenizer of the released size has half a million

/// Offset of the first byte that is not UTF-8 (RFC 3629: no surrogates, no overlong forms); the size when all is well.
size_t utf8_end(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  size_t at = 0;
  while (at < text.size()) {
    const unsigned lead = byte(at);
    if (lead < 0x80) {
      at++;
      continue;
    }
    const size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (length == 0 || byte(at + 1) < low || byte(at + 1) > high) return at;
    for (size_t i = 2; i < length; i++)
      if (byte(at + i) < 0x80 || byte(at + i) > 0xBF) return at;
    at += length;
  }
  return at;
}

void append_utf8(std::string& out, uint32_t point) {
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6), put(0x80 | (point & 63));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12), put(0x80 | (point >> 6 & 63)), put(0x80 | (point & 63));
  } else {
    put(0xF0 | point >> 18), put(0x80 | (point >> 12 & 63)), put(0x80 | (point >> 6 & 63)), put(0x80 | (point & 63));
  }
}

class Reader {
 public:
  Reader(std::string_view text, std::string_view what, Code code, Json::Dialect dialect)
      : text_(text), what_(what), code_(code), python_(dialect == Json::Dialect::python) {}

  Json document() {
    if (const size_t end = utf8_end(text_); end != text_.size()) fail(code_, what_, ": bad JSON: expected UTF-8 at byte ", end);
    if (python_) take("\xEF\xBB\xBF");
    Json value = read_value(0);
    skip_space();
    if (at_ != text_.size()) stop("the end of the text");
    return value;
  }

 private:
  [[noreturn]] void stop(std::string_view expected) const {
    fail(code_, what_, ": bad JSON: expected ", expected, " at byte ", at_, at_ < text_.size() ? "" : " (the text ends there)");
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) at_++;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    at_++;
    return true;
  }
  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  Json read_value(int depth) {
    if (depth > kMaxDepth) fail(code_, what_, ": bad JSON: nested deeper than ", kMaxDepth, " at byte ", at_);
    if (++values_ > kMaxValues) fail(code_, what_, ": bad JSON: more than ", kMaxValues, " values");
    skip_space();
    if (at_ >= text_.size()) stop("a value");
    switch (text_[at_]) {
      case '{': return read_object(depth);
      case '[': return read_array(depth);
      case '"': return Json(read_string());
      case 't':
        if (take("true")) return Json(true);
        stop("a value");
      case 'f':
        if (take("false")) return Json(false);
        stop("a value");
      case 'n':
        if (take("null")) return Json();
        stop("a value");
      default: return python_ ? read_python_number() : read_number();
    }
  }

  Json read_object(int depth) {
    Json::Object members;
    at_++;
    skip_space();
    if (take('}')) return Json(std::move(members));
    do {
      skip_space();
      if (at_ >= text_.size() || text_[at_] != '"') stop("a key");
      std::string key = read_string();
      skip_space();
      if (!take(':')) stop("':'");
      members.emplace_back(std::move(key), read_value(depth + 1));
      skip_space();
    } while (take(','));
    if (!take('}')) stop("',' or '}'");
    refuse_twins(members);
    return Json(std::move(members));
  }

  void refuse_twins(const Json::Object& members) const {
    std::vector<std::string_view> keys;
    keys.reserve(members.size());
    for (const auto& [key, value] : members) keys.push_back(key);
    std::sort(keys.begin(), keys.end());
    const auto twin = std::adjacent_find(keys.begin(), keys.end());
    if (twin != keys.end()) fail(code_, what_, ": bad JSON: the key \"", *twin, "\" stands twice in one object");
  }

  Json read_array(int depth) {
    Json::Array items;
    at_++;
    skip_space();
    if (take(']')) return Json(std::move(items));
    do {
      items.push_back(read_value(depth + 1));
      skip_space();
    } while (take(','));
    if (!take(']')) stop("',' or ']'");
    return Json(std::move(items));
  }

  uint32_t read_hex4() {
    uint32_t value = 0;
    if (at_ + 4 > text_.size()) stop("four hexadecimal digits");
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, value, 16);
    if (error != std::errc() || end != text_.data() + at_ + 4) stop("four hexadecimal digits");
    at_ += 4;
    return value;
  }

  void read_escape(std::string& out) {
    if (at_ >= text_.size()) stop("an escape");
    const char c = text_[at_++];
    static constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
    if (const size_t i = kFrom.find(c); i != std::string_view::npos) return out.push_back(kTo[i]);
    if (c != 'u') {
      at_--;
      stop("an escape");
    }
    uint32_t point = read_hex4();
    if (point >= 0xD800 && point < 0xDC00 && take("\\u")) {
      const uint32_t low = read_hex4();
      if (low < 0xDC00 || low > 0xDFFF) stop("the second half of a surrogate pair");
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    } else if (point >= 0xD800 && point <= 0xDFFF) {
      point = 0xFFFD;  // a lone surrogate has no UTF-8
    }
    append_utf8(out, point);
  }

  std::string read_string() {
    std::string out;
    at_++;
    for (;;) {
      size_t end = at_;
      while (end < text_.size() && text_[end] != '"' && text_[end] != '\\' && static_cast<unsigned char>(text_[end]) >= 0x20) end++;
      out.append(text_.substr(at_, end - at_));
      at_ = end;
      if (take('"')) return out;
      if (take('\\'))
        read_escape(out);
      else
        stop("'\"' to end the string");
    }
  }

  /// What Python's json writes for numbers that JSON does not have.
  Json read_python_number() {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (take("NaN")) return Json(std::numeric_limits<double>::quiet_NaN());
    if (take("Infinity")) return Json(kInfinity);
    if (take("-Infinity")) return Json(-kInfinity);
    return read_number();
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  void skip_digits() {
    if (at_ >= text_.size() || !is_digit(text_[at_])) stop("a digit");
    while (at_ < text_.size() && is_digit(text_[at_])) at_++;
  }

  Json read_number() {
    const size_t start = at_;
    bool whole = true;
    take('-');
    if (take('0')) {
      if (at_ < text_.size() && is_digit(text_[at_])) stop("no digit after a leading zero");
    } else if (at_ < text_.size() && is_digit(text_[at_])) {
      skip_digits();
    } else {
      stop("a value");
    }
    if (take('.')) whole = false, skip_digits();
    if (take('e') || take('E')) {
      whole = false;
      if (!take('+')) take('-');
      skip_digits();
    }
    const char* first = text_.data() + start;
    const char* last = text_.data() + at_;
    int64_t i = 0;
    if (whole && std::from_chars(first, last, i).ec == std::errc()) return i == 0 && *first == '-' ? Json(-0.0) : Json(i);
    uint64_t u = 0;
    if (whole && *first != '-' && std::from_chars(first, last, u).ec == std::errc()) return Json(u);
    double d = 0;
    if (std::from_chars(first, last, d).ec != std::errc() || !std::isfinite(d)) stop("a number that a double can hold");
    return Json(d);
  }

  std::string_view text_, what_;
  Code code_;
  bool python_;
  size_t at_ = 0, values_ = 0;
};

}  // namespace

Json Json::parse(std::string_view text, std::string_view what, Code on_error, Dialect dialect) {
  return Reader(text, what, on_error, dialect).document();
}

}  // namespace dimoo

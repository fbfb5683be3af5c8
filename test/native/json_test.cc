// The JSON reader refuses what RFC 8259 refuses, and bounds what it accepts; the writer's output reads back the same.
#include "base/json.h"

#include <cmath>
#include <limits>

#include "test/native/check.h"

using namespace dimoo;

namespace {

Json parse(std::string_view text) { return Json::parse(text, "test"); }

void refuse(std::string_view text, std::string_view part) {
  try {
    (void)parse(text);
  } catch (const Error& error) {
    if (error.code() == Code::model_corrupt && error.text().find(part) != std::string::npos) return;
    check::failed(__FILE__, __LINE__, text, ": threw ", error.text());
  }
  check::failed(__FILE__, __LINE__, text, ": did not throw");
}

}  // namespace

TEST(reads_every_kind) {
  const Json json = parse(R"( {"a": [1, -2, 3.5, 1e3, true, false, null], "b": {"c": "d"}} )");
  const auto& items = json.find("a")->as_array();
  CHECK_EQ(items.size(), 7u);
  CHECK_EQ(items[0].as_int(), 1);
  CHECK_EQ(items[1].as_int(), -2);
  CHECK_EQ(items[2].as_double(), 3.5);
  CHECK_EQ(items[3].as_int(), 1000);
  CHECK(items[4].as_bool() && !items[5].as_bool() && items[6].is_null());
  CHECK_EQ(json.find("b")->string_or("c", ""), "d");
  CHECK(json.find("z") == nullptr);
  CHECK_EQ(json.int_or("z", 7), 7);
}

TEST(keeps_integers_to_64_bits) {
  CHECK_EQ(parse("18446744073709551615").as_uint(), std::numeric_limits<uint64_t>::max());
  CHECK_EQ(parse("-9223372036854775808").as_int(), std::numeric_limits<int64_t>::min());
  CHECK_EQ(parse("9007199254740993").as_int(), 9007199254740993);
  CHECK(!parse("18446744073709551616").is_integer());
  CHECK_THROWS(parse("18446744073709551615").as_int(), Code::model_corrupt, "whole number");
  CHECK_THROWS(parse("-1").as_uint(), Code::model_corrupt, "not negative");
  CHECK_THROWS(parse("1.5").as_int(), Code::model_corrupt, "whole number");
  CHECK_THROWS(parse("\"1\"").as_double(), Code::model_corrupt, "expected a number, got a string");
}

TEST(reads_escapes) {
  CHECK_EQ(parse(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00")").as_string(), "\"\\/\b\f\n\r\tA\u00e9\u20ac\U0001F600");
  CHECK_EQ(parse(R"("\ud800")").as_string(), "\uFFFD");
  CHECK_EQ(parse("\"\u00e9\u20ac\U0001F600\"").as_string(), "\u00e9\u20ac\U0001F600");
}

TEST(refuses_bad_text) {
  refuse("", "expected a value at byte 0");
  refuse("{\"a\": 1", "expected ',' or '}'");
  refuse("[1, 2", "expected ',' or ']'");
  refuse("[1,]", "expected a value");
  refuse("{\"a\":1,}", "expected a key");
  refuse("{a:1}", "expected a key");
  refuse("{\"a\" 1}", "expected ':'");
  refuse("1 2", "expected the end of the text at byte 2");
  refuse("01", "leading zero");
  refuse("+1", "expected a value");
  refuse("-", "expected a value");
  refuse("1.", "expected a digit");
  refuse("1e", "expected a digit");
  refuse("1e999", "a double can hold");
  refuse("NaN", "expected a value");
  refuse("tru", "expected a value");
  refuse("falsy", "expected a value");
  refuse("nul", "expected a value");
  refuse("\"abc", "to end the string");
  refuse("\"a\nb\"", "to end the string");
  refuse("\"\\x\"", "expected an escape");
  refuse("\"\\", "expected an escape");
  refuse("\"\\u12g4\"", "hexadecimal");
  refuse("\"\\u12", "hexadecimal");
  refuse("\"\\ud800\\u0041\"", "surrogate");
  refuse("{\"a\": 1, \"b\": 2, \"a\": 3}", "stands twice");
}

TEST(refuses_what_is_not_utf8) {
  refuse("\"\xff\"", "expected UTF-8 at byte 1");
  refuse("\"\xc0\x80\"", "expected UTF-8");          // overlong
  refuse("\"\xe0\x80\x80\"", "expected UTF-8");      // overlong
  refuse("\"\xed\xa0\x80\"", "expected UTF-8");      // a surrogate
  refuse("\"\xf4\x90\x80\x80\"", "expected UTF-8");  // past U+10FFFF
  refuse("\"\xe2\x82", "expected UTF-8");            // cut off
}

TEST(bounds_depth) {
  const auto nested = [](int depth) { return std::string(static_cast<size_t>(depth), '[') + std::string(static_cast<size_t>(depth), ']'); };
  CHECK(parse(nested(60)).is_array());
  refuse(nested(100), "nested deeper than 64");
  refuse(std::string(1000000, '['), "nested deeper than 64");
}

TEST(bounds_values) {
  std::string many = "[0";
  for (int i = 0; i < (1 << 23); i++) many += ",0";
  refuse(many + "]", "more than 8388608 values");
}

TEST(takes_what_python_writes_only_when_asked) {
  const auto python = [](std::string_view text) { return Json::parse(text, "test", Code::model_corrupt, Json::Dialect::python); };
  CHECK(std::isnan(python("NaN").as_double()));
  CHECK_EQ(python("[Infinity]").as_array()[0].as_double(), std::numeric_limits<double>::infinity());
  CHECK_EQ(python("{\"a\": -Infinity}").find("a")->as_double(), -std::numeric_limits<double>::infinity());
  CHECK_EQ(python("\xEF\xBB\xBF-1").as_int(), -1);
  for (const char* text : {"NaN", "Infinity", "-Infinity", "\xEF\xBB\xBF[]"}) refuse(text, "expected a value");
  CHECK_THROWS(python("Nan"), Code::model_corrupt, "expected a value");
  CHECK_THROWS(python("Infinity").as_int(), Code::model_corrupt, "");
}

TEST(names_the_callers_code) {
  CHECK_THROWS(Json::parse("{", "options", Code::request_invalid), Code::request_invalid, "options: bad JSON");
}

TEST(writes_what_reads_back) {
  const char* text = R"({"a":[1,-2,0.1,1e+300,18446744073709551615,true,null],"b":"x\"\\\n\r\t\u0001é","c":{}})";
  CHECK_EQ(parse(text).dump(), text);
  for (const double value : {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -2.5}) CHECK_EQ(parse(Json(value).dump()).as_double(), value);
  CHECK_EQ(parse("-0e5").dump(), "-0");
  CHECK(std::signbit(parse("-0").as_double()) && parse("-0").as_int() == 0);
  CHECK_EQ(Json(NAN).dump(), "null");
  CHECK_EQ(Json(INFINITY).dump(), "null");
}

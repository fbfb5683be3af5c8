// The error's text is the core's own; nothing is translated twice.
#include "napi/values.h"

#include <cstdio>

namespace dimoo::napi {
namespace {

[[noreturn]] void mismatch(const char* name, const char* expected) { fail(Code::request_invalid, name, ": expected ", expected); }

template <class Array>
Array array_of(const Napi::Value& value, const char* name, napi_typedarray_type type, const char* expected) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) mismatch(name, expected);
  return value.As<Array>();
}

}  // namespace

napi_value error_value(napi_env env, const Error& error) noexcept {
  const auto text = [env](const char* words) {
    napi_value value = nullptr;
    napi_create_string_utf8(env, words, NAPI_AUTO_LENGTH, &value);
    return value;
  };
  napi_value made = nullptr;
  napi_create_error(env, nullptr, text(error.what()), &made);
  napi_set_named_property(env, made, "code", text(code_name(error.code())));
  char details[96] = "";
  if (error.code() == Code::device_out_of_memory)
    std::snprintf(details, sizeof details, R"({"requiredBytes":%lld,"availableBytes":%lld})", static_cast<long long>(error.needed()),
                  static_cast<long long>(error.available()));
  if (error.code() == Code::queue_full)
    std::snprintf(details, sizeof details, R"({"retryAfterMs":%lld})", static_cast<long long>(error.needed()));
  if (*details) napi_set_named_property(env, made, "details", text(details));
  return made;
}

Napi::Value field(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) mismatch(name, "a value");
  return value;
}

double number_field(const Napi::Object& object, const char* name) {
  const Napi::Value value = field(object, name);
  if (!value.IsNumber()) mismatch(name, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

int64_t int_field(const Napi::Object& object, const char* name) {
  const double value = number_field(object, name);
  if (!(value >= -9e15 && value <= 9e15) || value != static_cast<double>(static_cast<int64_t>(value))) mismatch(name, "a whole number");
  return static_cast<int64_t>(value);
}

std::string string_field(const Napi::Object& object, const char* name) {
  const Napi::Value value = field(object, name);
  if (!value.IsString()) mismatch(name, "a string");
  return value.As<Napi::String>();
}

std::vector<int32_t> ints_of(const Napi::Value& value, const char* name) {
  const auto array = array_of<Napi::Int32Array>(value, name, napi_int32_array, "an Int32Array");
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<float> floats_of(const Napi::Value& value, const char* name) {
  const auto array = array_of<Napi::Float32Array>(value, name, napi_float32_array, "a Float32Array");
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<double> doubles_of(const Napi::Value& value, const char* name) {
  const auto array = array_of<Napi::Float64Array>(value, name, napi_float64_array, "a Float64Array");
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<uint32_t> uints_of(const Napi::Value& value, const char* name) {
  const auto array = array_of<Napi::Uint32Array>(value, name, napi_uint32_array, "a Uint32Array");
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<uint64_t> bigints_of(const Napi::Value& value, const char* name) {
  const auto array = array_of<Napi::BigUint64Array>(value, name, napi_biguint64_array, "a BigUint64Array");
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<Napi::Value> list_of(const Napi::Value& value, const char* name) {
  if (!value.IsArray()) mismatch(name, "an array");
  const auto array = value.As<Napi::Array>();
  std::vector<Napi::Value> list;
  for (uint32_t i = 0; i < array.Length(); i++) list.push_back(array.Get(i));
  return list;
}

std::span<const uint8_t> bytes_of(const Napi::Value& value, const char* name) {
  const auto array = array_of<Napi::Uint8Array>(value, name, napi_uint8_array, "a Uint8Array");
  return {array.Data(), array.ElementLength()};
}

}  // namespace dimoo::napi

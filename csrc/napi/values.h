// Values across the border: errors with code and details, typed arrays, and checked access to arguments.
#pragma once
#include <napi.h>

#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace dimoo::napi {

/// A JavaScript Error with `code` and, where there are any, `details` (JSON text). Takes none of our memory.
napi_value error_value(napi_env env, const Error& error) noexcept;

// Each throws Error{request_invalid} naming the field when it is absent or of another type.
Napi::Value field(const Napi::Object& object, const char* name);
double number_field(const Napi::Object& object, const char* name);
int64_t int_field(const Napi::Object& object, const char* name);
std::string string_field(const Napi::Object& object, const char* name);
std::vector<int32_t> ints_of(const Napi::Value& value, const char* name);
std::vector<float> floats_of(const Napi::Value& value, const char* name);
std::vector<double> doubles_of(const Napi::Value& value, const char* name);
std::vector<uint32_t> uints_of(const Napi::Value& value, const char* name);
std::vector<uint64_t> bigints_of(const Napi::Value& value, const char* name);
/// The elements of a JavaScript array.
std::vector<Napi::Value> list_of(const Napi::Value& value, const char* name);
std::span<const uint8_t> bytes_of(const Napi::Value& value, const char* name);

template <class Array, class T>
Array typed_array(Napi::Env env, const std::vector<T>& values) {
  Array array = Array::New(env, values.size());
  std::copy(values.begin(), values.end(), reinterpret_cast<T*>(array.Data()));
  return array;
}

}  // namespace dimoo::napi

// The door from Node to the addon: every function and method comes in here, and whatever its body throws goes out as a JavaScript
// exception with a code, also where there is no memory left for a message. Nothing of C++ crosses Node's frames.
#pragma once
#include <napi.h>

#include "napi/values.h"

namespace dimoo::napi {

/// Calls a body that returns a napi_value. Null with an exception pending where it threw.
template <class Body>
napi_value entered(napi_env env, Body body) noexcept {
  try {
    return body();
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  } catch (...) {
    napi_throw(env, error_value(env, error_of(std::current_exception())));
  }
  return nullptr;
}

/// `body` as a function of this name.
template <Napi::Value (*body)(const Napi::CallbackInfo&)>
void export_function(Napi::Object exports, const char* name) {
  const napi_callback entry = [](napi_env env, napi_callback_info info) noexcept -> napi_value {
    return entered(env, [&] { return body(Napi::CallbackInfo(env, info)); });
  };
  napi_value made = nullptr;
  if (napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, entry, nullptr, &made) != napi_ok)
    throw Napi::Error::New(exports.Env(), "the addon's functions cannot be made");
  exports.Set(name, Napi::Value(exports.Env(), made));
}

/// `body` as a method of T's class. V8 calls it on objects of that class only.
template <class T, Napi::Value (T::*body)(const Napi::CallbackInfo&)>
Napi::ClassPropertyDescriptor<T> method(const char* name) {
  napi_property_descriptor entry{};
  entry.utf8name = name;
  entry.method = [](napi_env env, napi_callback_info info) noexcept -> napi_value {
    return entered(env, [&]() -> napi_value {
      const Napi::CallbackInfo call(env, info);
      T* self = T::Unwrap(call.This().As<Napi::Object>());
      if (!self) throw Napi::TypeError::New(env, "expected an object of the addon's");
      return (self->*body)(call);
    });
  };
  return entry;
}

}  // namespace dimoo::napi

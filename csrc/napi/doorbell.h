// The one way from other threads to an environment's JavaScript: a thread-safe function that only wakes the event loop; what
// there is to do waits in a queue. Closed by the environment's cleanup, after which rings are dropped.
#pragma once
#include <napi.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace dimoo::napi {

class Doorbell : public std::enable_shared_from_this<Doorbell> {
 public:
  using Call = std::function<void(Napi::Env)>;
  static std::shared_ptr<Doorbell> make(Napi::Env env);
  /// Any thread: `call` runs on the environment's thread, in order, unless the environment goes first.
  void ring(Call call);
  /// Environment's thread: while anybody waits, the event loop stays alive.
  void hold(Napi::Env env);
  void release(Napi::Env env);
  void close();
  /// What a callback of the user's threw: an uncaught exception, which does not stop the calls behind it.
  static void report(Napi::Env env, const Napi::Error& error) { napi_fatal_exception(env, error.Value()); }

 private:
  static void answer(Napi::Env env, Napi::Function, Doorbell* self, void*);
  using Bell = Napi::TypedThreadSafeFunction<Doorbell, void, answer>;
  Bell bell_;
  int holders_ = 0;
  std::mutex mutex_;
  std::deque<Call> calls_;  // guarded by mutex_
  bool closed_ = false;     // changed on the environment's thread
  bool rung_ = false;
};

}  // namespace dimoo::napi

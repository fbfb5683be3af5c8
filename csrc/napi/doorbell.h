// The one way from other threads to an environment's JavaScript: a thread-safe function that only wakes the event loop; what
// there is to do hangs on ropes, which whoever rings has made before. Ringing takes no memory and cannot fail. Closed by the environment's
// cleanup, after which rings are dropped.
#pragma once
#include <napi.h>

#include <memory>
#include <mutex>

namespace dimoo::napi {

/// What is to be done on the environment's thread. Pulled twice before it is answered, it is answered once.
class Rope {
 public:
  virtual ~Rope() = default;
  /// Environment's thread. What it throws is lost, but for exceptions of the user's own code.
  virtual void answer(Napi::Env env) = 0;

 private:
  friend class Doorbell;
  std::shared_ptr<Rope> next_;  // guarded by the doorbell's lock, as is:
  bool pulled_ = false;
};

class Doorbell : public std::enable_shared_from_this<Doorbell> {
 public:
  static std::shared_ptr<Doorbell> make(Napi::Env env);
  /// Any thread: `rope` is answered on the environment's thread, in order, unless the environment goes first.
  void pull(const std::shared_ptr<Rope>& rope) noexcept;
  /// Environment's thread: while anybody waits, the event loop stays alive.
  void hold(Napi::Env env);
  void release(Napi::Env env);
  void close() noexcept;
  /// What a callback of the user's threw: an uncaught exception, which does not stop the calls behind it.
  static void report(Napi::Env env, const Napi::Error& error) { napi_fatal_exception(env, error.Value()); }

 private:
  static void answer(Napi::Env env, Napi::Function, Doorbell* self, void*);
  std::shared_ptr<Rope> take() noexcept;
  using Bell = Napi::TypedThreadSafeFunction<Doorbell, void, answer>;
  Bell bell_;
  int holders_ = 0;
  std::mutex mutex_;
  std::shared_ptr<Rope> first_;  // guarded by mutex_, as is:
  Rope* last_ = nullptr;
  bool closed_ = false;  // changed on the environment's thread
  bool rung_ = false;
};

}  // namespace dimoo::napi

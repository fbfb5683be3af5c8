// At most one call of the thread-safe function is outstanding; it empties the queue.
#include "napi/doorbell.h"

#include <utility>

namespace dimoo::napi {

std::shared_ptr<Doorbell> Doorbell::make(Napi::Env env) {
  auto bell = std::make_shared<Doorbell>();
  auto* keep = new std::shared_ptr<Doorbell>(bell);  // until the function is finalised
  bell->bell_ = Bell::New(
      env, "dimoo", 0, 1, bell.get(), [](Napi::Env, std::shared_ptr<Doorbell>* kept, Doorbell*) { delete kept; }, keep);
  bell->bell_.Unref(env);
  return bell;
}

void Doorbell::ring(Call call) {
  std::lock_guard lock(mutex_);
  if (closed_) return;
  calls_.push_back(std::move(call));
  if (std::exchange(rung_, true)) return;
  bell_.NonBlockingCall();
}

void Doorbell::answer(Napi::Env env, Napi::Function, Doorbell* self, void*) {
  if (env == nullptr) return;
  const Napi::HandleScope scope(env);
  std::deque<Call> calls;
  {
    std::lock_guard lock(self->mutex_);
    calls.swap(self->calls_);
    self->rung_ = false;
  }
  for (Call& call : calls) call(env);
}

void Doorbell::hold(Napi::Env env) {
  if (holders_++ == 0) bell_.Ref(env);
}

void Doorbell::release(Napi::Env env) {
  if (--holders_ == 0 && !closed_) bell_.Unref(env);
}

void Doorbell::close() {
  std::deque<Call> dropped;
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    dropped.swap(calls_);
  }
  bell_.Release();
}

}  // namespace dimoo::napi

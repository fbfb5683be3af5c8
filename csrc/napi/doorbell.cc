// At most one call of the thread-safe function is outstanding; it answers whatever was pulled.
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

void Doorbell::pull(const std::shared_ptr<Rope>& rope) noexcept {
  std::lock_guard lock(mutex_);
  if (closed_ || std::exchange(rope->pulled_, true)) return;
  (last_ ? last_->next_ : first_) = rope;
  last_ = rope.get();
  if (std::exchange(rung_, true)) return;
  bell_.NonBlockingCall();
}

/// The first rope, which may be pulled again from now on.
std::shared_ptr<Rope> Doorbell::take() noexcept {
  std::lock_guard lock(mutex_);
  std::shared_ptr<Rope> rope = std::move(first_);
  if (!rope) return rope;
  first_ = std::move(rope->next_);
  if (!first_) last_ = nullptr;
  rope->pulled_ = false;
  return rope;
}

void Doorbell::answer(Napi::Env env, Napi::Function, Doorbell* self, void*) {
  if (env == nullptr) return;
  const Napi::HandleScope scope(env);
  {
    std::lock_guard lock(self->mutex_);
    self->rung_ = false;
  }
  while (const std::shared_ptr<Rope> rope = self->take()) {
    try {
      rope->answer(env);
    } catch (const Napi::Error& error) {
      report(env, error);
    } catch (...) {
      continue;  // no memory for what was to be told
    }
  }
}

void Doorbell::hold(Napi::Env env) {
  if (holders_++ == 0) bell_.Ref(env);
}

void Doorbell::release(Napi::Env env) {
  if (--holders_ == 0 && !closed_) bell_.Unref(env);
}

void Doorbell::close() noexcept {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
  }
  while (take()) {
  }
  bell_.Release();
}

}  // namespace dimoo::napi

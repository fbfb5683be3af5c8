// Spelling of the error codes: the only place where they are text. And how much of somebody else's text a message holds.
#include "base/error.h"

#include <new>
#include <system_error>

namespace dimoo {

const char* code_name(Code code) {
  switch (code) {
    case Code::model_not_found: return "model/not-found";
    case Code::model_unreadable: return "model/unreadable";
    case Code::model_unsupported: return "model/unsupported";
    case Code::model_corrupt: return "model/corrupt";
    case Code::request_invalid: return "request/invalid";
    case Code::image_invalid: return "image/invalid";
    case Code::device_unavailable: return "device/unavailable";
    case Code::device_out_of_memory: return "device/out-of-memory";
    case Code::device_lost: return "device/lost";
    case Code::queue_full: return "queue/full";
    case Code::queue_timeout: return "queue/timeout";
    case Code::run_deadline: return "run/deadline";
    case Code::output_failed: return "output/failed";
    case Code::disposed: return "disposed";
    case Code::aborted: return "aborted";
    case Code::internal: return "internal";
  }
  return "internal";
}

Error error_of(const std::exception_ptr& thrown) noexcept {
  const Error no_memory = Error::constant(Code::device_out_of_memory, "the process has no memory left");
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return no_memory;
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::not_enough_memory || error.code() == std::errc::resource_unavailable_try_again)
      return Error::constant(Code::device_out_of_memory, "the system has no memory or no thread left");
    return Error::constant(Code::internal, "the system refused what was asked of it");
  } catch (const std::exception& error) {
    try {
      return {Code::internal, error.what()};
    } catch (...) {
      return no_memory;
    }
  } catch (...) {
    return Error::constant(Code::internal, "something unknown was thrown");
  }
}

std::string shortened(std::string_view text) {
  constexpr size_t most = 200, head = 118, tail = most - head - 5;
  if (text.size() <= most) return std::string(text);
  const auto inside = [&](size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; };
  size_t begin = head, end = text.size() - tail;
  while (begin > 0 && inside(begin)) begin--;
  while (end < text.size() && inside(end)) end++;
  return std::string(text.substr(0, begin)) + " ... " + std::string(text.substr(end));
}

}  // namespace dimoo

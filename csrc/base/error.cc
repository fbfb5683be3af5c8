// Spelling of the error codes: the only place where they are text.
#include "base/error.h"

namespace dimoo {

const char* code_name(Code code) {
  switch (code) {
    case Code::model_not_found: return "model/not-found";
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

}  // namespace dimoo

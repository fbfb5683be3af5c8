#include "napi/image_jobs.h"

#include "image/canny.h"
#include "image/composite.h"
#include "image/crop.h"
#include "napi/entry.h"
#include "napi/job.h"

namespace dimoo::napi {
namespace {

std::vector<uint8_t> copy_of(const Napi::Value& value, const char* name) {
  const auto bytes = bytes_of(value, name);
  return {bytes.begin(), bytes.end()};
}

int64_t whole(const Napi::Value& value) { return value.ToNumber().Int64Value(); }

/// A job whose result is bytes.
template <class Work>
Napi::Value bytes_job(Napi::Env env, Work work) {
  return start_job(env, env.Undefined(), [work = std::move(work)](auto&, auto&) {
    return [out = work()](Napi::Env e) -> Napi::Value { return typed_array<Napi::Uint8Array>(e, out); };
  });
}

// resize(pixels, channels, width, height, toWidth, toHeight, filter)
Napi::Value resize(const Napi::CallbackInfo& info) {
  const int64_t channels = whole(info[1]), width = whole(info[2]), height = whole(info[3]), to_width = whole(info[4]),
                to_height = whole(info[5]);
  const Filter filter = filter_named(info[6].ToString());
  return bytes_job(info.Env(), [=, pixels = copy_of(info[0], "pixels")] {
    return resample(pixels, channels, width, height, to_width, to_height, filter);
  });
}

// crop(pixels, width, height, patches, offset, between)
Napi::Value crop_job(const Napi::CallbackInfo& info) {
  Pixels picture{copy_of(info[0], "pixels"), {whole(info[1]), whole(info[2])}};
  if (picture.size.width < 1 || picture.size.height < 1) fail(Code::image_invalid, "crop: expected a picture, got none");
  picture.channels = static_cast<int64_t>(picture.data.size()) / picture.size.width / picture.size.height;
  const Between between = between_named(info[5].ToString());
  const int64_t patches = whole(info[3]);
  if (patches < 1 || patches > 1 << 16) fail(Code::request_invalid, "crop: patches must lie in 1..65536, got ", patches);
  std::optional<uint64_t> seed;
  bool lossless = true;
  if (info[4].IsBigInt()) seed = info[4].As<Napi::BigInt>().Uint64Value(&lossless);
  return start_job(info.Env(), info.Env().Undefined(), [=, picture = std::move(picture)](auto&, auto&) mutable {
    const Size to = choose_crop(picture.size, crop_sizes(patches, 32));
    return [out = crop(std::move(picture), to, seed, between)](Napi::Env env) -> Napi::Value {
      Napi::Object object = Napi::Object::New(env);
      object.Set("pixels", typed_array<Napi::Uint8Array>(env, out.data));
      object.Set("width", static_cast<double>(out.size.width));
      object.Set("height", static_cast<double>(out.size.height));
      return object;
    };
  });
}

// canny(pixels, width, height, low, high)
Napi::Value canny_job(const Napi::CallbackInfo& info) {
  const int64_t width = whole(info[1]), height = whole(info[2]), low = whole(info[3]), high = whole(info[4]);
  return bytes_job(info.Env(), [=, pixels = copy_of(info[0], "pixels")] { return canny(pixels, width, height, low, high); });
}

// composite(original, painted, width, height, cells, rows, columns, feather)
Napi::Value composite_job(const Napi::CallbackInfo& info) {
  const int64_t width = whole(info[2]), height = whole(info[3]), rows = whole(info[5]), columns = whole(info[6]), feather = whole(info[7]);
  return bytes_job(info.Env(),
                   [=, original = copy_of(info[0], "original"), painted = copy_of(info[1], "painted"), cells = copy_of(info[4], "cells")] {
                     return composite(original, painted, width, height, cells, rows, columns, feather);
                   });
}

}  // namespace

void export_image_jobs(Napi::Object exports) {
  export_function<resize>(exports, "resize");
  export_function<crop_job>(exports, "crop");
  export_function<canny_job>(exports, "canny");
  export_function<composite_job>(exports, "composite");
}

}  // namespace dimoo::napi

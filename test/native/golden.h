// Golden data for the native tests: tensors and traces recorded from the original PyTorch code (test/golden).
#pragma once
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "base/json.h"
#include "cpu/dispatch.h"
#include "device/registry.h"
#include "engine/pass.h"
#include "model/vq.h"
#include "source/safetensors.h"
#include "test/native/check.h"

namespace golden {

using namespace dimoo;

/// $DIMOO_GOLDEN where the tests travel without the folder they were built in.
inline std::string path(const std::string& name) {
  const char* given = std::getenv("DIMOO_GOLDEN");
  return std::string(given ? given : DIMOO_GOLDEN) + "/" + name;
}

inline Json json(const std::string& name) {
  std::ifstream file(path(name));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  return Json::parse(text, name);
}

template <class T>
std::vector<T> values(const SafetensorsEntry& entry) {
  std::vector<T> out(entry.data.size() / sizeof(T));
  std::memcpy(out.data(), entry.data.data(), entry.data.size());
  return out;
}

template <class T>
std::vector<T> list(const Json& json) {
  std::vector<T> out;
  for (const Json& item : json.as_array()) out.push_back(static_cast<T>(item.as_double()));
  return out;
}

/// One fast variant under a sanitizer: variants_test covers what the others do not share.
inline std::vector<cpu::Variant> variants_to_follow() {
  auto all = cpu::variants();
  if (check::sanitized()) all.resize(1);
  return all;
}

enum class Damage { other_value, not_a_number };

/// A source whose tensor of this name has one value changed, to see golden tests fail.
class Damaged : public Source {
 public:
  Damaged(const Source& from, const std::string& name, int64_t index, Damage damage = Damage::other_value) {
    path_ = from.path();
    tensors_ = from.tensors();
    settings_ = from.settings();
    tokenizer_ = from.tokenizer_json();
    for (SourceTensor& tensor : tensors_) {
      if (tensor.name != name) continue;
      copy_.assign(tensor.data, tensor.data + tensor.bytes);
      auto* top = reinterpret_cast<uint8_t*>(copy_.data()) + (index + 1) * type_info(tensor.type).bytes - 1;
      if (damage == Damage::other_value) {
        *top ^= 0x80;        // the sign
        *(top - 1) ^= 0x40;  // and a bit of the fraction
      } else {
        *top = 0x7f, *(top - 1) = 0xc0;  // of F32 and of BF16
      }
      tensor.data = copy_.data();
    }
    index_tensors();
  }
  Format format() const override { return Format::safetensors; }

 private:
  std::vector<std::byte> copy_;
};

/// A language model without tokenizer and VQ, completed with another checkpoint's.
class Combined : public Source {
 public:
  Combined(const Source& language, const Source& rest) {
    path_ = language.path();
    tensors_ = language.tensors();
    for (const SourceTensor& tensor : rest.tensors())
      if (tensor.name.starts_with("vq.")) tensors_.push_back(tensor);
    settings_ = Json(Json::Object{});
    settings_.set("config", *language.settings().find("config")).set("vq", *rest.settings().find("vq"));
    tokenizer_ = rest.tokenizer_json();
    index_tensors();
  }
  Format format() const override { return Format::safetensors; }
};

/// A checkpoint bound to a device.
struct Bound {
  std::unique_ptr<Device> device;
  Hyperparameters hyper;
  std::unique_ptr<Backbone> backbone;
  std::unique_ptr<Vq> vq;

  Bound(const Source& source, const std::string& variant = "", int threads = 2, Precision precision = Precision::f32,
        const std::string& id = "cpu") {
    DeviceOptions options;
    options.threads = threads;
    options.variant = variant;
    device = create_device(id, options);
    hyper = read_hyperparameters(source);
    backbone = std::make_unique<Backbone>(*device, hyper, source, precision);
    if (source.find("vq.quant_conv.weight")) vq = std::make_unique<Vq>(*device, hyper.vq, source);
  }

  /// Logits (n, V) of one sequence, all rows.
  std::vector<float> logits(const std::vector<int32_t>& ids, const Observer& observer = {}) {
    std::vector<int32_t> positions, rows;
    for (size_t i = 0; i < ids.size(); i++) positions.push_back(static_cast<int32_t>(i));
    const auto n = static_cast<int64_t>(ids.size());
    const BranchRows branch{0, n};
    std::vector<float> out(static_cast<size_t>(n * hyper.vocab));
    const Buffer memory = device->allocate(n * hyper.vocab * 4);
    const Tensor all(static_cast<float*>(memory.data()), n, hyper.vocab);
    const Batch batch{ids, positions, {&branch, 1}, positions};
    backbone->head(observer ? backbone->forward_all(batch, observer).read : backbone->forward(batch), Slice::vocabulary, all);
    device->download(out.data(), all);
    device->settle();
    return out;
  }
};

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) check::failed(__FILE__, __LINE__, "sizes differ: ", a.size(), " and ", b.size());
  double most = 0;
  for (size_t i = 0; i < a.size(); i++) most = std::fmax(most, std::isnan(a[i]) ? INFINITY : std::fabs(double{a[i]} - b[i]));
  return most;
}

inline double rms_error(const std::vector<float>& actual, const std::vector<float>& expected) {
  double square = 0;
  for (size_t i = 0; i < actual.size(); i++) square += (double{actual[i]} - expected[i]) * (double{actual[i]} - expected[i]);
  return std::sqrt(square / static_cast<double>(actual.size()));
}

}  // namespace golden

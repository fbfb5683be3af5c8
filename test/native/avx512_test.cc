// The AVX-512 kernels on every machine: their very sources over a model of the instructions. The shared cases against exact arithmetic,
// panels cached or not, and a row alone against the same row among mates.
#include <cstring>

#include "cpu/cpu_device.h"
#include "test/native/avx512_model/names.h"
#include "test/native/cases_products.h"
#include "test/native/cases_rows.h"
#include "test/native/cases_vq.h"

using namespace cases;

namespace {

/// f32 alone, with VNNI, with BF16 too, as the dispatcher puts them together. f32 alone has no int8 tile of its own.
const cpu::Kernels& table(bool bf16) {
  static const cpu::Kernels vnni = [] {
    cpu::Kernels made = cpu::modelled_avx512_kernels();
    cpu::modelled_add_avx512vnni(made);
    return made;
  }();
  static const cpu::Kernels both = [] {
    cpu::Kernels made = vnni;
    cpu::modelled_add_avx512bf16(made);
    return made;
  }();
  return bf16 ? both : vnni;
}

std::unique_ptr<Device> device_of(const cpu::Kernels& kernels, int threads = 2, int64_t panel_bytes = -1) {
  DeviceOptions options;
  options.threads = threads;
  options.panel_bytes = panel_bytes;
  return std::make_unique<cpu::CpuDevice>(options, "avx512 modelled", kernels);
}

std::vector<float> result_of(const Case& c, Device& device) {
  const Bound bound = c.bind(device);
  bound.run();
  return bound.output();
}

void check_modelled(const std::vector<Case>& list) {
  for (const bool bf16 : {false, true}) {
    const cpu::Kernels& kernels = table(bf16);
    const auto device = device_of(kernels), bare = device_of(kernels, 3, 0);
    for (const Case& c : list) {
      const std::vector<float> actual = result_of(c, *device), again = result_of(c, *bare);
      check_close(std::string(bf16 ? "bf16: " : "vnni: ") + c.name, actual, c.expected(cpu::compute_for(c.type, c.precision, kernels)));
      if (std::memcmp(actual.data(), again.data(), actual.size() * 4) != 0)
        check::failed(__FILE__, __LINE__, c.name, ": panels or threads changed the result");
    }
  }
}

}  // namespace

TEST(modelled_products) { check_modelled(product_cases()); }
TEST(modelled_rows) { check_modelled(row_cases()); }
TEST(modelled_convolutions) { check_modelled(vq_cases()); }

TEST(a_modelled_row_never_depends_on_its_mates) {
  constexpr int64_t kRows = 50, kN = 70, kK = 800;
  const std::vector<float> x = random_values(kRows * kK, 31);
  for (const DType type : {DType::f32, DType::bf16, DType::q8_0}) {
    const Matrix w(type, kN, kK, 32);
    const auto device = device_of(table(true), 3);
    const auto weight = device->prepare(w.host(), Precision::fast);
    std::vector<float> in = x, whole(kRows * kN), out(kRows * kN);
    const Tensor rows(in.data(), kRows, kK), to(out.data(), kRows, kN);
    device->linear(rows, *weight, Tensor(whole.data(), kRows, kN));
    for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 1}, {3, 17}, {49, 1}, {5, 33}}) {
      device->linear(rows.slice(first, count), *weight, to.slice(0, count));
      CHECK(std::memcmp(out.data(), whole.data() + first * kN, static_cast<size_t>(count * kN) * 4) == 0);
    }
  }
}

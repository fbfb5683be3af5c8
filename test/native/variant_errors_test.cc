// What `dimoo doctor --verify` tells of every variant of this machine, and how much it may be (docs/contracts.md#precision).
#include "jobs/variant_errors.h"

#include "cpu/dispatch.h"
#include "test/native/check.h"

using namespace dimoo;

TEST(the_error_of_every_variant_is_told_and_bounded) {
  std::vector<std::string> names;
  for (const cpu::Variant& variant : cpu::variants()) names.push_back(variant.name);
  const auto told = variant_errors(names, {});
  CHECK_EQ(told.size(), names.size() * 10);
  for (const VariantError& entry : told) {
    const std::string type = entry.type, op = entry.op;
    const bool bf16 = type == "bf16" || type == "f16", attention = op == "attention";
    // f32: what sums of some hundred terms lose. bf16: both factors are rounded to 8 bits. int8: values spread evenly over 254 steps.
    const double bound = type == "f32" ? 2e-6 : attention ? 0x1p-7 : bf16 ? 0x1p-8 : 1.05 / 254;
    const double error = entry.relative_error;
    if (!(error > 0 && error <= bound))
      check::failed(__FILE__, __LINE__, entry.variant, " ", op, " ", type, ": expected at most ", bound, ", got ", error);
  }
}

// Which type a tensor gets in a file written with `--type` (docs/files.md#types): the one place for the rules that convert and
// synth share.
#pragma once
#include <string>
#include <string_view>

#include "base/dtype.h"
#include "model/hyperparameters.h"

namespace dimoo {

/// "q8_0" -> DType::q8_0. request/invalid for what is no weight type.
DType weight_type(std::string_view option, std::string_view name);

struct TypeRules {
  DType matrices = DType::bf16;
  DType decoder = DType::f32, encoder = DType::f32;  // of the image tokenizer's matrices; the codebook is the encoder's

  /// `vq` names both; empty: F32, with quantised types F16 for the decoder. What is encoded becomes codes, and a rounded encoder may give
  /// others.
  static TypeRules make(std::string_view type, std::string_view vq);
};

/// The type by the rules, and the one that the row's length allows: a block that does not divide the row falls back to Q8_0,
/// then F16.
struct StoredType {
  DType wanted, given;
};
StoredType stored_type(const ExpectedTensor& tensor, const TypeRules& rules);

}  // namespace dimoo

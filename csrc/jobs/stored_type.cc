// Norms and biases stay F32; embedding and head are kept finer than 4- and 5-bit blocks.
#include "jobs/stored_type.h"

#include "base/error.h"

namespace dimoo {
namespace {

constexpr DType kWeightTypes[] = {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q6_k, DType::q5_k, DType::q4_k, DType::q4_0};

DType wanted_type(const ExpectedTensor& tensor, const TypeRules& rules) {
  if (tensor.shape.size() < 2) return DType::f32;
  if (tensor.name.starts_with("vq.decoder.") || tensor.name.starts_with("vq.post_quant_conv.")) return rules.decoder;
  if (tensor.name.starts_with("vq.")) return rules.encoder;
  if (!tensor.matrix) return DType::f32;
  const bool outer = tensor.name == "token_embd.weight" || tensor.name == "output.weight";
  return outer && is_quantized(rules.matrices) && rules.matrices != DType::q8_0 ? DType::q6_k : rules.matrices;
}

}  // namespace

DType weight_type(std::string_view option, std::string_view name) {
  std::string known;
  for (const DType type : kWeightTypes) {
    if (name == type_info(type).name) return type;
    known += text(known.empty() ? "" : ", ", type_info(type).name);
  }
  fail(Code::request_invalid, option, ": expected one of ", OwnWords{known}, ", got '", name, "'");
}

TypeRules TypeRules::make(std::string_view type, std::string_view vq) {
  TypeRules rules;
  rules.matrices = weight_type("type", type);
  if (is_quantized(rules.matrices)) rules.decoder = DType::f16;
  if (!vq.empty()) rules.decoder = rules.encoder = weight_type("vqType", vq);
  if (is_quantized(rules.decoder)) fail(Code::request_invalid, "vqType: expected f32, f16 or bf16, got '", vq, "'");
  return rules;
}

StoredType stored_type(const ExpectedTensor& tensor, const TypeRules& rules) {
  const DType wanted = wanted_type(tensor, rules);
  for (const DType type : {wanted, DType::q8_0})
    if (tensor.shape.back() % type_info(type).block == 0 && (type == wanted || is_quantized(wanted))) return {wanted, type};
  return {wanted, DType::f16};
}

}  // namespace dimoo

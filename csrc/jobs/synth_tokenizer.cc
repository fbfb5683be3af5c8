// Special ids sit where the released model has them relative to the end: its mask is 126,336 of 126,356.
#include "jobs/synth_tokenizer.h"

#include <array>
#include <iterator>
#include <utility>

#include "base/json.h"

namespace dimoo {
namespace {

constexpr const char* kFirst[] = {"<|startoftext|>", "<|endoftext|>", "[CLS]", "[gMASK]"};
constexpr const char* kLast[] = {"<|mdm_mask|>",
                                 "",
                                 "",
                                 "<padding>",
                                 "<system>",
                                 "</system>",
                                 "<user>",
                                 "</user>",
                                 "<role>",
                                 "</role>",
                                 "<|start_header_id|>",
                                 "<|end_header_id|>",
                                 "<|eot_id|>",
                                 "<IMAGE>",
                                 "</IMAGE>",
                                 "<uncondition>",
                                 "",
                                 "",
                                 "<answer>",
                                 "</answer>"};
constexpr int32_t kLastCount = static_cast<int32_t>(std::size(kLast));
constexpr int32_t kSpecials = 256 + kLastCount;  // up to the mask there are 4 + 252 reserved ones

/// GPT-2's visible letter for each byte, as UTF-8.
std::array<std::string, 256> byte_letters() {
  std::array<std::string, 256> letters;
  uint32_t hidden = 256;
  for (uint32_t byte = 0; byte < 256; byte++) {
    const bool visible = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    const uint32_t point = visible ? byte : hidden++;
    if (point >= 0x80) letters[byte].push_back(static_cast<char>(0xC0 | point >> 6));
    letters[byte].push_back(static_cast<char>(point < 0x80 ? point : 0x80 | (point & 63)));
  }
  return letters;
}

Json byte_level(bool add_prefix_space) {
  return Json(Json::Object{})
      .set("type", "ByteLevel")
      .set("add_prefix_space", add_prefix_space)
      .set("trim_offsets", true)
      .set("use_regex", true);
}

Json special_token(int32_t id, std::string content) {
  return Json(Json::Object{})
      .set("id", static_cast<int64_t>(id))
      .set("content", std::move(content))
      .set("single_word", false)
      .set("lstrip", false)
      .set("rstrip", false)
      .set("normalized", false)
      .set("special", true);
}

std::vector<std::string> special_texts() {
  std::vector<std::string> texts(std::begin(kFirst), std::end(kFirst));
  int reserved = 0;
  const auto next_reserved = [&] { return text("<|reserved_token_", reserved++, "|>"); };
  while (static_cast<int32_t>(texts.size()) < kSpecials - kLastCount) texts.push_back(next_reserved());
  for (const char* content : kLast) texts.push_back(*content ? content : next_reserved());
  return texts;
}

void assign_roles(TokenRoles& roles, const std::vector<std::string>& texts, int32_t first) {
  int32_t* const ids[] = {&roles.mask,      &roles.row_end,     &roles.padding,      &roles.end_of_text, &roles.image_begin,
                          &roles.image_end, &roles.uncondition, &roles.answer_begin, &roles.answer_end};
  static_assert(std::size(ids) == kTokenRoles);
  for (int role = 0; role < kTokenRoles; role++)
    for (size_t i = 0; i < texts.size(); i++)
      if (texts[i] == token_text(role)) *ids[role] = first + static_cast<int32_t>(i);
}

}  // namespace

SynthTokenizer make_synth_tokenizer(int32_t size) {
  const int32_t first_special = size - kSpecials;
  if (first_special < 256) fail(Code::internal, "synth tokenizer: expected at least ", 256 + kSpecials, " ids, got ", size);
  SynthTokenizer made;
  const std::vector<std::string> texts = special_texts();
  assign_roles(made.roles, texts, first_special);
  Json::Object vocabulary;
  const auto letters = byte_letters();
  for (int32_t id = 0; id < first_special; id++)
    vocabulary.emplace_back(id < 256 ? letters[static_cast<size_t>(id)] : text("<filler_", id, ">"), static_cast<int64_t>(id));
  Json::Array added;
  for (size_t i = 0; i < texts.size(); i++) added.push_back(special_token(first_special + static_cast<int32_t>(i), texts[i]));
  Json model = Json(Json::Object{}).set("type", "BPE").set("dropout", nullptr).set("unk_token", nullptr);
  model.set("continuing_subword_prefix", nullptr).set("end_of_word_suffix", nullptr).set("fuse_unk", false).set("byte_fallback", false);
  model.set("vocab", std::move(vocabulary)).set("merges", Json::Array{});
  Json all = Json(Json::Object{}).set("version", "1.0").set("truncation", nullptr).set("padding", nullptr);
  all.set("added_tokens", std::move(added)).set("normalizer", nullptr).set("pre_tokenizer", byte_level(false));
  all.set("post_processor", nullptr).set("decoder", byte_level(true)).set("model", std::move(model));
  made.json = all.dump();
  return made;
}

}  // namespace dimoo

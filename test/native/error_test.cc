// What a message holds of somebody else's text: all of a short one, both ends of a long one, no half of a character.
#include "base/error.h"

#include "test/native/check.h"

using namespace dimoo;

namespace {

template <class... Parts>
std::string message(const Parts&... parts) {
  try {
    fail(Code::model_corrupt, parts...);
  } catch (const Error& error) {
    return std::string(error.text());
  }
}

}  // namespace

TEST(names_are_whole_up_to_200_bytes) {
  const std::string name(200, 'x');
  CHECK_EQ(message("tensor ", name, ": bad"), "tensor " + name + ": bad");
}

TEST(longer_ones_keep_both_ends) {
  const std::string name = "first" + std::string(1'000'000, 'x') + "last";
  for (const std::string& made : {message(name, ": bad"), message(std::string_view(name), ": bad")}) {
    CHECK_EQ(made.size(), 200u + 5u);
    CHECK(made.starts_with("firstxxx") && made.ends_with("xxxlast: bad"));
    CHECK(made.find(" ... ") != std::string::npos);
  }
}

TEST(characters_are_never_halved) {
  std::string name;
  for (int i = 0; i < 100; i++) name += "\xe2\x82\xac";  // three bytes each
  for (size_t shift = 0; shift < 3; shift++) {
    const std::string made = shortened(std::string(shift, 'x') + name);
    CHECK(made.size() <= 200);
    size_t at = 0;
    for (const char byte : made) at += (static_cast<unsigned char>(byte) & 0xc0) == 0x80 ? 1 : 0;
    CHECK_EQ(at % 2, 0u);  // two bytes follow each first one
  }
}

TEST(our_own_words_are_not_cut) {
  const std::string list(500, 'x');
  CHECK_EQ(message("missing: ", OwnWords{list}), "missing: " + list);
}

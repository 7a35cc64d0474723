#include "tessera/base/utf8.h"

#include <gtest/gtest.h>

#include <random>

using namespace tessera::text;

TEST(Utf8, LeavesValidTextAlone) {
  for (const char* s : {"", "plain name_[1].fits", "größe-π", "\U0001F52D telescope", "\uE000", "\uFFFD"}) EXPECT_EQ(to_utf8(s), s);
}

TEST(Utf8, GivesBackInvalidBytesOverlongFormsSurrogatesAndItsOwnLetters) {
  for (const std::string s : {"\xFF\xFE", "a\xC3", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xEE\xBE\x80", "\xEE\xBF\xBF", "\xEE\xBE"}) {
    const std::string encoded = to_utf8(s);
    EXPECT_NE(encoded, s);
    EXPECT_EQ(raw_bytes(encoded), s);
  }
  EXPECT_EQ(to_utf8("\xFF"), "\uEFFF");
}

TEST(Utf8, GivesBackAnyBytes) {
  std::mt19937 random{7};
  for (int n = 0; n < 20000; ++n) {
    std::string s;
    for (auto k = random() % 12; k > 0; --k) s += static_cast<char>(random() % 4 ? 0x80 + random() % 128 : random());
    ASSERT_EQ(raw_bytes(to_utf8(s)), s);
  }
}

TEST(JsonNesting, CountsBracketsOutsideStrings) {
  EXPECT_EQ(json_nesting("1"), 0);
  EXPECT_EQ(json_nesting(R"({"a": [[1], {"b": 2}]})"), 3);
  EXPECT_EQ(json_nesting(R"(["[[[[ \" [[["])"), 1);
  EXPECT_EQ(json_nesting(std::string(100'000, '[')), 100'000);
}

#include "tessera/base/text.h"

#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <limits>

namespace tessera::text {
namespace {

TEST(Text, TrimsBlanksOfEveryKindAndNothingElse) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim("   "), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Text, SplitKeepsEmptyPartsAndJoinUndoesIt) {
  for (const std::string s : {"a,b,c", ",a,,b,", "", ","}) EXPECT_EQ(join(split(s, ','), ","), s) << s;
  EXPECT_EQ(split(",a,,", ',').size(), 4u);
}

TEST(Text, ChangesCaseOfAsciiOnly) {
  EXPECT_EQ(upper("mJy/sr é"), "MJY/SR é");
  EXPECT_EQ(lower("GLON-CAR"), "glon-car");
  EXPECT_TRUE(starts_with_nocase("Hierarch ESO", "HIERARCH"));
  EXPECT_FALSE(starts_with_nocase("HIER", "HIERARCH"));
}

TEST(Number, ReadsFortranExponents) {
  EXPECT_EQ(to_double("1.5D+03"), 1500.0);
  EXPECT_EQ(to_double("-2d-1"), -0.2);
  EXPECT_EQ(to_double(" +.5 "), 0.5);
  EXPECT_EQ(to_double("3."), 3.0);
  EXPECT_EQ(to_double("1E5"), 1e5);
}

TEST(Number, RefusesWhatIsNotWhollyANumber) {
  for (const char* s : {"", " ", "+", "-", "1x", "1 2", "--1", "+-1", "1e", "1D", "0x10", "1,5", "1e2D3", "."})
    EXPECT_FALSE(to_double(s)) << s;
  for (const char* s : {"", "1.0", "1e3", "9223372036854775808", "+ 1", "+-1", "12a"}) EXPECT_FALSE(to_integer(s)) << s;
}

TEST(Number, TooLargeIsNothingAndTooSmallIsZero) {
  EXPECT_FALSE(to_double("1e400"));
  EXPECT_FALSE(to_double("-1D+999"));
  EXPECT_EQ(to_double("1e-400"), 0.0);
  EXPECT_TRUE(std::signbit(*to_double("-1e-400")));
  EXPECT_EQ(to_double("0." + std::string(400, '0') + "1"), 0.0);
  EXPECT_EQ(to_double("4.9e-324"), std::numeric_limits<double>::denorm_min());
}

TEST(Number, IntegersReachTheEndsOfTheirType) {
  EXPECT_EQ(to_integer("-9223372036854775808"), std::numeric_limits<long long>::min());
  EXPECT_EQ(to_integer("+9223372036854775807"), std::numeric_limits<long long>::max());
}

TEST(Number, WritesTheShortestTextThatReadsBack) {
  EXPECT_EQ(from_double(0.1), "0.1");
  EXPECT_EQ(from_double(100000), "100000");
  for (const double v : {1.0 / 3, 1e-300, -1.7976931348623157e308, 5e-324, 120.03, 0.1 + 0.2, -0.0}) {
    EXPECT_EQ(to_double(from_double(v)), v);
    EXPECT_EQ(std::signbit(*to_double(from_double(v))), std::signbit(v));
  }
  EXPECT_TRUE(std::isnan(*to_double(from_double(std::nan("")))));
}

TEST(Number, DoesNotFollowTheLocale) {
  const char* comma_locale = std::setlocale(LC_ALL, "de_DE.UTF-8");
  EXPECT_EQ(to_double("1.5"), 1.5);
  EXPECT_EQ(from_double(1.5), "1.5");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  if (comma_locale) std::setlocale(LC_ALL, "C");
}

TEST(Nearest, FindsTheSlipOfAFinger) {
  const std::vector<std::string> keys{"interpolation.method", "interpolation.pixfrac", "grid.pixel_size", "rejection.kappa"};
  EXPECT_EQ(nearest("interpolation.metod", keys), "interpolation.method");
  EXPECT_EQ(nearest("interpolation.pixfarc", keys), "interpolation.pixfrac");
  EXPECT_EQ(nearest("GRID.pixelsize", keys), "grid.pixel_size");
}

TEST(Nearest, TakesABeginningForAnAbbreviation) {
  EXPECT_EQ(nearest("driz", {"area", "drizzle"}), "drizzle");
  EXPECT_EQ(nearest("lanczos", {"lanczos3", "lanczos_from_frames"}), "lanczos3");
}

TEST(Nearest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(nearest("xyz", {"area", "drizzle"}), "");
  EXPECT_EQ(nearest("ab", {"area", "cd"}), "");
  EXPECT_EQ(nearest("area", {}), "");
}

TEST(Glob, MatchesLikeAShell) {
  EXPECT_TRUE(glob_match("*_cbcd.fits", "SPITZER_I1_0056_cbcd.fits"));
  EXPECT_FALSE(glob_match("*_bcd.fits", "SPITZER_I1_0056_cbcd.fits"));
  EXPECT_TRUE(glob_match("a?c", "abc"));
  EXPECT_FALSE(glob_match("a?c", "ac"));
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_FALSE(glob_match("", "a"));
  EXPECT_TRUE(glob_match("**", ""));
  EXPECT_TRUE(glob_match("*a*b*", "xxaxxbxx"));
  EXPECT_FALSE(glob_match("*a*b", "xxaxxbxx"));
  EXPECT_TRUE(glob_match("*/x", "a/b/x"));
}

TEST(Glob, KnowsSetsRangesAndNegation) {
  EXPECT_TRUE(glob_match("ch[12]", "ch2"));
  EXPECT_FALSE(glob_match("ch[12]", "ch3"));
  EXPECT_TRUE(glob_match("[a-cx]", "b"));
  EXPECT_TRUE(glob_match("[!a-c]", "d"));
  EXPECT_FALSE(glob_match("[^a-c]", "a"));
  EXPECT_TRUE(glob_match("[]]", "]"));
  EXPECT_TRUE(glob_match("a[b", "a[b")) << "a bracket that is never closed is a bracket";
}

TEST(Glob, CountsACharacterAndNotItsBytes) {
  EXPECT_TRUE(glob_match("?.fits", "é.fits"));
  EXPECT_FALSE(glob_match("??.fits", "é.fits"));
}

TEST(Glob, HostilePatternsEndSoon) {
  const std::string name(3000, 'a');
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "*a";
  EXPECT_FALSE(glob_match(pattern + "*b", name));
}

TEST(Bytes, ReadsSizesAsUsersWriteThem) {
  EXPECT_EQ(parse_bytes("4096"), 4096);
  EXPECT_EQ(parse_bytes("1.5G"), 1610612736);
  EXPECT_EQ(parse_bytes("800m"), 800ll << 20);
  EXPECT_EQ(parse_bytes("2 GiB"), 2ll << 30);
  EXPECT_EQ(parse_bytes("1KB"), 1024);
  EXPECT_EQ(parse_bytes("0"), 0);
  EXPECT_EQ(parse_bytes("12B"), 12);
}

TEST(Bytes, RefusesMalformedNegativeAndAbsurdSizes) {
  for (const char* s : {"", "G", "B", "-1", "1X", "1GG", "nan", "inf", "9999999999T", "5iB", "1e999"})
    EXPECT_FALSE(parse_bytes(s)) << s;
}

TEST(Bytes, AreShownWithOneDecimal) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.0 KiB");
  EXPECT_EQ(format_bytes(1.2 * (1 << 30)), "1.2 GiB");
  EXPECT_EQ(format_bytes(1024.0 * 1024 - 1), "1.0 MiB") << "never 1024.0 KiB";
}

TEST(Duration, NeverShowsSixtySeconds) {
  EXPECT_EQ(format_duration(0.034), "0.03 s");
  EXPECT_EQ(format_duration(3.2), "3.2 s");
  EXPECT_EQ(format_duration(59.97), "1 min 0 s");
  EXPECT_EQ(format_duration(250), "4 min 10 s");
  EXPECT_EQ(format_duration(3599.7), "1 h 0 min");
  EXPECT_EQ(format_duration(7500), "2 h 5 min");
  EXPECT_EQ(format_duration(std::nan("")), "unknown");
}

}  // namespace
}  // namespace tessera::text

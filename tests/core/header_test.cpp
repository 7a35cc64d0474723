#include "tessera/core/header.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "places.h"
#include "tessera/base/files.h"

namespace tessera {
namespace {

/// Cards given one per string, padded to 80 columns.
std::string cards(std::initializer_list<std::string> lines) {
  std::string all;
  for (std::string line : lines) {
    EXPECT_LE(line.size(), 80u) << line;
    line.resize(80, ' ');
    all += line;
  }
  return all;
}

Header parse(std::initializer_list<std::string> lines) { return Header::parse(cards(lines)); }

TEST(Header, ReadsEveryKindOfValue) {
  const Header h = parse({
      "SIMPLE  =                    T / conforms",
      "NAXIS   =                    2",
      "CRVAL1  =      120.02987654321 / [deg]",
      "EXPTIME =              9.68D+1",
      "OBJECT  = 'GRB 120119A'        / target",
      "BLANKED =                      / nothing known",
      "PAIR    =           (1.5, -2.)",
      "BIG     = 99999999999999999999",
  });
  EXPECT_EQ(h.logical("SIMPLE"), true);
  EXPECT_EQ(h.integer("NAXIS"), 2);
  EXPECT_EQ(h.number("naxis"), 2.0);
  EXPECT_EQ(h.number("CRVAL1"), 120.02987654321);
  EXPECT_EQ(h.find("CRVAL1")->comment, "[deg]");
  EXPECT_EQ(h.number("EXPTIME"), 96.8);
  EXPECT_EQ(h.text("OBJECT"), "GRB 120119A");
  EXPECT_TRUE(h.has("BLANKED"));
  EXPECT_FALSE(h.text("BLANKED"));
  EXPECT_EQ(h.find("BLANKED")->comment, "nothing known");
  EXPECT_EQ(h.text("PAIR"), "(1.5, -2.)");
  EXPECT_EQ(h.number("BIG"), 1e20);
  EXPECT_FALSE(h.integer("BIG"));
  EXPECT_FALSE(h.number("OBJECT"));
  EXPECT_FALSE(h.number("SIMPLE"));
  EXPECT_FALSE(h.has("ABSENT"));
}

TEST(Header, ReadsNumbersThatStandInQuotes) {
  const Header h = parse({"A       = '12'", "B       = ' 3.5D0 '", "C       = 4.0", "D       = 4.5"});
  EXPECT_EQ(h.integer("A"), 12);
  EXPECT_EQ(h.number("B"), 3.5);
  EXPECT_EQ(h.integer("C"), 4);
  EXPECT_FALSE(h.integer("D"));
}

TEST(Header, UndoublesQuotesAndFindsTheSlashBehindTheString) {
  const Header h = parse({"A       = 'O''Neill / co'     / by / hand", "B       = ''", "C       = '  lead   '", "D       = ''''"});
  EXPECT_EQ(h.text("A"), "O'Neill / co");
  EXPECT_EQ(h.find("A")->comment, "by / hand");
  EXPECT_EQ(h.text("B"), "");
  EXPECT_EQ(std::get<std::string>(h.find("C")->value), "  lead");
  EXPECT_EQ(h.text("C"), "lead");
  EXPECT_EQ(h.text("D"), "'");
}

TEST(Header, JoinsContinuedStringsAndTheirComments) {
  const Header h = parse({
      "PATH    = 'one &'               / first",
      "CONTINUE  'two&'                / second",
      "CONTINUE  'three'",
      "NEXT    =                    1",
  });
  EXPECT_EQ(h.text("PATH"), "one twothree");
  EXPECT_EQ(h.find("PATH")->comment, "first second");
  EXPECT_EQ(h.integer("NEXT"), 1);
  EXPECT_EQ(h.cards().size(), 2u);
}

TEST(Header, AnAmpersandWithoutContinuationIsALetter) {
  const Header h = parse({"A       = 'this &'", "B       = 1", "CONTINUE  'orphan'"});
  EXPECT_EQ(h.text("A"), "this &");
  EXPECT_EQ(h.integer("B"), 1);
  EXPECT_EQ(h.cards().size(), 3u);
  EXPECT_EQ(h.cards().back().key, "CONTINUE");
  EXPECT_EQ(h.cards().back().value.index(), 0u);
}

TEST(Header, UnderstandsHierarch) {
  const Header h = parse({"HIERARCH ESO tel.temp value = 12.5 / [C]", "HIERARCH NOTHING HERE"});
  EXPECT_EQ(h.number("ESO TEL.TEMP VALUE"), 12.5);
  EXPECT_EQ(h.number("hierarch eso tel.temp value"), 12.5);
  EXPECT_EQ(h.find("ESO TEL.TEMP VALUE")->comment, "[C]");
  EXPECT_EQ(h.cards()[1].key, "HIERARCH");
}

TEST(Header, KeepsMalformedCardsAsComments) {
  const Header h = parse({
      "BADNUM  = 12abc / x",
      "OPEN    = 'never closed",
      "AFTER   = 'closed' then what",
      "NOEQUAL   12",
      "NAN     = NaN",
      "TAB\tKEY = 1",
      std::string("\0\1\2", 3),
      "GOOD    = 5",
  });
  ASSERT_EQ(h.cards().size(), 8u);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(h.cards()[i].value.index(), 0u) << i;
  EXPECT_EQ(h.find("BADNUM")->comment, "12abc / x") << "what stood behind the equals sign";
  EXPECT_EQ(h.integer("GOOD"), 5);
  EXPECT_FALSE(h.number("NAN"));
}

TEST(Header, StopsAtEndAndTakesATruncatedLastCard) {
  EXPECT_EQ(parse({"A       = 1", "END", "B       = 2"}).cards().size(), 1u);
  const Header h = Header::parse(cards({"A       = 1"}) + "B       = 2");
  EXPECT_EQ(h.integer("B"), 2);
  EXPECT_EQ(h.cards80().size(), 160u);
  EXPECT_TRUE(Header::parse("").empty());
}

TEST(Header, NeverThrowsWhateverTheBytes) {
  std::uint32_t state = 1;
  for (int round = 0; round < 200; ++round) {
    std::string bytes;
    for (int i = 0; i < 997; ++i) {
      state = state * 1664525u + 1013904223u;
      // Letters that matter to a card come up often.
      const std::string common = "'=/& &'CONTINUE HIERARCH TF1.eD(";
      bytes += (state >> 30) != 0 ? common[(state >> 8) % common.size()] : static_cast<char>(state >> 16);
    }
    const Header h = Header::parse(bytes);
    EXPECT_EQ(h.cards80().size() % 80, 0u);
    EXPECT_TRUE(h.cards80().starts_with(bytes.substr(0, 320)));
  }
}

TEST(Header, GivesBackTheBytesItRead) {
  const std::string original = cards({
      "SIMPLE  =                    T",
      "crval1  = 1.0D+02 / oddly written",
      "WAT1_001= 'wtype=tnx axtype=ra lngcor = \"3. 4. 4. 2. -0.3\"'",
      "PATH    = 'one &'",
      "CONTINUE  'two'",
      "",
      "COMMENT = looks like a value",
      "HISTORY   indented",
  });
  Header h = Header::parse(original);
  EXPECT_EQ(h.cards80(), original);
  EXPECT_FALSE(h.number("COMMENT"));
  h.set("CRVAL1", 2.5);
  h.remove("PATH");
  EXPECT_EQ(h.cards80(), cards({
                             "SIMPLE  =                    T",
                             "CRVAL1  =                  2.5 / oddly written",
                             "WAT1_001= 'wtype=tnx axtype=ra lngcor = \"3. 4. 4. 2. -0.3\"'",
                             "",
                             "COMMENT = looks like a value",
                             "HISTORY   indented",
                         }));
}

TEST(Header, WritesFixedFormatCards) {
  Header h;
  h.set("simple", true, "conforms");
  h.set("NAXIS", std::int64_t{2});
  h.set("CRVAL1", 1.0);
  h.set("SMALL", 1.25e-7);
  h.set("OBJECT", std::string{"M31"}, "target");
  h.set("NOVALUE", Card::Value{}, "unknown");
  EXPECT_EQ(h.cards80(), cards({
                             "SIMPLE  =                    T / conforms",
                             "NAXIS   =                    2",
                             "CRVAL1  =                  1.0",
                             "SMALL   =             1.25E-07",
                             "OBJECT  = 'M31     '           / target",
                             "NOVALUE =                      / unknown",
                         }));
}

TEST(Header, EveryValueSurvivesWritingAndReading) {
  Header h;
  const std::vector<double> reals{0.1, -1.7976931348623157e308, 5e-324, 1.0 / 3, 1e22, -0.0, 123456789.0};
  for (std::size_t i = 0; i < reals.size(); ++i) h.set("R" + std::to_string(i), reals[i], "remark");
  h.set("LONGEST", std::numeric_limits<std::int64_t>::min());
  std::vector<std::string> strings;
  for (std::size_t length = 0; length < 300; length += 7) {
    std::string s;
    for (std::size_t i = 0; i < length; ++i) s += i % 5 == 0 ? '\'' : static_cast<char>('a' + i % 26);
    strings.push_back(s);
    strings.push_back(std::string(length, '\''));
  }
  for (std::size_t i = 0; i < strings.size(); ++i) h.set("S" + std::to_string(i), strings[i], "a remark");
  h.set("A LONG.KEY with words", strings.back());
  h.set("OTHER KEY", 2.5, "unit");
  const Header back = Header::parse(h.cards80());
  for (std::size_t i = 0; i < reals.size(); ++i) EXPECT_EQ(back.number("R" + std::to_string(i)), reals[i]);
  EXPECT_EQ(back.integer("LONGEST"), std::numeric_limits<std::int64_t>::min());
  for (std::size_t i = 0; i < strings.size(); ++i) EXPECT_EQ(back.text("S" + std::to_string(i)), strings[i]) << i;
  EXPECT_EQ(back.text("A LONG.KEY WITH WORDS"), strings.back());
  EXPECT_EQ(back.number("OTHER KEY"), 2.5);
  EXPECT_EQ(back.find("OTHER KEY")->comment, "unit");
  EXPECT_EQ(back.cards80(), h.cards80());
}

TEST(Header, WritesNothingThatFitsForbids) {
  Header h;
  h.set("NAME", std::string{"Größe\nzwei"});
  h.set("BAD", std::nan(""), "not a number");
  h.set("A KEYWORD SO LONG THAT NO VALUE CAN EVER STAND BEHIND IT, WHATEVER ONE TRIES TO DO", 1.5);
  for (const char c : h.cards80()) EXPECT_TRUE(c >= ' ' && c <= '~');
  EXPECT_EQ(h.cards80().size() % 80, 0u);
  const Header back = Header::parse(h.cards80());
  EXPECT_TRUE(back.has("BAD"));
  EXPECT_FALSE(back.number("BAD"));
  EXPECT_TRUE(back.has("COMMENT"));
}

TEST(Header, BreaksHistoryIntoLinesOfSeventyTwo) {
  Header h;
  std::string words;
  for (int i = 0; i < 60; ++i) words += "word" + std::to_string(i) + " ";
  h.add_history(words);
  h.add_history(std::string(200, 'x'));
  h.add_comment("one\ntwo");
  std::string joined;
  for (const auto& card : h.cards()) {
    EXPECT_LE(card.comment.size(), 72u);
    if (card.key == "HISTORY" && card.comment.front() == 'w') joined += card.comment + " ";
  }
  EXPECT_EQ(joined, words);
  EXPECT_EQ(h.cards()[h.cards().size() - 2].comment, "one");
  EXPECT_EQ(h.cards().back().comment, "two");
  EXPECT_EQ(Header::parse(h.cards80()).cards80(), h.cards80());
}

TEST(Header, RemovesAllCardsOfAKey) {
  Header h = parse({"HISTORY a", "A       = 1", "HISTORY b", "A       = 2"});
  h.remove("history");
  EXPECT_EQ(h.cards80(), cards({"A       = 1", "A       = 2"}));
  h.add({"B", std::int64_t{3}, ""});
  h.remove("A");
  EXPECT_EQ(h.cards80(), cards({"B       =                    3"}));
  h.remove("ABSENT");
}

TEST(Header, ReadsTheSampleHeadersOfTheRealWorld) {
  const auto folder = test::shared_data() / "wcs_headers";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "skipped: no shared data";
  int projections = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder / "projections_28"}) {
    if (entry.path().extension() != ".hdr") continue;
    const std::string bytes = files::read(entry.path());
    const Header h = Header::parse(bytes);
    EXPECT_TRUE(h.text("CTYPE1")) << entry.path();
    EXPECT_TRUE(h.number("CRVAL1")) << entry.path();
    EXPECT_TRUE(bytes.starts_with(h.cards80())) << entry.path();
    ++projections;
  }
  EXPECT_GE(projections, 28);
}

TEST(Header, ReadsARealHeaderWithTabsAndMalformedCards) {
  const auto folder = test::shared_data() / "spitzer_irac_prf/extended_psf_5x";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "skipped: no shared data";
  int files_seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    const Header h = Header::parse(files::read(entry.path()).substr(0, 14400));
    EXPECT_EQ(h.integer("NAXIS1"), 279) << entry.path();
    EXPECT_TRUE(h.has("NORMRAD")) << entry.path();
    ++files_seen;
  }
  EXPECT_GT(files_seen, 0);
}

}  // namespace
}  // namespace tessera

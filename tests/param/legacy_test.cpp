#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "tessera/param/namelist.h"
#include "tessera/param/swarp_config.h"

namespace tessera::param {
namespace {

using testing::HasSubstr;

std::string value(const LegacyConfig& c, std::string_view block, std::string_view key) {
  const LegacySetting* s = c.find(block, key);
  return s ? s->value : "absent";
}

// The one trap of the file: its line and message.
void expect_trap(const LegacyConfig& c, int line, const std::string& part) {
  ASSERT_EQ(c.traps.size(), 1U) << (c.traps.size() > 1 ? c.traps[1].message : "");
  EXPECT_EQ(c.traps[0].line, line);
  EXPECT_THAT(c.traps[0].message, HasSubstr(part));
}

TEST(Namelist, ReadsGlobalsAndBlocksInAnyOrder) {
  const auto c = read_namelist("# flow\nrun_x = 1\n&MEDFILTER\n Window_X = 45,\n&END\nOUTPUT_DIR = /a/b\n&EMPTY\n&END\n#END\n");
  EXPECT_TRUE(c.traps.empty());
  EXPECT_EQ(value(c, "", "run_x"), "1");
  EXPECT_EQ(value(c, "medfilter", "window_x"), "45");
  EXPECT_EQ(value(c, "", "OUTPUT_DIR"), "/a/b");
  EXPECT_EQ(c.find("MEDFILTER", "Window_X")->line, 4);
  EXPECT_TRUE(c.has_block("empty"));
}

TEST(Namelist, ReadsWhatHasNoSpacesAroundTheEqualsSign) {
  const auto c = read_namelist("\nrun_x=1\n");
  EXPECT_EQ(value(c, "", "run_x"), "1");
  expect_trap(c, 2, "no spaces around =");
  EXPECT_EQ(read_namelist("a =1\n").traps.size(), 1U);
  EXPECT_EQ(read_namelist("a= 1\n").traps.size(), 1U);
}

TEST(Namelist, AnEmptyValueIsEmpty) {
  const auto c = read_namelist("RMASK_LIST = \nFIF_FILE_NAME =\n");
  EXPECT_EQ(value(c, "", "RMASK_LIST"), "");
  EXPECT_EQ(value(c, "", "FIF_FILE_NAME"), "");
  EXPECT_TRUE(c.traps.empty());
}

TEST(Namelist, CommasEndLinesOfBlocksAndNoOthers) {
  expect_trap(read_namelist("a = 1,\n"), 1, "outside the blocks");
  expect_trap(read_namelist("&B\na = 1\n&END\n"), 2, "no comma");
  const auto c = read_namelist("&B\na = 1, b = 'x, y', c = 3,\n&END\n");
  expect_trap(c, 2, "3 settings");
  EXPECT_EQ(value(c, "B", "b"), "x, y");
  EXPECT_EQ(value(c, "B", "c"), "3");
}

TEST(Namelist, QuotesAreTakenOff) {
  const auto c = read_namelist("a = 'TAN'\nb = \"J2000\"\n");
  EXPECT_EQ(value(c, "", "a"), "TAN");
  EXPECT_EQ(value(c, "", "b"), "J2000");
  EXPECT_TRUE(c.traps.empty());
  const auto curly = read_namelist("a = \xE2\x80\x98" "EXPTIME\xE2\x80\x99\n");
  EXPECT_EQ(value(curly, "", "a"), "EXPTIME");
  expect_trap(curly, 1, "typographic");
  expect_trap(read_namelist("a = 'TAN\n"), 1, "no partner");
}

TEST(Namelist, QuotesAroundPartsOfAConditionStay) {
  const auto n = read_namelist("select_conditions = \"SNR > 5\" and \"deblend ! NO and deblend ! PO\"\nselect_columns = \"srcid,RA\"\n");
  EXPECT_EQ(n.find("", "select_conditions")->value, "\"SNR > 5\" and \"deblend ! NO and deblend ! PO\"");
  EXPECT_EQ(n.find("", "select_columns")->value, "srcid,RA");
  EXPECT_TRUE(n.traps.empty());
}

TEST(Namelist, CommentsEndLines) {
  const auto c = read_namelist("a = 1 # first\nb = /data/x#y\nc = 'has # in it'\n#d = 4\n");
  EXPECT_EQ(value(c, "", "a"), "1");
  EXPECT_EQ(value(c, "", "b"), "/data/x#y");
  EXPECT_EQ(value(c, "", "c"), "has # in it");
  EXPECT_EQ(value(c, "", "d"), "absent");
  EXPECT_TRUE(c.traps.empty());
}

TEST(Namelist, ABlockWithoutEndIsToldAndEndsSomewhere) {
  const auto commented = read_namelist("&B\na = 1,\n#END\nc = 2\n");
  EXPECT_EQ(value(commented, "B", "a"), "1");
  EXPECT_EQ(value(commented, "", "c"), "2");
  EXPECT_THAT(commented.traps.at(0).message, HasSubstr("#END is a comment"));
  const auto next = read_namelist("&B\na = 1,\n&C\nd = 2,\n&end\n");
  expect_trap(next, 3, "&B of line 1 has no &END");
  EXPECT_EQ(value(next, "C", "d"), "2");
  expect_trap(read_namelist("&B\na = 1,\n"), 1, "ends with the file");
  expect_trap(read_namelist("&END\n"), 1, "without a block");
}

TEST(Namelist, SettingsBehindTheLastEndAreToldOnce) { expect_trap(read_namelist("#END\na = 1\nb = 2\n"), 2, "behind the #END of line 1"); }

TEST(Namelist, LinesEndInAnyWay) {
  for (const std::string text : {"a = 1\r\nb = 2\r\n", "a = 1\rb = 2"}) {
    const auto c = read_namelist(text);
    EXPECT_EQ(value(c, "", "a"), "1");
    EXPECT_EQ(value(c, "", "b"), "2");
    EXPECT_EQ(c.find("", "b")->line, 2);
    expect_trap(c, 1, "carriage return");
  }
}

TEST(Namelist, OfARepeatedKeyTheLastCounts) {
  const auto c = read_namelist("a = 1\nA = 2\n");
  EXPECT_EQ(value(c, "", "a"), "2");
  expect_trap(c, 2, "stands on line 1 already");
  EXPECT_TRUE(read_namelist("a = 1\na = 1\n").traps.empty());
}

TEST(Namelist, WhatIsNoSettingIsTold) {
  expect_trap(read_namelist("just words\n"), 1, "no equals sign");
  expect_trap(read_namelist("two words = 1\n"), 1, "no name of a parameter");
  expect_trap(read_namelist("&\n"), 1, "names no block");
}

TEST(SwarpConfig, ReadsKeywordsValuesAndComments) {
  const auto c = read_swarp_config("# Default\nIMAGEOUT_NAME  coadd.fits  # Output\nCENTER  00:00:00.0, +00:00:00.0 # pos\nCOPY_KEYWORDS OBJECT,FILTER\nXML_NAME\n");
  EXPECT_TRUE(c.traps.empty());
  EXPECT_EQ(value(c, "", "IMAGEOUT_NAME"), "coadd.fits");
  EXPECT_EQ(value(c, "", "CENTER"), "00:00:00.0, +00:00:00.0");
  EXPECT_EQ(value(c, "", "COPY_KEYWORDS"), "OBJECT,FILTER");
  EXPECT_EQ(value(c, "", "XML_NAME"), "");
  EXPECT_EQ(c.find("", "CENTER")->line, 3);
}

TEST(SwarpConfig, EqualsSignsAndLowerCaseAreTraps) {
  const auto c = read_swarp_config("pixel_scale = 0.5\n");
  EXPECT_EQ(value(c, "", "PIXEL_SCALE"), "0.5");
  EXPECT_EQ(c.traps.size(), 2U);
  expect_trap(read_swarp_config("?! 1\n"), 1, "no keyword");
}

TEST(Legacy, PrintableTextHasNoControlsAndIsUtf8) {
  EXPECT_EQ(legacy::printable("a\tb\x01\x7f"), "a b??");
  EXPECT_EQ(legacy::printable("caf\xC3\xA9 \xFF"), "caf\xC3\xA9 ?");
  EXPECT_EQ(legacy::printable("\xC2\x85"), "?");
  EXPECT_EQ(legacy::printable(std::string(300, 'x'), 10), std::string(10, 'x') + "...");
}

// Whatever the bytes: lines are within the file, and nothing is thrown.
TEST(Legacy, ReadersTakeAnyBytes) {
  std::mt19937 random{20261120};
  const std::string alphabet = "&END#=,'\" \t\r\n$/AaOl01.-_\xE2\x80\x98\xFF";
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    const auto length = random() % 200;
    for (unsigned i = 0; i < length; ++i) bytes += round % 2 ? static_cast<char>(random() & 0xFF) : alphabet[random() % alphabet.size()];
    const auto count = static_cast<int>(1 + std::count_if(bytes.begin(), bytes.end(), [](char c) { return c == '\n' || c == '\r'; }));
    for (const auto& c : {read_namelist(bytes), read_swarp_config(bytes)}) {
      for (const auto& s : c.settings) {
        EXPECT_GE(s.line, 1);
        EXPECT_LE(s.line, count);
        EXPECT_FALSE(s.key.empty());
      }
      for (const auto& t : c.traps) EXPECT_LE(t.line, count);
    }
  }
}

}  // namespace
}  // namespace tessera::param

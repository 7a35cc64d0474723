#include "tessera/io/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/base/error.h"

namespace tessera::io {
namespace {

TEST(Csv, TypesAreGuessedAndEmptyCellsAreNull) {
  const auto t = parse_csv("# from a sheet\r\nname,ra,n,note\r\n\"M 31, core\",10.684,3,\"a \"\"b\"\"\nc\"\r\nM33, 23.46 ,,\r\n\r\n", "a.csv");
  ASSERT_EQ(t.rows(), 2u);
  EXPECT_EQ(t.comments.at(0), "from a sheet");
  EXPECT_THAT(t.texts("name"), testing::ElementsAre("M 31, core", "M33"));
  EXPECT_THAT(t.numbers("ra"), testing::ElementsAre(10.684, 23.46));
  EXPECT_TRUE(t.find("n")->is_null(1));
  EXPECT_EQ(t.texts("note")[0], "a \"b\"\nc");
}

TEST(Csv, WrongRowsAreRefusedWithTheirLine) {
  const auto refused = [](const char* text) {
    try {
      parse_csv(text, "a.csv");
    } catch (const DataError& e) {
      return std::string{e.what()};
    }
    return std::string{"read"};
  };
  EXPECT_EQ(refused("a,b\n1,2\n1,2,3\n"), "a.csv: line 3: 3 cells; expected 2 as the line of names has");
  EXPECT_EQ(refused("a,b\n1,\"2\n"), "a.csv: line 2: a quoted cell has no end");
  EXPECT_EQ(refused("\n\n"), "a.csv: no line of column names");
}

}  // namespace
}  // namespace tessera::io

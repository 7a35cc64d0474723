#include "tessera/core/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tessera/base/error.h"

namespace tessera {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Table example() {
  Table t;
  t.name = "stars";
  t.add<double>("ra", {10.25, 20.5}, "deg", "right ascension", "pos.eq.ra");
  t.add<float>("flux", {1.5f, 0.1f}, "uJy");
  t.add<std::int64_t>("id", {7, 9007199254740993});
  t.add<std::uint8_t>("good", {1, 0});
  t.add<std::string>("name", {"A", "B"});
  t.add<std::int32_t>("n", {3, 4}).null = {false, true};
  return t;
}

TEST(Table, FindsColumnsByExactNameFirst) {
  Table t;
  t.add<double>("RA", {1});
  t.add<double>("ra", {2});
  EXPECT_EQ(t.numbers("ra"), std::vector<double>{2});
  EXPECT_EQ(t.numbers("Ra"), std::vector<double>{1});
  EXPECT_EQ(t.find("dec"), nullptr);
  EXPECT_EQ(t.rows(), 1u);
  EXPECT_EQ(Table{}.rows(), 0u);
}

TEST(Table, GivesNumbersOfEveryNumericType) {
  const Table t = example();
  EXPECT_THAT(t.numbers("ra"), ElementsAre(10.25, 20.5));
  EXPECT_THAT(t.numbers("flux"), ElementsAre(1.5, static_cast<double>(0.1f)));
  EXPECT_THAT(t.numbers("good"), ElementsAre(1, 0));
  const auto n = t.numbers("n");
  EXPECT_EQ(n[0], 3);
  EXPECT_TRUE(std::isnan(n[1])) << "null is NaN";
}

TEST(Table, GivesTextsThatReadBack) {
  const Table t = example();
  EXPECT_THAT(t.texts("ra"), ElementsAre("10.25", "20.5"));
  EXPECT_THAT(t.texts("flux"), ElementsAre("1.5", "0.1")) << "the shortest text of a float, not of the double it fits in";
  EXPECT_THAT(t.texts("id"), ElementsAre("7", "9007199254740993"));
  EXPECT_THAT(t.texts("good"), ElementsAre("T", "F"));
  EXPECT_THAT(t.texts("name"), ElementsAre("A", "B"));
  EXPECT_THAT(t.texts("n"), ElementsAre("3", ""));
}

TEST(Table, NamesTheColumnThatIsMissingOrText) {
  const Table t = example();
  const auto message = [&](const char* column) {
    try {
      t.numbers(column);
    } catch (const DataError& error) {
      return std::string{error.what()};
    }
    return std::string{};
  };
  EXPECT_THAT(message("mag"), HasSubstr("table stars: column 'mag' not found; it has ra, flux"));
  EXPECT_THAT(message("name"), HasSubstr("'name' holds text"));
  EXPECT_THROW(t.texts("mag"), DataError);
}

TEST(Table, RefusesColumnsOfAnotherLength) {
  Table t = example();
  EXPECT_THROW(t.add<double>("short", {1.0}), UsageError);
  Column odd;
  odd.data = std::vector<double>{1, 2};
  odd.null = {true};
  EXPECT_THROW(t.add(odd), UsageError);
  EXPECT_EQ(t.columns.size(), 6u);
}

TEST(Table, FindsKeywordsWhateverTheirCase) {
  Table t;
  t.keywords.push_back({"Epoch", 2000.0, "years"});
  ASSERT_NE(t.keyword("EPOCH"), nullptr);
  EXPECT_EQ(std::get<double>(t.keyword("EPOCH")->value), 2000.0);
  EXPECT_EQ(t.keyword("EQUINOX"), nullptr);
}

}  // namespace
}  // namespace tessera

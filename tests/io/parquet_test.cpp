#include "tessera/io/parquet.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "base/temporary_folder.h"
#include "tessera/base/error.h"
#include "tessera/io/tables.h"

using namespace tessera;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Table of_everything() {
  Table t;
  t.name = "catalog";
  t.keywords.push_back({"APRAD1", 3.0, "radius"});
  t.add("flux", std::vector<double>{1.5, nan, -1e300}, "uJy", "Flux & more", "phot.flux");
  t.add("small", std::vector<float>{0.1F, 2, 3});
  t.add("id", std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::max(), -1, 0});
  t.add("n", std::vector<std::int32_t>{1, 2, 3}).null = {false, true, false};
  t.add("good", std::vector<std::uint8_t>{1, 0, 1});
  t.add("name", std::vector<std::string>{"α Cen", "", "x<y"});
  return t;
}

#define SKIP_WITHOUT_ARROW \
  if (io::parquet_library().empty()) GTEST_SKIP() << "skipped: this build has no Parquet"

}  // namespace

TEST(Parquet, GivesBackWhatWasWritten) {
  SKIP_WITHOUT_ARROW;
  const TemporaryFolder folder;
  const auto path = folder.path() / "t.parquet";
  const Table t = of_everything();
  io::write_table(t, path, io::TableFormat::parquet);
  const Table back = io::read_table(path);
  ASSERT_EQ(back.columns.size(), t.columns.size());
  EXPECT_EQ(back.name, "catalog");
  ASSERT_TRUE(back.keyword("APRAD1"));
  for (std::size_t i = 0; i < t.columns.size(); ++i) {
    EXPECT_EQ(back.columns[i].name, t.columns[i].name);
    EXPECT_EQ(back.columns[i].unit, t.columns[i].unit);
    EXPECT_EQ(back.columns[i].ucd, t.columns[i].ucd);
    EXPECT_EQ(back.columns[i].description, t.columns[i].description);
    EXPECT_EQ(back.columns[i].data.index(), t.columns[i].data.index()) << t.columns[i].name;
  }
  const auto flux = back.numbers("flux");
  EXPECT_EQ(flux[0], 1.5);
  EXPECT_TRUE(std::isnan(flux[1]));
  EXPECT_EQ(flux[2], -1e300);
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(back.find("id")->data), (std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::max(), -1, 0}));
  EXPECT_TRUE(back.find("n")->is_null(1));
  EXPECT_FALSE(back.find("n")->is_null(0));
  EXPECT_EQ(back.texts("name"), (std::vector<std::string>{"α Cen", "", "x<y"}));
}

TEST(Parquet, WithoutRowsHasItsColumns) {
  SKIP_WITHOUT_ARROW;
  const TemporaryFolder folder;
  Table t;
  t.add("flux", std::vector<double>{}, "uJy");
  t.add("name", std::vector<std::string>{});
  io::write_table(t, folder.path() / "t.parquet", io::TableFormat::parquet);
  const Table back = io::read_table(folder.path() / "t.parquet");
  EXPECT_EQ(back.rows(), 0U);
  EXPECT_EQ(back.columns.size(), 2U);
  EXPECT_EQ(back.find("flux")->unit, "uJy");
}

TEST(Parquet, DamagedFilesAndFullFoldersAreToldAndLeaveNothing) {
  SKIP_WITHOUT_ARROW;
  const TemporaryFolder folder;
  const auto path = folder.path() / "t.parquet";
  std::ofstream{path} << "PAR1 and then nothing of the kind";
  EXPECT_THROW(io::read_table(path), DataError);
  EXPECT_THROW(io::write_table(of_everything(), folder.path() / "no" / "t.parquet", io::TableFormat::parquet), SystemError);
}

TEST(Parquet, WithoutItsModuleItIsRefused) {
  if (!io::parquet_library().empty()) GTEST_SKIP() << "skipped: this build has Parquet";
  EXPECT_THROW(io::table_format("parquet"), UsageError);
}

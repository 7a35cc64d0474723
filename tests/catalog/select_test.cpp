#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/catalog/columns.h"
#include "tessera/catalog/conditions.h"

using namespace tessera;
using namespace tessera::catalog;
using testing::HasSubstr;

namespace {

Table sources() {
  Table t;
  add(t, "number", std::vector<std::int32_t>{1, 2, 3, 4, 5});
  add(t, "flux", std::vector<double>{10, 20, 30, std::nan(""), 50});
  add(t, "snr", std::vector<float>{3, 5, 7, 9, 2});
  add(t, "chi2_dof", std::vector<double>{1, 2, 1.5, 1, 4});
  add(t, "deblend", std::vector<std::string>{"N", "NO", "P ", "PAO", "N"});
  return t;
}

std::vector<int> chosen(const std::string& condition, const Table& table = sources()) {
  std::vector<int> rows;
  const auto where = rows_where(table, condition);
  for (std::size_t i = 0; i < where.size(); ++i)
    if (where[i]) rows.push_back(static_cast<int>(i) + 1);
  return rows;
}

std::string refusal(const std::string& condition) {
  try {
    rows_where(sources(), condition);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "accepted";
}

using Numbers = std::vector<int>;

}  // namespace

TEST(Columns, AreEachDeclaredOnceUnderEitherName) {
  std::set<std::string> names;
  for (const ColumnDefinition& d : definitions()) {
    EXPECT_TRUE(names.insert(text::lower(d.name)).second) << d.name;
    EXPECT_FALSE(d.description.empty()) << d.name;
    EXPECT_FALSE(d.ucd.empty()) << d.name;
    EXPECT_EQ(find_definition(d.name), &d);
    if (!d.mopex.empty()) {
      EXPECT_EQ(find_definition(d.mopex), &d) << d.mopex << " means one column";
    }
  }
  // Every column of the guide's 6.5.20 but the apertures, which carry a number.
  for (const char* of_guide : {"srcid", "detid", "N_PS", "RA", "delta_RA", "Dec", "delta_Dec", "delta_RAD", "x", "delta_x", "y", "delta_y", "delta_xy", "flux", "delta_flux", "bckgrnd", "chi2/dof", "ps_chi2/dof",
                               "status", "SNR", "N_dof", "PRFPortion", "depth", "deblend"})
    EXPECT_NE(find_definition(of_guide), nullptr) << of_guide;
}

TEST(Columns, MayCarryANumber) {
  Table t;
  add(t, "aperture_2", std::vector<double>{1.5});
  add(t, "aperture_12_err", std::vector<double>{0.5});
  EXPECT_EQ(find_column(t, "aperture2"), &t.columns[0]);
  EXPECT_EQ(find_column(t, "ap_unc12"), &t.columns[1]);
  EXPECT_EQ(find_column(t, "aperture3"), nullptr);
  EXPECT_EQ(find_definition("aperture_x"), nullptr);
  EXPECT_THROW(add(t, "aperture2", std::vector<double>{1}), UsageError);
  use_mopex_names(t);
  EXPECT_EQ(t.columns[0].name, "aperture2");
  EXPECT_EQ(t.columns[1].name, "ap_unc12");
}

TEST(Columns, CarryTheirUnitAndTakeMopexsNames) {
  Table t = sources();
  EXPECT_EQ(t.find("flux")->unit, "uJy");
  EXPECT_EQ(t.find("flux")->ucd, "phot.flux.density");
  Table counts;
  add(counts, "flux", std::vector<double>{1}, "DN");
  EXPECT_EQ(counts.find("flux")->unit, "DN");
  EXPECT_THROW(add(t, "fluss", std::vector<double>(5)), UsageError);
  EXPECT_THROW(add(t, "srcid", std::vector<double>(5)), UsageError) << "declared under our name";
  use_mopex_names(t);
  EXPECT_NE(t.find("chi2/dof"), nullptr);
  EXPECT_EQ(find_column(t, "chi2_dof"), t.find("chi2/dof")) << "either name finds it";
  const Table two = select_columns(t, {"SNR", "number"});
  EXPECT_EQ(two.columns[0].name, "SNR");
  EXPECT_EQ(two.columns[1].name, "srcid");
  EXPECT_THROW(select_columns(t, {"snt"}), UsageError);
}

TEST(Conditions, CompareNumbersAndTexts) {
  EXPECT_EQ(chosen("snr > 5"), (Numbers{3, 4}));
  EXPECT_EQ(chosen("snr >= 5"), (Numbers{2, 3, 4}));
  EXPECT_EQ(chosen("SNR < 5"), (Numbers{1, 5}));
  EXPECT_EQ(chosen("snr <= 3"), (Numbers{1, 5}));
  EXPECT_EQ(chosen("number = 2 or number == 4"), (Numbers{2, 4}));
  EXPECT_EQ(chosen("deblend = N"), (Numbers{1, 5}));
  EXPECT_EQ(chosen("deblend = \"P\""), (Numbers{3})) << "blanks of tables do not count";
  EXPECT_EQ(chosen("SNR > 5 and deblend != \"NO\""), (Numbers{3, 4}));
  EXPECT_EQ(chosen("flux != 10"), (Numbers{2, 3, 5})) << "what is no number meets nothing";
  EXPECT_EQ(chosen("flux > -1e3"), (Numbers{1, 2, 3, 5}));
}

TEST(Conditions, AndBindsBeforeOrAndNotBeforeBoth) {
  EXPECT_EQ(chosen("number = 1 or number = 2 and snr > 100"), (Numbers{1}));
  EXPECT_EQ(chosen("(number = 1 or number = 2) and snr > 4"), (Numbers{2}));
  EXPECT_EQ(chosen("not number = 1 and snr < 6"), (Numbers{2, 5}));
  EXPECT_EQ(chosen("NOT (number = 1 || number = 2) && snr < 6"), (Numbers{5}));
}

TEST(Conditions, AreReadAsMopexWritesThem) {
  // The guide's own sample, 6.5.20, and that of 6.5.16.
  EXPECT_EQ(chosen("\"SNR > 4\" and \"deblend ! NO and deblend ! PO and deblend ! AO and deblend ! PAO\""), (Numbers{3}));
  EXPECT_EQ(chosen("chi2/dof < 2 and flux > 5"), (Numbers{1, 3}));
  Table t = sources();
  use_mopex_names(t);
  EXPECT_EQ(chosen("chi2_dof < 2 and snr > 4", t), (Numbers{3, 4}));
}

TEST(Conditions, SayWhereTheyAreWrong) {
  EXPECT_THAT(refusal("snt > 5"), HasSubstr("there is no column 'snt', did you mean 'snr'?"));
  EXPECT_THAT(refusal("snr > five"), HasSubstr("holds numbers, and 'five' is none"));
  EXPECT_THAT(refusal("snr > "), HasSubstr("a value is expected"));
  EXPECT_THAT(refusal("snr 5"), HasSubstr("one of < <= > >= = != is expected before '5'"));
  EXPECT_THAT(refusal("snr > 5 and"), HasSubstr("name of a column is expected"));
  EXPECT_THAT(refusal("(snr > 5"), HasSubstr("')' is missing"));
  EXPECT_THAT(refusal("snr > 5 flux > 3"), HasSubstr("a condition ends here before 'flux > 3'"));
  EXPECT_THAT(refusal("deblend = \"N"), HasSubstr("not closed"));
  EXPECT_THAT(refusal(std::string(100000, '(')), HasSubstr("nested too deeply"));
  std::string nots;
  for (int k = 0; k < 5000; ++k) nots += "not ";
  EXPECT_THAT(refusal(nots + "snr > 1"), HasSubstr("nested too deeply"));
}

TEST(Conditions, SelectedRowsKeepTheirNulls) {
  Table t = sources();
  t.columns[0].null = {false, true, false, true, false};
  const Table some = select_rows(t, rows_where(t, "snr >= 5"));
  EXPECT_EQ(some.rows(), 3U);
  EXPECT_EQ(some.columns[0].null, (std::vector<bool>{true, false, true}));
  EXPECT_EQ(some.texts("deblend")[2], "PAO");
  EXPECT_EQ(chosen("number < 100", t), (Numbers{1, 3, 5})) << "a null meets nothing";
  EXPECT_EQ(select_rows(t, std::vector<bool>(5)).rows(), 0U);
}

TEST(CheckCondition, LooksAtGrammarAndDeclaredNames) {
  EXPECT_NO_THROW(catalog::check_condition(""));
  EXPECT_NO_THROW(catalog::check_condition("snr > 5 and (deblend != \"N\" or aperture_2 < 3) and flag_14 = 0 and SNR > 2"));
  EXPECT_THROW(catalog::check_condition("snr >> 5"), UsageError);
  EXPECT_THROW(catalog::check_condition("snr > 5 and"), UsageError);
  EXPECT_THROW(catalog::check_condition("signal > 5"), UsageError);
}

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "io/support.h"
#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/io/fits.h"
#include "tessera/io/parquet.h"
#include "tessera/io/table_stream.h"
#include "tessera/io/tables.h"

namespace tessera::io {
namespace {

using namespace test;
constexpr double nan_d = std::numeric_limits<double>::quiet_NaN();
constexpr double inf_d = std::numeric_limits<double>::infinity();
constexpr TableFormat formats[] = {TableFormat::ipac, TableFormat::votable, TableFormat::ecsv, TableFormat::fits};
constexpr const char* names[] = {"ipac", "votable", "ecsv", "fits"};
constexpr const char* suffixes[] = {".tbl", ".xml", ".ecsv", ".fits"};

Table example() {
  Table t;
  t.name = "SOURCES";
  t.add("id", std::vector<std::int64_t>{1, -9'000'000'000, 3, 4}, "", "running number", "meta.id;meta.main");
  t.add("ra", std::vector<double>{120.03, 0.1 + 0.2, 1e-300, nan_d}, "deg", "right ascension & more <ICRS>", "pos.eq.ra");
  t.add("flux", std::vector<float>{1.1f, -3e-20f, 7.0f, 16777217.0f}, "uJy");
  t.add("n", std::vector<std::int32_t>{1, 2, -2147483647, 4}).null = {false, true, false, false};
  t.add("name", std::vector<std::string>{"first one", "b|ar, \"quoted\"", "'", "x"});
  t.add("big", std::vector<std::int64_t>{9'223'372'036'854'775'807, 2, 3, 4}).null = {false, false, true, true};
  t.keywords = {{"TELESCOP", std::string{"Spitzer Space Telescope"}, ""}, {"EXPTIME", 96.8, ""}, {"WHOLE", 2000.0, ""}, {"SMALL", 1e-5, ""},
                {"NFRAMES", std::int64_t{32}, ""}, {"GOOD", true, ""}, {"BAD", false, ""}, {"NUMBERS", std::string{"0123"}, ""}};
  t.comments = {"a free line of text", "HISTORY made by a test"};
  return t;
}

/// Checks values, nulls and what describes them. Logical columns become 0 and 1 in IPAC tables.
void expect_same(const Table& a, const Table& b) {
  ASSERT_EQ(a.columns.size(), b.columns.size());
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.comments, b.comments);
  for (std::size_t i = 0; i < a.columns.size(); ++i) {
    const Column &x = a.columns[i], &y = b.columns[i];
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.unit, y.unit);
    EXPECT_EQ(x.ucd, y.ucd);
    EXPECT_EQ(x.description, y.description);
    ASSERT_EQ(x.data.index(), y.data.index()) << x.name;
    ASSERT_EQ(x.size(), y.size()) << x.name;
    for (std::size_t row = 0; row < x.size(); ++row) {
      EXPECT_EQ(x.is_null(row), y.is_null(row)) << x.name << ' ' << row;
      if (x.is_null(row)) continue;
      if (const auto* d = std::get_if<std::vector<double>>(&x.data); d && std::isnan((*d)[row])) EXPECT_TRUE(std::isnan(std::get<0>(y.data)[row]));
      else
        std::visit([&](const auto& v) { EXPECT_EQ(v[row], std::get<std::decay_t<decltype(v)>>(y.data)[row]) << x.name << ' ' << row; }, x.data);
    }
  }
  ASSERT_EQ(a.keywords.size(), b.keywords.size());
  for (std::size_t i = 0; i < a.keywords.size(); ++i) {
    EXPECT_EQ(a.keywords[i].key, b.keywords[i].key);
    EXPECT_EQ(a.keywords[i].value, b.keywords[i].value) << a.keywords[i].key;
    EXPECT_EQ(a.keywords[i].comment, b.keywords[i].comment) << a.keywords[i].key;
  }
}

TEST(Tables, EachFormatComesBackFromEachOtherWithoutLoss) {
  const Scratch scratch;
  for (int from = 0; from < 4; ++from)
    for (int to = 0; to < 4; ++to) {
      SCOPED_TRACE(std::string{names[from]} + " to " + names[to]);
      write_table(example(), scratch / (std::string{"a"} + suffixes[from]), formats[from]);
      write_table(read_table(scratch / (std::string{"a"} + suffixes[from])), scratch / (std::string{"b"} + suffixes[to]), formats[to]);
      expect_same(example(), read_table(scratch / (std::string{"b"} + suffixes[to])));
    }
}

Table rows_of(const Table& whole, std::size_t from, std::size_t to) {
  Table part = whole;
  for (Column& c : part.columns) std::visit([&](auto& v) { v = {v.begin() + static_cast<std::ptrdiff_t>(from), v.begin() + static_cast<std::ptrdiff_t>(to)}; }, c.data);
  return part;
}

TEST(Tables, AFitsTableInPiecesIsTheOneWrittenAsAWhole) {
  const Scratch scratch;
  Table whole;
  whole.name = "ROWS";
  whole.keywords = {{"TELESCOP", std::string{"Spitzer Space Telescope"}, ""}};
  std::vector<double> numbers;
  std::vector<std::string> texts;
  for (int i = 0; i < 20000; ++i) numbers.push_back(i % 7 == 0 ? nan_d : i / 3.), texts.push_back(i == 12345 ? "the longest of all" : std::to_string(i));
  whole.add("x", numbers, "pix", "a number", "pos"), whole.add("t", texts);
  std::vector<TableFormat> all_formats{TableFormat::fits, TableFormat::ipac, TableFormat::votable, TableFormat::ecsv};
  if (!parquet_library().empty()) all_formats.push_back(TableFormat::parquet);
  for (const auto format : all_formats) {
    const auto suffix = std::string{suffix_of(format)};
    const auto streamed = [&](const Table& all, std::size_t step, const std::string& name) {
      const auto stream = open_table_stream(all.rows() > 0 ? rows_of(all, 12345, 12346) : rows_of(all, 0, 0), static_cast<std::int64_t>(all.rows()), scratch / name, format);
      for (const bool looking : {true, false})
        for (std::size_t from = 0; from < all.rows() && (!looking || stream->looks_first()); from += step) {
          const Table part = rows_of(all, from, std::min(from + step, all.rows()));
          looking ? stream->look(part) : stream->add(stream->make(rows_of(part, 0, part.rows())));
        }
      stream->close();
      return files::sha256_file(scratch / name);
    };
    write_table(whole, scratch / ("whole" + suffix), format);
    EXPECT_EQ(streamed(whole, 777, "pieces" + suffix), files::sha256_file(scratch / ("whole" + suffix))) << suffix;
    const Table none = rows_of(whole, 0, 0);
    write_table(none, scratch / ("none" + suffix), format);
    EXPECT_EQ(streamed(none, 1, "no_pieces" + suffix), files::sha256_file(scratch / ("none" + suffix))) << suffix;
    Table other;
    other.add("y", std::vector<double>{1});
    EXPECT_THROW(open_table_stream(rows_of(whole, 0, 1), 1, scratch / ("other" + suffix), format)->make(std::move(other)), UsageError) << suffix;
    EXPECT_FALSE(std::filesystem::exists(scratch / ("other" + suffix))) << suffix;
  }
  const auto narrow = open_table_stream(rows_of(whole, 0, 1), 20000, scratch / "narrow.fits", TableFormat::fits);
  EXPECT_THROW(narrow->make(rows_of(whole, 12345, 12346)), UsageError) << "a longer text";
  EXPECT_THROW(narrow->close(), UsageError) << "fewer rows";
  EXPECT_FALSE(std::filesystem::exists(scratch / "narrow.fits"));
}

TEST(Tables, RemarksOfKeywordsSurviveWhereTheFormatHasAPlaceForThem) {
  const Scratch scratch;
  Table t = example();
  t.keywords[1].comment = "exposure in seconds / really";
  for (const int f : {0, 1, 3}) {
    SCOPED_TRACE(names[f]);
    write_table(t, scratch / (std::string{"a"} + suffixes[f]), formats[f]);
    expect_same(t, read_table(scratch / (std::string{"a"} + suffixes[f])));
  }
}

TEST(Tables, LogicalColumnsInfinitiesAndLettersBeyondAsciiSurvive) {
  const Scratch scratch;
  Table t;
  t.add("flag", std::vector<std::uint8_t>{1, 0, 1}).null = {false, false, true};
  t.add("x", std::vector<double>{inf_d, -inf_d, 0});
  t.add("who", std::vector<std::string>{"Ångström", "μ", "plain"});
  for (const int f : {1, 2, 3}) {
    SCOPED_TRACE(names[f]);
    write_table(t, scratch / (std::string{"a"} + suffixes[f]), formats[f]);
    expect_same(t, read_table(scratch / (std::string{"a"} + suffixes[f])));
  }
  write_table(t, scratch / "a.tbl", TableFormat::ipac);  // IPAC has no logical type
  const Table back = read_table(scratch / "a.tbl");
  EXPECT_EQ(std::get<std::vector<std::int32_t>>(back.columns[0].data), (std::vector<std::int32_t>{1, 0, 0}));
  EXPECT_TRUE(back.columns[0].is_null(2));
  EXPECT_EQ(back.numbers("x")[1], -inf_d);
}

TEST(Tables, WithoutRowsAndWithoutColumnsAreTables) {
  const Scratch scratch;
  Table empty;
  empty.add("a", std::vector<double>{}, "m");
  empty.add("b", std::vector<std::string>{});
  for (int f = 0; f < 4; ++f) {
    SCOPED_TRACE(names[f]);
    const fs::path path = scratch / (std::string{"a"} + suffixes[f]);
    write_table(empty, path, formats[f]);
    const Table back = read_table(path);
    ASSERT_EQ(back.columns.size(), 2u);
    EXPECT_EQ(back.rows(), 0u);
    EXPECT_EQ(back.columns[0].unit, "m");
    Table keywords_only;
    keywords_only.keywords = {{"NAXIS1X", std::int64_t{528}, ""}, {"PROJTYPE", std::string{"TAN"}, ""}};
    write_table(keywords_only, path, formats[f]);
    expect_same(keywords_only, read_table(path));
  }
}

TEST(Tables, AnEmptyTextAndAMissingOneDifferWhereTheFormatCanSaySo) {
  const Scratch scratch;
  Table t;
  t.add("a", std::vector<std::string>{"", "", "x"}).null = {false, true, false};
  t.add("b", std::vector<std::int32_t>{1, 2, 3});
  for (const int f : {0, 2}) {
    SCOPED_TRACE(names[f]);
    write_table(t, scratch / (std::string{"a"} + suffixes[f]), formats[f]);
    expect_same(t, read_table(scratch / (std::string{"a"} + suffixes[f])));
  }
}

TEST(Tables, AstropyReadsTheSameValuesFromAllFormats) {
  if (!have_astropy()) GTEST_SKIP() << "skipped: no astropy";
  const Scratch scratch;
  for (int f = 0; f < 4; ++f) write_table(example(), scratch / (std::string{"a"} + suffixes[f]), formats[f]);
  write_file(scratch / "check.py", R"py(
import sys, warnings, numpy as np
from astropy.table import Table
d = sys.argv[1] + '/a'
for name, format in (('.tbl', 'ascii.ipac'), ('.xml', 'votable'), ('.ecsv', 'ascii.ecsv'), ('.fits', 'fits')):
    t = Table.read(d + name, format=format)
    assert t.colnames == ['id', 'ra', 'flux', 'n', 'name', 'big'], (name, t.colnames)
    assert list(t['id']) == [1, -9000000000, 3, 4], (name, t['id'])
    assert t['ra'][1] == 0.1 + 0.2 and t['ra'][2] == 1e-300 and not t['ra'][3] == t['ra'][3], (name, t['ra'])
    assert np.float32(t['flux'][0]) == np.float32(1.1), (name, t['flux'])
    assert list(t['n'].mask) == [False, True, False, False] and t['n'][2] == -2147483647, (name, t['n'])
    assert list(t['big'].mask) == [False, False, True, True] and t['big'][0] == 9223372036854775807, (name, t['big'])
    assert list(t['name']) == ['first one', 'b|ar, "quoted"', "'", 'x'], (name, t['name'])
    assert str(t['ra'].unit) == 'deg' and t['flux'].unit == 'uJy', (name, t['ra'].unit)
t = Table.read(d + '.ecsv', format='ascii.ecsv')
assert t['id'].dtype == 'int64' and t['n'].dtype == 'int32' and t['flux'].dtype == 'float32'
assert t.meta['SMALL'] == 1e-5 and t.meta['WHOLE'] == 2000.0 and t.meta['NUMBERS'] == '0123' and t.meta['GOOD'] is True
assert t['ra'].description == 'right ascension & more <ICRS>' and t['ra'].meta['ucd'] == 'pos.eq.ra'
k = Table.read(d + '.tbl', format='ascii.ipac').meta['keywords']
assert k['EXPTIME']['value'] == 96.8 and k['TELESCOP']['value'] == 'Spitzer Space Telescope' and k['NFRAMES']['value'] == 32
assert Table.read(d + '.fits').meta['EXPTIME'] == 96.8
)py");
  EXPECT_EQ(run("/usr/bin/python3 -W error " + quoted(scratch / "check.py") + " " + quoted(scratch.folder()), scratch / "log"), 0)
      << read_file(scratch / "log");
}

TEST(Tables, VotlintFindsNothingToSay) {
  if (!have("stilts")) GTEST_SKIP() << "skipped: no stilts";
  const Scratch scratch;
  Table t = example();
  t.keywords[1].comment = "a remark";
  t.add("flag", std::vector<std::uint8_t>{1, 0, 1, 0});
  t.add("who", std::vector<std::string>{"Ångström", "μ", "plain", ""});
  write_table(t, scratch / "a.xml", TableFormat::votable);
  EXPECT_EQ(run("stilts votlint " + quoted(scratch / "a.xml"), scratch / "log"), 0);
  EXPECT_EQ(read_file(scratch / "log"), "");
}

TEST(Tables, ReadsWhatAstropyWrites) {
  if (!have_astropy()) GTEST_SKIP() << "skipped: no astropy";
  const Scratch scratch;
  write_file(scratch / "make.py", R"py(
import sys, numpy as np
from astropy.table import Table, MaskedColumn
from astropy.io.votable import from_table, writeto
d = sys.argv[1]
t = Table()
t['i'] = MaskedColumn(np.array([1, 2, 3], dtype='int32'), mask=[0, 1, 0], description='a long description that YAML breaks in two because the line would be longer than eighty letters: so')
t['d'] = np.array([0.1, np.nan, 1e300])
t['d'].unit = 'MJy / sr'
t['s'] = ['a b', 'c"d', 'é']
t['b'] = [True, False, True]
t['v'] = np.arange(6, dtype='float32').reshape(3, 2)
t['u'] = np.array([1, 2, 255], dtype='uint8')
t.meta['comments'] = ['one', 'two: with colon']
t.meta['number'] = 5
t.meta['nested'] = {'a': 1}
t.write(d + '/a.ecsv', format='ascii.ecsv')
t.write(d + '/c.ecsv', format='ascii.ecsv', delimiter=',')
t['s'][2] = 'e'
t.write(d + '/a.fits')
t['s'][2] = 'é'
for kind in ('tabledata', 'binary', 'binary2'):
    v = from_table(t)
    if kind != 'tabledata':
        v.get_first_table().fields[0].values.null = -99
    writeto(v, d + '/' + kind + '.xml', tabledata_format=kind)
t['i', 'd', 's'].write(d + '/a.tbl', format='ascii.ipac')
)py");
  ASSERT_EQ(run("/usr/bin/python3 " + quoted(scratch / "make.py") + " " + quoted(scratch.folder()), scratch / "log"), 0) << read_file(scratch / "log");
  for (const char* name : {"a.ecsv", "c.ecsv", "a.fits", "tabledata.xml", "binary.xml", "binary2.xml", "a.tbl"}) {
    SCOPED_TRACE(name);
    const Table t = read_table(scratch / name);
    EXPECT_EQ(t.numbers("i")[0], 1);
    EXPECT_EQ(t.numbers("i")[2], 3);
    EXPECT_TRUE(t.find("i")->is_null(1));
    EXPECT_EQ(t.numbers("d")[2], 1e300);
    EXPECT_TRUE(std::isnan(t.numbers("d")[1]));
    EXPECT_EQ(t.texts("s")[1], "c\"d");
    EXPECT_EQ(t.texts("s")[2], std::string{name} == "a.fits" ? "e" : "é");
    EXPECT_FALSE(t.find("d")->unit.empty());
    if (std::string{name} == "a.tbl") continue;
    EXPECT_EQ(t.texts("b"), (std::vector<std::string>{"T", "F", "T"}));
    EXPECT_EQ(t.numbers("u")[2], 255);
    if (std::string{name}.ends_with(".ecsv")) {
      EXPECT_TRUE(t.find("i")->description.starts_with("a long description")) << t.find("i")->description;
      EXPECT_TRUE(t.find("i")->description.ends_with("eighty letters: so")) << t.find("i")->description;
      EXPECT_EQ(t.find("v"), nullptr);
      EXPECT_THAT(t.comments, testing::IsSupersetOf({"one", "two: with colon", "left out: column v (arrays, objects or complex numbers)"}));
      EXPECT_EQ(std::get<std::int64_t>(t.keyword("number")->value), 5);
    } else {
      EXPECT_EQ(t.numbers("v_2")[1], 3);
    }
  }
}

TEST(IpacTable, ARowOfEmptyTextsIsWrittenAsMissingAndNotLost) {
  Table t;
  t.add("a", std::vector<std::string>{"x", "", "z"});
  t.add("b", std::vector<std::string>{"", " ", "y"});
  const Table back = parse_ipac(format_ipac(t), "a.tbl");
  ASSERT_EQ(back.rows(), 3u);
  EXPECT_EQ(std::get<std::vector<std::string>>(back.find("a")->data)[2], "z");
  EXPECT_EQ(std::get<std::vector<std::string>>(back.find("b")->data)[2], "y");
  EXPECT_TRUE(back.find("a")->is_null(1));
}

}  // namespace
}  // namespace tessera::io

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "io/support.h"
#include "tessera/base/error.h"
#include "tessera/io/byte_source.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"

namespace tessera::io {
namespace {

using namespace test;
using testing::HasSubstr;

TEST(IpacTable, ReadsKeywordsInBothForms) {
  const Table t = parse_ipac("\\char comment = Output from fiducial_image_frame, version 1.4\n\\real CRVAL1 = 329.129598\n\\real CRVAL2 = 64\n"
                             "\\int  NAXIS1 = 528\n\\fixlen = T\n\\SQL = 'SELECT *'\n\\date    = 01-MAR-97  B\n\\ a remark = no keyword\n",
                             "FIF.tbl");
  EXPECT_EQ(t.columns.size(), 0u);
  EXPECT_EQ(std::get<std::string>(t.keyword("comment")->value), "Output from fiducial_image_frame, version 1.4");
  EXPECT_EQ(std::get<double>(t.keyword("CRVAL1")->value), 329.129598);
  EXPECT_EQ(std::get<double>(t.keyword("CRVAL2")->value), 64.0);
  EXPECT_EQ(std::get<std::int64_t>(t.keyword("NAXIS1")->value), 528);
  EXPECT_EQ(std::get<bool>(t.keyword("fixlen")->value), true);
  EXPECT_EQ(std::get<std::string>(t.keyword("SQL")->value), "SELECT *");
  EXPECT_EQ(std::get<std::string>(t.keyword("date")->value), "01-MAR-97  B");
  EXPECT_EQ(t.comments, std::vector<std::string>{"a remark = no keyword"});
}

TEST(IpacTable, WritesATableWithoutColumnsAsMopexDoes) {
  Table t;
  t.keywords = {{"CRVAL1", 329.5, ""}, {"NAXIS1", std::int64_t{528}, ""}, {"PROJTYPE", std::string{"TAN"}, ""}, {"CROTA2", 0.0, ""}};
  EXPECT_EQ(format_ipac(t), "\\real CRVAL1 = 329.5\n\\int  NAXIS1 = 528\n\\char PROJTYPE = TAN\n\\real CROTA2 = 0.0\n");
}

TEST(IpacTable, TakesAWordOnABarWhereItGoesOn) {
  const Table t = parse_ipac("|  a  |  b  |\n| int | int |\n   12   345 \n    123  45 \n", "t.tbl");
  EXPECT_EQ(t.numbers("a"), (std::vector<double>{12, 123}));
  EXPECT_EQ(t.numbers("b"), (std::vector<double>{345, 45}));
  EXPECT_EQ(message_of<DataError>([] { parse_ipac("|  a  |  b  |\n| int | int |\n    123456   \n", "t.tbl"); }),
            "t.tbl, line 3: \"123456\" stands across the bar between columns a and b");
  EXPECT_THAT(message_of<DataError>([] { parse_ipac("|  a  |  b  |\n| int | int |\n   1  2   3  \n", "t.tbl"); }), HasSubstr("stands across"));
}

TEST(IpacTable, TakesAbbreviatedTypesAndCutNulls) {
  const Table t = parse_ipac("| i| l|    r|      d|  c|\n| i| l|    r|      d|  c|\n|  |  |     |       |  s|\n|nu|nu|null | null  |nul|\n  1  2  1.5  2.25   ab \n nu nu  null  null  nul \n", "t.tbl");
  EXPECT_TRUE(std::holds_alternative<std::vector<std::int32_t>>(t.find("i")->data));
  EXPECT_TRUE(std::holds_alternative<std::vector<std::int64_t>>(t.find("l")->data));
  EXPECT_TRUE(std::holds_alternative<std::vector<float>>(t.find("r")->data));
  EXPECT_TRUE(std::holds_alternative<std::vector<double>>(t.find("d")->data));
  EXPECT_EQ(t.find("c")->unit, "s");
  for (const Column& c : t.columns) {
    EXPECT_FALSE(c.is_null(0)) << c.name;
    EXPECT_TRUE(c.is_null(1)) << c.name;
  }
}

TEST(IpacTable, KeepsTheDigitsThatAFloatWouldLose) {
  const Table t = parse_ipac("|     ra    |  int  |\n|   real    |  int  |\n 329.129598   4294967296 \n", "t.tbl");
  EXPECT_EQ(t.numbers("ra")[0], 329.129598);
  EXPECT_EQ(t.numbers("int")[0], 4294967296.0);
}

TEST(IpacTable, RefusesWhatItCannotHoldByName) {
  Table blank, newline;
  blank.add("two words", std::vector<double>{1});
  EXPECT_THAT(message_of<UsageError>([&] { format_ipac(blank); }), HasSubstr("\"two words\" cannot name a column"));
  newline.add("a", std::vector<std::string>{"x\ny"});
  EXPECT_THAT(message_of<UsageError>([&] { format_ipac(newline); }), HasSubstr("line break in column a"));
}

TEST(IpacTable, SaysLineAndColumnOfABadNumber) {
  EXPECT_EQ(message_of<DataError>([] { parse_ipac("| a |\n|int|\n 1 \n x2 \n", "t.tbl"); }), "t.tbl, line 4: \"x2\" in column a is not a number");
  EXPECT_EQ(message_of<DataError>([] { parse_ipac("| a |\n|cow|\n", "t.tbl"); }),
            "t.tbl, line 2: \"cow\" is not a type of an IPAC column (int, long, float, real, double, char, date)");
  EXPECT_THAT(message_of<DataError>([] { parse_ipac("1 2 3\n", "t.tbl"); }), HasSubstr("is this an IPAC table?"));
}

TEST(IpacTable, ReadsTheSharedTables) {
  SKIP_WITHOUT_SHARED_DATA();
  const fs::path folder = shared_data() / "ipac_tables";
  const std::vector<std::pair<const char*, std::pair<std::size_t, std::size_t>>> expected{
      {"iso_im.tbl", {43, 0}}, {"jcg.tbl", {7, 0}}, {"laity.tbl", {2, 0}}, {"lcurve.tbl", {5, 0}}, {"test.tbl", {29, 0}}, {"test1.tbl", {7, 0}}, {"test2.tbl", {7, 0}}, {"test3.tbl", {7, 0}}};
  for (const auto& [name, size] : expected) {
    SCOPED_TRACE(name);
    const Table t = read_table(folder / name);
    EXPECT_EQ(t.columns.size(), size.first);
    EXPECT_GT(t.rows(), 1u);
  }
  const Table jcg = read_table(folder / "jcg.tbl");  // its first column begins under the bar
  EXPECT_EQ(jcg.texts("fscname")[0], "F04123+3220");
  EXPECT_EQ(jcg.numbers("fnu_12")[0], 0.3939);
  EXPECT_EQ(jcg.find("glon")->unit, "deg");
  EXPECT_EQ(jcg.numbers("glat")[1], -15.9414);
  const Table untyped = read_table(folder / "test2.tbl");
  EXPECT_EQ(untyped.texts("fscname")[0], "F04123+3220");
  EXPECT_EQ(untyped.numbers("fnu_12")[0], 0.3939);
  const Table light = read_table(folder / "lcurve.tbl");
  EXPECT_EQ(light.numbers("jd")[0], 2439698.7);
  EXPECT_EQ(light.texts("obs")[0], "FD");
  EXPECT_EQ(light.texts("ul")[0], "");
  const Table images = read_table(folder / "test.tbl");
  EXPECT_EQ(images.numbers("size")[0], 784005120);
  EXPECT_EQ(images.numbers("size")[67], 1008000);  // this row stands one column to the right
  EXPECT_EQ(images.numbers("hdu")[67], 0);
  EXPECT_EQ(images.texts("fname")[67], "/home/jcg/I375B1H0.fits");
  EXPECT_EQ(images.texts("ctype1")[0], "RA---TAN");
  EXPECT_TRUE(images.find("crval3")->is_null(0));
}

TEST(Catalogues, TheSharedOnesAreRead) {
  SKIP_WITHOUT_SHARED_DATA();
  const Table gaia = read_table(shared_data() / "catalogues/gaia-270-66-2027-06-01.ecsv.gz");
  EXPECT_EQ(gaia.columns.size(), 15u);
  EXPECT_TRUE(std::isnan(gaia.numbers("ra")[0]));
  EXPECT_EQ(gaia.numbers("ra")[1], 271.339961834861);
  EXPECT_EQ(gaia.texts("type")[1], "PSF");
  EXPECT_TRUE(std::holds_alternative<std::vector<float>>(gaia.find("F184")->data));
  const Table ldac = read_table(shared_data() / "catalogues/GAIA-DR1_1334+3754_r46.cat");
  EXPECT_EQ(ldac.name, "LDAC_OBJECTS");
  EXPECT_GT(ldac.rows(), 100u);
  const Table glimpse = read_table(shared_data() / "spitzer_glimpse_crowded/spitzer_example_catalog.xml");
  EXPECT_EQ(glimpse.rows(), 224u);
  EXPECT_EQ(glimpse.numbers("l")[0], 18.384316999999999);
  EXPECT_EQ(glimpse.find("f4_5")->unit, "mJy");
}

TEST(Catalogues, TheSharedOnesGiveAstropysSums) {
  SKIP_WITHOUT_SHARED_DATA();
  if (!have_astropy()) GTEST_SKIP() << "skipped: no astropy";
  const Scratch scratch;
  const char* files[] = {"catalogues/gaia-270-66-2027-06-01.ecsv.gz", "catalogues/GAIA-DR1_1334+3754_r46.cat", "spitzer_glimpse_crowded/spitzer_example_catalog.xml"};
  std::string script = "import sys, numpy as np\nfrom astropy.table import Table\n";
  for (int i = 0; i < 3; ++i) {
    write_table(read_table(shared_data() / files[i]), scratch / (std::to_string(i) + ".ecsv"), TableFormat::ecsv);
    const char* how[] = {"format='ascii.ecsv'", "hdu=2", "format='votable'"};
    script += "a, b = Table.read(" + quoted(shared_data() / files[i]) + ", " + how[i] + "), Table.read(" + quoted(scratch / (std::to_string(i) + ".ecsv")) + ", format='ascii.ecsv')\n" +
              "assert len(a) == len(b)\nfor n in b.colnames:\n    if b[n].dtype.kind in 'fi': assert np.ma.allequal(np.ma.masked_invalid(a[n]), np.ma.masked_invalid(b[n])) and np.array_equal(np.ma.getmaskarray(a[n]), np.ma.getmaskarray(b[n])), n\n";
  }
  write_file(scratch / "check.py", script);
  EXPECT_EQ(run("/usr/bin/python3 " + quoted(scratch / "check.py"), scratch / "log"), 0) << read_file(scratch / "log");
}

TEST(Votable, RefusesHostileXml) {
  std::string deep = "<VOTABLE>";
  for (int i = 0; i < 200'000; ++i) deep += "<RESOURCE>";
  EXPECT_EQ(message_of<DataError>([&] { parse_votable(deep, "t.xml"); }), "t.xml: elements nested more than 64 deep; not a VOTable");
  EXPECT_THAT(message_of<DataError>([] { parse_votable("<VOTABLE><RESOURCE></VOTABLE>", "t.xml"); }), HasSubstr("not well-formed"));
  EXPECT_THAT(message_of<DataError>([] { parse_votable("<html></html>", "t.xml"); }), HasSubstr("<VOTABLE> was expected"));
  const std::string head = "<VOTABLE><RESOURCE><TABLE>", tail = "</TABLE></RESOURCE></VOTABLE>";
  const std::string entity = "<!DOCTYPE VOTABLE [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>" + head + "<FIELD name=\"a\" datatype=\"char\" arraysize=\"*\"/><DATA><TABLEDATA><TR><TD>&x;</TD></TR></TABLEDATA></DATA>" + tail;
  EXPECT_EQ(parse_votable(entity, "t.xml").texts("a")[0], "&x;");  // never expanded
  const std::string link = head + "<FIELD name=\"a\" datatype=\"int\"/><DATA><BINARY><STREAM href=\"http://example.org/x\"/></BINARY></DATA>" + tail;
  EXPECT_THAT(message_of<DataError>([&] { parse_votable(link, "t.xml"); }), HasSubstr("not followed"));
  const std::string cut = head + "<FIELD name=\"a\" datatype=\"int\"/><DATA><BINARY><STREAM encoding=\"base64\">AAAAAQA=</STREAM></BINARY></DATA>" + tail;
  EXPECT_THAT(message_of<DataError>([&] { parse_votable(cut, "t.xml"); }), HasSubstr("ends inside a row"));
  const std::string error = "<VOTABLE><RESOURCE><INFO name=\"QUERY_STATUS\" value=\"ERROR\">no such position</INFO></RESOURCE></VOTABLE>";
  EXPECT_THAT(message_of<DataError>([&] { parse_votable(error, "t.xml"); }), HasSubstr("no such position"));
}

TEST(Votable, LeavesOutByNameWhatATableCannotHold) {
  const Table t = parse_votable("<v:VOTABLE xmlns:v=\"x\"><v:RESOURCE><v:TABLE><v:FIELD name=\"a\" datatype=\"int\" arraysize=\"*\"/><v:FIELD name=\"b\" datatype=\"short\" arraysize=\"2\"><v:VALUES null=\"-9\"/></v:FIELD>"
                                "<v:DATA><v:TABLEDATA><v:TR><v:TD>1 2 3</v:TD><v:TD>4 -9</v:TD></v:TR></v:TABLEDATA></v:DATA></v:TABLE></v:RESOURCE></v:VOTABLE>",
                                "t.xml");
  ASSERT_EQ(t.columns.size(), 2u);
  EXPECT_EQ(t.numbers("b_1")[0], 4);
  EXPECT_TRUE(t.find("b_2")->is_null(0));
  EXPECT_THAT(t.comments, testing::ElementsAre(HasSubstr("left out: column a")));
}

TEST(Ecsv, ReadsTheHeaderInBlockAndFlowStyle) {
  const Table t = parse_ecsv("# %ECSV 1.0\n# ---\n# datatype:\n# - name: a\n#   datatype: float64\n#   unit: !astropy.units.Unit {unit: deg}\n#   description: >-\n#     two\n#     lines\n#   meta: !!omap\n#   - {ucd: pos.eq.ra}\n"
                             "# - {name: 'b b', datatype: string, description: \"x\\ny\\u00e9\"}\n# meta: {KEY: '5', n: 5, r: .5,\n#   nothing: null}\n# schema: astropy-2.0\na \"b b\"\n1.5 \"two words\"\nnan \"say \"\"hi\"\"\nthere\"\n\"\" x\n",
                             "t.ecsv");
  EXPECT_EQ(t.find("a")->description, "two lines");
  EXPECT_EQ(t.find("a")->ucd, "pos.eq.ra");
  EXPECT_EQ(t.find("b b")->description, "x\nyé");
  EXPECT_EQ(t.texts("b b"), (std::vector<std::string>{"two words", "say \"hi\"\nthere", "x"}));
  EXPECT_TRUE(t.find("a")->is_null(2));
  EXPECT_FALSE(t.find("a")->is_null(1));
  EXPECT_EQ(std::get<std::string>(t.keyword("KEY")->value), "5");
  EXPECT_EQ(std::get<std::int64_t>(t.keyword("n")->value), 5);
  EXPECT_EQ(std::get<double>(t.keyword("r")->value), 0.5);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(t.keyword("nothing")->value));
}

TEST(Ecsv, SaysWhatIsWrongInOneLine) {
  const std::string head = "# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype:\n# - {name: a, datatype: int64}\n# - {name: b, datatype: int64}\n";
  EXPECT_EQ(message_of<DataError>([&] { parse_ecsv(head + "a,b\n1,2\n1\n", "t.ecsv"); }), "t.ecsv, line 9: 1 fields found, 2 expected");
  EXPECT_EQ(message_of<DataError>([&] { parse_ecsv(head + "a,b\n1,x\n", "t.ecsv"); }), "t.ecsv, line 8: \"x\" in column b is not of its type");
  EXPECT_THAT(message_of<DataError>([&] { parse_ecsv(head + "a,c\n", "t.ecsv"); }), HasSubstr("column names differ"));
  EXPECT_THAT(message_of<DataError>([&] { parse_ecsv("# %ECSV 1.0\n# ---\n# datatype: [{name: a\n", "t.ecsv"); }), HasSubstr("t.ecsv: header"));
  EXPECT_THAT(message_of<DataError>([&] { parse_ecsv("a,b\n1,2\n", "t.ecsv"); }), HasSubstr("not an ECSV table"));
  EXPECT_THAT(message_of<DataError>([&] { parse_ecsv("# %ECSV 1.0\n# ---\n# datatype: " + std::string(100'000, '['), "t.ecsv"); }), HasSubstr("nested too deeply"));
}

TEST(Tables, AreToldByContentBeforeSuffix) {
  const Scratch scratch;
  Table t;
  t.add("a", std::vector<double>{1, 2});
  write_table(t, scratch / "x.dat", TableFormat::votable);
  EXPECT_EQ(read_table(scratch / "x.dat").numbers("a")[1], 2);
  write_table(t, scratch / "x.xml", TableFormat::ipac);
  EXPECT_EQ(read_table(scratch / "x.xml").numbers("a")[1], 2);
  EXPECT_EQ(format_of("A.VOT"), TableFormat::votable);
  EXPECT_EQ(format_of("a.ecsv.gz"), TableFormat::ecsv);
  EXPECT_EQ(format_of("a.txt"), std::nullopt);
  EXPECT_THAT(message_of<UsageError>([] { table_format("votabel"); }), HasSubstr("did you mean votable?"));
  write_file(scratch / "y.txt", "nothing known");
  EXPECT_THAT(message_of<DataError>([&] { read_table(scratch / "y.txt"); }), HasSubstr("IPAC, VOTable, ECSV, CSV, FITS"));
  EXPECT_THAT(message_of<DataError>([&] { read_table(scratch / "absent.tbl"); }), HasSubstr("no such file"));
}

/// Any damage is either read or refused with a message of ours; the sanitizers watch the rest.
TEST(Tables, DamagedTextIsReadOrRefusedAndNeverEndsTheProgram) {
  Table t;
  t.add("a", std::vector<double>{1, 2, 3}, "deg", "words \"quoted\"", "pos.eq");
  t.add("s", std::vector<std::string>{"x y", "", "z"});
  t.keywords = {{"K", std::string{"v"}, "r"}};
  t.comments = {"c"};
  const std::pair<std::string, Table (*)(std::string_view, const std::string&)> forms[] = {
      {format_ipac(t), parse_ipac}, {format_votable(t), parse_votable}, {format_ecsv(t), parse_ecsv}};
  std::mt19937 random{5};
  constexpr std::string_view letters = "|\\<>&\"'{}[],:#-! \n\t\0xA9=!"
                                       "é";
  int refused = 0, read = 0;
  for (const auto& [text, parse] : forms)
    for (int i = 0; i < 2000; ++i) {
      std::string damaged = text;
      for (unsigned n = 1 + random() % 4; n > 0; --n) {
        const std::size_t at = random() % damaged.size();
        switch (random() % 3) {
          case 0: damaged[at] = letters[random() % letters.size()]; break;
          case 1: damaged.erase(at, 1 + random() % 20); break;
          default: damaged.insert(at, 1, letters[random() % letters.size()]);
        }
        if (damaged.empty()) damaged = " ";
      }
      try {
        parse(damaged, "t");
        ++read;
      } catch (const Error&) {
        ++refused;
      }
    }
  EXPECT_GT(refused, 500);
  EXPECT_GT(read, 500);
}

}  // namespace
}  // namespace tessera::io

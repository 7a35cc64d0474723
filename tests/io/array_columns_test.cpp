// Columns of arrays in FITS tables: astropy reads the shape and every number where it was put; what cannot be stored is refused.
#include <gmock/gmock.h>

#include "io/support.h"
#include "tessera/base/error.h"
#include "tessera/io/array_columns.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"

namespace tessera::io {
namespace {

using namespace test;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// VALUES[2,9,14] holds 1000·z + 10·y + x in floats, X and Y integers: the layout of a spectral WCS.
Table wave_table() {
  Table table;
  table.name = "WCS-WAVE";
  std::vector<std::int32_t> x, y;
  std::vector<float> values;
  for (int i = 0; i < 9; ++i) x.push_back(1 + 255 * i);
  for (int i = 0; i < 14; ++i) y.push_back(1 + 157 * i);
  for (int iy = 0; iy < 14; ++iy)
    for (int ix = 0; ix < 9; ++ix)
      for (int k = 0; k < 2; ++k) values.push_back(static_cast<float>(1000 * iy + 10 * ix + k));
  add_array(table, {"X", {9}}, x);
  add_array(table, {"Y", {14}}, y);
  add_array(table, {"VALUES", {2, 9, 14}, "um"}, values);
  table.keywords.push_back({"PARENT", std::string{"D3"}, ""});
  return table;
}

/// Two rows of 33×33 doubles (1089 elements, more than a table has columns) between plain columns.
Table epsf_table() {
  Table table;
  table.name = "EPSF";
  table.add("NSTAR", std::vector<std::int32_t>{7, 8});
  std::vector<double> psf;
  for (int row = 0; row < 2; ++row)
    for (int y = 0; y < 33; ++y)
      for (int x = 0; x < 33; ++x) psf.push_back(1e6 * row + 100 * y + x + 0.125);
  add_array(table, {"EPSF", {33, 33}}, psf);
  table.add("NEFF_MEAN", std::vector<float>{2.5F, 3.5F});
  return table;
}

TEST(ArrayColumns, AstropyReadsShapeAndNumbers) {
  const Scratch scratch;
  FitsWriter writer{scratch / "a.fits"};
  writer.add_table(wave_table());
  writer.add_table(epsf_table());
  writer.close();
  if (!have_astropy()) GTEST_SKIP() << "skipped: no astropy";
  write_file(scratch / "check.py",
             "import warnings,sys\nwarnings.simplefilter('error')\nimport numpy as np\nfrom astropy.io import fits\n"
             "h=fits.open(sys.argv[1],checksum=True)\n[x.verify('exception') for x in h]\n"
             "w=h['WCS-WAVE']\n"
             "assert w.header['TFORM1']=='9J' and w.header['TFORM3']=='252E' and w.header['TDIM3']=='(2,9,14)', w.header\n"
             "assert w.header['TUNIT3']=='um' and w.header['PARENT']=='D3' and not [k for k in w.header if 'ARRAY' in k]\n"
             "v=w.data['VALUES'][0]\nassert v.shape==(14,9,2)\n"
             "z,y,x=np.indices(v.shape)\nassert (v==1000*z+10*y+x).all()\n"
             "assert (w.data['X'][0]==1+255*np.arange(9)).all() and (w.data['Y'][0]==1+157*np.arange(14)).all()\n"
             "e=h['EPSF']\nassert e.columns.names==['NSTAR','EPSF','NEFF_MEAN'] and e.header['TFORM2']=='1089D'\n"
             "p=e.data['EPSF']\nassert p.shape==(2,33,33)\nr,y,x=np.indices(p.shape)\nassert (p==1e6*r+100*y+x+.125).all()\n"
             "assert list(e.data['NSTAR'])==[7,8] and list(e.data['NEFF_MEAN'])==[2.5,3.5]\n");
  EXPECT_EQ(run("/usr/bin/python3 " + quoted(scratch / "check.py") + " " + quoted(scratch / "a.fits"), scratch / "log"), 0) << read_file(scratch / "log");
}

TEST(ArrayColumns, ComeBackElementByElement) {
  const Scratch scratch;
  const Table table = wave_table();
  FitsWriter writer{scratch / "a.fits"};
  writer.add_table(table);
  writer.close();
  const Table back = FitsFile{scratch / "a.fits"}.read_table(1);
  ASSERT_EQ(back.columns.size(), table.columns.size());
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    EXPECT_EQ(back.columns[i].name, table.columns[i].name);
    EXPECT_EQ(back.numbers(back.columns[i].name), table.numbers(table.columns[i].name));
  }
}

TEST(ArrayColumns, OtherFormatsHoldTheElementsAsColumns) {
  const Scratch scratch;
  const Table table = epsf_table();
  const std::pair<const char*, TableFormat> formats[] = {{"a.ecsv", TableFormat::ecsv}, {"a.tbl", TableFormat::ipac}, {"a.vot", TableFormat::votable}};
  for (const auto& [name, format] : formats) {
    write_table(table, scratch / name, format);
    const Table back = read_table(scratch / name);
    ASSERT_EQ(back.columns.size(), table.columns.size()) << name;
    EXPECT_EQ(back.numbers("EPSF_1089"), table.numbers("EPSF_1089")) << name;
  }
}

TEST(ArrayColumns, RefusesWhatIsNoArray) {
  Table table;
  const std::vector<float> five(5);
  EXPECT_THAT([&] { add_array(table, {"A", {2, 2}}, five); }, ThrowsMessage<UsageError>(HasSubstr("5 values are no whole number of rows of 4")));
  EXPECT_THAT([&] { add_array(table, {"A", {}}, five); }, ThrowsMessage<UsageError>(HasSubstr("no shape")));
  EXPECT_THAT([&] { add_array(table, {"A", {5, 0}}, five); }, ThrowsMessage<UsageError>(HasSubstr("axis of length 0")));
  add_array(table, {"A", {5}}, five);
  EXPECT_THAT([&] { add_array(table, {"B", {1}}, five); }, ThrowsMessage<UsageError>(HasSubstr("5 rows, the table has 1")));
  table.columns.pop_back();
  const Scratch scratch;
  FitsWriter writer{scratch / "a.fits"};
  EXPECT_THAT([&] { writer.add_table(table); }, ThrowsMessage<UsageError>(HasSubstr("array column A(5): element 5 is absent")));
}

}  // namespace
}  // namespace tessera::io

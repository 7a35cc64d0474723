#include <gmock/gmock.h>

#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <random>

#include "io/support.h"
#include "tessera/base/error.h"
#include "tessera/io/fits.h"

namespace tessera::io {
namespace {

using namespace test;
constexpr float nan_f = std::numeric_limits<float>::quiet_NaN();

Image<float> sky(int width, int height) {
  Image<float> image{width, height};
  std::mt19937 random{7};
  std::normal_distribution<float> noise{10, 3};
  for (float& v : image.pixels()) v = noise(random);
  image(1, 1) = nan_f;
  image(0, 2) = 0;
  return image;
}

void expect_same(View<const float> a, View<const float> b) {
  ASSERT_EQ(a.box(), b.box());
  for (int y = a.box().y0; y < a.box().y1; ++y)
    for (int x = a.box().x0; x < a.box().x1; ++x) {
      if (std::isnan(a(x, y))) ASSERT_TRUE(std::isnan(b(x, y))) << x << ',' << y;
      else ASSERT_EQ(a(x, y), b(x, y)) << x << ',' << y;
    }
}

Header example_header() {
  Header h;
  h.set("BUNIT", "MJy/sr", "unit of the pixels");
  h.set("EXPTIME", 120.03);
  h.set("ESO DET CHIP1 ID", "a long keyword", "HIERARCH");
  h.set("LONGTEXT", std::string(150, 'x') + "'quoted'" + std::string(40, 'y'));
  h.set("FLAG", true);
  h.set("BSCALE", 2.0);  // must not be believed: the pixels are values
  h.set("BLANK", std::int64_t{-32768});
  h.set("NAXIS1", std::int64_t{17});
  h.add_history("made by a test");
  h.add_comment("a comment of ours");
  return h;
}

TEST(FitsWriter, ImagesOfEveryTypeComeBackAsTheyWere) {
  const Scratch scratch;
  const Image<float> image = sky(37, 23);
  Image<double> doubles{5, 4};
  Image<std::int16_t> shorts{5, 4};
  Image<std::int32_t> longs{5, 4};
  for (std::size_t i = 0; i < 20; ++i) {
    doubles.pixels()[i] = 1.5 * static_cast<double>(i);
    shorts.pixels()[i] = static_cast<std::int16_t>(i * 1000 - 9000);
    longs.pixels()[i] = static_cast<std::int32_t>(i) * 100'000'000 - 1'000'000'000;
  }
  FitsWriter writer{scratch / "a.fits"};
  writer.add_image("FIRST", example_header(), image.view());
  writer.add_image("D", {}, std::as_const(doubles).view());
  writer.add_image("S", {}, std::as_const(shorts).view());
  writer.add_image("L", {}, std::as_const(longs).view());
  EXPECT_FALSE(fs::exists(scratch / "a.fits"));
  writer.close();
  const FitsFile file{scratch / "a.fits"};
  ASSERT_EQ(file.hdus().size(), 4u);
  EXPECT_EQ(file.hdus()[0].name, "FIRST");
  expect_same(image, file.read_float(0));
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 5; ++x) {
      EXPECT_EQ(file.read_float(1)(x, y), static_cast<float>(doubles(x, y)));
      EXPECT_EQ(file.read_float(2)(x, y), static_cast<float>(shorts(x, y)));
      EXPECT_EQ(file.read_bits(3)(x, y), static_cast<std::uint32_t>(longs(x, y)));
    }
}

TEST(FitsWriter, KeepsTheOrderOfCardsAndLeavesStructuralOnesOut) {
  const Scratch scratch;
  FitsWriter writer{scratch / "a.fits"};
  writer.add_image("", example_header(), sky(4, 3).view());
  writer.close();
  const Header h = FitsFile{scratch / "a.fits"}.header(0);
  std::vector<std::string> keys;
  for (const Card& c : h.cards()) keys.push_back(c.key);
  EXPECT_THAT(keys, testing::IsSupersetOf({"BUNIT", "EXPTIME", "ESO DET CHIP1 ID", "LONGTEXT", "FLAG", "CHECKSUM", "DATASUM"}));
  EXPECT_LT(std::find(keys.begin(), keys.end(), "BUNIT"), std::find(keys.begin(), keys.end(), "EXPTIME"));
  EXPECT_FALSE(h.has("BSCALE"));
  EXPECT_FALSE(h.has("BLANK"));
  EXPECT_EQ(h.integer("NAXIS1"), 4);
  EXPECT_EQ(h.text("LONGTEXT"), std::string(150, 'x') + "'quoted'" + std::string(40, 'y'));
  EXPECT_EQ(std::count(keys.begin(), keys.end(), "COMMENT"), 1);
}

TEST(FitsWriter, LosslessCompressionKeepsEveryBitAndNaN) {
  const Scratch scratch;
  const Image<float> image = sky(64, 50);
  FitsWriter writer{scratch / "a.fits"};
  writer.add_image("SCI", example_header(), image.view(), FitsWriter::Compression::gzip_lossless);
  writer.add_image("PLAIN", {}, image.view());
  writer.close();
  const FitsFile file{scratch / "a.fits"};
  ASSERT_EQ(file.hdus().size(), 3u);
  EXPECT_TRUE(file.hdus()[1].compressed);
  EXPECT_FALSE(file.hdus()[2].compressed);
  EXPECT_EQ(file.first_image(), 1);
  expect_same(image, file.read_float(1));
  expect_same(image, file.read_float(2));
  EXPECT_EQ(file.header(1).integer("NAXIS1"), 64);
  EXPECT_EQ(file.header(1).text("BUNIT"), "MJy/sr");
  EXPECT_FALSE(file.header(1).has("ZNAXIS1"));
  EXPECT_FALSE(file.header(1).has("TFORM1"));
}

TEST(FitsWriter, RowsFromAFunctionGiveTheSameFileAsAnImage) {
  const Scratch scratch;
  const Image<float> image = sky(33, 21);
  for (const auto compression : {FitsWriter::Compression::none, FitsWriter::Compression::gzip_lossless}) {
    FitsWriter whole{scratch / "whole.fits"};
    whole.add_image("A", example_header(), image.view(), compression);
    whole.close();
    FitsWriter rows{scratch / "rows.fits"};
    rows.add_image("A", example_header(), 33, 21, [&](int y, std::span<float> row) { std::ranges::copy(image.row(y), row.begin()); }, compression);
    rows.close();
    EXPECT_EQ(read_file(scratch / "whole.fits"), read_file(scratch / "rows.fits"));
  }
}

/// As the pipeline writes planes: tile by tile.
void add_in_tiles(FitsWriter& writer, const std::string& name, const Header& header, View<const float> image) {
  const Box box = image.box();
  writer.begin_packed(name, header, box.width(), box.height());
  for (int y = 0; y < box.height(); y += packed_tile_height)
    for (int x = 0; x < box.width(); x += packed_tile_width)
      writer.add_packed(pack_tile(image.window(intersection({x, y, x + packed_tile_width, y + packed_tile_height}, box))));
}

TEST(FitsWriter, TilesPackedByUsKeepEveryBitAndNaNAndAreReadByOthers) {
  const Scratch scratch;
  for (const auto& [width, height] : {std::pair{600, 150}, {256, 64}, {3, 3}, {257, 65}}) {
    Image<float> image = sky(width, height);
    image(0, 0) = NAN;
    image(width - 1, height - 1) = -0.0F;
    FitsWriter writer{scratch / "a.fits"};
    add_in_tiles(writer, "SCI", example_header(), image.view());
    writer.add_image("PLAIN", {}, image.view());
    writer.close();
    const FitsFile file{scratch / "a.fits"};
    EXPECT_EQ(file.first_image(), 1);
    expect_same(image, file.read_float(1));
    EXPECT_EQ(file.header(1).text("BUNIT"), "MJy/sr");
    EXPECT_FALSE(file.header(1).has("ZNAXIS1"));
    if (!have("fitsverify") || !have_astropy()) continue;
    EXPECT_EQ(run("fitsverify -l " + quoted(scratch / "a.fits"), scratch / "log"), 0) << read_file(scratch / "log");
    EXPECT_THAT(read_file(scratch / "log"), testing::HasSubstr("found 0 warning(s) and 0 error(s)"));
    write_file(scratch / "check.py", "import warnings,sys\nwarnings.simplefilter('error')\nfrom astropy.io import fits\nh=fits.open(sys.argv[1],checksum=True)\n"
               "import numpy as np\nassert np.array_equal(h[1].data,h[2].data,equal_nan=True)\n");
    EXPECT_EQ(run("/usr/bin/python3 " + quoted(scratch / "check.py") + " " + quoted(scratch / "a.fits"), scratch / "log"), 0) << read_file(scratch / "log");
  }
}

TEST(FitsWriter, RoundedImagesHoldZeroWhereThereIsNoDataAndTheRestToASixteenthOfTheNoise) {
  const Scratch scratch;
  std::mt19937 random{11};
  std::normal_distribution<float> noise{100, 5};
  Image<float> image{300, 200};
  for (float& v : image.pixels()) v = noise(random);
  for (int x = 0; x < 300; ++x) image(x, 50) = NAN, image(x, 51) = 0;
  for (const char* name : {"a.fits", "b.fits"}) {
    FitsWriter writer{scratch / name};
    writer.add_image("", {}, image.view(), FitsWriter::Compression::rice);
    writer.close();
  }
  EXPECT_EQ(read_file(scratch / "a.fits"), read_file(scratch / "b.fits")) << "no clock in the dither";
  EXPECT_LT(fs::file_size(scratch / "a.fits"), 300u * 200 * 4 / 2);
  const Image<float> back = FitsFile{scratch / "a.fits"}.read_float(1);
  for (int y = 0; y < 200; ++y)
    for (int x = 0; x < 300; ++x) {
      if (y == 50 || y == 51) ASSERT_EQ(back(x, y), 0);
      else ASSERT_NEAR(back(x, y), image(x, y), 5.0 / 16) << x << ' ' << y;  // half a step, and cfitsio's estimate of the noise of a row scatters
    }
}

TEST(FitsWriter, WholeNumbersOf32BitsAreKeptByRice) {
  const Scratch scratch;
  Image<std::int32_t> flags{90, 70};
  std::mt19937 random{5};
  for (auto& v : flags.pixels()) v = random() % 8 == 0 ? 1 << (random() % 30) : 1 << 21;
  FitsWriter writer{scratch / "a.fits"};
  writer.add_image("FLAGS", {}, std::as_const(flags).view(), FitsWriter::Compression::rice);
  writer.close();
  const FitsFile file{scratch / "a.fits"};
  ASSERT_TRUE(file.hdus()[1].compressed);
  const auto back = file.read_bits(1);
  for (std::size_t i = 0; i < flags.pixels().size(); ++i) ASSERT_EQ(back.pixels()[i], static_cast<std::uint32_t>(flags.pixels()[i]));
}

TEST(FitsWriter, ACubeOfFloatsHasItsPlanesInOrder) {
  const Scratch scratch;
  FitsWriter writer{scratch / "a.fits"};
  writer.add_empty({});
  writer.add_cube("PSF", {}, 7, 5, 3, [](int z, int y, std::span<float> row) {
    for (std::size_t x = 0; x < row.size(); ++x) row[x] = static_cast<float>(100 * z + 10 * y) + static_cast<float>(x) / 8;
  });
  writer.close();
  const FitsFile file{scratch / "a.fits"};
  ASSERT_EQ(file.hdus()[1].axes, (std::vector<std::int64_t>{7, 5, 3}));
  EXPECT_EQ(file.read_float(1, Box{6, 4, 7, 5}, 2)(6, 4), 240.75f);
  EXPECT_EQ(file.read_float(1, {}, 1)(0, 0), 100.f);
}

TEST(FitsWriter, WholeNumbersAreKeptByRice) {
  const Scratch scratch;
  Image<std::int16_t> mask{100, 80};
  std::mt19937 random{3};
  for (auto& v : mask.pixels()) v = static_cast<std::int16_t>(random() % 32768);
  FitsWriter writer{scratch / "a.fits"};
  writer.add_image("", {}, std::as_const(mask).view(), FitsWriter::Compression::rice);
  writer.close();
  const auto back = FitsFile{scratch / "a.fits"}.read_bits(1);
  for (std::size_t i = 0; i < mask.pixels().size(); ++i) ASSERT_EQ(back.pixels()[i], static_cast<std::uint32_t>(mask.pixels()[i]));
}

TEST(FitsWriter, WritesAWindowOfAnImageAsThatWindow) {
  const Scratch scratch;
  const Image<float> image = sky(30, 20);
  FitsWriter writer{scratch / "a.fits"};
  writer.add_image("", {}, image.view().window({5, 3, 17, 11}));
  writer.close();
  const Image<float> back = FitsFile{scratch / "a.fits"}.read_float(0);
  ASSERT_EQ(back.box(), (Box{0, 0, 12, 8}));
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 12; ++x) EXPECT_EQ(back(x, y), image(x + 5, y + 3));
}

TEST(FitsWriter, PassesFitsverifyAndAstropysChecksums) {
  const Scratch scratch;
  FitsWriter writer{scratch / "a.fits"};
  writer.add_image("SCI", example_header(), sky(64, 50).view(), FitsWriter::Compression::gzip_lossless);
  writer.add_image("ERR", example_header(), sky(64, 50).view());
  Table table;
  table.name = "SOURCES";
  table.add("id", std::vector<std::int64_t>{1, 2, 3});
  table.add("flux", std::vector<float>{1.5f, nan_f, 3.0f}, "uJy", std::string(100, 'd'), "phot.flux");
  table.add("name", std::vector<std::string>{"a", "", "ccc"});
  table.keywords.push_back({"TELESCOP", std::string{"Spitzer"}, "which one"});
  table.comments = {"first line", "HISTORY something was done"};
  writer.add_table(table);
  writer.close();
  if (!have("fitsverify") || !have_astropy()) GTEST_SKIP() << "skipped: no fitsverify or astropy";
  EXPECT_EQ(run("fitsverify -l " + quoted(scratch / "a.fits"), scratch / "log"), 0) << read_file(scratch / "log");
  EXPECT_THAT(read_file(scratch / "log"), testing::HasSubstr("found 0 warning(s) and 0 error(s)"));
  const std::string script = "import warnings,sys\nwarnings.simplefilter('error')\nfrom astropy.io import fits\n"
      "h=fits.open(sys.argv[1],checksum=True)\nfor x in h: x.verify('exception'); x.data\n"
      "import numpy as np\nassert np.isnan(h['SCI'].data[1,1]) and h['SCI'].data[2,0]==0 and np.isnan(h['ERR'].data[1,1])\n"
      "assert list(h['SOURCES'].data['name'])==['a','','ccc']\n";
  write_file(scratch / "check.py", script);
  EXPECT_EQ(run("/usr/bin/python3 " + quoted(scratch / "check.py") + " " + quoted(scratch / "a.fits"), scratch / "log"), 0) << read_file(scratch / "log");
}

TEST(FitsWriter, TheSameContentGivesTheSameBytes) {
  const Scratch scratch;
  for (const char* name : {"a.fits", "b.fits"}) {
    FitsWriter writer{scratch / name};
    writer.add_image("SCI", example_header(), sky(20, 10).view());
    writer.close();
  }
  const std::string bytes = read_file(scratch / "a.fits");
  EXPECT_EQ(bytes, read_file(scratch / "b.fits"));
  EXPECT_EQ(bytes.find("updated"), std::string::npos);  // cfitsio's checksum comments carry a date
}

TEST(FitsWriter, TakesNamesWithBracketsAndBlanksLiterally) {
  const Scratch scratch;
  for (const char* name : {"a[1](x)+2.fits", "!b.fits", "c d.fits", "é→.fits", "mem:x.fits"}) {
    const Image<float> image = sky(6, 5);
    FitsWriter writer{scratch / name};
    writer.add_image("S", {}, image.view(), FitsWriter::Compression::gzip_lossless);
    writer.close();
    ASSERT_TRUE(fs::exists(scratch / name)) << name;
    expect_same(image, FitsFile{scratch / name}.read_float(1));
  }
}

TEST(FitsWriter, LeavesNothingWhenItIsNotClosedAndReplacesWhatWasThereWhenItIs) {
  const Scratch scratch;
  write_file(scratch / "a.fits", "old");
  {
    FitsWriter writer{scratch / "a.fits"};
    writer.add_image("S", {}, sky(6, 5).view());
  }
  EXPECT_EQ(read_file(scratch / "a.fits"), "old");
  EXPECT_EQ(scratch.files(), 1u);
  FitsWriter writer{scratch / "a.fits"};
  writer.add_image("S", {}, sky(6, 5).view());
  writer.close();
  EXPECT_EQ(FitsFile{scratch / "a.fits"}.hdus().size(), 1u);
  EXPECT_EQ(scratch.files(), 1u);
}

TEST(FitsWriter, AFullDiskIsASystemErrorThatLeavesNothing) {
  const Scratch scratch;
  // A file-size limit makes write() fail as a full disk does, without needing a disk of our own.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 100'000;
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  for (const auto compression : {FitsWriter::Compression::none, FitsWriter::Compression::gzip_lossless}) {
    message = message_of<SystemError>([&] {
      FitsWriter writer{scratch / "a.fits"};
      writer.add_image("S", {}, sky(300, 300).view(), compression);
      writer.close();
    });
    EXPECT_THAT(message, testing::HasSubstr("a.fits"));
    EXPECT_EQ(scratch.files(), 0u);
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, testing::HasSubstr("File too large"));
}

TEST(FitsWriter, FilesBeyondTwoGigabytesAreWholeWhenAskedFor) {
  if (!std::getenv("TESSERA_LARGE_TESTS")) GTEST_SKIP() << "skipped: set TESSERA_LARGE_TESTS to write 2.3 GB";
  const Scratch scratch;
  const int size = 24'000;
  FitsWriter writer{scratch / "a.fits"};
  writer.add_image("", {}, size, size, [](int y, std::span<float> row) { std::ranges::fill(row, static_cast<float>(y)); });
  writer.add_image("SMALL", {}, sky(6, 5).view());
  writer.close();
  const FitsFile file{scratch / "a.fits"};
  EXPECT_EQ(file.read_float(0, Box{size - 2, size - 2, size, size})(size - 1, size - 1), static_cast<float>(size - 1));
  expect_same(sky(6, 5), file.read_float(1));
  if (have("fitsverify")) {
    EXPECT_EQ(run("fitsverify -q " + quoted(scratch / "a.fits"), scratch / "log"), 0) << read_file(scratch / "log");
  }
}

TEST(FitsWriter, SaysWhyAFolderCannotBeWritten) {
  const Scratch scratch;
  EXPECT_THAT(message_of<SystemError>([&] { FitsWriter{scratch / "no/such/a.fits"}; }), testing::HasSubstr("No such file or directory"));
  EXPECT_THAT(message_of<UsageError>([&] { FitsWriter{scratch / "a.fits.gz"}; }), testing::HasSubstr(".fits"));
}

}  // namespace
}  // namespace tessera::io

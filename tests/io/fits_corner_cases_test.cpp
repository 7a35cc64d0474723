// The odd files of the shared data: read with the values astropy gives, or refused with one clear line; and damaged on purpose.
#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "io/support.h"
#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/fits.h"

namespace tessera::io {
namespace {

using namespace test;

struct Sums {
  std::int64_t finite = 0;
  double sum = 0, weighted = 0;
};

Sums sums_of(const Image<float>& image) {
  Sums s;
  for (std::size_t i = 0; i < image.pixels().size(); ++i) {
    const double v = image.pixels()[i];
    if (!std::isfinite(v)) continue;
    ++s.finite;
    s.sum += v;
    s.weighted += v * static_cast<double>(1 + i % 97);
  }
  return s;
}

void expect_close(double found, double expected, const std::string& what) {
  EXPECT_NEAR(found, expected, 1e-8 * (1 + std::fabs(expected))) << what;  // astropy scales float pixels in float
}

void check_image(const FitsFile& file, int hdu, const std::vector<std::string>& cells) {
  const auto number = [&](std::size_t i) { return *text::to_double(cells.at(i)); };
  const Image<float> image = file.read_float(hdu, {}, static_cast<int>(number(5)) - 1);
  ASSERT_EQ(image.box().width(), number(3));
  ASSERT_EQ(image.box().height(), number(4));
  const Sums s = sums_of(image);
  EXPECT_EQ(static_cast<double>(s.finite), number(6));
  expect_close(s.sum, number(7), "sum");
  expect_close(s.weighted, number(8), "weighted sum");
}

void check_table(const FitsFile& file, int hdu, const std::vector<std::string>& cells) {
  const Table table = file.read_table(hdu);
  EXPECT_TRUE(table.columns.empty() || table.rows() == static_cast<std::size_t>(*text::to_integer(cells.at(3))));
  for (std::size_t i = 4; i + 1 < cells.size(); i += 2) {
    double sum = 0;
    for (const double v : table.numbers(cells[i]))
      if (std::isfinite(v)) sum += v;
    expect_close(sum, *text::to_double(cells[i + 1]), cells[i]);
  }
}

TEST(FitsCornerCases, GiveAstropysValuesOrOneClearLine) {
  SKIP_WITHOUT_SHARED_DATA();
  int images = 0, tables = 0, refused = 0;
  const std::vector<std::string> lines = text::split(read_file(tessera::test::source_folder() / "tests/io/reference/fits_corner_cases.tsv"), '\n');
  for (std::size_t n = 1; n < lines.size(); ++n) {
    if (lines[n].empty()) continue;
    SCOPED_TRACE(lines[n].substr(0, 90));
    const std::vector<std::string> cells = text::split(lines[n], '\t');
    const fs::path path = shared_data() / "fits_corner_cases" / cells[0];
    const int hdu = static_cast<int>(*text::to_integer(cells[1]));
    if (cells[2] == "refused" || cells[2] == "empty") {
      const std::string line = message_of<DataError>([&] { FitsFile{path}.read_float(hdu); });
      EXPECT_TRUE(line.starts_with(path.string())) << line;
      ++refused;
      continue;
    }
    const FitsFile file{path};
    if (cells[2] == "image") check_image(file, hdu, cells), ++images;
    else check_table(file, hdu, cells), ++tables;
  }
  EXPECT_GT(images, 20);
  EXPECT_GT(tables, 10);
  EXPECT_GT(refused, 20);
}

TEST(FitsCornerCases, ACompressedNanIsNan) {
  SKIP_WITHOUT_SHARED_DATA();
  // astropy 5.2 gives a number where the file marks a missing pixel; cfitsio knows when asked with a null value.
  const Image<float> image = FitsFile{shared_data() / "fits_corner_cases/astropy/compressed_with_nan.fits"}.read_float(1);
  EXPECT_EQ(sums_of(image).finite, 143);
}

TEST(FitsCornerCases, AsciiFieldsHaveNullsScalesAndImpliedDecimals) {
  SKIP_WITHOUT_SHARED_DATA();
  const Table t = FitsFile{shared_data() / "fits_corner_cases/eso_midas/tst0009.mt"}.read_table(1);
  EXPECT_EQ(t.numbers("Mag")[2], 6.32);
  EXPECT_EQ(t.numbers("Mag")[4], 123.45);       // "12345" in F6.2
  EXPECT_TRUE(t.find("Mag")->is_null(5));       // "---.--"
  EXPECT_EQ(t.numbers("Dist")[4], 1234.5678);   // "12345678" in E10.4
  EXPECT_DOUBLE_EQ(t.numbers("Channel")[2], 2.1 * 23 - 70.2);
  EXPECT_TRUE(t.find("Channel")->is_null(6));
  const Table binary = FitsFile{shared_data() / "fits_corner_cases/eso_midas/tst0010.mt"}.read_table(1);
  EXPECT_TRUE(binary.find("CHANNEL")->is_null(5));
  EXPECT_EQ(binary.numbers("CHANNEL")[1], 257);
}

TEST(FitsCornerCases, TheHeaderOfACompressedImageIsThatOfItsPlainTwin) {
  SKIP_WITHOUT_SHARED_DATA();
  const fs::path folder = shared_data() / "fits_corner_cases/lsst_afw";
  const FitsFile plain{folder / "ticketdm26260.fits"}, packed{folder / "ticketdm26260.fits.fz"};
  const Header a = plain.header(0), b = packed.header(1);
  EXPECT_EQ(b.integer("NAXIS1"), 512);
  EXPECT_EQ(b.integer("BITPIX"), a.integer("BITPIX"));
  for (const Card& card : b.cards()) EXPECT_FALSE(card.key.starts_with("Z") || card.key.starts_with("TFORM")) << card.key;
}

/// Small files that between them use every reader.
std::vector<std::string> small_files(const Scratch& scratch) {
  Image<float> image{20, 12};
  for (std::size_t i = 0; i < image.pixels().size(); ++i) image.pixels()[i] = static_cast<float>(i % 7) / 3;
  Table table;
  table.add("i", std::vector<std::int32_t>{1, 2, 3}).null = {false, true, false};
  table.add("d", std::vector<double>{1.5, 2.5, 3.5});
  table.add("s", std::vector<std::string>{"a", "bb", "ccc"});
  table.add("l", std::vector<std::uint8_t>{1, 0, 1});
  std::vector<std::string> out;
  for (const auto compression : {FitsWriter::Compression::none, FitsWriter::Compression::gzip_lossless}) {
    FitsWriter writer{scratch / "small.fits"};
    writer.add_image("SCI", {}, std::as_const(image).view(), compression);
    writer.add_table(table);
    writer.close();
    out.push_back(read_file(scratch / "small.fits"));
  }
  for (const char* name : {"astropy/compressed_image.fits", "astropy/compressed_with_nan.fits", "astropy/ascii_i4-i20.fits", "astropy/variable_length_table.fits", "eso_midas/tst0010.mt"}) {
    const fs::path path = shared_data() / "fits_corner_cases" / name;
    if (fs::exists(path)) out.push_back(read_file(path));
  }
  return out;
}

/// Reads everything there is; true when nothing was refused.
bool read_all(const fs::path& path) {
  const FitsFile file{path};
  bool complete = true;
  for (const HduInfo& hdu : file.hdus())
    try {
      file.header(hdu.index);
      if (hdu.kind == HduInfo::Kind::table) file.read_table(hdu.index);
      if (hdu.kind != HduInfo::Kind::image) continue;
      file.read_float(hdu.index);
      if (hdu.bitpix > 0) file.read_bits(hdu.index);
    } catch (const Error&) {
      complete = false;
    }
  return complete;
}

void damage(std::string& bytes, std::mt19937& random) {
  for (auto n = 1 + random() % 3; n > 0; --n) {
    const std::size_t at = random() % bytes.size();
    switch (random() % 5) {
      case 0: bytes[at] = static_cast<char>(random()); break;
      case 1: bytes[at] = "0123456789-'/ TFEPQJ"[random() % 20]; break;
      case 2: {  // a digit of some header value
        const std::size_t card = at / 80 * 80;
        for (std::size_t i = card; i < std::min(card + 80, bytes.size()); ++i)
          if (bytes[i] >= '0' && bytes[i] <= '9') {
            bytes[i] = static_cast<char>('0' + random() % 10);
            if (random() % 3) break;
          }
        break;
      }
      case 3: bytes.resize(std::max<std::size_t>(1, at)); break;
      default: {  // two cards change places
        const std::size_t a = at / 80 * 80, b = random() % bytes.size() / 80 * 80;
        if (std::max(a, b) + 80 <= bytes.size()) std::swap_ranges(bytes.begin() + static_cast<std::ptrdiff_t>(a), bytes.begin() + static_cast<std::ptrdiff_t>(a) + 80, bytes.begin() + static_cast<std::ptrdiff_t>(b));
      }
    }
  }
}

TEST(FitsCornerCases, DamagedFilesAreReadOrRefusedAndNeverEndTheProgram) {
  const Scratch scratch;
  std::mt19937 random{11};
  int read = 0, refused = 0;
  const char* rounds = std::getenv("TESSERA_FUZZ_ROUNDS");
  const int count = rounds ? std::atoi(rounds) : 400;
  for (const std::string& original : small_files(scratch))
    for (int i = 0; i < count; ++i) {
      std::string bytes = original;
      damage(bytes, random);
      if (random() % 2) bytes.resize((bytes.size() + 2879) / 2880 * 2880, ' ');
      fs::remove(scratch / "damaged.fits");  // rewriting in place would wait for the disk each time
      write_file(scratch / "damaged.fits", bytes);
      try {
        ++(read_all(scratch / "damaged.fits") ? read : refused);
      } catch (const Error&) {
        ++refused;
      }
    }
  EXPECT_GT(read, count / 2);
  EXPECT_GT(refused, count / 2);
}

}  // namespace
}  // namespace tessera::io

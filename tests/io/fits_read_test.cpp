#include <gmock/gmock.h>
#include <zlib.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <thread>

#include "io/support.h"
#include "tessera/base/error.h"
#include "tessera/io/byte_source.h"
#include "tessera/io/fits.h"

namespace tessera::io {
namespace {

using namespace test;
using testing::HasSubstr;

template <class T>
std::string big_endian(std::initializer_list<T> values) {
  std::string out;
  for (T v : values) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &v, sizeof(T));
    out.append(std::reverse_iterator{bytes + sizeof(T)}, std::reverse_iterator{bytes});
  }
  return out;
}

std::string image_cards(int bitpix, std::vector<int> axes, const std::string& more = {}) {
  std::string out = card("SIMPLE", "T") + card("BITPIX", std::to_string(bitpix)) + card("NAXIS", std::to_string(axes.size()));
  for (std::size_t i = 0; i < axes.size(); ++i) out += card("NAXIS" + std::to_string(i + 1), std::to_string(axes[i]));
  return out + more;
}

std::string image_file(int bitpix, std::vector<int> axes, const std::string& data, const std::string& more = {}) {
  return header_block(image_cards(bitpix, axes, more)) + padded_data(data);
}

std::string table_file(const std::string& cards, int row_bytes, int rows, int fields, const std::string& data, int heap = 0, const char* kind = "'BINTABLE'") {
  return header_block(image_cards(8, {})) +
         header_block(card("XTENSION", kind) + card("BITPIX", "8") + card("NAXIS", "2") + card("NAXIS1", std::to_string(row_bytes)) + card("NAXIS2", std::to_string(rows)) +
                      card("PCOUNT", std::to_string(heap)) + card("GCOUNT", "1") + card("TFIELDS", std::to_string(fields)) + cards) +
         padded_data(data);
}

std::string gzip(const std::string& text) {
  std::string out(text.size() + 1000, '\0');
  z_stream z{};
  deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

struct TestFile {
  Scratch scratch;
  fs::path path;
  explicit TestFile(const std::string& content, const std::string& name = "a.fits") : path{scratch / name} { write_file(path, content); }
  FitsFile open() const { return FitsFile{path}; }
};

std::string refusal(const std::string& content) {
  const TestFile file{content};
  const std::string text = message_of<DataError>([&] { file.open(); });
  EXPECT_THAT(text, testing::StartsWith(file.path.string()));
  return text;
}

bool is_nan(float v) { return std::isnan(v); }

TEST(FitsImage, ScalesAndBlanksIntegersOfEachSize) {
  const std::string scaling = card("BSCALE", "0.5") + card("BZERO", "10") + card("BLANK", "3");
  const std::pair<int, std::string> cases[] = {{8, big_endian<std::uint8_t>({1, 3, 200})}, {16, big_endian<std::int16_t>({1, 3, 200})}, {32, big_endian<std::int32_t>({1, 3, 200})}, {64, big_endian<std::int64_t>({1, 3, 200})}};
  for (const auto& [bitpix, data] : cases) {
    const TestFile file{image_file(bitpix, {3, 1}, data, scaling)};
    const Image<float> image = file.open().read_float(0);
    EXPECT_EQ(image(0, 0), 10.5f) << bitpix;
    EXPECT_TRUE(is_nan(image(1, 0))) << bitpix;
    EXPECT_EQ(image(2, 0), 110.f) << bitpix;
  }
}

TEST(FitsImage, UnsignedConventionsAreUnsigned) {
  const TestFile file{image_file(16, {3, 1}, big_endian<std::int16_t>({-32768, 0, 32767}), card("BZERO", "32768"))};
  const Image<float> image = file.open().read_float(0);
  EXPECT_EQ(image(0, 0), 0.f);
  EXPECT_EQ(image(2, 0), 65535.f);
  EXPECT_EQ(file.open().read_bits(0)(2, 0), 65535u);
  const TestFile wide{image_file(32, {2, 1}, big_endian<std::int32_t>({-2147483647 - 1, 2147483647}), card("BZERO", "2147483648"))};
  EXPECT_EQ(wide.open().read_bits(0)(0, 0), 0u);
  EXPECT_EQ(wide.open().read_bits(0)(1, 0), 4294967295u);
  const TestFile bytes{image_file(8, {2, 1}, big_endian<std::uint8_t>({0, 255}), card("BZERO", "-128"))};
  EXPECT_EQ(bytes.open().read_float(0)(0, 0), -128.f);
}

TEST(FitsImage, NanAndInfinitiesBecomeNan) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const TestFile floats{image_file(-32, {5, 1}, big_endian<float>({1.5f, inf, -inf, nan, -0.f}))};
  const TestFile doubles{image_file(-64, {5, 1}, big_endian<double>({1.5, static_cast<double>(inf), 1e300, std::nan(""), 1e-300}))};
  const TestFile scaled{image_file(-32, {5, 1}, big_endian<float>({1.5f, inf, 3e38f, nan, 0.f}), card("BSCALE", "10"))};
  for (const TestFile* file : {&floats, &doubles, &scaled}) {
    const Image<float> image = file->open().read_float(0);
    EXPECT_FALSE(is_nan(image(0, 0)));
    for (int x : {1, 2, 3}) EXPECT_TRUE(is_nan(image(x, 0))) << x;
    EXPECT_EQ(image(4, 0), 0.f);
  }
}

TEST(FitsImage, BitsKeepNegativeNumbersAsTwosComplement) {
  const TestFile file{image_file(16, {3, 1}, big_endian<std::int16_t>({-1, 16384, -32768}))};
  const auto bits = file.open().read_bits(0);
  EXPECT_EQ(bits(0, 0), 0xffffffffu);
  EXPECT_EQ(bits(1, 0), 1u << 14);
  EXPECT_EQ(bits(2, 0), 0xffff8000u);
  const TestFile wide{image_file(64, {2, 1}, big_endian<std::int64_t>({(std::int64_t{1} << 40) + 5, -1}))};
  EXPECT_EQ(wide.open().read_bits(0)(0, 0), 5u);
  EXPECT_EQ(wide.open().read_bits(0)(1, 0), 0xffffffffu);
  const TestFile real{image_file(-32, {1, 1}, big_endian<float>({1.f}))};
  EXPECT_THAT(message_of<DataError>([&] { real.open().read_bits(0); }), HasSubstr("whole numbers was expected"));
}

TEST(FitsImage, AWindowIsThatPartOfTheWhole) {
  const Scratch scratch;
  Image<float> image{301, 203};
  for (int y = 0; y < 203; ++y)
    for (int x = 0; x < 301; ++x) image(x, y) = static_cast<float>(1000 * y + x);
  FitsWriter writer{scratch / "a.fits"};
  writer.add_image("P", {}, std::as_const(image).view());
  writer.add_image("C", {}, std::as_const(image).view(), FitsWriter::Compression::gzip_lossless);
  writer.close();
  const FitsFile file{scratch / "a.fits"};
  for (const int hdu : {0, 1})
    for (const Box w : {Box{0, 0, 301, 203}, Box{0, 7, 301, 11}, Box{300, 202, 301, 203}, Box{5, 3, 77, 150}, Box{4, 4, 4, 9}}) {
      const Image<float> part = file.read_float(hdu, w);
      ASSERT_EQ(part.box(), w);
      for (int y = w.y0; y < w.y1; ++y)
        for (int x = w.x0; x < w.x1; ++x) ASSERT_EQ(part(x, y), image(x, y));
    }
  for (const Box w : {Box{-1, 0, 5, 5}, Box{0, 0, 302, 5}, Box{0, 200, 5, 204}, Box{5, 5, 4, 9}})
    EXPECT_THAT(message_of<DataError>([&] { file.read_float(0, w); }), HasSubstr("outside the image of 301 × 203 pixels"));
}

TEST(FitsImage, PlaneChoosesTheThirdAxis) {
  const TestFile cube{image_file(16, {2, 1, 3}, big_endian<std::int16_t>({1, 2, 3, 4, 5, 6}))};
  const FitsFile file = cube.open();
  EXPECT_EQ(file.first_image(), std::nullopt);
  EXPECT_EQ(file.read_float(0, {}, 2)(1, 0), 6.f);
  EXPECT_THAT(message_of<DataError>([&] { file.read_float(0, {}, 3); }), HasSubstr("no plane 3"));
  const TestFile flat{image_file(16, {2, 1, 1, 1}, big_endian<std::int16_t>({1, 2}))};
  EXPECT_EQ(flat.open().first_image(), 0);
  const TestFile four{image_file(16, {2, 1, 1, 2}, big_endian<std::int16_t>({1, 2, 3, 4}))};
  EXPECT_THAT(message_of<DataError>([&] { four.open().read_float(0); }), HasSubstr("4-dimensional (2×1×1×2)"));
}

TEST(FitsImage, RefusesWhatIsNoImageByName) {
  const TestFile line{image_file(16, {5}, big_endian<std::int16_t>({1, 2, 3, 4, 5}))};
  EXPECT_THAT(message_of<DataError>([&] { line.open().read_float(0); }), HasSubstr("one-dimensional"));
  const TestFile narrow{image_file(16, {0, 5}, "")};
  EXPECT_THAT(message_of<DataError>([&] { narrow.open().read_float(0); }), HasSubstr("without pixels (0×5)"));
  const TestFile groups{image_file(16, {0, 5}, std::string(2 * 2 * (5 + 3), '\0'), card("GROUPS", "T") + card("PCOUNT", "3") + card("GCOUNT", "2"))};
  EXPECT_THAT(message_of<DataError>([&] { groups.open().read_float(0); }), HasSubstr("random groups"));
  const TestFile none{image_file(8, {}, "")};
  EXPECT_THAT(message_of<DataError>([&] { none.open().read_float(0); }), HasSubstr("holds no image"));
  EXPECT_THAT(message_of<DataError>([&] { none.open().read_float(4); }), HasSubstr("has no HDU 4"));
  const TestFile scaled{image_file(16, {1, 1}, "ab", card("BSCALE", "0"))};
  EXPECT_THAT(message_of<DataError>([&] { scaled.open().read_float(0); }), HasSubstr("BSCALE = 0"));
}

TEST(FitsHeader, IsCheckedBeforeAnyLibrarySeesTheFile) {
  const std::string data(2880, 'x');
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal("hello"), HasSubstr("not a FITS file (starts with \"hello\""));
  EXPECT_THAT(refusal(std::string(5000, '\0')), HasSubstr("not a FITS file"));
  EXPECT_THAT(refusal(image_cards(8, {}) + "END"), HasSubstr("truncated: 243 bytes found, at least 2 880 expected"));
  EXPECT_THAT(refusal(image_file(-32, {1000, 1000}, data)), HasSubstr("truncated: 5 760 bytes found, 4 002 880 expected"));
  EXPECT_THAT(refusal(image_file(7, {10, 10}, data)), HasSubstr("BITPIX = 7"));
  EXPECT_THAT(refusal(image_file(8, {10, -10}, data)), HasSubstr("NAXIS2 = -10"));
  EXPECT_THAT(refusal(header_block(card("SIMPLE", "T") + card("BITPIX", "8") + card("NAXIS", "1000")) + data), HasSubstr("NAXIS = 1000 is outside 0 … 999"));
  EXPECT_THAT(refusal(header_block(card("SIMPLE", "T") + card("BITPIX", "8") + card("NAXIS", "2") + card("NAXIS1", "5")) + data), HasSubstr("NAXIS2 is missing"));
  const std::vector<int> huge(9, 2'000'000'000);
  EXPECT_THAT(refusal(image_file(8, huge, data)), HasSubstr("more than any file can hold"));
  EXPECT_THAT(refusal(image_file(8, {5, 5}, data, card("GCOUNT", "-1"))), HasSubstr("GCOUNT = -1"));
  std::string endless = image_cards(8, {});
  for (int i = 0; i < 21'000; ++i) endless += card("K" + std::to_string(i), "1");
  EXPECT_THAT(refusal(header_block(endless)), HasSubstr("no END within 20 000 header cards"));
  EXPECT_THAT(refusal(table_file(card("TFORM1", "'J'"), 4, 1, 1000, "abcd")), HasSubstr("TFIELDS = 1000"));
}

TEST(FitsHeader, ATableWhoseColumnsContradictItsRowsIsRefused) {
  const auto message = [](const std::string& content) {
    const TestFile file{content};
    return message_of<DataError>([&] { file.open().read_table(1); });
  };
  EXPECT_THAT(message(table_file(card("TFORM1", "'D'"), 4, 1, 1, "abcd")), HasSubstr("the columns take 8 bytes a row, NAXIS1 = 4"));
  EXPECT_THAT(message(table_file(card("TFORM1", "'Z'"), 4, 1, 1, "abcd")), HasSubstr("TFORM1 = Z"));
  EXPECT_THAT(message(table_file("", 4, 1, 1, "abcd")), HasSubstr("TFORM1 = absent"));
  EXPECT_THAT(message(table_file(card("TFORM1", "'99999999999J'"), 4, 1, 1, "abcd")), HasSubstr("TFORM1"));
  EXPECT_THAT(message(table_file(card("TFORM1", "'I4'") + card("TBCOL1", "3"), 4, 1, 1, "1234", 0, "'TABLE   '")), HasSubstr("TBCOL1 = 3"));
  EXPECT_THAT(message(image_file(8, {1, 1}, "x")), HasSubstr("has no HDU 1"));
}

TEST(FitsHeader, FilesWithoutTheLastPaddingOrWithRecordsBehindAreRead) {
  std::string content = image_file(16, {2, 1}, big_endian<std::int16_t>({7, 8}));
  content.resize(2880 + 4);
  const TestFile unpadded{content};
  EXPECT_EQ(unpadded.open().read_float(0)(1, 0), 8.f);
  const TestFile trailing{image_file(16, {2, 1}, big_endian<std::int16_t>({7, 8})) + std::string(1000, '\0')};
  EXPECT_EQ(trailing.open().hdus().size(), 1u);
}

TEST(FitsHeader, InheritsFromThePrimaryOnlyWhenTold) {
  for (const bool told : {true, false}) {
    const TestFile file{header_block(image_cards(8, {}, card("TELESCOP", "'X'") + card("EXPTIME", "5") + card("BSCALE", "3"))) +
                        header_block(card("XTENSION", "'IMAGE   '") + card("BITPIX", "8") + card("NAXIS", "2") + card("NAXIS1", "1") + card("NAXIS2", "1") + card("PCOUNT", "0") +
                                     card("GCOUNT", "1") + card("EXPTIME", "7") + (told ? card("INHERIT", "T") : "") + card("EXTNAME", "'Sci'")) +
                        padded_data("x")};
    const FitsFile fits = file.open();
    EXPECT_EQ(fits.header(1).text("TELESCOP").has_value(), told);
    EXPECT_FALSE(fits.header(1, false).has("TELESCOP"));
    EXPECT_EQ(fits.header(1).number("EXPTIME"), 7);
    EXPECT_FALSE(fits.header(1).has("BSCALE"));
    EXPECT_EQ(fits.find("SCI"), 1);
    EXPECT_EQ(fits.find("sci", 1), 1);
    EXPECT_EQ(fits.find("sci", 2), std::nullopt);
  }
}

TEST(FitsFile, SaysWhatKindOfThingItWasGivenInstead) {
  const Scratch scratch;
  EXPECT_EQ(message_of<DataError>([&] { FitsFile{scratch / "no.fits"}; }), (scratch / "no.fits").string() + ": no such file");
  EXPECT_THAT(message_of<DataError>([&] { FitsFile{scratch.folder()}; }), HasSubstr("is a folder"));
  const std::pair<std::string, const char*> others[] = {{"\x1f\x9d\x90", "Unix compress"}, {"BZh91", "bzip2"}, {"\xfd" "7zXZ", "xz"}, {"PK\x03\x04", "zip"}, {"\x28\xb5\x2f\xfd", "zstd"}};
  for (const auto& [head, name] : others) EXPECT_THAT(refusal(head + std::string(100, 'x')), HasSubstr(name));
}

TEST(FitsFile, GzipIsReadUnderAnyNameAndDamageIsNamed) {
  const std::string content = image_file(-32, {2, 1}, big_endian<float>({1.f, 2.f}));
  const std::string packed = gzip(content);
  const TestFile file{packed, "no-suffix.fits"};
  EXPECT_EQ(file.open().read_float(0)(1, 0), 2.f);
  EXPECT_EQ(file.open().unpacked_bytes(), static_cast<std::int64_t>(content.size()));
  const TestFile twice{gzip(content.substr(0, 3000)) + gzip(content.substr(3000))};
  EXPECT_EQ(twice.open().read_float(0)(1, 0), 2.f);
  EXPECT_THAT(refusal(packed.substr(0, packed.size() - 20)), HasSubstr("truncated: the gzip stream ends"));
  std::string damaged = packed;
  damaged[damaged.size() - 7] ^= 1;  // the checksum
  EXPECT_THAT(refusal(damaged), HasSubstr("damaged gzip stream"));
  EXPECT_THAT(refusal(gzip(content.substr(0, 2885))), HasSubstr("truncated: 2 885 bytes found, 2 888 expected"));
}

TEST(FitsFile, AGzipBombIsRefused) {
  const std::string packed = gzip(std::string(3'000'000, '\0'));
  const auto inflate = [&](std::int64_t limit) {
    detail::GzipStream stream{[&](std::int64_t offset, std::size_t, std::vector<std::byte>&) { return reinterpret_cast<const std::byte*>(packed.data()) + offset; },
                              static_cast<std::int64_t>(packed.size()), "a", limit};
    std::vector<std::byte> piece(10'000);
    while (stream.next(piece) > 0) {
    }
    return stream.position();
  };
  EXPECT_EQ(inflate(3'000'000), 3'000'000);
  EXPECT_THAT(message_of<DataError>([&] { inflate(2'999'999); }), HasSubstr("unfolds to more than 2 999 999 bytes"));
}

TEST(FitsFile, AGzipFileTooLargeForMemoryIsReadAsItIsInflated) {
  std::string noise;
  std::mt19937 random{5};
  while (noise.size() < 800'000) noise += static_cast<char>(random());
  const std::string content = image_file(32, {500, 400}, noise);
  // Two members, as parallel gzips write them.
  const TestFile file{gzip(content.substr(0, 300'000)) + gzip(content.substr(300'000))};
  const detail::ByteSource kept{file.path}, streamed{file.path, 100'000};
  ASSERT_FALSE(kept.streamed());
  ASSERT_TRUE(streamed.streamed());
  EXPECT_EQ(streamed.size(), static_cast<std::int64_t>(content.size()));
  std::vector<std::byte> buffer;
  for (const std::int64_t at : {0, 5000, 299'990, 700'000, 12, static_cast<int>(content.size()) - 40}) {  // forwards and back
    const auto* bytes = reinterpret_cast<const char*>(streamed.at(at, 40, buffer));
    EXPECT_EQ((std::string_view{bytes, 40}), content.substr(static_cast<std::size_t>(at), 40)) << at;
  }
  EXPECT_THROW(streamed.at(static_cast<std::int64_t>(content.size()) - 39, 40, buffer), DataError);
  EXPECT_EQ(streamed.memory().size(), content.size());
  const Scratch scratch;
  unpack_gzip(file.path, scratch / "plain.fits");
  EXPECT_TRUE(test::read_file(scratch / "plain.fits") == content);
  EXPECT_THROW(unpack_gzip(file.path, scratch / "no" / "folder.fits"), SystemError);
}

TEST(FitsFile, WindowsBeyondTwoGigabytesAreRead) {
  TestFile file{header_block(image_cards(-32, {30'000, 30'000}))};
  const std::int64_t last = 2880 + std::int64_t{4} * 30'000 * 30'000 - 4;
  fs::resize_file(file.path, static_cast<std::uintmax_t>(last));  // a hole: no disk is used
  const std::string pixel = big_endian<float>({42.f});
  std::ofstream{file.path, std::ios::binary | std::ios::app}.write(pixel.data(), 4);
  const Image<float> part = file.open().read_float(0, Box{29'990, 29'995, 30'000, 30'000});
  EXPECT_EQ(part(29'999, 29'999), 42.f);
  EXPECT_EQ(part(29'998, 29'999), 0.f);
}

TEST(FitsFile, RefusesRiceParametersInPlacesWhereTheyWouldBeTakenForOthers) {
  const std::string cards = card("TTYPE1", "'COMPRESSED_DATA'") + card("TFORM1", "'1PB(0)'") + card("ZIMAGE", "T") + card("ZBITPIX", "16") + card("ZNAXIS", "2") + card("ZNAXIS1", "4") + card("ZNAXIS2", "1") +
                            card("ZCMPTYPE", "'RICE_1'");
  for (const auto& [parameters, word] : {std::pair{card("ZNAME1", "'SCALE'") + card("ZVAL1", "0"), "BLOCKSIZE"}, {card("ZNAME1", "'BLOCKSIZE'") + card("ZVAL1", "32") + card("ZNAME2", "'SMOOTH'") + card("ZVAL2", "0"), "BYTEPIX"},
                                         {card("ZNAME1", "'BLOCKSIZE'") + card("ZVAL1", "0"), "BLOCKSIZE"}}) {
    const TestFile file{table_file(cards + parameters, 8, 1, 1, std::string(8, '\0'))};
    try {
      file.open().read_float(1);
      ADD_FAILURE() << "read";
    } catch (const DataError& e) {
      EXPECT_THAT(e.what(), testing::HasSubstr(word));
    }
  }
}

TEST(FitsFile, ThreadsReadTheirOwnHandlesOfOneFile) {
  const Scratch scratch;
  Image<float> image{400, 300};
  std::mt19937 random{3};
  for (float& v : image.pixels()) v = static_cast<float>(random() % 1000);
  FitsWriter writer{scratch / "a.fits"};
  writer.add_image("C", {}, std::as_const(image).view(), FitsWriter::Compression::gzip_lossless);
  writer.close();
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        const FitsFile file{scratch / "a.fits"};
        for (int i = 0; i < 10; ++i) {
          const Box w{t * 10, i * 20, 300 + t * 10, i * 20 + 60};
          const Image<float> part = file.read_float(1, w);
          for (int y = w.y0; y < w.y1; ++y)
            for (int x = w.x0; x < w.x1; ++x) wrong += part(x, y) != image(x, y);
        }
      });
  }
  EXPECT_EQ(wrong, 0);
}

TEST(FitsTable, ReadsEachKindOfColumn) {
  const std::string cards = card("TTYPE1", "'L'") + card("TFORM1", "'2L'") + card("TFORM2", "'10X'") + card("TTYPE2", "'X'") + card("TFORM3", "'B'") + card("TTYPE3", "'B'") + card("TNULL3", "255") +
                            card("TFORM4", "'I'") + card("TTYPE4", "'U'") + card("TZERO4", "32768") + card("TFORM5", "'J'") + card("TTYPE5", "'S'") + card("TSCAL5", "0.25") + card("TZERO5", "1") + card("TNULL5", "-5") +
                            card("TFORM6", "'6A3'") + card("TTYPE6", "'T'") + card("TFORM7", "'1PE(3)'") + card("TTYPE7", "'V'") + card("TFORM8", "'C'") + card("TTYPE8", "'C'") + card("TFORM9", "'K'") + card("TTYPE9", "'Q'") +
                            card("TZERO9", "9223372036854775808");
  const std::string row = std::string{"T"} + '\0' + "\xC0\x40" + "\xff" + big_endian<std::int16_t>({-32768}) + big_endian<std::int32_t>({8}) + "ab cde" + std::string(8, '\0') + std::string(8, '\0') +
                          big_endian<std::int64_t>({std::numeric_limits<std::int64_t>::min() + 7});
  const TestFile file{table_file(cards, static_cast<int>(row.size()), 1, 9, row)};
  const Table t = file.open().read_table(1);
  EXPECT_EQ(t.texts("L_1")[0], "T");
  EXPECT_TRUE(t.find("L_2")->is_null(0));
  std::string bits;
  for (int i = 1; i <= 10; ++i) bits += t.texts("X_" + std::to_string(i))[0];
  EXPECT_EQ(bits, "TTFFFFFFFT");
  EXPECT_TRUE(t.find("B")->is_null(0));
  EXPECT_EQ(t.numbers("U")[0], 0);
  EXPECT_EQ(t.numbers("S")[0], 3);
  EXPECT_EQ(t.texts("T_1")[0], "ab");
  EXPECT_EQ(t.texts("T_2")[0], "cde");
  EXPECT_EQ(t.numbers("Q")[0], 7);
  EXPECT_THAT(t.comments, testing::ElementsAre("left out: column V (arrays of variable length)", "left out: column C (complex numbers)"));
}

TEST(FitsTable, ReadsAsciiTables) {
  const std::string cards = card("TTYPE1", "'a'") + card("TFORM1", "'A4'") + card("TBCOL1", "1") + card("TTYPE2", "'i'") + card("TFORM2", "'I5'") + card("TBCOL2", "6") + card("TNULL2", "'*'") +
                            card("TTYPE3", "'f'") + card("TFORM3", "'F6.2'") + card("TBCOL3", "12") + card("TTYPE4", "'d'") + card("TFORM4", "'D8.1'") + card("TBCOL4", "18");
  const TestFile file{table_file(cards, 25, 2, 4, "ab     -12   1234 1.5D+02" "x        *  1.25         ", 0, "'TABLE   '")};
  const Table t = file.open().read_table(1);
  EXPECT_EQ(t.texts("a"), (std::vector<std::string>{"ab", "x"}));
  EXPECT_EQ(t.numbers("i")[0], -12);
  EXPECT_TRUE(t.find("i")->is_null(1));
  EXPECT_EQ(t.numbers("f"), (std::vector<double>{12.34, 1.25}));  // the point of the first is implied
  EXPECT_EQ(t.numbers("d")[0], 150);
  EXPECT_TRUE(t.find("d")->is_null(1));
}

}  // namespace
}  // namespace tessera::io

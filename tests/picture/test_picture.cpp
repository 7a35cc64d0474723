#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>

#include "tessera/base/files.h"
#include "tessera/picture/display_scale.h"
#include "tessera/picture/palette.h"
#include "tessera/picture/picture.h"

using namespace tessera;
using namespace tessera::picture;

namespace {

constexpr float blank = std::numeric_limits<float>::quiet_NaN();

Preview preview_of(const Image<float>& image, int max_side) {
  PreviewBuilder builder{image.box().width(), image.box().height(), max_side};
  for (int y = 0; y < image.box().height(); ++y) builder.add_row(y, image.row(y));
  return builder.finish();
}

Image<float> ramp(int width, int height) {
  Image<float> image{width, height};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) image(x, y) = static_cast<float>((x * 7 + y * 13) % 31);
  return image;
}

wcs::Grid tangent_grid(int width, int height) {
  wcs::Grid grid;
  grid.crval1_deg = 120, grid.crval2_deg = -9;
  grid.crpix1 = 0.5 * (width + 1), grid.crpix2 = 0.5 * (height + 1);
  grid.cdelt1_deg = -1.2 / 3600, grid.cdelt2_deg = 1.2 / 3600;
  grid.width = width, grid.height = height;
  return grid;
}

std::uint32_t big_endian(const std::string& bytes, std::size_t at) {
  std::uint32_t v = 0;
  for (std::size_t i = 0; i < 4; ++i) v = v << 8 | static_cast<unsigned char>(bytes[at + i]);
  return v;
}

struct PngFile {
  std::string bytes;
  std::uint32_t width = 0, height = 0;
};

PngFile written(const Image<float>& image, const PictureOptions& options, const std::string& name) {
  const auto path = std::filesystem::path{testing::TempDir()} / name;
  write_png(preview_of(image, options.max_side), tangent_grid(image.box().width(), image.box().height()), options, path);
  PngFile png{files::read(path)};
  std::filesystem::remove(path);
  EXPECT_EQ(png.bytes.substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(png.bytes.substr(12, 4), "IHDR");
  EXPECT_NE(png.bytes.find("IEND"), std::string::npos);
  png.width = big_endian(png.bytes, 16), png.height = big_endian(png.bytes, 20);
  return png;
}

}  // namespace

TEST(PreviewBuilder, AveragesExactlyAndLeavesNanOut) {
  auto image = ramp(23, 17);
  image(0, 0) = blank, image(4, 3) = blank, image(22, 16) = blank;
  image(9, 9) = std::numeric_limits<float>::infinity();
  const auto preview = preview_of(image, 8);  // factor 3: edges of 2 pixels remain
  EXPECT_EQ(preview.factor, 3);
  EXPECT_EQ(preview.pixels.box(), (Box{0, 0, 8, 6}));
  EXPECT_EQ(preview.full_width, 23);
  EXPECT_EQ(preview.full_height, 17);
  for (int j = 0; j < 6; ++j)
    for (int i = 0; i < 8; ++i) {
      double sum = 0;
      int n = 0;
      for (int y = 3 * j; y < std::min(17, 3 * j + 3); ++y)
        for (int x = 3 * i; x < std::min(23, 3 * i + 3); ++x)
          if (std::isfinite(image(x, y))) sum += static_cast<double>(image(x, y)), ++n;
      EXPECT_EQ(preview.pixels(i, j), static_cast<float>(sum / n));
    }
}

TEST(PreviewBuilder, KeepsASmallImageAsItIs) {
  const auto image = ramp(20, 10);
  const auto preview = preview_of(image, 20);
  EXPECT_EQ(preview.factor, 1);
  EXPECT_TRUE(std::equal(image.pixels().begin(), image.pixels().end(), preview.pixels.pixels().begin()));
}

TEST(PreviewBuilder, LeavesACellWithoutDataEmpty) {
  Image<float> image{4, 4, blank};
  image(0, 0) = 2;
  const auto preview = preview_of(image, 2);
  EXPECT_EQ(preview.pixels(0, 0), 2);
  EXPECT_TRUE(std::isnan(preview.pixels(1, 0)) && std::isnan(preview.pixels(0, 1)) && std::isnan(preview.pixels(1, 1)));
}

TEST(PreviewBuilder, RefusesImagesWithoutPixelsAndRowsOutside) {
  EXPECT_THROW((PreviewBuilder{0, 5, 10}), UsageError);
  PreviewBuilder builder{5, 5, 10};
  EXPECT_THROW(builder.add_row(5, std::vector<float>(5)), UsageError);
  EXPECT_THROW(builder.add_row(0, std::vector<float>(4)), UsageError);
}

TEST(Palette, GoesFromDarkToBright) {
  const auto gray = colour_table(Palette::gray), viridis = colour_table(Palette::viridis);
  EXPECT_EQ(gray[0], 0x000000u);
  EXPECT_EQ(gray[255], 0xffffffu);
  EXPECT_EQ(gray[100], 0x646464u);
  EXPECT_EQ(viridis[0], 0x440154u);
  EXPECT_EQ(viridis[255], 0xfde725u);
  const auto luminance = [](std::uint32_t c) { return 0.2126 * (c >> 16 & 255) + 0.7152 * (c >> 8 & 255) + 0.0722 * (c & 255); };
  for (std::size_t i = 1; i < 256; ++i) EXPECT_GE(luminance(viridis[i]), luminance(viridis[i - 1]) - 0.5) << "up to rounding";
  for (const auto p : {Palette::gray, Palette::viridis})
    for (const auto c : colour_table(p)) EXPECT_NE(c, no_data_colour(p));
}

TEST(DisplayScale, PositionAndValueAreInverse) {
  for (const DisplayScale scale : {DisplayScale{-1, 100, 0.5, 0.3}, DisplayScale{2, 7, 0, std::numeric_limits<double>::infinity()}}) {
    EXPECT_NEAR(scale.position(scale.low), 0, 1e-12);
    EXPECT_NEAR(scale.position(scale.high), 1, 1e-12);
    for (double p = -0.1; p < 1.15; p += 0.1) EXPECT_NEAR(scale.position(scale.value(p)), p, 1e-9);
  }
}

TEST(DisplayScale, ShowsTheSkyDarkAndTheFaintAboveIt) {
  std::vector<float> pixels;
  for (int i = 0; i < 10000; ++i) pixels.push_back(static_cast<float>(10 + 0.01 * std::cos(i * 1.1)));
  for (int i = 0; i < 100; ++i) pixels.push_back(static_cast<float>(11 + i));
  pixels.push_back(blank);
  const auto scale = choose_scale(pixels, {});
  EXPECT_GT(scale.position(10), 0.05);
  EXPECT_LT(scale.position(10), 0.25);
  EXPECT_GT(scale.high, 50);
  EXPECT_GT(scale.position(10.1), scale.position(10) + 0.1);
}

TEST(DisplayScale, StandsImagesWithoutAnyContrast) {
  for (const float v : {0.0f, 7.0f, -3e-20f, 1e30f}) {
    const std::vector<float> constant(50, v);
    for (const auto stretch : {Stretch::asinh, Stretch::linear}) {
      PictureOptions options;
      options.stretch = stretch;
      const auto scale = choose_scale(constant, options);
      EXPECT_LT(scale.low, scale.high);
      EXPECT_NEAR(scale.position(static_cast<double>(v)), 0.5, 1e-6);
    }
  }
  const auto empty = choose_scale(std::vector<float>{blank, blank}, {});
  EXPECT_LT(empty.low, empty.high);
}

TEST(DisplayScale, OfWholeLevelsBeginsAtZero) {
  PictureOptions options;
  options.integer_levels = true;
  const auto scale = choose_scale(std::vector<float>{3, 12, 31, blank}, options);
  EXPECT_EQ(scale.low, 0);
  EXPECT_EQ(scale.high, 31);
}

TEST(Ticks, AreTheRoundestNumbersThere) {
  int decimals = 9;
  EXPECT_DOUBLE_EQ(roundest(0.27, 0.34, &decimals), 0.3);
  EXPECT_EQ(decimals, 1);
  EXPECT_DOUBLE_EQ(roundest(83, 140), 100);
  EXPECT_DOUBLE_EQ(roundest(130, 190), 150);
  EXPECT_DOUBLE_EQ(roundest(-0.031, -0.026), -0.03);
  EXPECT_DOUBLE_EQ(roundest(-2, 5), 0);
  EXPECT_DOUBLE_EQ(roundest(1234.5671, 1234.5674, &decimals), 1234.5672);
  EXPECT_EQ(decimals, 4);
  EXPECT_DOUBLE_EQ(roundest(4, 4), 4);
}

TEST(Ticks, SpreadAlongAnAsinhBar) {
  const DisplayScale scale{0.06, 1.7, 0.09, 0.03};
  const auto ticks = choose_ticks(scale, 7, false);
  ASSERT_GE(ticks.size(), 6u);
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    EXPECT_GE(ticks[i].value, scale.low);
    EXPECT_LE(ticks[i].value, scale.high);
    if (i == 0) continue;
    EXPECT_GT(scale.position(ticks[i].value) - scale.position(ticks[i - 1].value), 0.05);
    EXPECT_NE(ticks[i].label, ticks[i - 1].label);
  }
}

TEST(Ticks, HaveLabelsThatDifferWhateverTheLevel) {
  for (const double level : {0.0, 1e-9, 3e7, -4e12})
    for (const double range : {1e-7, 0.02, 5.0, 1e5}) {
      const double width = range * std::max(1e-9, std::abs(level) * 1e-3);
      const auto ticks = choose_ticks({level, level + width, 0, std::numeric_limits<double>::infinity()}, 6, false);
      ASSERT_GE(ticks.size(), 4u) << level << ' ' << range;
      for (std::size_t i = 1; i < ticks.size(); ++i) EXPECT_NE(ticks[i].label, ticks[i - 1].label);
    }
}

TEST(Ticks, OfCoverageAreWholeNumbers) {
  const auto labels = [](double high) {
    std::string all;
    for (const auto& t : choose_ticks({0, high, 0, std::numeric_limits<double>::infinity()}, 7, true)) all += t.label + " ";
    return all;
  };
  EXPECT_EQ(labels(1), "0 1 ");
  EXPECT_EQ(labels(4.2), "0 1 2 3 4 ");
  EXPECT_EQ(labels(32), "0 5 10 15 20 25 30 ");
  EXPECT_EQ(labels(250), "0 50 100 150 200 250 ");
}

TEST(Png, EnlargesASmallImageByAWholeFactor) {
  const auto png = written(ramp(300, 200), {.title = "ramp", .unit = "MJy/sr"}, "small.png");
  EXPECT_GE(png.width, 900u);
  EXPECT_LE(png.width, 1200u);
  EXPECT_GE(png.height, 600u);
  EXPECT_LE(png.height, 900u);
}

TEST(Png, AveragesALargeImageDown) {
  const auto png = written(ramp(2000, 300), {.title = "", .unit = "", .max_side = 1000}, "large.png");
  EXPECT_GE(png.width, 1000u);
  EXPECT_LE(png.width, 1250u);
}

TEST(Png, IsTheSameBytesEveryTime) {
  const PictureOptions options{.title = "twice", .unit = "Jy", .palette = Palette::viridis};
  EXPECT_EQ(written(ramp(40, 50), options, "a.png").bytes, written(ramp(40, 50), options, "b.png").bytes);
}

TEST(Png, IsMadeOfAnyShapeAndContent) {
  const PictureOptions options{.title = std::string(400, 'x') + "″″″", .unit = std::string(300, 'u')};
  for (const auto& [width, height] : {std::pair{1, 1}, {2, 900}, {1500, 1}, {3, 4}}) {
    const auto png = written(ramp(width, height), options, "odd.png");
    EXPECT_GT(png.width, 300u);
    EXPECT_GT(png.height, 300u);
    EXPECT_LT(png.width, 2000u) << "a long title is cut, not followed";
  }
  written(Image<float>{30, 30, blank}, options, "nan.png");
}

TEST(Png, SaysWhereItCouldNotBeWritten) {
  const auto image = ramp(5, 5);
  try {
    write_png(preview_of(image, 10), tangent_grid(5, 5), {}, "/nonexistent-folder/x.png");
    FAIL();
  } catch (const SystemError& e) {
    EXPECT_NE(std::string{e.what()}.find("/nonexistent-folder/x.png"), std::string::npos);
  }
}

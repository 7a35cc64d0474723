// What a threshold counts, the sky under a fit, and tables as MOPEX has them.
#include "tessera/extraction/threshold_image.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <random>

#include "quiet.h"
#include "tessera/catalog/columns.h"
#include "tessera/extraction/fit_sky.h"
#include "tessera/extraction/mopex_tables.h"

namespace tessera::extraction {
namespace {

/// Normal noise of width 1 on `level`, and stars of `height` on every tenth pixel of every tenth row.
Frame noisy(int side, float level, float height) {
  Frame frame{Box{0, 0, side, side}};
  std::mt19937 random{3};
  std::normal_distribution<float> noise;
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      frame.good(x, y) = 1, frame.variance(x, y) = 1;
      frame.value(x, y) = level + noise(random) + (x % 10 == 5 && y % 10 == 5 ? height : 0);
    }
  return frame;
}

TEST(ThresholdImage, TheWholeImageCountsWithoutWhatExceedsTheThreshold) {
  auto image = noisy(100, 7, 1000).value;
  // Of normal noise cut at 4 σ the mean is that of the noise and the width 0.9995: the stars, 1 % of the pixels, must be out. 10⁴ pixels settle both to a hundredth.
  const double cut = standardise(image, 4, std::numeric_limits<double>::infinity());
  EXPECT_NEAR(cut, 7 + 4, 0.15);
  EXPECT_NEAR(image(5, 5), 1000, 15);
  auto flat = Image<float>{Box{0, 0, 4, 4}, 3.0F};
  standardise(flat, 4, std::numeric_limits<double>::infinity());
  EXPECT_EQ(flat(1, 1), 0) << "nothing exceeds the mean of a constant";
}

TEST(ThresholdImage, PixelsAboveTheLimitDoNotCount) {
  Image<float> image{Box{0, 0, 10, 10}};
  for (int y = 0; y < 10; ++y)
    for (int x = 0; x < 10; ++x) image(x, y) = y < 5 ? 0.99F : x % 2 == 0 ? 0.1F : 0.2F;
  auto limited = image.copy();
  EXPECT_NEAR(standardise(limited, 3, 0.9), 0.15 + 3 * 0.05, 1e-6);
  EXPECT_GT(standardise(image, 3, std::numeric_limits<double>::infinity()), 1) << "half of the pixels are sources: no probability exceeds the threshold";
}

TEST(ThresholdImage, AThresholdBeyondOneFallsBackOnTheSignificance) {
  const Frame frame = noisy(100, 0, 20);
  ExtractOptions options;
  options.detection.image = DetectionImage::probability;
  options.detection.unit = ThresholdUnit::whole;
  options.detection.prior = 0.1;
  options.segments.threshold = 8;
  Quiet context;
  const auto response = psf::PsfModel::analytic({.fwhm_pix = 1.5});
  const auto searched = threshold_image(frame, frame.value.copy(), {}, response, options, context);
  ASSERT_THAT(context.kinds, testing::ElementsAre("threshold-beyond-one"));
  EXPECT_EQ(searched(5, 5), frame.value(5, 5));
}

TEST(ThresholdImage, CoverageAndEdgeLeavePixelsOut) {
  const Frame frame = noisy(60, 0, 20);
  Image<float> coverage{frame.box(), 4.0F};
  coverage(5, 5) = 1;
  ExtractOptions options;
  options.detection.image = DetectionImage::pixels;
  options.detection.unit = ThresholdUnit::whole;
  options.detection.min_coverage = 2;
  options.detection.edge = 3;
  Quiet context;
  const auto searched = threshold_image(frame, frame.value.copy(), coverage, psf::PsfModel::analytic({.fwhm_pix = 1.5}), options, context);
  EXPECT_TRUE(std::isnan(searched(5, 5)) && std::isnan(searched(2, 30)) && std::isnan(searched(30, 57)));
  EXPECT_FALSE(std::isnan(searched(3, 30)) || std::isnan(searched(30, 56)));
  EXPECT_GT(searched(15, 15), 10) << "the root of an even coverage cancels";
  options.detection.bright_limit = 10;
  EXPECT_TRUE(std::isnan(threshold_image(frame, frame.value.copy(), coverage, psf::PsfModel::analytic({.fwhm_pix = 1.5}), options, context)(15, 15)));
}

TEST(ThresholdImage, BrightObjectsAreLeftOutWhole) {
  Frame frame = noisy(60, 0, 0);
  for (int y = 20; y < 27; ++y)
    for (int x = 20; x < 30; ++x) frame.value(x, y) = x < 24 && y < 24 ? 200.0F : 20.0F;  // 16 bright pixels with a rim
  frame.value(40, 40) = 200;                                                              // one hot pixel
  ExtractOptions options;
  options.detection.image = DetectionImage::significance;
  options.segments.threshold = 8;
  options.detection.bright_limit = 100, options.detection.bright_area = 4;
  Quiet context;
  const auto searched = [&] { return threshold_image(frame, frame.value.copy(), {}, psf::PsfModel::analytic({.fwhm_pix = 1.5}), options, context); };
  const auto whole = searched();
  EXPECT_TRUE(std::isnan(whole(21, 21)) && std::isnan(whole(29, 26)));
  EXPECT_FALSE(std::isnan(whole(30, 26))) << "sky";
  EXPECT_EQ(whole(40, 40), 200) << "too small for an object";
  options.detection.bright_whole = false;
  const auto pixels = searched();
  EXPECT_TRUE(std::isnan(pixels(21, 21)));
  EXPECT_EQ(pixels(29, 26), 20);
}

TEST(FitSky, IsThatOfTheImageWithoutItsSources) {
  const Frame frame = noisy(128, 50, 300);
  Image<std::uint8_t> sources{frame.box()};
  for (int y = 5; y < 128; y += 10)
    for (int x = 5; x < 128; x += 10) sources(x, y) = 1;
  for (const auto method : {FitSky::mesh, FitSky::median, FitSky::panels}) {
    FitSkyOptions options{.method = method, .window_x = 31, .window_y = 31, .dropped = 0};
    const auto sky = sky_for_fit(frame.view(), sources, options);
    double sum = 0;
    for (const float v : sky.pixels()) {
      ASSERT_TRUE(std::isfinite(v));
      sum += static_cast<double>(v);
    }
    EXPECT_NEAR(sum / 128 / 128, 50, 0.1) << static_cast<int>(method);
  }
  EXPECT_EQ(sky_for_fit(frame.view(), sources, {.method = FitSky::none})(9, 9), 0);
}

TEST(MopexTables, CountPixelsFromOneAndMarkBadErrors) {
  Table table;
  catalog::add(table, "number", std::vector<std::int64_t>{1, 2});
  catalog::add(table, "x", std::vector<double>{0, 10.5});
  catalog::add(table, "status", std::vector<std::int64_t>{static_cast<std::int64_t>(joint_fit::Status::poor), 1});
  catalog::add(table, "aperture_1", std::vector<double>{3, 4});
  catalog::add(table, "aperture_1_err", std::vector<double>{std::nan(""), 0.5});
  const Table named = mopex_catalog(table);
  EXPECT_THAT(named.numbers("x"), testing::ElementsAre(1, 11.5));
  EXPECT_THAT(named.numbers("status"), testing::ElementsAre(-2, 1));
  EXPECT_THAT(named.numbers("ap_unc1"), testing::ElementsAre(-9.99, 0.5));
  const Table circles = apertures_of(table);
  EXPECT_EQ(circles.find("status"), nullptr);
  EXPECT_EQ(circles.columns.size(), 4U);
  Table found;
  catalog::add(found, "detection", std::vector<std::int64_t>{1});
  catalog::add(found, "x", std::vector<double>{2});
  catalog::add(found, "peak", std::vector<double>{9});
  catalog::add(found, "brightest", std::vector<double>{0.25});
  catalog::add(found, "blend_size", std::vector<std::int64_t>{2});
  const Table theirs = mopex_detections(found);
  std::vector<std::string> names;
  for (const auto& c : theirs.columns) names.push_back(c.name);
  EXPECT_THAT(names, testing::ElementsAre("srcid", "x", "flux", "BlendSize", "peak"));
}

}  // namespace
}  // namespace tessera::extraction

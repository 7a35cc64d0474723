// Active deblending as MOPEX has it: when it starts, what it keeps, and where it ends.
#include "tessera/joint_fit/split.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "quiet.h"
#include "tessera/joint_fit/fit_sources.h"
#include "tessera/joint_fit/source_model.h"

namespace tessera::joint_fit {
namespace {

constexpr double fwhm = 2.5, sigma = 1;
constexpr int side = 31;

/// Two images, the second half a pixel off, of stars at (x, y, flux), of which one in the middle is known.
struct Field {
  explicit Field(std::vector<std::array<double, 3>> stars) {
    for (int k = 0; k < 2; ++k) {
      FitImage& image = images.emplace_back();
      image.psf = &psf;
      image.value = Image<float>{side, side}, image.variance = Image<float>{Box{0, 0, side, side}, static_cast<float>(sigma * sigma)}, image.good = Image<std::uint8_t>{Box{0, 0, side, side}, 1};
    }
    std::vector<Source> truth;
    for (const auto& [x, y, flux] : stars) truth.push_back(source(x, y, flux));
    const SourceLists lists{images.size(), truth};
    std::mt19937 random{3};
    std::normal_distribution<double> normal{0, sigma};
    for (std::size_t k = 0; k < 2; ++k) {
      const auto light = lists.model(images[k], k);
      for (std::size_t i = 0; i < light.pixels().size(); ++i) images[k].value.pixels()[i] = light.pixels()[i] + static_cast<float>(normal(random));
    }
    sources = {source(15, 15, 0)};
  }
  static Source source(double x, double y, double flux) {
    Source s;
    s.ref_x = x, s.ref_y = y, s.flux = flux, s.detection = 4;
    for (int k = 0; k < 2; ++k) s.sights.push_back({.frame = k, .x = x + 0.5 * k, .y = y - 0.5 * k});
    return s;
  }
  SplitSummary split(int most, double max_chi2 = 3, double gain = 1) {
    FitOptions options;
    options.max_chi2 = max_chi2, options.max_sources = most, options.chi2_gain = gain;
    Quiet context;
    const int window = fit_window(options, fwhm);
    fit_sources(images, sources, options, true, window, 2 * fwhm, context);
    const auto done = split_poor_groups(images, sources, options, window, 2 * fwhm, context);
    fit_sources(images, sources, options, true, window, 2 * fwhm, context);
    return done;
  }
  double chi2_dof() const { return sources[0].group_chi2 / static_cast<double>(sources[0].group_dof); }
  psf::PsfModel psf = psf::PsfModel::analytic({.fwhm_pix = fwhm});
  std::vector<FitImage> images;
  std::vector<Source> sources;
};

constexpr std::array<double, 3> left{14.1, 15.2, 600}, right{15.9, 14.7, 400};

}  // namespace

TEST(Split, FindsBothStarsOfOneDetection) {
  Field field{{left, right}};
  const auto done = field.split(2);
  EXPECT_EQ(done.poor, 1);
  EXPECT_EQ(done.added, 1);
  ASSERT_EQ(field.sources.size(), 2U);
  EXPECT_LT(field.chi2_dof(), 1.5);
  std::vector<std::array<double, 3>> found;
  for (const auto& s : field.sources) {
    EXPECT_EQ(s.status, Status::fitted);
    EXPECT_EQ(s.detection, 4);  // both are of the one detection
    EXPECT_EQ(s.passive, 1);
    found.push_back({15 + s.u, 15 + s.v, s.flux});
  }
  EXPECT_TRUE(field.sources[1].active);
  EXPECT_FALSE(field.sources[0].active);
  std::sort(found.begin(), found.end());
  for (std::size_t k = 0; k < 2; ++k) {
    const auto& truth = k == 0 ? left : right;
    const Source& s = field.sources[field.sources[0].u < field.sources[1].u ? k : 1 - k];
    EXPECT_NEAR(found[k][0], truth[0], 5 * std::sqrt(s.covariance[0]));
    EXPECT_NEAR(found[k][1], truth[1], 5 * std::sqrt(s.covariance[4]));
    EXPECT_NEAR(found[k][2], truth[2], 5 * std::sqrt(s.covariance[8]));
  }
}

TEST(Split, StartsOnlyAboveTheThreshold) {
  Field field{{left, right}};
  const auto done = field.split(2, 1000);
  EXPECT_EQ(done.poor, 0);
  EXPECT_EQ(field.sources.size(), 1U);
  EXPECT_GT(field.chi2_dof(), 3);
}

TEST(Split, KeepsWhatImprovesTheFitEnoughAlone) {
  Field field{{left, right}};
  const auto done = field.split(2, 3, 1e4);
  EXPECT_EQ(done.poor, 1);
  EXPECT_EQ(done.added, 0);
  EXPECT_EQ(field.sources.size(), 1U);
  EXPECT_EQ(field.sources[0].passive, 0);
}

TEST(Split, EndsWithTheMostThatAreAllowed) {
  const std::vector<std::array<double, 3>> three{{13.9, 13.9, 700}, {16.3, 14.5, 700}, {14.8, 16.4, 700}};
  Field two{three}, all{three}, more{three};
  EXPECT_EQ(two.split(2).added, 1);
  EXPECT_GT(two.chi2_dof(), 3);
  EXPECT_EQ(all.split(3).added, 2);
  EXPECT_LT(all.chi2_dof(), 1.5);
  EXPECT_EQ(more.split(6).added, 2);  // the fit is good with three
}

TEST(Split, LeavesOneStarWhole) {
  Field field{{{15.3, 14.8, 1000}}};
  const auto done = field.split(3);
  EXPECT_EQ(done.poor, 0);
  EXPECT_EQ(field.sources.size(), 1U);
}

}  // namespace tessera::joint_fit

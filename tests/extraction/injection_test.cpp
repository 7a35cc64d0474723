#include "tessera/extraction/injection.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace tessera::extraction {
namespace {

TEST(Injection, TheBrightestChoosesFirstAndARowCountsOnce) {
  const std::vector<Lying> truth{{10, 10, 1}, {10.5, 10, 100}, {50, 50, 1}, {80, 80, 5}};
  const std::vector<Lying> rows{{10.1, 10, 90}, {50.2, 50, 1}, {NAN, 3, 1}};
  EXPECT_EQ(match_by_brightness(truth, rows, 1), (std::vector<int>{-1, 0, 1, -1}));
}

std::vector<Injected> made(int n, double bias, double wider) {
  std::mt19937 random{3};
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<Injected> all;
  for (int i = 0; i < n; ++i) {
    Injected& s = all.emplace_back();
    s.snr = 2 * std::pow(100, uniform(random));
    s.flux = 3 * s.snr, s.error = 3;
    s.found = s.snr > 6;
    s.status = joint_fit::Status::fitted;
    s.fitted = s.flux * (1 + bias) + wider * 3 * normal(random);
    s.east_error = s.north_error = 0.1;
    s.east = 0.1 * normal(random), s.north = 0.1 * normal(random);
  }
  return all;
}

TEST(Injection, TellsTheWidthOfErrorsTheBiasAndWhereHalfIsFound) {
  const auto all = made(6000, 0.001, 1.3);
  InjectionOptions options;
  const auto summary = summarise(all, options);
  EXPECT_NEAR(summary.flux.factor, 1.3, 4 * summary.flux.error);
  EXPECT_NEAR(summary.flux.error, summary.flux.factor * std::sqrt(0.93 / static_cast<double>(summary.flux.sources)), 1e-9);
  EXPECT_NEAR(summary.position.factor, 1, 4 * summary.position.error);
  EXPECT_NEAR(summary.bias, 0.001, 4 * summary.bias_err);
  EXPECT_NEAR(summary.half_complete_snr, 6, 1);
  EXPECT_NEAR(summary.half_complete_flux, 18, 3);
  long counted = 0;
  for (const auto& b : summary.by_snr) {
    counted += b.injected;
    EXPECT_LE(b.completeness_low, b.completeness);
    EXPECT_GE(b.completeness_high, b.completeness);
  }
  EXPECT_EQ(counted, 6000);
  EXPECT_EQ(injection_table(all, "uJy").rows(), 6000U);
  EXPECT_EQ(completeness_table(summary, "uJy").rows(), summary.by_snr.size() + summary.by_flux.size());
}

TEST(Injection, WithoutEnoughSourcesNumbersAreNotNumbers) {
  const auto all = made(3, 0, 1);
  const auto summary = summarise(all, InjectionOptions{});
  EXPECT_TRUE(std::isnan(summary.flux.factor));
  EXPECT_TRUE(std::isnan(summary.bias));
}

TEST(Injection, LightHasItsFluxAndTheNoiseOfItsPhotons) {
  const auto psf = psf::PsfModel::analytic({.fwhm_pix = 2});
  joint_fit::FitImage image;
  image.psf = &psf;
  image.value = Image<float>{40, 40};
  std::vector<joint_fit::Source> sources(1);
  sources[0].flux = 1000;
  sources[0].sights.push_back({.frame = 0, .x = 20.3, .y = 19.8});
  const joint_fit::SourceLists lists{1, sources};
  const Image<float> photons{image.box(), 4.0F}, none;
  const Image<std::uint8_t> good{image.box(), std::uint8_t{1}};
  double sum = 0, squares = 0;
  constexpr int rounds = 400;
  for (int k = 0; k < rounds; ++k) {
    Image<float> value{image.box()}, variance{image.box()};
    add_light(image, 0, lists, photons, good, value, &variance, 1, static_cast<std::uint64_t>(k));
    double flux = 0;
    for (const float v : value.pixels()) flux += static_cast<double>(v);
    sum += flux - 1000, squares += (flux - 1000) * (flux - 1000);
  }
  const double sigma = std::sqrt(4 * 1000.0);  // of a sum of pixels of variance 4 per value
  EXPECT_NEAR(sum / rounds, 0, 4 * sigma / std::sqrt(rounds));
  EXPECT_NEAR(std::sqrt(squares / rounds) / sigma, 1, 4 / std::sqrt(2.0 * rounds));
  Image<float> quiet{image.box()};
  add_light(image, 0, lists, none, good, quiet, nullptr, 1, 0);
  double flux = 0;
  for (const float v : quiet.pixels()) flux += static_cast<double>(v);
  EXPECT_NEAR(flux, 1000, 0.1);
}

}  // namespace
}  // namespace tessera::extraction

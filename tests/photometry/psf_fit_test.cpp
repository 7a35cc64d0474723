#include "tessera/photometry/psf_fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

#include "tessera/psf/profile.h"

using namespace tessera;
using namespace tessera::photometry;
using fit::FitStatus;

namespace {

struct Star { double x, y, flux; };

Frame blank(int width, int height, double variance) {
  Frame f{Box{0, 0, width, height}};
  for (float& v : f.variance.pixels()) v = static_cast<float>(variance);
  for (auto& g : f.good.pixels()) g = 1;
  return f;
}

/// Stars as they are, by simulate's truth and not by the table under test, with noise of the frame's variance.
Frame picture(int size, const std::vector<Star>& stars, const psf::Profile& profile, double variance, std::mt19937* random = nullptr) {
  Frame f = blank(size, size, variance);
  Image<double> sum{f.box()};
  for (const Star& s : stars) profile.add_to(sum, s.x, s.y, s.flux);
  std::normal_distribution<double> normal{0, std::sqrt(variance)};
  for (std::size_t i = 0; i < sum.pixels().size(); ++i) f.value.pixels()[i] = static_cast<float>(sum.pixels()[i] + (random ? normal(*random) : 0));
  return f;
}

FitSource at(double x, double y, int frame = 0) { return {{Sight{.frame = frame, .x = x, .y = y}}}; }

double sigma_of(const FittedSource& s, std::size_t k) { return std::sqrt(s.covariance[4 * k]); }

}  // namespace

TEST(PsfFit, SourcesMayHaveWindowsOfTheirOwn) {
  const psf::ProfileOptions o{.fwhm_pix = 2.5};
  const auto model = psf::PsfModel::analytic(o);
  const Frame f = picture(40, {{10.2, 20, 400}, {30.1, 20, 400}}, psf::Profile{o}, 1);
  const FitFrame frames[] = {{f.view(), &model}};
  PsfFit fit{frames, {.window = 9}};
  FitSource sources[] = {at(10, 20), at(30, 20)};
  sources[1].window_x = 5, sources[1].window_y = 11;
  std::vector<FittedSource> found;
  const auto group = fit.fit(sources, found);
  EXPECT_EQ(found[0].pixels, 81);
  EXPECT_EQ(found[1].pixels, 55);
  EXPECT_EQ(group.dof, 81 + 55 - 6);
  EXPECT_NEAR(found[1].flux, 400, 0.01);
}

TEST(PsfFit, FindsANoiselessStarToAThousandthOfItsError) {
  for (const double fwhm : {1.4, 2.5}) {
    const psf::ProfileOptions o{.fwhm_pix = fwhm};
    const auto model = psf::PsfModel::analytic(o);
    const Frame f = picture(25, {{12.37, 11.81, 400}}, psf::Profile{o}, 1);
    const FitFrame frames[] = {{f.view(), &model}};
    PsfFit fit{frames, {.window = 9}};
    std::vector<FittedSource> found;
    const FitSource sources[] = {at(12, 12)};
    const auto group = fit.fit(sources, found);
    EXPECT_EQ(group.status, FitStatus::converged);
    EXPECT_NEAR(12 + found[0].u, 12.37, 1e-3 * sigma_of(found[0], 0) + 1e-6);
    EXPECT_NEAR(12 + found[0].v, 11.81, 1e-3 * sigma_of(found[0], 1) + 1e-6);
    EXPECT_NEAR(found[0].flux, 400, 0.01);
    EXPECT_LT(group.chi2, 1e-4);
    EXPECT_EQ(group.dof, 81 - 3);
    EXPECT_EQ(found[0].pixels, 81);
    EXPECT_NEAR(found[0].portion, 1, 0.01);
    EXPECT_LT(group.iterations, 9);
  }
}

TEST(PsfFit, PixelsOfAnotherWindowCountWithoutAFit) {
  const psf::ProfileOptions o{.profile = psf::ProfileShape::moffat, .fwhm_pix = 2.5, .beta = 2.5};
  const auto model = psf::PsfModel::analytic(o);
  const Frame f = picture(31, {{12.3, 11.9, 400}}, psf::Profile{o}, 1);
  const FitFrame frames[] = {{f.view(), &model}};
  PsfFit fit{frames, {.window = 7}};
  std::vector<FittedSource> alone, beside;
  FitSource sources[] = {at(12, 12), at(17, 13)};
  fit.fit({sources, 1}, alone);
  sources[1].pixels_alone = true;
  const auto group = fit.fit(sources, beside);
  EXPECT_EQ(group.status, FitStatus::converged);
  EXPECT_EQ(group.dof, 49 + 49 - 2 * 6 - 3);  // the windows share two columns of six rows
  EXPECT_EQ(fit.parameters(), 3u);
  EXPECT_EQ(beside[1].status, FitStatus::no_data);
  EXPECT_NEAR(beside[0].flux, 400, 0.05);
  EXPECT_LT(sigma_of(beside[0], 2), sigma_of(alone[0], 2));  // the wings there tell something
}

TEST(PsfFit, VeryBrightStarsConvergeThoughChi2IsRoundedAndFromWhereTheyWere) {
  const psf::ProfileOptions o{.fwhm_pix = 1.6};
  const auto model = psf::PsfModel::analytic(o);
  std::mt19937 random{17};
  for (int i = 0; i < 40; ++i) {
    const double x = 12 + 0.37 * std::sin(i), y = 12 + 0.41 * std::cos(3 * i);
    const Frame f = picture(25, {{x, y, 3e5}}, psf::Profile{o}, 1, &random);
    const FitFrame frames[] = {{f.view(), &model}};
    PsfFit fit{frames, {.window = 7}};
    std::vector<FittedSource> found;
    FitSource source[] = {at(12.2, 11.9)};
    EXPECT_EQ(fit.fit(source, found).status, FitStatus::converged);
    const FittedSource first = found[0];
    source[0].u = first.u, source[0].v = first.v;
    EXPECT_EQ(fit.fit(source, found).status, FitStatus::converged);
    // Single-precision pixels of 10⁵ σ hold 0.006 σ each.
    EXPECT_NEAR(found[0].flux, first.flux, 0.02 * sigma_of(first, 2));
    EXPECT_NEAR(found[0].u, first.u, 0.02 * sigma_of(first, 0));
  }
}

TEST(PsfFit, ForcedFluxesAreTheDirectNormalEquations) {
  const psf::ProfileOptions o{.profile = psf::ProfileShape::moffat, .fwhm_pix = 2};
  const psf::Profile profile{o};
  const auto model = psf::PsfModel::analytic(o);
  std::mt19937 random{5};
  Frame f = picture(30, {{12.3, 14.1, 50}, {14.9, 15.2, 90}}, profile, 2, &random);
  for (float& v : f.variance.pixels()) v *= std::uniform_real_distribution<float>{0.5F, 2}(random);
  f.good(13, 14) = 0, f.value(13, 14) = f.variance(13, 14) = 0;
  const FitFrame frames[] = {{f.view(), &model}};
  PsfFit fit{frames, {.window = 7, .positions = false, .background = FitBackground::common}};
  std::vector<FittedSource> found;
  const FitSource sources[] = {at(12.3, 14.1), at(14.9, 15.2)};
  const auto group = fit.fit(sources, found);
  ASSERT_EQ(group.status, FitStatus::converged);
  // Written out: pixels in either 7 × 7 window, rows (R1, R2, 1).
  fit::NormalEquations equations{3};
  for (int y = 0; y < 30; ++y)
    for (int x = 0; x < 30; ++x) {
      const bool in = (std::abs(x - 12) <= 3 && std::abs(y - 14) <= 3) || (std::abs(x - 15) <= 3 && std::abs(y - 15) <= 3);
      if (in && f.good(x, y)) equations.add(std::vector<double>{profile.pixel_fraction(x - 12.3, y - 14.1), profile.pixel_fraction(x - 14.9, y - 15.2), 1}, f.value(x, y), 1 / static_cast<double>(f.variance(x, y)));
    }
  const auto direct = fit::solve(equations);
  for (std::size_t k = 0; k < 2; ++k) {
    EXPECT_NEAR(found[k].flux, direct.parameters[k], 1e-4 * std::sqrt(direct.covariance[4 * k]));
    EXPECT_NEAR(found[k].covariance[8], direct.covariance[4 * k], 1e-4 * direct.covariance[4 * k]);
  }
  EXPECT_NEAR(fit.covariance()[3], direct.covariance[3], 1e-4 * std::abs(direct.covariance[3])) << "between the sources";
  EXPECT_NEAR(fit.values()[2], direct.parameters[2], 1e-4) << "background";
  EXPECT_NEAR(group.chi2, direct.chi2, 1e-3 * direct.chi2);
  EXPECT_EQ(group.dof, direct.dof);
}

/// Ten sources in one cut-out, and the same where the window is too large for its sums to run over all of it; the second source is seen twice by the frame.
TEST(PsfFit, ForcedFluxesOfACrowdAreTheDirectNormalEquations) {
  const psf::ProfileOptions o{.fwhm_pix = 1.8};
  const auto model = psf::PsfModel::analytic(o);
  std::mt19937 random{11};
  for (const auto& [window, low] : {std::pair{15, 1.0}, std::pair{31, 8.0}}) {
    std::uniform_real_distribution<> place{low, low + 12};
    std::vector<FitSource> sources;
    for (int k = 0; k < 10; ++k) sources.push_back(at(place(random), place(random)));
    sources[1].sights.push_back({.frame = 0, .x = place(random), .y = place(random), .scale = 0.5});
    const int side = static_cast<int>(2 * low) + 13;
    Frame f = picture(side, {{sources[0].sights[0].x, sources[0].sights[0].y, 300}}, psf::Profile{o}, 1, &random);
    for (float& v : f.variance.pixels()) v *= std::uniform_real_distribution<float>{0.5F, 2}(random);
    f.good(side / 2, side / 2) = 0, f.value(side / 2, side / 2) = f.variance(side / 2, side / 2) = 0;
    const FitFrame frames[] = {{f.view(), &model}};
    PsfFit fit{frames, {.window = window, .positions = false}};
    std::vector<FittedSource> found;
    const auto group = fit.fit(sources, found);
    ASSERT_EQ(group.status, FitStatus::converged);
    const auto in = [&, half = window / 2](const Sight& s, int x, int y) { return std::abs(x - std::lround(s.x)) <= half && std::abs(y - std::lround(s.y)) <= half; };
    fit::NormalEquations equations{10};
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) {
        std::vector<double> row(10);
        bool used = false;
        for (std::size_t k = 0; k < 10; ++k)
          for (const Sight& s : sources[k].sights) row[k] += s.scale * model.tables()[0].at(x - s.x, y - s.y), used |= in(s, x, y);
        if (used && f.good(x, y)) equations.add(row, f.value(x, y), 1 / static_cast<double>(f.variance(x, y)));
      }
    const auto direct = fit::solve(equations);
    for (std::size_t k = 0; k < 10; ++k) EXPECT_NEAR(found[k].flux, direct.parameters[k], 1e-4 * std::sqrt(direct.covariance[11 * k])) << window;
    for (std::size_t k = 0; k < 100; ++k) EXPECT_NEAR(fit.covariance()[k], direct.covariance[k], 1e-5 * std::sqrt(direct.covariance[k / 10 * 11] * direct.covariance[k % 10 * 11])) << window;
    EXPECT_NEAR(group.chi2, direct.chi2, 1e-4 * direct.chi2) << window;
    EXPECT_EQ(group.dof, direct.dof) << window;
    double window_chi2 = 0, portion = 0;
    const Sight& own = sources[3].sights[0];
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) {
        if (!in(own, x, y) || !f.good(x, y)) continue;
        double rest = static_cast<double>(f.value(x, y));
        for (std::size_t k = 0; k < 10; ++k)
          for (const Sight& s : sources[k].sights) rest -= direct.parameters[k] * s.scale * model.tables()[0].at(x - s.x, y - s.y);
        window_chi2 += rest * rest / static_cast<double>(f.variance(x, y)), portion += model.tables()[0].at(x - own.x, y - own.y);
      }
    EXPECT_NEAR(found[3].chi2, window_chi2, 1e-4 * window_chi2) << window;
    EXPECT_NEAR(found[3].portion, portion, 1e-5) << window;
  }
}

TEST(PsfFit, SeesOneSkyThroughTurnedShiftedAndScaledFrames) {
  // Common coordinates u, v; each frame turned and magnified, and in another unit.
  const psf::ProfileOptions o{.fwhm_pix = 1.4};
  const auto model = psf::PsfModel::analytic(o);
  const double truth_u = 0.42, truth_v = -0.31;
  std::vector<Frame> pictures;
  std::vector<FitFrame> frames;
  FitSource source;
  for (int k = 0; k < 5; ++k) {
    const double angle = 0.6 * k, zoom = 1 + 0.1 * k, scale = 1.5 + k;
    Sight s{.frame = k, .x = 12 + 0.3 * k, .y = 13 - 0.17 * k, .x_u = zoom * std::cos(angle), .x_v = -zoom * std::sin(angle), .y_u = zoom * std::sin(angle), .y_v = zoom * std::cos(angle), .scale = scale};
    pictures.push_back(picture(27, {{s.x + s.x_u * truth_u + s.x_v * truth_v, s.y + s.y_u * truth_u + s.y_v * truth_v, 300 * scale}}, psf::Profile{o}, 1));
    source.sights.push_back(s);
  }
  for (const Frame& f : pictures) frames.push_back({f.view(), &model});
  PsfFit fit{frames, {.window = 7}};
  std::vector<FittedSource> found;
  const auto group = fit.fit({&source, 1}, found);
  EXPECT_EQ(group.status, FitStatus::converged);
  EXPECT_EQ(found[0].frames, 5);
  EXPECT_NEAR(found[0].u, truth_u, 1e-4);
  EXPECT_NEAR(found[0].v, truth_v, 1e-4);
  EXPECT_NEAR(found[0].flux, 300, 0.03);
}

TEST(PsfFit, ErrorsOfPositionAndFluxAreTrueFrom10To300Sigma) {
  // Three frames, sub-pixel places at random, background noise. The width of 400 pulls is known to 3.5 %.
  const psf::ProfileOptions o{.fwhm_pix = 1.4};
  const psf::Profile profile{o};
  const auto model = psf::PsfModel::analytic(o);
  std::mt19937 random{17};
  std::uniform_real_distribution<> place{-0.5, 0.5};
  for (const double snr : {10.0, 40.0, 300.0}) {
    const double flux = snr * std::sqrt(model.tables().front().noise_equivalent_area() / 3);
    double squares[3] = {}, bias = 0;
    const int trials = 400;
    std::vector<FittedSource> found;
    for (int trial = 0; trial < trials; ++trial) {
      std::vector<Frame> pictures;
      std::vector<FitFrame> frames;
      FitSource source;
      const double u = place(random), v = place(random);
      for (int k = 0; k < 3; ++k) {
        const double x = 10 + place(random), y = 10 + place(random);
        pictures.push_back(picture(21, {{x + u, y + v, flux}}, profile, 1, &random));
        source.sights.push_back({.frame = k, .x = x, .y = y});
      }
      for (const Frame& f : pictures) frames.push_back({f.view(), &model});
      PsfFit fit{frames, {.window = 7}};
      fit.fit({&source, 1}, found);
      const double difference[] = {found[0].u - u, found[0].v - v, found[0].flux - flux};
      for (std::size_t k = 0; k < 3; ++k) squares[k] += std::pow(difference[k] / sigma_of(found[0], k), 2) / trials;
      bias += difference[2] / flux / trials;
    }
    for (const double s : squares) EXPECT_NEAR(std::sqrt(s), 1, 0.11) << snr;
    // Free positions raise the flux by 1/SNR² each: 1 % at 10 σ. Scatter of the mean: 1/(SNR √trials).
    EXPECT_NEAR(bias, 1 / (snr * snr), 3.5 / (snr * std::sqrt(trials))) << snr;
  }
}

TEST(PsfFit, ABlendOneWidthApartIsUnbiasedAndItsErrorsTrue) {
  const psf::ProfileOptions o{.fwhm_pix = 2.5};
  const psf::Profile profile{o};
  const auto model = psf::PsfModel::analytic(o);
  std::mt19937 random{29};
  const double faint = 50 * std::sqrt(model.tables().front().noise_equivalent_area()), bright = 5 * faint;
  double bias[2] = {}, squares[2] = {};
  const int trials = 300;
  std::vector<FittedSource> found;
  for (int trial = 0; trial < trials; ++trial) {
    const double angle = std::uniform_real_distribution<>{0, 6.28}(random), x = 15.2, y = 14.9;
    const double x2 = x + 2.5 * std::cos(angle), y2 = y + 2.5 * std::sin(angle);
    const Frame f = picture(31, {{x, y, bright}, {x2, y2, faint}}, profile, 1, &random);
    const FitFrame frames[] = {{f.view(), &model}};
    PsfFit fit{frames, {.window = 9}};
    const FitSource sources[] = {at(x + 0.2, y - 0.2), at(x2 - 0.2, y2 + 0.1)};
    fit.fit(sources, found);
    const double flux[] = {bright, faint};
    for (std::size_t k = 0; k < 2; ++k) {
      bias[k] += (found[k].flux / flux[k] - 1) / trials;
      squares[k] += std::pow((found[k].flux - flux[k]) / sigma_of(found[k], 2), 2) / trials;
    }
  }
  for (std::size_t k = 0; k < 2; ++k) {
    EXPECT_NEAR(bias[k], 0, 0.01);
    EXPECT_NEAR(std::sqrt(squares[k]), 1, 0.12);
  }
}

TEST(PsfFit, TheSimplexComesToTheSameMinimumAndErrors) {
  const psf::ProfileOptions o{.fwhm_pix = 1.8};
  const auto model = psf::PsfModel::analytic(o);
  std::mt19937 random{23};
  const Frame f = picture(30, {{12.3, 14.1, 300}, {14.6, 15.2, 150}}, psf::Profile{o}, 1, &random);
  const FitFrame frames[] = {{f.view(), &model}};
  const FitSource sources[] = {at(12, 14), at(15, 15)};
  std::vector<FittedSource> by_gradient, by_simplex;
  for (const auto background : {FitBackground::none, FitBackground::common}) {
    PsfFit first{frames, {.window = 9, .background = background}}, second{frames, {.window = 9, .background = background, .method = Minimiser::simplex}};
    EXPECT_EQ(first.fit(sources, by_gradient).status, FitStatus::converged);
    EXPECT_EQ(second.fit(sources, by_simplex).status, FitStatus::converged);
    for (std::size_t k = 0; k < 2; ++k) {
      EXPECT_NEAR(by_simplex[k].u, by_gradient[k].u, 0.01 * sigma_of(by_gradient[k], 0));
      EXPECT_NEAR(by_simplex[k].v, by_gradient[k].v, 0.01 * sigma_of(by_gradient[k], 1));
      EXPECT_NEAR(by_simplex[k].flux, by_gradient[k].flux, 0.01 * sigma_of(by_gradient[k], 2));
      for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(by_simplex[k].covariance[i], by_gradient[k].covariance[i], 0.01 * std::abs(by_gradient[k].covariance[i]) + 1e-9);
      EXPECT_NEAR(by_simplex[k].background, by_gradient[k].background, 1e-3);
    }
  }
}

TEST(PsfFit, TellsTheNeighbourThatAFluxHangsTogetherWith) {
  const psf::ProfileOptions o{.fwhm_pix = 2};
  const auto model = psf::PsfModel::analytic(o);
  std::mt19937 random{29};
  const Frame f = picture(40, {{12, 14, 300}, {13.5, 14, 300}, {22, 14, 300}}, psf::Profile{o}, 1, &random);
  const FitFrame frames[] = {{f.view(), &model}};
  const FitSource sources[] = {at(12, 14), at(13.5, 14), at(22, 14)};
  PsfFit fit{frames, {.window = 7, .positions = false}};
  std::vector<FittedSource> found;
  fit.fit(sources, found);
  EXPECT_EQ(found[0].neighbour, 1);
  EXPECT_EQ(found[1].neighbour, 0);
  const auto c = fit.covariance();
  EXPECT_NEAR(found[0].correlation, c[1] / std::sqrt(c[0] * c[4]), 1e-12);
  EXPECT_LT(found[0].correlation, -0.2);
  EXPECT_NEAR(found[2].correlation, 0, 0.01);
}

TEST(PsfFit, MembersOfAGroupMayBeSeenByDifferentFrames) {
  const psf::ProfileOptions o{.fwhm_pix = 2};
  const auto model = psf::PsfModel::analytic(o);
  const Frame a = picture(25, {{8, 8, 100}, {11, 9, 200}}, psf::Profile{o}, 1), b = picture(25, {{15.5, 12, 200}}, psf::Profile{o}, 1);
  const FitFrame frames[] = {{a.view(), &model}, {b.view(), &model}};
  PsfFit fit{frames, {.window = 7, .background = FitBackground::per_frame}};
  FitSource second = at(11.2, 9.1);
  second.sights.push_back({.frame = 1, .x = 15.7, .y = 12.1});
  FitSource nobody = at(-40, 3), nowhere = at(std::nan(""), 3);
  const FitSource sources[] = {nobody, at(8.1, 7.8), nowhere, second};
  std::vector<FittedSource> found;
  const auto group = fit.fit(sources, found);
  EXPECT_EQ(group.status, FitStatus::converged);
  EXPECT_EQ(found[0].status, FitStatus::no_data);
  EXPECT_EQ(found[2].status, FitStatus::no_data);
  EXPECT_NEAR(found[1].flux, 100, 0.02);
  EXPECT_NEAR(found[3].flux, 200, 0.02);
  EXPECT_NEAR(found[3].u, -0.2, 1e-4);
  EXPECT_EQ(fit.parameters(), 8U) << "two sources, two backgrounds";
  EXPECT_NEAR(fit.values()[6], 0, 1e-3);
}

TEST(PsfFit, BadPixelsAndBordersAreLeftOutAndCounted) {
  const psf::ProfileOptions o{.fwhm_pix = 1.6};
  const auto model = psf::PsfModel::analytic(o);
  Frame f = picture(20, {{1.2, 10.3, 100}}, psf::Profile{o}, 1);
  f.good(1, 10) = 0, f.value(1, 10) = 0, f.variance(1, 10) = 0;
  const FitFrame frames[] = {{f.view(), &model}};
  PsfFit fit{frames, {.window = 7}};
  std::vector<FittedSource> found;
  const FitSource sources[] = {at(1, 10)};
  EXPECT_EQ(fit.fit(sources, found).status, FitStatus::converged);
  EXPECT_EQ(found[0].pixels, 5 * 7 - 1);
  EXPECT_EQ(found[0].bad_pixels, 2 * 7 + 1);
  EXPECT_NEAR(found[0].flux, 100, 0.05) << "the wings alone tell it";
  EXPECT_LT(found[0].portion, 0.75);
  for (auto& g : f.good.pixels()) g = 0;
  EXPECT_EQ(fit.fit(sources, found).status, FitStatus::no_data);
}

TEST(PsfFit, TwoSourcesAtOnePlaceAreDegenerateAndAFarOneIsHeldAtItsBound) {
  const psf::ProfileOptions o{.fwhm_pix = 2};
  const auto model = psf::PsfModel::analytic(o);
  const Frame f = picture(25, {{12, 12, 100}}, psf::Profile{o}, 1);
  const FitFrame frames[] = {{f.view(), &model}};
  std::vector<FittedSource> found;
  PsfFit fit{frames, {.window = 7}};
  const FitSource twice[] = {at(12, 12), at(12, 12)};
  EXPECT_EQ(fit.fit(twice, found).status, FitStatus::degenerate);
  PsfFit near{frames, {.window = 7, .max_shift = 0.5}};
  const FitSource off[] = {at(13, 12)};
  near.fit(off, found);
  EXPECT_EQ(found[0].status, FitStatus::at_bound);
  EXPECT_EQ(found[0].u, -0.5);
}

TEST(PsfFit, TheSecondCoordinateMayHaveALimitOfItsOwn) {
  const psf::ProfileOptions o{.fwhm_pix = 2};
  const auto model = psf::PsfModel::analytic(o);
  const Frame f = picture(25, {{11.4, 11.4, 100}}, psf::Profile{o}, 1);
  const FitFrame frames[] = {{f.view(), &model}};
  const FitSource off[] = {at(12, 12)};
  std::vector<FittedSource> found;
  for (const auto method : {Minimiser::levenberg, Minimiser::simplex}) {
    PsfFit narrow{frames, {.window = 9, .max_shift = 1, .max_shift_v = 0.25, .method = method}};
    narrow.fit(off, found);
    EXPECT_EQ(found[0].status, FitStatus::at_bound);
    EXPECT_NEAR(found[0].u, -0.6, 0.05);
    EXPECT_EQ(found[0].v, -0.25);
    PsfFit wide{frames, {.window = 9, .max_shift = 0.25, .max_shift_v = 1, .method = method}};
    wide.fit(off, found);
    EXPECT_EQ(found[0].u, -0.25);
    EXPECT_NEAR(found[0].v, -0.6, 0.05);
  }
}

TEST(PsfFit, UsesTheResponseOfTheSourcesPlace) {
  // A detector whose stars widen along x: a wrong response biases the flux in a window by more than a percent.
  std::vector<psf::PointResponse> tables;
  for (const double fwhm : {1.4, 2.2}) {
    const psf::Profile profile{{.fwhm_pix = fwhm}};
    Image<double> t{Box{0, 0, 81, 81}};
    for (int y = 0; y < 81; ++y)
      for (int x = 0; x < 81; ++x) t(x, y) = profile.pixel_fraction((x - 40) / 5.0, (y - 40) / 5.0);
    tables.push_back({t, {.samples_per_pixel_x = 5, .samples_per_pixel_y = 5, .centre_x = 40, .centre_y = 40}});
  }
  const auto model = psf::PsfModel::grid(std::move(tables), {10, 110}, {10}, psf::Between::bilinear);
  const Frame cut = picture(25, {{12, 12, 100}}, psf::Profile{{.fwhm_pix = 2.2}}, 1);
  const FitFrame frames[] = {{cut.view(), &model, 98, 0}};
  PsfFit fit{frames, {.window = 7}};
  std::vector<FittedSource> found;
  const FitSource sources[] = {at(12, 12)};
  fit.fit(sources, found);
  EXPECT_NEAR(found[0].flux, 100, 0.05) << "a cut-out that begins at x = 98 of the detector";
}

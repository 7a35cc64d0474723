#include "tessera/psf/point_response.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tessera/psf/profile.h"

using namespace tessera;
using namespace tessera::psf;

namespace {

Meaning meaning(double sampling, double cx, double cy, Response response = Response::pixel, Normalisation n = Normalisation::none) {
  return {.samples_per_pixel_x = sampling, .samples_per_pixel_y = sampling, .centre_x = cx, .centre_y = cy, .response = response, .normalisation = n};
}

/// What a file of that kind would hold for `profile`, with its source at (cx, cy).
Image<double> table_of(const Profile& profile, double sampling, int size, double cx, double cy, Response response) {
  Image<double> t{Box{0, 0, size, size}};
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      const double dx = (x - cx) / sampling, dy = (y - cy) / sampling;
      t(x, y) = response == Response::pixel ? profile.pixel_fraction(dx, dy) : profile.density(dx, dy) / (sampling * sampling);
    }
  return t;
}

/// Greatest |interpolated − exact| over sub-pixel positions, in units of the peak.
double worst_error(const PointResponse& r, const Profile& profile, double within) {
  std::mt19937 random{3};
  std::uniform_real_distribution<> uniform{-0.5, 0.5};
  double worst = 0;
  for (int trial = 0; trial < 60; ++trial) {
    const double x = uniform(random), y = uniform(random);
    const int half = static_cast<int>(within);
    const Box box{-half, -half, half + 1, half + 1};
    std::vector<float> v(static_cast<std::size_t>(box.area()));
    r.evaluate(x, y, box, v, {}, {});
    std::size_t i = 0;
    for (int py = -half; py <= half; ++py)
      for (int px = -half; px <= half; ++px, ++i) worst = std::max(worst, std::abs(static_cast<double>(v[i]) - profile.pixel_fraction(px - x, py - y)));
  }
  return worst / profile.pixel_fraction(0, 0);
}

}  // namespace

TEST(PointResponse, InterpolatesAPrfTo1e4OfThePeakAtAnySubPixelPosition) {
  // IRAC's sampling and width; an undersampled star on a coarser table; a wide one at two samples per pixel.
  struct Case { double fwhm, sampling; };
  for (const Case c : {Case{1.4, 5}, Case{1.2, 5}, Case{1.4, 4}, Case{2.5, 2}, Case{2.5, 3}, Case{1.0, 10}}) {
    const Profile profile{{.fwhm_pix = c.fwhm, .axis_ratio = 0.9, .angle_deg = 30}};
    const int size = static_cast<int>(14 * c.sampling) | 1;
    const double centre = (size - 1) / 2.0 + 0.3;  // the source need not lie on a sample
    const PointResponse r{table_of(profile, c.sampling, size, centre, centre - 0.8, Response::pixel), meaning(c.sampling, centre, centre - 0.8)};
    EXPECT_LT(worst_error(r, profile, 5), 1e-4) << c.fwhm << ' ' << c.sampling;
  }
}

TEST(PointResponse, IntegratesADensityOverThePixelExactly) {
  struct Case { double fwhm, sampling; };
  // Whole, broken and very fine sampling; 5 samples per width keep the spline through the density below the limit.
  for (const Case c : {Case{1.4, 5}, Case{1.4, 4.3}, Case{1.2, 12.2}, Case{2.5, 2}, Case{1.4, 30}}) {
    const Profile profile{{.fwhm_pix = c.fwhm}};
    const int size = static_cast<int>(13 * c.sampling) | 1;
    const double centre = (size - 1) / 2.0 - 0.4;
    const PointResponse r{table_of(profile, c.sampling, size, centre, centre, Response::density), meaning(c.sampling, centre, centre, Response::density)};
    EXPECT_LT(worst_error(r, profile, 5), 1e-4) << c.fwhm << ' ' << c.sampling;
  }
}

TEST(PointResponse, CellsAreTakenByOverlapAsWrittenOut) {
  // SPHEREx: ten cells per pixel, unit sum. At offsets of whole cells the overlap is a plain sum of 9 whole and 2 half cells a side or of 10 whole ones.
  const int size = 101;
  std::mt19937 random{5};
  Image<double> t{Box{0, 0, size, size}};
  double sum = 0;
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) sum += t(x, y) = std::exp(-0.5 * (std::pow(x - 50, 2) + std::pow(y - 48, 2)) / 25) * std::uniform_real_distribution<>{0.98, 1.02}(random);
  for (double& v : t.pixels()) v /= sum;
  const PointResponse r{t, meaning(10, 50, 50, Response::cells)};
  const auto by_overlap = [&](double dx, double dy) {
    double total = 0;
    for (int y = 0; y < size; ++y)
      for (int x = 0; x < size; ++x) {
        const double ox = std::min(x + 0.5, 50 + 10 * dx + 5) - std::max(x - 0.5, 50 + 10 * dx - 5), oy = std::min(y + 0.5, 50 + 10 * dy + 5) - std::max(y - 0.5, 50 + 10 * dy - 5);
        if (ox > 0 && oy > 0) total += ox * oy * t(x, y);
      }
    return total;
  };
  // At the cells' own edges exactly (single precision); a source in the middle of a pixel cuts cells in half: there the spline differs from
  // the broken line by a part of a cell's change, h² f''/8 of the response's own curvature.
  for (const double dx : {0.05, 0.15, -0.35, 1.25})
    for (const double dy : {0.05, -0.45, 2.15}) EXPECT_NEAR(r.at(dx, dy), by_overlap(dx, dy), 1e-6 * r.peak());
  for (const double dx : {0.0, 0.1, -0.32}) EXPECT_NEAR(r.at(dx, 0.2), by_overlap(dx, 0.2), 6e-3 * r.peak());
  double pixels = 0;
  for (int y = -6; y <= 6; ++y)
    for (int x = -6; x <= 6; ++x) pixels += r.at(x - 0.123, y + 0.31);
  EXPECT_NEAR(pixels, 1, 2e-5) << "pixels share the flux without loss";
}

TEST(PointResponse, GradientsAreThoseOfTheValues) {
  const Profile profile{{.profile = ProfileShape::moffat, .fwhm_pix = 1.8, .axis_ratio = 0.8, .angle_deg = 20}};
  const PointResponse r{table_of(profile, 5, 71, 35, 35, Response::pixel), meaning(5, 35, 35)};
  const Box box{-4, -4, 5, 5};
  const auto n = static_cast<std::size_t>(box.area());
  std::vector<float> v(n), gx(n), gy(n), a(n), b(n), c(n), d(n);
  const double h = 2e-3, peak = r.peak();
  for (const double x : {0.0, 0.24, -0.41, 7.3})
    for (const double y : {0.1, -0.5}) {
      const double ox = x - std::floor(x + 0.5);  // whole pixels away the same
      r.evaluate(ox, y, box, v, gx, gy);
      r.evaluate(ox + h, y, box, a, {}, {});
      r.evaluate(ox - h, y, box, b, {}, {});
      r.evaluate(ox, y + h, box, c, {}, {});
      r.evaluate(ox, y - h, box, d, {}, {});
      for (std::size_t i = 0; i < n; ++i) {
        // Single precision over the step: 1e-7 / 4e-3; the third derivative: h²·f'''/6.
        EXPECT_NEAR(gx[i], (a[i] - b[i]) / (2 * h), 2e-4 * peak);
        EXPECT_NEAR(gy[i], (c[i] - d[i]) / (2 * h), 2e-4 * peak);
      }
    }
}

TEST(PointResponse, APixelsBitsDoNotDependOnTheBoxAskedFor) {
  const Profile profile{{.fwhm_pix = 2.2}};
  const PointResponse r{table_of(profile, 3, 47, 23, 23, Response::pixel), meaning(3, 23, 23)};
  const double x = 101.337, y = 55.781;
  const Box whole{80, 40, 120, 72};
  std::vector<float> all(static_cast<std::size_t>(whole.area())), gx = all, gy = all;
  r.evaluate(x, y, whole, all, gx, gy);
  for (const Box part : {Box{97, 52, 106, 60}, Box{101, 56, 102, 57}, Box{80, 40, 99, 54}, Box{104, 50, 119, 71}}) {
    std::vector<float> some(static_cast<std::size_t>(part.area())), sx = some, sy = some;
    r.evaluate(x, y, part, some, sx, sy);
    std::size_t i = 0;
    for (int py = part.y0; py < part.y1; ++py)
      for (int px = part.x0; px < part.x1; ++px, ++i) {
        const auto at = static_cast<std::size_t>((py - whole.y0) * whole.width() + px - whole.x0);
        ASSERT_EQ(some[i], all[at]);
        ASSERT_EQ(sx[i], gx[at]);
        ASSERT_EQ(sy[i], gy[at]);
      }
  }
}

TEST(PointResponse, IsZeroBeyondItsTableAndAtPositionsThatAreNone) {
  const Profile profile{{.fwhm_pix = 2.2}};
  const PointResponse r{table_of(profile, 4, 33, 16, 16, Response::pixel), meaning(4, 16, 16)};
  EXPECT_EQ(r.footprint(10, 20), (Box{6, 16, 15, 25}));
  EXPECT_EQ(r.footprint(10.1, 20), (Box{7, 16, 15, 25})) << "a pixel between two samples of the edge is beyond";
  EXPECT_EQ(r.at(4.01, 0), 0);
  EXPECT_NE(r.at(4, 0), 0);
  std::vector<float> v(4, 9.0F);
  for (const double x : {std::nan(""), 1e300, -1e300, 1e5}) {
    v.assign(4, 9.0F);
    r.evaluate(x, 0, Box{0, 0, 2, 2}, v, {}, {});
    EXPECT_EQ(v, std::vector<float>(4, 0.0F)) << x;
  }
}

TEST(PointResponse, IsNormalisedAsAsked) {
  const Profile profile{{.profile = ProfileShape::moffat, .fwhm_pix = 1.3, .beta = 2.5}};
  auto t = table_of(profile, 5, 151, 75, 75, Response::pixel);
  for (double& v : t.pixels()) v *= 17;
  auto m = meaning(5, 75, 75, Response::pixel, Normalisation::mean);
  EXPECT_NEAR(PointResponse(t, m).flux(), 1, 1e-6);
  m.normalisation_radius_pix = 6;
  EXPECT_NEAR(PointResponse(t, m).fraction_within(6), 1, 1e-6);
  EXPECT_GT(PointResponse(t, m).flux(), 1.005) << "the wings beyond the radius count on top";
  m.normalisation = Normalisation::central;
  const PointResponse central{t, m};
  double sum = 0;
  for (int y = -6; y <= 6; ++y)
    for (int x = -6; x <= 6; ++x) sum += std::hypot(x, y) <= 6 ? central.at(x, y) : 0;
  EXPECT_NEAR(sum, 1, 1e-6);
  m.normalisation = Normalisation::none;
  EXPECT_NEAR(PointResponse(t, m).peak(), 17 * profile.pixel_fraction(0, 0), 1e-5);
}

TEST(PointResponse, KnowsItsWidthAndNoiseArea) {
  const double fwhm = 3, sigma = fwhm / std::sqrt(8 * std::log(2.0));
  const Profile profile{{.fwhm_pix = fwhm}};
  const PointResponse r{table_of(profile, 5, 151, 75, 75, Response::pixel), meaning(5, 75, 75)};
  const double wide = std::sqrt(sigma * sigma + 1 / 12.0);  // the pixel adds 1/12 to the variance
  EXPECT_NEAR(r.fwhm_pix(), wide * std::sqrt(8 * std::log(2.0)), 0.03) << "counted in samples of 0.2 pixel";
  EXPECT_NEAR(r.noise_equivalent_area(), 4 * M_PI * wide * wide, 0.01 * 4 * M_PI * wide * wide);
  EXPECT_NEAR(r.fraction_within(2), 1 - std::exp(-2 / (wide * wide)), 5e-3);
}

TEST(PointResponse, RefusesWhatItCannotBe) {
  const Profile profile{{.fwhm_pix = 2}};
  const auto t = table_of(profile, 4, 33, 16, 16, Response::pixel);
  EXPECT_THROW(PointResponse(t, meaning(0, 16, 16)), UsageError);
  EXPECT_THROW(PointResponse(t, meaning(4, std::nan(""), 16)), UsageError);
  EXPECT_THROW(PointResponse(t, meaning(4, 40, 16)), UsageError);
  Image<double> hole = t.copy();
  hole(3, 3) = std::nan("");
  EXPECT_THROW(PointResponse(hole, meaning(4, 16, 16)), UsageError);
  Image<double> empty{Box{0, 0, 33, 33}};
  EXPECT_THROW(PointResponse(empty, meaning(4, 16, 16, Response::pixel, Normalisation::mean)), UsageError);
  EXPECT_THROW(PointResponse(Image<double>{Box{0, 0, 5, 5}}, meaning(1, 2, 2)), UsageError);
}

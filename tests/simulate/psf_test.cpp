#include "tessera/simulate/psf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

using namespace tessera;
using namespace tessera::simulate;

namespace {

double half_erf(double a, double b, double sigma) {
  return 0.5 * (std::erf(b / (sigma * std::numbers::sqrt2)) - std::erf(a / (sigma * std::numbers::sqrt2)));
}

/// ∫ density over a pixel by the midpoint rule on 400 × 400 points with Richardson's step: slow, and obvious.
double by_midpoints(const Psf& psf, double dx, double dy) {
  const auto sum = [&](int n) {
    double s = 0;
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < n; ++i) s += psf.density(dx - 0.5 + (i + 0.5) / n, dy - 0.5 + (j + 0.5) / n);
    return s / n / n;
  };
  return (4 * sum(400) - sum(200)) / 3;
}

}  // namespace

TEST(Psf, GaussianPixelsAreDifferencesOfErf) {
  const double fwhm = 1.4, sigma = fwhm / std::sqrt(8 * std::log(2.0));
  const Psf psf{{.profile = PsfProfile::gaussian, .fwhm_pix = fwhm}};
  Image<double> image{31, 27};
  const wcs::PixelPoint at{14.37, 12.81};
  add_star(image, at, 250, psf);
  for (int y = 0; y < 27; ++y)
    for (int x = 0; x < 31; ++x) {
      const double exact = 250 * half_erf(x - 0.5 - at.x, x + 0.5 - at.x, sigma) * half_erf(y - 0.5 - at.y, y + 0.5 - at.y, sigma);
      ASSERT_NEAR(image(x, y), exact, 1e-12 * 250) << x << ' ' << y;
    }
}

TEST(Psf, EllipticalGaussiansAgreeWithErfWhereTheyAreParallelToTheAxes) {
  const double fwhm = 1.7, ratio = 0.6, sigma = fwhm / std::sqrt(8 * std::log(2.0));
  for (const double angle : {0.0, 90.0}) {
    const Psf psf{{.fwhm_pix = fwhm, .axis_ratio = ratio, .angle_deg = angle}};
    const Psf turned{{.fwhm_pix = fwhm, .axis_ratio = ratio, .angle_deg = angle + 1e-7}};  // by quadrature
    const double along = sigma / std::sqrt(ratio), across = sigma * std::sqrt(ratio);
    for (const auto& [dx, dy] : {std::pair{0.0, 0.0}, {0.3, -0.4}, {2.2, 1.1}, {-4.5, 3.0}}) {
      const double exact = half_erf(dx - 0.5, dx + 0.5, angle == 0 ? along : across) * half_erf(dy - 0.5, dy + 0.5, angle == 0 ? across : along);
      EXPECT_NEAR(psf.pixel_fraction(dx, dy), exact, 1e-14);
      EXPECT_NEAR(turned.pixel_fraction(dx, dy), exact, 3e-9);  // the turn itself moves 1e-9
    }
  }
}

TEST(Psf, QuadratureAgreesWithAFineMidpointSum) {
  for (const PsfProfile profile : {PsfProfile::moffat, PsfProfile::gaussian})
    for (const double fwhm : {0.4, 1.4, 5.0})
      for (const double ratio : {1.0, 0.5}) {
        const Psf psf{{.profile = profile, .fwhm_pix = fwhm, .beta = 2.5, .axis_ratio = ratio, .angle_deg = 31}};
        for (const auto& [dx, dy] : {std::pair{0.0, 0.0}, {0.5, 0.5}, {-0.2, 1.4}, {3.3, 4.1}, {-12.0, 2.0}, {40.0, 1.0}})
          EXPECT_NEAR(psf.pixel_fraction(dx, dy), by_midpoints(psf, dx, dy), 1e-8) << fwhm << ' ' << ratio << ' ' << dx;
      }
}

TEST(Psf, KeepsTheFluxToAMillionth) {
  const PsfOptions shapes[] = {{.fwhm_pix = 0.5}, {.fwhm_pix = 1.4}, {.fwhm_pix = 3, .axis_ratio = 0.4, .angle_deg = 25},
                               {.profile = PsfProfile::moffat, .fwhm_pix = 1.4, .beta = 3},
                               {.profile = PsfProfile::moffat, .fwhm_pix = 2, .beta = 4.765, .axis_ratio = 0.7, .angle_deg = -60}};
  for (const PsfOptions& shape : shapes) {
    const Psf psf{shape};
    Image<double> image{1501, 1501};
    add_star(image, {750.13, 749.62}, 1, psf);
    double sum = 0;
    for (const double v : image.pixels()) sum += v;
    EXPECT_NEAR(sum, 1, 1.1e-6) << shape.fwhm_pix;
  }
}

TEST(Psf, HalfTheMaximumLiesHalfTheWidthAway) {
  for (const PsfProfile profile : {PsfProfile::moffat, PsfProfile::gaussian}) {
    const Psf psf{{.profile = profile, .fwhm_pix = 2.6, .beta = 3.2}};
    EXPECT_NEAR(psf.density(1.3, 0) / psf.density(0, 0), 0.5, 1e-12);
    EXPECT_NEAR(psf.density(0, -1.3) / psf.density(0, 0), 0.5, 1e-12);
  }
}

TEST(AddStar, ClipsAtTheEdgesAndIgnoresWhatIsFarOrNotFinite) {
  const Psf psf{{.fwhm_pix = 2}};
  Image<double> whole{Box{-20, -20, 40, 40}}, part{20, 20};
  for (const wcs::PixelPoint p : {wcs::PixelPoint{-0.4, 19.6}, {21.5, 3}, {-1.2, -1.3}}) {
    add_star(whole, p, 3, psf);
    add_star(part, p, 3, psf);
  }
  for (int y = 0; y < 20; ++y)
    for (int x = 0; x < 20; ++x) ASSERT_DOUBLE_EQ(part(x, y), whole(x, y));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Image<double> empty{20, 20};
  for (const wcs::PixelPoint p : {wcs::PixelPoint{nan, 5}, {5, nan}, {1e300, 5}, {5, -1e18}, {400, 5}}) add_star(empty, p, 3, psf);
  for (const double v : empty.pixels()) ASSERT_EQ(v, 0);
}

TEST(Psf, RefusesShapesWithoutAVolume) {
  EXPECT_THROW(Psf{{.fwhm_pix = 0}}, UsageError);
  EXPECT_THROW((Psf{{.profile = PsfProfile::moffat, .fwhm_pix = 1, .beta = 1}}), UsageError);
}

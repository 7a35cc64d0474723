#include "tessera/detect/matched_filter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace tessera;
using namespace tessera::detect;

namespace {

Frame noisy(int width, int height, std::uint32_t seed, bool even = false) {
  Frame f{Box{0, 0, width, height}};
  std::mt19937 random{seed};
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> spread{0.3F, 3};
  for (std::size_t i = 0; i < f.value.pixels().size(); ++i) {
    const float variance = even ? 1 : spread(random);
    f.variance.pixels()[i] = variance;
    f.value.pixels()[i] = normal(random) * std::sqrt(variance);
    f.good.pixels()[i] = 1;
  }
  return f;
}

void spoil(Frame& f, int x, int y) { f.value(x, y) = f.variance(x, y) = 0, f.good(x, y) = 0; }

psf::PointResponse table(double fwhm) {
  const psf::Profile profile{{.fwhm_pix = fwhm}};
  Image<double> t{Box{0, 0, 45, 45}};
  for (int y = 0; y < 45; ++y)
    for (int x = 0; x < 45; ++x) t(x, y) = profile.pixel_fraction((x - 22) / 3.0, (y - 22) / 3.0);
  return {t, {.samples_per_pixel_x = 3, .samples_per_pixel_y = 3, .centre_x = 22, .centre_y = 22}};
}

struct Planes {
  Image<float> significance, flux, error;
  explicit Planes(Box box) : significance{box}, flux{box}, error{box} {}
  Filtered views() { return {significance, flux, error}; }
};

/// The sums written out for one pixel.
std::pair<double, double> direct(const Frame& f, const psf::PointResponse& r, int radius, int x, int y, int radius_y = 0) {
  double a = 0, b = 0;
  if (radius_y == 0) radius_y = radius;
  for (int v = y - radius_y; v <= y + radius_y; ++v)
    for (int u = x - radius; u <= x + radius; ++u) {
      if (!f.box().contains(u, v) || !f.good(u, v)) continue;
      const double p = r.at(u - x, v - y);
      a += p * f.value(u, v) / f.variance(u, v);
      b += p * p / f.variance(u, v);
    }
  return {a, b};
}

}  // namespace

TEST(MatchedFilter, IsTheSumWrittenOutWithBadPixelsBordersAndNoiseOfEachPixel) {
  Frame f = noisy(70, 41, 3);
  for (int k = 0; k < 60; ++k) spoil(f, (k * 37) % 70, (k * 17) % 41);
  const auto model = psf::PsfModel::constant(table(1.8));
  const FilterOptions options;
  const int radius = filter_radius(model, options);
  EXPECT_GE(radius, 2);
  Planes p{f.box()};
  matched_filter(f.view(), model, options, p.views());
  for (int y = 0; y < 41; ++y)
    for (int x = 0; x < 70; ++x) {
      const auto [a, b] = direct(f, model.tables().front(), radius, x, y);
      ASSERT_NEAR(p.significance(x, y), a / std::sqrt(b), 2e-5) << x << ' ' << y;
      ASSERT_NEAR(p.flux(x, y), a / b, 2e-5 / std::sqrt(b));
      ASSERT_NEAR(p.error(x, y), 1 / std::sqrt(b), 1e-5 / std::sqrt(b));
    }
}

TEST(MatchedFilter, MayTakeARectangleOfTheResponse) {
  const Frame f = noisy(70, 41, 3);
  const auto model = psf::PsfModel::constant(table(1.8));
  for (const auto& [rx, ry] : {std::pair{1, 3}, std::pair{3, 1}}) {
    Planes p{f.box()};
    matched_filter(f.view(), model, {.enclosed = 1, .max_radius = rx, .max_radius_y = ry}, p.views());
    for (int y = 0; y < 41; ++y)
      for (int x = 0; x < 70; ++x) {
        const auto [a, b] = direct(f, model.tables().front(), rx, x, y, ry);
        ASSERT_NEAR(p.significance(x, y), a / std::sqrt(b), 2e-5) << x << ' ' << y;
      }
  }
}

TEST(MatchedFilter, TakesTheResponseOfThePlace) {
  const Frame f = noisy(128, 64, 5);
  std::vector<psf::PointResponse> tables;
  tables.push_back(table(1.5));
  tables.push_back(table(2.6));
  const auto zones = psf::PsfModel::zones(std::move(tables), {{-0.5, -0.5, 63.5, 63.5, 0}, {63.5, -0.5, 127.5, 63.5, 1}});
  const FilterOptions options;
  Planes p{f.box()};
  matched_filter(f.view(), zones, options, p.views());
  for (const auto& [x, table_index] : {std::pair{20, 0}, std::pair{63, 0}, std::pair{64, 1}, std::pair{100, 1}}) {
    const auto& r = zones.tables()[static_cast<std::size_t>(table_index)];
    const auto [a, b] = direct(f, r, filter_radius(psf::PsfModel::constant(r), options), x, 30);
    EXPECT_NEAR(p.significance(x, 30), a / std::sqrt(b), 2e-5) << x;
  }
}

TEST(MatchedFilter, BitsDoNotDependOnTheBox) {
  Frame f = noisy(150, 90, 9);
  spoil(f, 60, 40);
  std::vector<psf::PointResponse> tables;
  for (const double fwhm : {1.5, 1.9, 2.2, 2.6}) tables.push_back(table(fwhm));
  const auto model = psf::PsfModel::grid(std::move(tables), {0, 150}, {0, 90}, psf::Between::bilinear);
  Planes whole{f.box()};
  matched_filter(f.view(), model, {}, whole.views());
  for (const Box part : {Box{0, 0, 50, 50}, Box{33, 17, 97, 61}, Box{149, 89, 150, 90}, Box{31, 0, 32, 90}}) {
    Planes p{part};
    matched_filter(f.view(), model, {}, p.views());
    for (int y = part.y0; y < part.y1; ++y)
      for (int x = part.x0; x < part.x1; ++x) ASSERT_EQ(p.significance(x, y), whole.significance(x, y));
  }
}

TEST(MatchedFilter, NoiseHasSignificanceOneAndAStarItsOwn) {
  const psf::ProfileOptions o{.fwhm_pix = 2};
  const auto model = psf::PsfModel::analytic(o);
  Frame f = noisy(200, 200, 11);
  Planes p{f.box()};
  matched_filter(f.view(), model, {}, p.views());
  double squares = 0;
  for (const float s : p.significance.pixels()) squares += s * s / 40000;
  EXPECT_NEAR(squares, 1, 0.05) << "40 000 pixels, some 4000 of them independent";
  Image<double> star{f.box()};
  psf::Profile{o}.add_to(star, 100, 100, 50);
  for (std::size_t i = 0; i < star.pixels().size(); ++i) f.value.pixels()[i] = static_cast<float>(star.pixels()[i]);
  matched_filter(f.view(), model, {.enclosed = 1}, p.views());
  EXPECT_NEAR(p.flux(100, 100), 50, 0.01);
  EXPECT_NEAR(p.significance(100, 100), 50 / p.error(100, 100), 1e-3);
}

TEST(MatchedFilter, WithoutAGoodPixelThereIsNothing) {
  Frame f{Box{0, 0, 30, 30}};
  Planes p{f.box()};
  const auto model = psf::PsfModel::constant(table(2));
  matched_filter(f.view(), model, {}, p.views());
  for (const float s : p.significance.pixels()) EXPECT_TRUE(std::isnan(s));
  EXPECT_THROW(matched_filter(f.view(), model, {.response_step = 1}, p.views()), UsageError);
}

TEST(MatchedFilter, ProbabilityIsMopexs) {
  EXPECT_NEAR(point_source_probability(0, 0.1, 1), 0.1, 1e-7) << "no evidence: the prior";
  EXPECT_NEAR(point_source_probability(-8, 0.1, 1), 0.1, 1e-7);
  EXPECT_NEAR(point_source_probability(3, 0.1, 1), 1 / (1 + 9 * std::exp(-4.5)), 1e-6);
  EXPECT_NEAR(point_source_probability(3, 0.1, 0.5), 1 / (1 + 9 * std::exp(-2.25)), 1e-6);
  EXPECT_EQ(point_source_probability(100, 0.1, 1), 1);
  EXPECT_TRUE(std::isnan(point_source_probability(std::nanf(""), 0.1, 1)));
}

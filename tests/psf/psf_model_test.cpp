#include "tessera/psf/psf_model.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace tessera;
using namespace tessera::psf;

namespace {

/// A table whose every value is proportional to `level`: told apart by its peak.
PointResponse table(double level, int size = 21) {
  const Profile profile{{.fwhm_pix = 1.6}};
  Image<double> t{Box{0, 0, size, size}};
  const double c = (size - 1) / 2.0;
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) t(x, y) = level * profile.pixel_fraction((x - c) / 3, (y - c) / 3);
  return {t, {.samples_per_pixel_x = 3, .samples_per_pixel_y = 3, .centre_x = c, .centre_y = c, .normalisation = Normalisation::none}};
}

double level_at(const PsfModel& m, double x, double y) {
  PointResponse workspace;
  return m.at(x, y, workspace).peak() / table(1).peak();
}

}  // namespace

TEST(PsfModel, AnalyticProfilesAreTheirPixelIntegrals) {
  for (const ProfileOptions o : {ProfileOptions{.fwhm_pix = 1.4}, ProfileOptions{.fwhm_pix = 2.5}, ProfileOptions{.fwhm_pix = 0.7}, ProfileOptions{.profile = ProfileShape::moffat, .fwhm_pix = 1.4, .beta = 2.5},
                                 ProfileOptions{.profile = ProfileShape::moffat, .fwhm_pix = 2.5, .beta = 4, .axis_ratio = 0.6, .angle_deg = 33}}) {
    const Profile profile{o};
    const PsfModel m = PsfModel::analytic(o, 6);
    const PointResponse& r = m.tables().front();
    double worst = 0;
    for (double dy = -5.31; dy < 5.5; dy += 0.37)
      for (double dx = -5.47; dx < 5.5; dx += 0.41) worst = std::max(worst, std::abs(r.at(dx, dy) - profile.pixel_fraction(dx, dy)));
    EXPECT_LT(worst, 1e-5 * profile.pixel_fraction(0, 0)) << o.fwhm_pix << ' ' << o.beta;
  }
}

TEST(PsfModel, AnalyticProfilesHoldAllButALittleOfTheirFlux) {
  EXPECT_NEAR(PsfModel::analytic({.fwhm_pix = 2}).tables().front().flux(), 1, 1e-5);
  EXPECT_NEAR(PsfModel::analytic({.profile = ProfileShape::moffat, .fwhm_pix = 2, .beta = 4}).tables().front().flux(), 1, 3e-5);
}

TEST(PsfModel, ZonesAreTakenByPlace) {
  std::vector<PointResponse> tables;
  for (int i = 1; i <= 3; ++i) tables.push_back(table(i));
  // The guide's picture in small: 1 left below, 2 on top, 3 right below, and a hole between.
  const PsfModel m = PsfModel::zones(std::move(tables), {{-0.5, -0.5, 99.5, 199.5, 0}, {-0.5, 199.5, 255.5, 255.5, 1}, {149.5, -0.5, 255.5, 99.5, 2}});
  EXPECT_NEAR(level_at(m, 10, 10), 1, 1e-6);
  EXPECT_NEAR(level_at(m, 200, 240), 2, 1e-6);
  EXPECT_NEAR(level_at(m, 200, 10), 3, 1e-6);
  EXPECT_NEAR(level_at(m, 110, 50), 1, 1e-6) << "in the hole the nearest";
  EXPECT_NEAR(level_at(m, 145, 50), 3, 1e-6);
  EXPECT_NEAR(level_at(m, -50, 300), 2, 1e-6) << "outside the nearest";
}

TEST(PsfModel, GridsAreNearestOrBilinearAndConstantOutside) {
  const auto tables = [] {
    std::vector<PointResponse> t;
    for (const double level : {1, 2, 3, 4, 5, 6}) t.push_back(table(level));
    return t;
  };
  const PsfModel nearest = PsfModel::grid(tables(), {10, 20, 40}, {0, 100}, Between::nearest), bilinear = PsfModel::grid(tables(), {10, 20, 40}, {0, 100}, Between::bilinear);
  EXPECT_NEAR(level_at(nearest, 14, 20), 1, 1e-6);
  EXPECT_NEAR(level_at(nearest, 31, 80), 6, 1e-6);
  EXPECT_NEAR(level_at(bilinear, 15, 50), 0.25 * (1 + 2 + 4 + 5), 1e-5);
  EXPECT_NEAR(level_at(bilinear, 35, 0), 2.75, 1e-5);
  EXPECT_NEAR(level_at(bilinear, 400, 1000), 6, 1e-5);
  EXPECT_NEAR(level_at(bilinear, -5, 50), 2.5, 1e-5);
  EXPECT_NEAR(level_at(bilinear, 20, 100), 5, 1e-6);
}

TEST(PsfModel, PolynomialsFollowTheOrderOfPsfex) {
  std::vector<PointResponse> t;
  for (const double level : {1.0, 0.5, 0.25, -0.5, 0.125, 2.0}) t.push_back(table(level));  // 1 u u² v uv v²
  const PsfModel m = PsfModel::polynomial(std::move(t), {.degree = 2, .x_zero = 100, .x_scale = 50, .y_zero = 200, .y_scale = 100});
  const double u = (130 - 100) / 50.0, v = (150 - 200) / 100.0;
  EXPECT_NEAR(level_at(m, 130, 150), 1 + 0.5 * u + 0.25 * u * u - 0.5 * v + 0.125 * u * v + 2 * v * v, 1e-5);
}

TEST(PsfModel, RefusesTablesThatDoNotFitTogether) {
  const auto two = [](int second) {
    std::vector<PointResponse> t;
    t.push_back(table(1));
    t.push_back(table(1, second));
    return t;
  };
  EXPECT_THROW(PsfModel::grid(two(23), {0, 1}, {0}, Between::bilinear), UsageError);
  EXPECT_NO_THROW(PsfModel::grid(two(23), {0, 1}, {0}, Between::nearest));
  EXPECT_THROW(PsfModel::grid(two(21), {0, 0}, {0}, Between::nearest), UsageError);
  EXPECT_THROW(PsfModel::grid(two(21), {0, 1, 2}, {0}, Between::nearest), UsageError);
  EXPECT_THROW(PsfModel::zones(two(21), {{0, 0, 1, 1, 2}}), UsageError);
  EXPECT_THROW(PsfModel::polynomial(two(21), {.degree = 1}), UsageError);
}

TEST(PsfModel, AtPlacesTheNearestCounts) {
  const auto m = PsfModel::places({table(1), table(2), table(3), table(4)}, {{10, 10}, {40, 12}, {11, 50}, {10, 10}});
  EXPECT_NEAR(level_at(m, 9, 12), 1, 1e-5);  // of two at one place the first
  EXPECT_NEAR(level_at(m, 26, 11), 2, 1e-5);
  EXPECT_NEAR(level_at(m, 24, 11), 1, 1e-5);
  EXPECT_NEAR(level_at(m, -100, 1000), 3, 1e-5);
  const auto near = PsfModel::places(table(7), {table(1), table(2)}, {{10, 10}, {40, 12}}, 2.0);
  EXPECT_NEAR(level_at(near, 11, 11), 1, 1e-5);
  EXPECT_NEAR(level_at(near, 40, 13.9), 2, 1e-5);
  EXPECT_NEAR(level_at(near, 40, 14.1), 7, 1e-5);
  EXPECT_NEAR(level_at(near, 25, 11), 7, 1e-5);
  EXPECT_NEAR(near.tables().front().peak(), table(7).peak(), 1e-9);
  EXPECT_THROW(PsfModel::places({}, {}), UsageError);
  EXPECT_THROW(PsfModel::places({table(1)}, {{NAN, 1}}), UsageError);
  EXPECT_THROW(PsfModel::places({table(1)}, {}), UsageError);
}

TEST(PsfModel, TheNearestOfManyPlacesIsThatOfTheDirectSearch) {
  std::vector<PointResponse> tables;
  std::vector<std::pair<double, double>> places;
  for (int k = 0; k < 60; ++k) tables.push_back(table(1 + k)), places.push_back({std::fmod(37.7 * k, 100), std::fmod(61.3 * k, 90)});
  const auto m = PsfModel::places(tables, places);
  for (int k = 0; k < 200; ++k) {
    const double x = std::fmod(13.1 * k, 110) - 5, y = std::fmod(29.9 * k, 100) - 5;
    std::size_t best = 0;
    for (std::size_t i = 1; i < places.size(); ++i)
      if (std::hypot(places[i].first - x, places[i].second - y) < std::hypot(places[best].first - x, places[best].second - y)) best = i;
    EXPECT_NEAR(level_at(m, x, y), 1.0 + static_cast<double>(best), 1e-3);
  }
}

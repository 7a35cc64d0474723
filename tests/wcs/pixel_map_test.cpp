#include "tessera/wcs/pixel_map.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <vector>

#include "headers.h"
#include "tessera/base/error.h"

namespace {

using namespace tessera;
using namespace tessera::wcs_tests;
using wcs::PixelMapPtr;
using wcs::SkyWcs;

SkyWcs read(const Header& h) { return SkyWcs::from_header(h, "test header"); }

/// Largest difference between two maps at pixel corners and centres over `box`, in pixels; NaN in one alone is infinite.
double largest_difference(const PixelMapPtr& a, const PixelMapPtr& b, Box box, double step) {
  double worst = 0;
  const auto n = static_cast<std::size_t>(2 * box.width() + 1);
  std::vector<double> x(n), y(n), u(n), v(n), s(n), t(n);
  for (std::size_t k = 0; k < n; ++k) x[k] = box.x0 - 0.5 + 0.5 * static_cast<double>(k);
  for (double row = box.y0 - 0.5; row <= box.y1 - 0.5; row += step) {
    std::fill(y.begin(), y.end(), row);
    a->apply(x, y, u, v);
    b->apply(x, y, s, t);
    for (std::size_t k = 0; k < n; ++k) {
      if (std::isnan(u[k]) && std::isnan(s[k])) continue;
      const double d = std::hypot(u[k] - s[k], v[k] - t[k]);
      worst = std::max(worst, std::isnan(d) ? INFINITY : d);
    }
  }
  return worst;
}

/// Counts what an approximation asks of the exact map.
class Counting final : public wcs::PixelMap {
 public:
  explicit Counting(PixelMapPtr map) : map_{std::move(map)} {}
  void apply(std::span<const double> x, std::span<const double> y, std::span<double> u, std::span<double> v) const override {
    points += x.size();
    map_->apply(x, y, u, v);
  }
  mutable std::atomic<std::size_t> points = 0;

 private:
  PixelMapPtr map_;
};

TEST(PixelMap, AffineIsTheMatrixItSays) {
  const auto map = wcs::affine(2, 0.5, -3, 0, -1, 7);
  std::vector<double> u(3), v(3);
  map->apply_row(1.5, 4, u, v);
  for (int k = 0; k < 3; ++k) {
    EXPECT_EQ(u[static_cast<std::size_t>(k)], 2 * (1.5 + k) + 2 - 3);
    EXPECT_EQ(v[static_cast<std::size_t>(k)], 3);
  }
}

TEST(PixelMap, FromAPlaneToItselfIsTheIdentity) {
  const auto wcs = read(sip());
  const auto map = wcs::plane_to_plane(wcs, wcs);
  std::vector<double> u(256), v(256);
  for (const double y : {0.0, 100.0, 255.0}) {
    map->apply_row(0, y, u, v);
    for (std::size_t k = 0; k < 256; ++k) {
      EXPECT_NEAR(u[k], static_cast<double>(k), 1e-8);
      EXPECT_NEAR(v[k], y, 1e-8);
    }
  }
}

TEST(ApproximateMap, ReproducesAnAffineMapToRounding) {
  const auto exact = wcs::affine(0.9, -0.3, 17, 0.31, 0.88, -4);
  const auto near = wcs::approximate(exact, {0, 0, 300, 200});
  EXPECT_LT(largest_difference(exact, near, {0, 0, 300, 200}, 0.5), 1e-10);
}

struct Scene {
  const char* name;
  Header from, to;
};

std::vector<Scene> scenes() {
  Header roll = simple("TAN", 120.01, -9.01, 0.6 / 3600, 900);
  roll.set("CROTA2", 33.0);
  Header car = simple("CAR", 120, 0, 0.01, 4000);
  return {{"IRAC on TAN", sip(), roll},
          {"TAN on IRAC", roll, sip()},
          {"RA 0", sip(0.001, 5), simple("TAN", 359.99, 5.01)},
          {"pole inside", sip(10, 89.99), simple("TAN", 200, 90, 0.6 / 3600, 700)},
          {"pole inside, cylindrical", sip(10, 89.99), car},
          {"SIN on ZEA, wide", simple("SIN", 50, 30, 0.05), simple("ZEA", 52, 31, 0.03, 500)},
          {"all sky", simple("AIT", 0, 0, 0.75, 480), simple("TAN", 30, 20, 0.05, 512)}};
}

TEST(ApproximateMap, AgreesWithTheExactMapEverywhereToItsTolerance) {
  for (const auto& scene : scenes()) {
    SCOPED_TRACE(scene.name);
    const auto from = read(scene.from);
    const Box box{0, 0, from.width(), from.height()};
    const auto exact = wcs::plane_to_plane(from, read(scene.to));
    for (const double tolerance : {1e-3, 1e-5}) {
      const auto near = wcs::approximate(exact, box, tolerance);
      EXPECT_LT(largest_difference(exact, near, box, std::max(0.5, box.height() / 128.0)), tolerance);
    }
  }
}

TEST(ApproximateMap, AgreesOnRealIracHstAndDecamFrames) {
  if (!std::filesystem::exists(shared_data())) GTEST_SKIP() << "skipped: no shared data";
  const std::vector<std::pair<Header, double>> frames{{shared_header("wcs_headers/distortion/irac_sip.hdr"), 1},
                                                      {shared_header("wcs_headers/jwst_hst/nrcb5_sip_wcs.hdr"), 16},
                                                      {shared_header("wcs_headers/distortion/tpvonly.hdr"), 32},
                                                      {shared_header("wcs_images/zpx.fits"), 4}};
  for (const auto& [header, step] : frames) {
    const auto from = read(header);
    const Box box{0, 0, from.width(), from.height()};
    const auto centre = from.pixel_to_sky(wcs::PixelPoint{from.width() / 2.0, from.height() / 2.0});
    const auto to = read(simple("TAN", centre.ra_deg, centre.dec_deg, from.pixel_scale_arcsec({0, 0}) / 3600 / 1.5, 3000));
    for (const bool forward : {true, false}) {
      const Box domain = forward ? box : Box{1200, 1300, 1800, 1700};
      const auto exact = forward ? wcs::plane_to_plane(from, to) : wcs::plane_to_plane(to, from);
      const auto counted = std::make_shared<Counting>(exact);
      const auto near = wcs::approximate(counted, domain);
      const auto asked = counted->points.load();
      EXPECT_LT(largest_difference(exact, near, domain, step), 1e-3) << from.distortion();
      EXPECT_LT(asked, static_cast<std::size_t>(domain.area()) / 10) << "the approximation should ask for few exact points";
    }
  }
}

TEST(ApproximateMap, GivesAPointTheSameBitsWhereverItsRowStarts) {
  for (const auto& scene : scenes()) {
    SCOPED_TRACE(scene.name);
    const auto from = read(scene.from);
    const auto exact = wcs::plane_to_plane(from, read(scene.to));
    const auto near = wcs::approximate(exact, {0, 0, from.width(), from.height()});
    for (const auto& map : {exact, near})
      for (const double y : {-3.5, 0.0, 41.5, 130.0}) {
        std::vector<double> u(300), v(300), s(300), t(300);
        map->apply_row(-20.5, y, u, v);
        for (const std::size_t start : {1u, 7u, 64u, 150u, 255u}) {
          const std::size_t n = std::min<std::size_t>(37, 300 - start);
          map->apply_row(-20.5 + static_cast<double>(start), y, std::span{s}.first(n), std::span{t}.first(n));
          EXPECT_EQ(std::memcmp(s.data(), u.data() + start, n * sizeof(double)), 0) << y << " " << start;
          EXPECT_EQ(std::memcmp(t.data(), v.data() + start, n * sizeof(double)), 0) << y << " " << start;
        }
        std::vector<double> x(300), ys(300, y);
        for (std::size_t k = 0; k < 300; ++k) x[k] = -20.5 + static_cast<double>(k);
        map->apply(x, ys, s, t);
        EXPECT_EQ(std::memcmp(s.data(), u.data(), 300 * sizeof(double)), 0) << "apply against apply_row, y = " << y;
      }
  }
}

TEST(ApproximateMap, UsesTheExactMapOutsideItsDomain) {
  const auto from = read(sip());
  const auto exact = wcs::plane_to_plane(from, read(simple()));
  const auto near = wcs::approximate(exact, {50, 60, 200, 190});
  std::vector<double> u(20), v(20), s(20), t(20);
  for (const double y : {20.0, 195.0}) {
    exact->apply_row(-10, y, u, v);
    near->apply_row(-10, y, s, t);
    EXPECT_EQ(u, s);
    EXPECT_EQ(v, t);
  }
}

TEST(ApproximateMap, WorksOnTinyDomainsAndRefusesAUselessTolerance) {
  const auto exact = wcs::plane_to_plane(read(sip()), read(simple()));
  for (const Box box : {Box{0, 0, 1, 1}, Box{5, 9, 7, 10}, Box{0, 0, 1, 256}}) {
    const auto near = wcs::approximate(exact, box);
    EXPECT_LT(largest_difference(exact, near, box, 0.5), 1e-3);
  }
  EXPECT_EQ(wcs::approximate(exact, {}), exact);
  EXPECT_THROW(wcs::approximate(exact, {0, 0, 9, 9}, 0), UsageError);
}

TEST(ApproximateMap, RunsFasterThanThirtyMillionPointsPerSecond) {
  // 100 M/s and more on a quiet core; the limit leaves room for busy machines and is not asked of unoptimised builds.
#ifdef NDEBUG
  const auto near = wcs::approximate(wcs::plane_to_plane(read(sip()), read(simple())), {0, 0, 256, 256});
  std::vector<double> u(257), v(257);
  double best = 0;
  for (int trial = 0; trial < 7; ++trial) {
    const auto begin = std::chrono::steady_clock::now();
    for (int k = 0; k < 8000; ++k) near->apply_row(-0.5, k % 256 - 0.5, u, v);
    best = std::max(best, 8000.0 * 257 / std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  RecordProperty("million_points_per_second", std::to_string(best / 1e6));
  std::printf("apply_row: %.0f M points/s\n", best / 1e6);
  EXPECT_GT(best, 30e6);
#else
  GTEST_SKIP() << "not an optimised build";
#endif
}

}  // namespace

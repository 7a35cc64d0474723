#include "tessera/simulate_spherex/artefacts.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/simulate/random.h"
#include "tessera/simulate_spherex/electronics.h"
#include "tessera/spherex/calibration.h"
#include "tessera/spherex/flags.h"

namespace tessera::simulate_spherex {
namespace {

using simulate::Random;

constexpr double told = .1, flagged = .5;  // of the noise of a pixel
constexpr std::uint64_t first_stream = 1000;  // below are those of the detectors

std::int32_t bit(const char* flag) { return static_cast<std::int32_t>(spherex::flag_mask(flag)); }

class Maker {
 public:
  Maker(const Frame& f, const Image<double>& brightness)
      : f_{f}, o_{f.scene.options.defects}, brightness_{brightness}, random_{f.scene.options.seed, simulate::Purpose::spherex_defect, first_stream + f.stream()} {
    const Box box = f.box();
    made_ = {Image<double>{box}, Image<double>{box}, Image<double>{box}, Image<std::int16_t>{box}, Image<std::int32_t>{box}, Image<std::int16_t>{box}};
  }

  Artefacts make(const std::vector<MeasuredTruth>& sources) {
    // Every frame draws the same numbers, whatever is asked for.
    const int satellites = number(o_.satellite_rate), snowballs = number(o_.snowball_rate);
    if (o_.ghost_share > 0)
      for (const auto& s : sources)
        if (s.flux_ujy >= ghost_faintest_ujy) ghost(s);
    for (int i = 0; i < satellites; ++i) satellite();
    for (int i = 0; i < snowballs; ++i) snowball();
    if (o_.bloom_share > 0 && o_.full_well_e > 0) blooms();
    if (o_.crosstalk_share > 0) crosstalk();
    return std::move(made_);
  }

 private:
  /// The whole part of a rate, and one more with the chance that is left.
  int number(double rate) {
    const double draw = random_.uniform();
    return static_cast<int>(std::floor(rate)) + (draw < rate - std::floor(rate) ? 1 : 0);
  }
  double slope(int x, int y) const { return brightness_(x, y) / f_.state.gain(x, y) + f_.state.dark(x, y); }
  double noise(int x, int y) const { return std::sqrt(slope_variance(std::max(0.0, slope(x, y)))); }  // e⁻/s
  void mark(int x, int y, double added_e_s, Defect defect, const char* flag) {
    const double ratio = std::abs(added_e_s) / noise(x, y);
    if (ratio > told) made_.truth(x, y) |= defect;
    if (ratio > flagged) made_.flags(x, y) |= bit(flag);
  }

  void ghost(const MeasuredTruth& s) {
    const double cx = f_.box().x1 - 1 - s.x, cy = f_.box().y1 - 1 - s.y;
    const int x0 = static_cast<int>(std::lround(cx)), y0 = static_cast<int>(std::lround(cy));
    int pixels = 0;
    for (int v = -ghost_radius; v <= ghost_radius; ++v)
      for (int u = -ghost_radius; u <= ghost_radius; ++u) pixels += u * u + v * v <= ghost_radius * ghost_radius;
    for (int v = -ghost_radius; v <= ghost_radius; ++v)
      for (int u = -ghost_radius; u <= ghost_radius; ++u) {
        const int x = x0 + u, y = y0 + v;
        if (u * u + v * v > ghost_radius * ghost_radius || !f_.box().contains(x, y)) continue;
        const double light = o_.ghost_share * s.flux_ujy / pixels / (spherex::ujy_per_arcsec2 * f_.state.detector.solid_angle()(x, y));
        made_.light(x, y) += light;
        mark(x, y, light / f_.state.gain(x, y), Defect::ghost, "GHOST");
      }
  }

  void satellite() {
    const double cx = random_.uniform(0, f_.box().x1), cy = random_.uniform(0, f_.box().y1), angle = random_.uniform(0, std::numbers::pi);
    const double nx = -std::sin(angle), ny = std::cos(angle);
    for (int y = 0; y < f_.box().y1; ++y)
      for (int x = 0; x < f_.box().x1; ++x) {
        const double d = (x - cx) * nx + (y - cy) * ny;
        const double light = o_.satellite_peak * (std::exp(-d * d / (2 * satellite_core * satellite_core)) + satellite_halo_share * std::exp(-d * d / (2 * satellite_halo * satellite_halo)));
        made_.light(x, y) += light;
        mark(x, y, light / f_.state.gain(x, y), Defect::satellite, std::abs(d) <= 3 * satellite_core ? "STREAK" : "SATELLITE_HALO");
      }
  }

  void snowball() {
    const double cx = random_.uniform(0, f_.box().x1), cy = random_.uniform(0, f_.box().y1), radius = random_.uniform(3, 8);
    const auto read = static_cast<std::int16_t>(1 + random_.below(static_cast<std::uint64_t>(reads - 1)));
    const int reach = static_cast<int>(std::ceil(radius + 8 * snowball_scale));
    const Box box = intersection(f_.box(), {static_cast<int>(cx) - reach, static_cast<int>(cy) - reach, static_cast<int>(cx) + reach + 1, static_cast<int>(cy) + reach + 1});
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) {
        const double d = std::hypot(x - cx, y - cy), electrons = snowball_e * std::exp(-std::max(0.0, d - radius) / snowball_scale);
        if (d > radius + 8 * snowball_scale) continue;
        made_.electrons(x, y) += electrons, made_.read(x, y) = read;
        mark(x, y, jump_slope(electrons, read), Defect::snowball, d <= radius ? "SNOWBALL" : "HALO");
        if (d <= radius) made_.flags(x, y) |= bit("SNOWBALL"), made_.truth(x, y) |= Defect::snowball;
      }
  }

  void blooms() {
    const double full = o_.full_well_e / exposure_s;
    for (int y = 0; y < f_.box().y1; ++y)
      for (int x = 0; x < f_.box().x1; ++x) {
        const double above = slope(x, y) - full;
        if (!(above > 0)) continue;
        for (const auto& [u, v] : {std::pair{1, 0}, {-1, 0}, {0, 1}, {0, -1}}) {
          if (!f_.box().contains(x + u, y + v)) continue;
          made_.rate(x + u, y + v) += o_.bloom_share / 4 * above;
          mark(x + u, y + v, o_.bloom_share / 4 * above, Defect::bloom, "BLOOM");
        }
      }
  }

  void crosstalk() {
    const int columns = f_.box().x1 / outputs;
    if (columns < 1) return;
    for (int y = 0; y < f_.box().y1; ++y)
      for (int x = 0; x < columns * outputs; ++x)
        for (const int to : {x - columns, x + columns}) {
          if (to < 0 || to >= columns * outputs) continue;
          const double added = o_.crosstalk_share * slope(x, y);
          made_.rate(to, y) += added;
          mark(to, y, added, Defect::crosstalk, "CROSSTALK");
        }
  }

  const Frame& f_;
  const DefectOptions& o_;
  const Image<double>& brightness_;
  Random random_;
  Artefacts made_;
};

}  // namespace

Artefacts artefacts_of(const Frame& f, const Image<double>& brightness, const std::vector<MeasuredTruth>& sources) { return Maker{f, brightness}.make(sources); }

}  // namespace tessera::simulate_spherex

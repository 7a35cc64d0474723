#include "tessera/simulate_spherex/survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

#include "tessera/base/error.h"
#include "tessera/simulate/random.h"
#include "tessera/simulate/stack.h"

namespace tessera::simulate_spherex {
namespace {

constexpr double radian = std::numbers::pi / 180;
constexpr double step_px = 166, lattice_px = 83;     // of 2040: 17′, and half of it
constexpr int groups_of_a_field = 6;
constexpr double first_day = 60796;                  // 2025-05-01
constexpr double half_year = 182.62;

/// The first day from 2025-05-01 on when the Sun stands 90° behind the field.
double first_quadrature(wcs::SkyPoint field) {
  const double wanted = ecliptic(field).longitude_deg - 90;
  double mjd = first_day;
  for (int i = 0; i < 4; ++i) {  // the Sun's speed varies by 2 per cent, so a few steps are enough
    const double sun = earth_at(mjd).longitude_deg + 180;
    const double ahead = std::remainder(wanted - sun, 360.0);
    mjd += (i == 0 && ahead < 0 ? ahead + 360 : ahead) / 0.98565;
  }
  return mjd;
}

/// A point by pixels from the attitude's centre: x to the west of up, y up.
wcs::SkyPoint moved(wcs::SkyPoint from, double x_px, double y_px, double position_angle_deg) {
  const double distance = std::hypot(x_px, y_px) * pixel_scale_arcsec / 3600;
  return distance == 0 ? from : simulate::displaced(from, distance, position_angle_deg + std::atan2(-x_px, y_px) / radian);
}

std::chrono::year_month_day calendar(double mjd) {
  return std::chrono::sys_days{std::chrono::year{1858} / 11 / 17} + std::chrono::days{static_cast<int>(std::floor(mjd))};
}

}  // namespace

std::string Exposure::observation() const {
  const auto [year, day] = year_day(mjd);
  return fmt::format("{}W{:02}_1A_{:04}_{}", year, (day - 1) / 7 + 1, group + 1, step + 1);
}

std::vector<Exposure> plan_exposures(const SurveyOptions& o, wcs::SkyPoint field, std::uint64_t seed) {
  const double start = o.mjd_start > 0 ? o.mjd_start : first_quadrature(field), scale = o.size / static_cast<double>(full_size);
  const auto bands = detectors_of(o);
  std::vector<Exposure> plan;
  int group_number = 0;
  for (int survey = 0; survey < o.surveys; ++survey) {
    double mjd = start + survey * half_year;
    for (int group = 0; group < o.groups; ++group)
      for (int pair = 1; pair <= 3; ++pair) {
        if (!std::ranges::any_of(bands, [&](int d) { return d == pair || d == pair + 3; })) continue;
        const double angle = o.position_angle_deg + 180 * (survey % 2);
        const int together = std::min(o.groups, groups_of_a_field), number = group % groups_of_a_field;
        simulate::Random across{seed, simulate::Purpose::spherex_group, static_cast<std::uint64_t>(group_number)};
        const double x = across.uniform(-.1, .1) * o.size;
        for (int k = 0; k < o.exposures; ++k) {
          Exposure e;
          e.index = static_cast<int>(plan.size());
          e.pair = pair, e.survey = survey, e.group = group_number, e.step = k;
          // Places 0, 2, 4, … belong to the first, third, … group and 1, 3, 5, … to those between.
          const double place = 2 * (4 * (number / 2) + k) + number % 2;
          const int passes = std::min(together, 2), in_pass = (together + 1) / 2;
          const double middle = (2.0 * (4 * (in_pass - 1) + o.exposures - 1) + passes - 1) / 2;
          const double offset = (place - middle) * lattice_px * scale;
          simulate::Random jitter{seed, simulate::Purpose::spherex_jitter, static_cast<std::uint64_t>(e.index)};
          const double jx = o.jitter_arcsec / pixel_scale_arcsec * jitter.normal(), jy = o.jitter_arcsec / pixel_scale_arcsec * jitter.normal();
          e.attitude = {moved(field, x + jx, offset + jy, angle), std::remainder(angle, 360.0)};
          e.mjd = mjd;
          mjd += 2.0 / 1440;
          plan.push_back(e);
        }
        mjd += 10.0 / 1440;  // the large slew
        ++group_number;
      }
  }
  return plan;
}

std::vector<int> detectors_of(const SurveyOptions& o) {
  std::vector<int> all;
  for (int d = 1; d <= 6; ++d)
    if (std::ranges::find(o.bands, fmt::format("{}", d)) != o.bands.end()) all.push_back(d);
  if (all.empty()) throw UsageError{"spherex.bands: empty; give some of 1 to 6"};
  return all;
}

EarthPlace earth_at(double mjd) {
  const double n = mjd - 51544.5, g = (357.528 + 0.9856003 * n) * radian;
  const double sun = 280.460 + 0.9856474 * n + 1.915 * std::sin(g) + 0.020 * std::sin(2 * g);
  return {sun + 180 - 360 * std::floor((sun + 180) / 360), 1.00014 - 0.01671 * std::cos(g) - 0.00014 * std::cos(2 * g)};
}

Ecliptic ecliptic(wcs::SkyPoint p) {
  const double obliquity = 23.4392911 * radian, ra = p.ra_deg * radian, dec = p.dec_deg * radian;
  const double x = std::cos(dec) * std::cos(ra), y = std::cos(dec) * std::sin(ra), z = std::sin(dec);
  const double u = y * std::cos(obliquity) + z * std::sin(obliquity), w = z * std::cos(obliquity) - y * std::sin(obliquity);
  const double longitude = std::atan2(u, x) / radian;
  return {longitude < 0 ? longitude + 360 : longitude, std::atan2(w, std::hypot(x, u)) / radian};
}

std::string iso_date(double mjd) {
  // Rounded to the millisecond first, so that 59.9996 s does not become 60.
  const auto milliseconds = static_cast<std::int64_t>(std::llround(mjd * 86400000.0));
  const auto day = milliseconds / 86400000, in_day = milliseconds % 86400000;
  const auto date = calendar(static_cast<double>(day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), in_day / 3600000, in_day / 60000 % 60,
                     in_day / 1000 % 60, in_day % 1000);
}

YearDay year_day(double mjd) {
  const auto date = calendar(mjd);
  const auto days = std::chrono::sys_days{date} - std::chrono::sys_days{date.year() / 1 / 1};
  return {static_cast<int>(date.year()), static_cast<int>(days.count()) + 1};
}

}  // namespace tessera::simulate_spherex

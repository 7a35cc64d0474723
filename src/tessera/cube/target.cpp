#include "tessera/cube/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/tables.h"
#include "tessera/spherex/wavelength_ranges.h"

namespace tessera::cube {
namespace {

constexpr double largest_side_deg = 40;
constexpr int largest_side_pixels = 16384;

int whole_pixels(double side_deg, double pixel_arcsec, const std::string& what) {
  const double pixels = std::max(1.0, std::round(side_deg * 3600 / pixel_arcsec));
  if (side_deg > largest_side_deg) throw UsageError{fmt::format("{}: {:.6g} degrees; a cube in the tangent plane has at most {:.0f}", what, side_deg, largest_side_deg)};
  if (pixels > largest_side_pixels)
    throw UsageError{fmt::format("{}: {:.0f} pixels of {:.6g} arcsec along a side; at most {} are made, take larger ones (--pixel) or several cubes", what, pixels, pixel_arcsec, largest_side_pixels)};
  return static_cast<int>(pixels);
}

std::set<int> numbers(const std::string& list) {
  std::set<int> all;
  for (const auto& item : text::split(list, ',')) {
    const auto parts = text::split(item, '-');
    const auto first = text::to_integer(text::trim(parts.front())), last = text::to_integer(text::trim(parts.back()));
    if (parts.size() > 2 || !first || !last || *first < 1 || *last > 102 || *first > *last)
      throw UsageError{fmt::format("channels.numbers '{}': expected numbers from 1 to 102 and ranges of them, as in 1-17,40", list)};
    for (auto n = *first; n <= *last; ++n) all.insert(static_cast<int>(n));
  }
  return all;
}

}  // namespace

double parse_angle_deg(const std::string& angle, const std::string& where) {
  std::string_view number = text::trim(angle);
  double unit = 1.0 / 60;
  if (!number.empty()) {
    const char last = number.back();
    if (last == 's' || last == '"') unit = 1.0 / 3600;
    if (last == 'd') unit = 1;
    if (last == 's' || last == '"' || last == 'd' || last == 'm' || last == '\'') number.remove_suffix(1);
  }
  const auto value = text::to_double(number);
  if (!value || !std::isfinite(*value) || *value <= 0) throw UsageError{fmt::format("{} '{}': expected an angle above 0 in minutes of arc, or with a unit as in 30s, 15m, 2.5d", where, angle)};
  return *value * unit;
}

wcs::Grid target_grid(wcs::SkyPoint center, const TargetOptions& options) {
  const auto sides = text::split(options.size, ',');
  if (sides.size() > 2) throw UsageError{fmt::format("grid.size '{}': expected \"W,H\", or one angle for both", options.size)};
  wcs::Grid grid;
  grid.width = whole_pixels(parse_angle_deg(sides.front(), "grid.size"), options.pixel_arcsec, "grid.size '" + options.size + "'");
  grid.height = whole_pixels(parse_angle_deg(sides.back(), "grid.size"), options.pixel_arcsec, "grid.size '" + options.size + "'");
  grid.crval1_deg = std::fmod(center.ra_deg + 360, 360);
  grid.crval2_deg = center.dec_deg;
  grid.crpix1 = (grid.width + 1) / 2.0;
  grid.crpix2 = (grid.height + 1) / 2.0;
  grid.cdelt1_deg = -options.pixel_arcsec / 3600;
  grid.cdelt2_deg = options.pixel_arcsec / 3600;
  grid.crota2_deg = -options.rotation_deg;  // CROTA2 turns the other way round where east is on the left
  return grid;
}

wcs::Grid target_grid(const std::vector<wcs::SkyPoint>& polygon, const TargetOptions& options) {
  constexpr double degree = std::numbers::pi / 180;
  double x = 0, y = 0, z = 0;
  for (const auto& p : polygon) {
    x += std::cos(p.dec_deg * degree) * std::cos(p.ra_deg * degree), y += std::cos(p.dec_deg * degree) * std::sin(p.ra_deg * degree), z += std::sin(p.dec_deg * degree);
  }
  TargetOptions one = options;
  one.size = fmt::format("{}s", options.pixel_arcsec);
  auto grid = target_grid({std::atan2(y, x) / degree, std::atan2(z, std::hypot(x, y)) / degree}, one);
  const auto sky = grid.wcs();
  double low_x = INFINITY, high_x = -INFINITY, low_y = INFINITY, high_y = -INFINITY;
  for (const auto& p : polygon) {
    const auto at = sky.sky_to_pixel(p);
    if (!std::isfinite(at.x) || !std::isfinite(at.y)) throw UsageError{fmt::format("grid.polygon: {:.5f} {:+.5f} lies too far from the other corners", p.ra_deg, p.dec_deg)};
    low_x = std::min(low_x, at.x), high_x = std::max(high_x, at.x), low_y = std::min(low_y, at.y), high_y = std::max(high_y, at.y);
  }
  const auto pixels = [&](double low, double high) { return whole_pixels(std::ceil(high - low + 1e-9) * options.pixel_arcsec / 3600, options.pixel_arcsec, "grid.polygon"); };
  grid.width = pixels(low_x, high_x), grid.height = pixels(low_y, high_y);
  grid.crpix1 = 1 + (grid.width - 1) / 2.0 - (low_x + high_x) / 2, grid.crpix2 = 1 + (grid.height - 1) / 2.0 - (low_y + high_y) / 2;
  return grid;
}

wcs::SkyPoint catalog_position(const std::string& path, int row) {
  static const std::vector<std::pair<const char*, const char*>> pairs{{"ra", "dec"},         {"ra_deg", "dec_deg"},       {"raj2000", "dej2000"},      {"_raj2000", "_dej2000"},
                                                                      {"alpha_j2000", "delta_j2000"}, {"ra_icrs", "de_icrs"}, {"right_ascension", "declination"}};
  const Table table = io::read_table(path);
  for (const auto& [ra, dec] : pairs) {
    if (!table.find(ra) || !table.find(dec)) continue;
    if (static_cast<std::size_t>(row) > table.rows()) throw UsageError{fmt::format("grid.row {}: {} has {} rows", row, path, table.rows())};
    const auto at = static_cast<std::size_t>(row - 1);
    const wcs::SkyPoint p{table.numbers(ra)[at], table.numbers(dec)[at]};
    if (!std::isfinite(p.ra_deg) || !(std::abs(p.dec_deg) <= 90)) throw DataError{fmt::format("{}: row {}: {} {} is no position", path, row, p.ra_deg, p.dec_deg)};
    return p;
  }
  throw DataError{fmt::format("{}: no pair of columns of positions; expected ra and dec, RAJ2000 and DEJ2000, ALPHA_J2000 and DELTA_J2000 or another usual pair, in degrees", path)};
}

std::vector<spherex::Channel> wanted_channels(const spherex::ChannelTable& table, const ChannelOptions& options) {
  std::set<int> wanted;
  if (!options.channels.empty()) wanted = numbers(options.channels);
  std::vector<spherex::Channel> channels;
  const auto ranges = spherex::parse_wavelengths(options.wavelengths, "channels.wavelengths");
  for (const auto& c : table.channels())
    if ((wanted.empty() || wanted.count(c.channel)) && spherex::reaches_into(ranges, c.min_um, c.max_um)) channels.push_back(c);
  if (channels.empty()) throw UsageError{fmt::format("channels.wavelengths {}: no channel asked for reaches into this range", fmt::join(options.wavelengths, ","))};
  return channels;
}

}  // namespace tessera::cube

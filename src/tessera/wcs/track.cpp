#include "tessera/wcs/track.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>

#include "tessera/base/error.h"
#include "tessera/wcs/frames.h"

namespace tessera::wcs {
namespace {

constexpr double degree = std::numbers::pi / 180;
constexpr std::size_t most_points = 4;  // of the polynomial

std::array<double, 3> direction(SkyPoint p) {
  const double a = p.ra_deg * degree, d = p.dec_deg * degree;
  return {std::cos(d) * std::cos(a), std::cos(d) * std::sin(a), std::sin(d)};
}

}  // namespace

Track::Track(std::vector<double> mjd_days, std::vector<SkyPoint> positions, const std::string& where) {
  if (mjd_days.empty() || mjd_days.size() != positions.size()) throw DataError{fmt::format("{}: a track needs at least one row with a time and a position", where)};
  std::vector<std::size_t> order(mjd_days.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return mjd_days[a] < mjd_days[b] || (mjd_days[a] == mjd_days[b] && a < b); });
  for (const std::size_t row : order) {
    const SkyPoint p = positions[row];
    if (!std::isfinite(mjd_days[row]) || !std::isfinite(p.ra_deg) || !(std::abs(p.dec_deg) <= 90))
      throw DataError{fmt::format("{}: row {} of the track has time {}, RA {}, Dec {}; expected finite numbers and a declination from -90 to 90 degrees", where, row + 1, mjd_days[row], p.ra_deg, p.dec_deg)};
    if (!mjd_.empty() && mjd_days[row] == mjd_.back()) throw DataError{fmt::format("{}: the track has the time MJD {:.8f} twice; leave one of the rows out", where, mjd_days[row])};
    mjd_.push_back(mjd_days[row]);
    positions_.push_back(p);
  }
}

std::optional<SkyPoint> Track::at(double t) const {
  if (!(t >= begin() && t <= end())) return std::nullopt;
  const std::size_t n = mjd_.size(), points = std::min(n, most_points);
  const auto above = static_cast<std::size_t>(std::upper_bound(mjd_.begin(), mjd_.end(), t) - mjd_.begin());
  if (mjd_[above - 1] == t) return positions_[above - 1];
  const std::size_t first = std::min(above > points / 2 ? above - points / 2 : 0, n - points);
  std::array<double, 3> sum{};
  for (std::size_t i = first; i < first + points; ++i) {
    double weight = 1;
    for (std::size_t j = first; j < first + points; ++j)
      if (j != i) weight *= (t - mjd_[j]) / (mjd_[i] - mjd_[j]);
    const auto v = direction(positions_[i]);
    for (std::size_t k = 0; k < 3; ++k) sum[k] += weight * v[k];
  }
  return SkyPoint{wrap_degrees(std::atan2(sum[1], sum[0]) / degree), std::atan2(sum[2], std::hypot(sum[0], sum[1])) / degree};
}

}  // namespace tessera::wcs

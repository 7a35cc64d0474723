#include "tessera/match/astrometry.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "tessera/core/statistics.h"

namespace tessera::match {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double clip = 4;
constexpr int rounds = 20;
constexpr std::size_t most_terms = 4;

/// Mean direction of the reference.
Position middle_of(std::span<const std::pair<Position, Position>> pairs) {
  double x = 0, y = 0, z = 0;
  constexpr double radian = std::numbers::pi / 180;
  for (const auto& [p, other] : pairs) {
    x += std::cos(p.dec_deg * radian) * std::cos(p.ra_deg * radian);
    y += std::cos(p.dec_deg * radian) * std::sin(p.ra_deg * radian);
    z += std::sin(p.dec_deg * radian);
  }
  Position m;
  m.ra_deg = std::atan2(y, x) / radian;
  if (m.ra_deg < 0) m.ra_deg += 360;
  m.dec_deg = std::atan2(z, std::hypot(x, y)) / radian;
  return m;
}

/// Normal equations of offset, scale and rotation (in that order), solved by Cholesky.
struct Normal {
  std::size_t terms;
  std::array<std::array<double, most_terms>, most_terms> a{};
  std::array<double, most_terms> b{}, x{}, variance{};

  void add(const std::array<double, most_terms>& row, double value, double weight) {
    for (std::size_t i = 0; i < terms; ++i) {
      for (std::size_t j = 0; j < terms; ++j) a[i][j] += weight * row[i] * row[j];
      b[i] += weight * row[i] * value;
    }
  }
  bool solve() {
    std::array<std::array<double, most_terms>, most_terms> l{};
    for (std::size_t i = 0; i < terms; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = a[i][j];
        for (std::size_t k = 0; k < j; ++k) sum -= l[i][k] * l[j][k];
        if (i != j) l[i][j] = sum / l[j][j];
        else if (sum > 1e-12 * a[i][i]) l[i][i] = std::sqrt(sum);
        else return false;
      }
    const auto back = [&](std::array<double, most_terms> r) {
      for (std::size_t i = 0; i < terms; ++i) {
        for (std::size_t k = 0; k < i; ++k) r[i] -= l[i][k] * r[k];
        r[i] /= l[i][i];
      }
      for (std::size_t i = terms; i-- > 0;) {
        for (std::size_t k = i + 1; k < terms; ++k) r[i] -= l[k][i] * r[k];
        r[i] /= l[i][i];
      }
      return r;
    };
    x = back(b);
    for (std::size_t i = 0; i < terms; ++i) {
      std::array<double, most_terms> unit{};
      unit[i] = 1;
      variance[i] = back(unit)[i];
    }
    return true;
  }
};

}  // namespace

AstrometricFit compare_astrometry(std::span<const std::pair<Position, Position>> pairs) {
  AstrometricFit fit;
  fit.pairs = static_cast<int>(pairs.size());
  if (pairs.empty()) {
    fit.ra_deg = fit.dec_deg = fit.offset_ra = fit.offset_dec = fit.offset_ra_err = fit.offset_dec_err = nan;
    fit.rotation = fit.rotation_err = fit.scale = fit.scale_err = fit.rms_ra = fit.rms_dec = fit.pull_width = nan;
    return fit;
  }
  const Position middle = middle_of(pairs);
  fit.ra_deg = middle.ra_deg, fit.dec_deg = middle.dec_deg;
  double reach = 0;  // the places in units of it, or else the equations are badly scaled
  for (const auto& [reference, other] : pairs) {
    const auto at = offset_arcsec(middle, reference), there = offset_arcsec(middle, other);
    fit.residuals.push_back({at[0], at[1], there[0] - at[0], there[1] - at[1], there[0] - at[0], there[1] - at[1], true});
    reach = std::max(reach, std::hypot(at[0], at[1]));
  }
  const std::size_t terms = pairs.size() >= 3 && reach > 0 ? 4 : 2;
  Normal normal{.terms = terms};
  double noise = 1;  // by which the stated errors must grow to match the scatter
  for (int round = 0; round < rounds; ++round) {
    normal = Normal{.terms = terms};
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const auto& r = fit.residuals[i];
      if (!r.used) continue;
      const double u = reach > 0 ? r.xi / reach : 0, v = reach > 0 ? r.eta / reach : 0;
      normal.add({1, 0, u, v}, r.before_ra, 1 / (pairs[i].first.ra_variance + pairs[i].second.ra_variance));
      normal.add({0, 1, v, -u}, r.before_dec, 1 / (pairs[i].first.dec_variance + pairs[i].second.dec_variance));
    }
    if (!normal.solve()) break;
    std::vector<double> pulls;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      auto& r = fit.residuals[i];
      const double u = reach > 0 ? r.xi / reach : 0, v = reach > 0 ? r.eta / reach : 0;
      r.ra = r.before_ra - (normal.x[0] + normal.x[2] * u + normal.x[3] * v);
      r.dec = r.before_dec - (normal.x[1] + normal.x[2] * v - normal.x[3] * u);
      pulls.push_back(r.ra / std::sqrt(pairs[i].first.ra_variance + pairs[i].second.ra_variance));
      pulls.push_back(r.dec / std::sqrt(pairs[i].first.dec_variance + pairs[i].second.dec_variance));
    }
    const double width = statistics::mad_sigma(std::span<const double>{pulls});
    fit.pull_width = width;
    noise = std::max(1.0, width);
    bool changed = false;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const bool use = pairs.size() < 6 || std::hypot(pulls[2 * i], pulls[2 * i + 1]) <= clip * noise;
      changed = changed || use != fit.residuals[i].used;
      fit.residuals[i].used = use;
    }
    if (!changed) break;
  }
  double ra2 = 0, dec2 = 0;
  for (const auto& r : fit.residuals)
    if (r.used) ++fit.used, ra2 += r.ra * r.ra, dec2 += r.dec * r.dec;
  fit.rms_ra = std::sqrt(ra2 / std::max(1, fit.used)), fit.rms_dec = std::sqrt(dec2 / std::max(1, fit.used));
  fit.offset_ra = normal.x[0], fit.offset_dec = normal.x[1];
  fit.offset_ra_err = noise * std::sqrt(normal.variance[0]), fit.offset_dec_err = noise * std::sqrt(normal.variance[1]);
  const double degrees = 180 / std::numbers::pi;
  fit.scale = terms == 4 ? normal.x[2] / reach : nan, fit.scale_err = terms == 4 ? noise * std::sqrt(normal.variance[2]) / reach : nan;
  fit.rotation = terms == 4 ? normal.x[3] / reach * degrees : nan, fit.rotation_err = terms == 4 ? noise * std::sqrt(normal.variance[3]) / reach * degrees : nan;
  return fit;
}

}  // namespace tessera::match

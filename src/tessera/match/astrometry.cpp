#include "tessera/match/astrometry.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "tessera/core/statistics.h"
#include "tessera/fit/linear.h"

namespace tessera::match {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double clip = 4;
constexpr int rounds = 20;
constexpr std::size_t fewest_clipped = 6;  // with fewer pairs nothing is left out

using Residual = AstrometricFit::Residual;

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

/// The least squares of one comparison. Places are counted in units of the farthest one, or else the equations are badly scaled.
class Comparing {
 public:
  Comparing(std::span<const std::pair<Position, Position>> pairs, std::vector<Residual>& residuals) : pairs_{pairs}, residuals_{residuals} {
    for (const auto& r : residuals) reach_ = std::max(reach_, std::hypot(r.xi, r.eta));
    turns_ = pairs.size() >= 3 && reach_ > 0;
    equations_.reset(turns_ ? 4 : 2);
  }
  bool turns() const { return turns_; }  ///< whether scale and rotation are found beside the offset
  double reach() const { return reach_; }
  double width() const { return width_; }

  /// Offset along both axes, scale and rotation from the pairs in use; false when they leave one open.
  bool solve() {
    equations_.reset(equations_.parameters());
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const auto& r = residuals_[i];
      if (!r.used) continue;
      const auto [u, v] = place(r);
      equations_.add(std::array{1.0, 0.0, u, v}, r.before_ra, 1 / ra_variance(i));
      equations_.add(std::array{0.0, 1.0, v, -u}, r.before_dec, 1 / dec_variance(i));
    }
    solution_ = fit::solve(equations_);
    return solution_.solved;
  }
  double parameter(std::size_t k) const { return solution_.parameters[k]; }
  /// 1 σ, larger where the scatter exceeds the stated errors.
  double error(std::size_t k) const { return std::max(1.0, width_) * std::sqrt(solution_.covariance[k * (equations_.parameters() + 1)]); }

  /// Residuals of all pairs, and which of them the next round uses; false when that stays as it is.
  bool judge() {
    std::vector<double> pulls;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      auto& r = residuals_[i];
      const auto [u, v] = place(r);
      const double scale = turns_ ? parameter(2) : 0, turn = turns_ ? parameter(3) : 0;
      r.ra = r.before_ra - (parameter(0) + scale * u + turn * v);
      r.dec = r.before_dec - (parameter(1) + scale * v - turn * u);
      pulls.push_back(r.ra / std::sqrt(ra_variance(i)));
      pulls.push_back(r.dec / std::sqrt(dec_variance(i)));
    }
    width_ = statistics::mad_sigma(std::span<const double>{pulls});
    bool changed = false;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const bool use = pairs_.size() < fewest_clipped || std::hypot(pulls[2 * i], pulls[2 * i + 1]) <= clip * std::max(1.0, width_);
      changed = changed || use != residuals_[i].used;
      residuals_[i].used = use;
    }
    return changed;
  }

 private:
  std::pair<double, double> place(const Residual& r) const { return reach_ > 0 ? std::pair{r.xi / reach_, r.eta / reach_} : std::pair{0.0, 0.0}; }
  double ra_variance(std::size_t i) const { return pairs_[i].first.ra_variance + pairs_[i].second.ra_variance; }
  double dec_variance(std::size_t i) const { return pairs_[i].first.dec_variance + pairs_[i].second.dec_variance; }

  std::span<const std::pair<Position, Position>> pairs_;
  std::vector<Residual>& residuals_;
  double reach_ = 0, width_ = 0;
  bool turns_ = false;
  fit::NormalEquations equations_;
  fit::LinearFit solution_;
};

}  // namespace

AstrometricFit compare_astrometry(std::span<const std::pair<Position, Position>> pairs) {
  AstrometricFit fit;
  fit.pairs = static_cast<int>(pairs.size());
  fit.ra_deg = fit.dec_deg = fit.offset_ra = fit.offset_dec = fit.offset_ra_err = fit.offset_dec_err = nan;
  fit.rotation = fit.rotation_err = fit.scale = fit.scale_err = fit.rms_ra = fit.rms_dec = fit.pull_width = nan;
  if (pairs.empty()) return fit;
  const Position middle = middle_of(pairs);
  fit.ra_deg = middle.ra_deg, fit.dec_deg = middle.dec_deg;
  for (const auto& [reference, other] : pairs) {
    const auto at = offset_arcsec(middle, reference), there = offset_arcsec(middle, other);
    fit.residuals.push_back({at[0], at[1], there[0] - at[0], there[1] - at[1], there[0] - at[0], there[1] - at[1], true});
  }
  Comparing comparing{pairs, fit.residuals};
  for (int round = 0; round < rounds; ++round) {
    if (!comparing.solve()) return fit;
    if (!comparing.judge()) break;
  }
  double ra2 = 0, dec2 = 0;
  for (const auto& r : fit.residuals)
    if (r.used) ++fit.used, ra2 += r.ra * r.ra, dec2 += r.dec * r.dec;
  fit.rms_ra = std::sqrt(ra2 / std::max(1, fit.used)), fit.rms_dec = std::sqrt(dec2 / std::max(1, fit.used));
  fit.pull_width = comparing.width();
  fit.offset_ra = comparing.parameter(0), fit.offset_dec = comparing.parameter(1);
  fit.offset_ra_err = comparing.error(0), fit.offset_dec_err = comparing.error(1);
  if (!comparing.turns()) return fit;
  fit.scale = comparing.parameter(2) / comparing.reach(), fit.scale_err = comparing.error(2) / comparing.reach();
  const double degrees = 180 / std::numbers::pi / comparing.reach();
  fit.rotation = comparing.parameter(3) * degrees, fit.rotation_err = comparing.error(3) * degrees;
  return fit;
}

}  // namespace tessera::match

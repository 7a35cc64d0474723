#include "tessera/joint_fit/settling.h"

#include <algorithm>
#include <cmath>

namespace tessera::joint_fit {
namespace {

constexpr int first_plain = 2;  // before that round the noise and the neighbours are far from what they will be
constexpr double misfit = 4;    // χ² per degree of freedom: beyond it no noise explains the residuals
constexpr double least_share = 0.1, most_share = 1.5;

}  // namespace

std::array<double, 3> change(const Source& before, const Fitted& now) {
  const auto part = [](double difference, double variance) { return variance > 0 ? difference / std::sqrt(variance) : 0.0; };
  return {part(now.u - before.u, now.covariance[0]), part(now.v - before.v, now.covariance[4]), part(now.flux - before.flux, now.covariance[8])};
}

double largest(const std::array<double, 3>& change, const Fitted& now) {
  const double dof = now.pixels - (now.covariance[0] > 0 ? 3 : 1), per_dof = dof > 0 ? now.chi2 / dof : 0;
  return std::max({std::abs(change[0]), std::abs(change[1]), std::abs(change[2])}) / (per_dof > misfit ? std::sqrt(per_dof) : 1);
}

double Settling::share(int round, const Source& before, const Fitted& now) {
  Last& last = last_[static_cast<std::size_t>(now.source)];
  const auto step = change(before, now);
  double along = 0, square = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const double d = static_cast<double>(last.step[k]);
    along += d * (d - step[k]), square += (d - step[k]) * (d - step[k]);
    last.step[k] = static_cast<float>(step[k]);
  }
  const bool second = round > first_plain && last.round == round - 1;
  double share = 1;
  if (second && square > 0) share = along > 0 ? std::clamp(static_cast<double>(last.share) * along / square, least_share, most_share) : most_share;
  last.round = round;
  last.share = static_cast<float>(share);
  return share;
}

}  // namespace tessera::joint_fit

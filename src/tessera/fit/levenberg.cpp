#include "tessera/fit/levenberg.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tessera::fit {
namespace {

constexpr double least_gain = 0.25;  // of what the step before promised
constexpr double least_share = 0.1;  // of an undamped step

struct Bounds {
  std::span<const double> lower, upper;
  double clamp(std::size_t i, double v) const {
    if (!lower.empty()) v = std::max(v, lower[i]);
    if (!upper.empty()) v = std::min(v, upper[i]);
    return v;
  }
  /// At a bound, and χ² falls beyond it.
  bool holds(std::size_t i, double v, double gradient) const {
    return (!lower.empty() && v <= lower[i] && gradient <= 0) || (!upper.empty() && v >= upper[i] && gradient >= 0);
  }
};

/// The step of the free parameters for damping mu (relative to the diagonal); the rest of `step` is 0. False when A is not positive definite.
bool make_step(LevenbergWorkspace& w, std::size_t n, double mu) {
  const std::size_t m = w.free.size();
  w.factor.resize(m * m);
  w.step.assign(n, 0.0);
  for (std::size_t a = 0; a < m; ++a)
    for (std::size_t b = 0; b <= a; ++b) {
      const std::size_t i = std::max(w.free[a], w.free[b]), j = std::min(w.free[a], w.free[b]);
      w.factor[a * m + b] = w.curvature[i * n + j] * (a == b ? 1 + mu : 1);
    }
  if (!cholesky(w.factor, m)) return false;
  w.trial.resize(n);
  for (std::size_t a = 0; a < m; ++a) w.trial[a] = w.gradient[w.free[a]];
  solve_with(w.factor, m, std::span{w.trial.data(), m});
  for (std::size_t a = 0; a < m; ++a) w.step[w.free[a]] = w.trial[a];
  return true;
}

void free_parameters(LevenbergWorkspace& w, std::span<const double> p, const Bounds& bounds) {
  w.free.clear();
  for (std::size_t i = 0; i < p.size(); ++i)
    if (!bounds.holds(i, p[i], w.gradient[i])) w.free.push_back(i);
}

double expected_fall(const LevenbergWorkspace& w) {
  double fall = 0;
  for (std::size_t i = 0; i < w.step.size(); ++i) fall += w.step[i] * w.gradient[i];
  return fall;
}

/// Where χ² is too flat for its rounding to tell steps apart their gradients still do: undamped steps as long as each promises much less than the one before, or than the one before that. Of a step that promises
/// hardly less than the last a share is gone: where the model is wrong (residuals of many sigma, and curved), Gauss–Newton steps overshoot to and fro, and two of them tell by how much (Aitken's rule, in the metric of the
/// curvature). The last step is taken without a look at where it led.
void finish_by_gradients(Objective& objective, std::span<double> p, const Bounds& bounds, double fall, const LevenbergOptions& options, LevenbergWorkspace& w, LevenbergResult& result) {
  double share = 1, last = std::numeric_limits<double>::infinity(), before_last = last;
  std::vector<double> step;
  for (;;) {
    for (std::size_t i = 0; i < p.size(); ++i) p[i] = bounds.clamp(i, p[i] + share * w.step[i]);
    if (fall <= options.tolerance || result.iterations >= options.max_iterations) return;
    ++result.iterations;
    step.assign(w.step.begin(), w.step.end());
    before_last = last, last = fall;
    result.chi2 = objective.expand(p, w.curvature, w.gradient);
    if (!make_step(w, p.size(), 0)) return;
    fall = expected_fall(w);
    if (!(fall < least_gain * std::max(last, std::isfinite(before_last) ? before_last : last / least_gain))) return;
    double common = 0;
    for (std::size_t i = 0; i < p.size(); ++i) common += step[i] * w.gradient[i];
    const double along = last - common, square = last - 2 * common + fall;
    share = fall < least_gain * last || !(along > 0 && square > 0) ? 1 : std::clamp(share * along / square, least_share, 1.0);
  }
}

void leave_covariance(LevenbergWorkspace& w, std::size_t n, LevenbergResult& result) {
  w.covariance.assign(n * n, 0.0);
  w.factor.assign(w.curvature.begin(), w.curvature.begin() + static_cast<std::ptrdiff_t>(n * n));
  if (cholesky(w.factor, n))
    invert_with(w.factor, n, w.covariance);
  else if (result.status != FitStatus::no_data)
    result.status = FitStatus::degenerate;
}

}  // namespace

LevenbergResult minimise(Objective& objective, std::span<double> p, std::span<const double> lower, std::span<const double> upper, const LevenbergOptions& options, LevenbergWorkspace& w) {
  const std::size_t n = objective.parameters();
  const Bounds bounds{lower, upper};
  for (std::size_t i = 0; i < n; ++i) p[i] = bounds.clamp(i, p[i]);
  for (auto* m : {&w.curvature, &w.trial_curvature}) m->resize(n * n);
  for (auto* v : {&w.gradient, &w.trial_gradient}) v->resize(n);
  LevenbergResult result;
  result.chi2 = objective.expand(p, w.curvature, w.gradient);
  if (!std::isfinite(result.chi2)) {
    w.covariance.assign(n * n, 0.0);
    return result;
  }
  result.status = FitStatus::no_convergence;
  double mu = 0, growth = 2;  // the first step is Gauss–Newton's own: linear problems end after it
  std::vector<double>& trial = w.trial;
  bool again = true;
  while (again && result.iterations < options.max_iterations) {
    free_parameters(w, p, bounds);
    if (w.free.empty()) {
      result.status = FitStatus::at_bound;
      break;
    }
    // The undamped step tells how far the minimum is, in χ², however much the last one was damped.
    const bool undamped = make_step(w, n, 0);
    const double flat = std::max({options.tolerance, options.relative_tolerance * result.chi2, options.rounding * std::sqrt(result.chi2)});
    const double fall = undamped ? expected_fall(w) : std::numeric_limits<double>::infinity();
    const auto finish = [&] {
      finish_by_gradients(objective, p, bounds, fall, options, w, result);
      result.status = w.free.size() == n ? FitStatus::converged : FitStatus::at_bound;
    };
    if (fall <= flat) {
      finish();
      break;
    }
    if (!undamped && mu == 0) mu = 1e-3;
    ++result.iterations;
    if (mu > 0 && !make_step(w, n, mu)) {
      mu *= 10;
      again = mu < 1e12;
      if (!again) result.status = FitStatus::degenerate;
      continue;
    }
    trial.resize(n);
    double expected = 0;
    bool whole = true;  // no bound in its way
    for (std::size_t i = 0; i < n; ++i) {
      trial[i] = bounds.clamp(i, p[i] + w.step[i]);
      whole = whole && trial[i] == p[i] + w.step[i];
      w.step[i] = trial[i] - p[i];
    }
    for (std::size_t i = 0; i < n; ++i) {
      double curved = 0;
      for (std::size_t j = 0; j < n; ++j) curved += w.curvature[std::max(i, j) * n + std::min(i, j)] * w.step[j];
      expected += w.step[i] * (2 * w.gradient[i] - curved);
    }
    const double chi2 = objective.expand(trial, w.trial_curvature, w.trial_gradient);
    const double gain = (result.chi2 - chi2) / (expected > 0 ? expected : 1e-300);
    if (std::isfinite(chi2) && chi2 <= result.chi2) {
      std::copy(trial.begin(), trial.end(), p.begin());
      w.curvature.swap(w.trial_curvature);
      w.gradient.swap(w.trial_gradient);
      result.chi2 = chi2;
      mu = mu == 0 && gain < least_gain ? 1 - gain : mu * std::max(1.0 / 3, 1 - std::pow(2 * std::min(gain, 1.0) - 1, 3));  // of a step that overshot about half would have been right
      if (mu < 1e-6) mu = 0;
      growth = 2;
    } else if (std::isfinite(chi2) && undamped && ((whole && expected <= flat) || chi2 - result.chi2 <= 1e-13 * result.chi2)) {  // below the rounding of χ²
      make_step(w, n, 0);
      finish();
      break;
    } else {
      mu = mu == 0 ? 1e-3 : mu * growth;
      growth *= 2;
      again = mu < 1e15;
    }
  }
  leave_covariance(w, n, result);
  return result;
}

}  // namespace tessera::fit

// psf_fit.cpp gathers pixels and sums; here the sums are solved: fluxes that are linear, positions by either minimiser, and what is told of the solution.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/photometry/fit_sums.h"
#include "tessera/photometry/psf_fit.h"

namespace tessera::photometry {
namespace {

constexpr double rounding_of_float = 6e-8;

}  // namespace

/// χ² and residuals of `p` for responses that are in place.
double PsfFit::take_off(std::span<const double> p) {
  double sum = 0;
  for (Entry& e : entries_)
    if (e.member >= 0) e.amplitude = e.sight->scale * flux_of(p, e.member);
  for (const Patch& patch : patches_) {
    start_residual(patch, p);
    sum += sum_patch(patch, {}, {});
  }
  return sum;
}

void PsfFit::start_residual(const Patch& patch, std::span<const double> p) {
  const float background = backgrounds_ == 0 ? 0.0F : static_cast<float>(p[background_of(patch)]);
  for (std::size_t k = 0; k < length_of(patch.box); ++k) residual_[patch.first + k] = value_[patch.first + k] - background;
}

/// Fluxes and backgrounds at the positions in `p`, which stay.
bool PsfFit::solve_linear(std::span<double> p) {
  const std::size_t n = members_ + backgrounds_;
  std::vector<double>&a = workspace_.covariance, &g = workspace_.trial;
  a.assign(n * n, 0.0);
  g.assign(n, 0.0);
  for (std::size_t m = 0; m < members_; ++m) p[m * per_source_ + per_source_ - 1] = 0;
  for (std::size_t b = 0; b < backgrounds_; ++b) p[members_ * per_source_ + b] = 0;
  place(p, false);
  forced_ = true;
  for (const Patch& patch : patches_) {
    std::copy_n(value_.data() + patch.first, length_of(patch.box), residual_.data() + patch.first);
    sum_patch(patch, a, g);
  }
  if (!fit::cholesky(a, n)) return false;
  fit::solve_with(a, n, g);
  for (std::size_t m = 0; m < members_; ++m) p[m * per_source_ + per_source_ - 1] = g[m];
  for (std::size_t b = 0; b < backgrounds_; ++b) p[members_ * per_source_ + b] = g[members_ + b];
  return true;
}

GroupResult PsfFit::fit(std::span<const FitSource> sources, std::vector<FittedSource>& out) {
  GroupResult result;
  workspace_.covariance.clear();
  parameters_ = 0;
  if (!gather(sources, out)) return result;
  backgrounds_ = options_.background == FitBackground::none ? 0 : options_.background == FitBackground::common ? 1 : patches_.size();
  parameters_ = members_ * per_source_ + backgrounds_;
  p_.assign(parameters_, 0.0);
  if (options_.positions)
    for (std::size_t k = 0; k < sources.size(); ++k)
      if (const int m = member_of_[k]; m >= 0) p_[first_of(m)] = sources[k].u, p_[first_of(m) + 1] = sources[k].v;
  long pixels = 0;
  for (const Patch& patch : patches_) pixels += patch.pixels;
  result.dof = pixels - static_cast<long>(parameters_);
  if (!solve_linear(p_)) {
    result.status = fit::FitStatus::degenerate;
    workspace_.covariance.assign(parameters_ * parameters_, 0.0);
  } else if (per_source_ == 1) {
    result.status = fit::FitStatus::converged;
    result.iterations = 1;
    workspace_.factor.swap(workspace_.covariance);
    workspace_.covariance.resize(parameters_ * parameters_);
    fit::invert_with(workspace_.factor, parameters_, workspace_.covariance);
    result.chi2 = take_off(p_);
  } else {
    set_bounds();
    result.status = options_.method == Minimiser::simplex ? by_simplex(result) : by_levenberg(result);
    result.chi2 = chi2(p_);  // leaves the residuals of the solution, the last step tried may have been another
  }
  report(out, result.status);
  return result;
}

void PsfFit::set_bounds() {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  lower_.assign(parameters_, -infinity);
  upper_.assign(parameters_, infinity);
  for (std::size_t m = 0; m < members_; ++m)
    for (std::size_t k = 0; k < 2; ++k) {
      lower_[3 * m + k] = -options_.shift_limit(k);
      upper_[3 * m + k] = options_.shift_limit(k);
    }
}

fit::FitStatus PsfFit::by_levenberg(GroupResult& result) {
  auto how = options_.minimiser;
  how.rounding = 2 * rounding_of_float * std::sqrt(weighted_squares());
  const auto done = fit::minimise(*this, p_, lower_, upper_, how, workspace_);
  result.iterations = done.iterations;
  return done.status;
}

fit::FitStatus PsfFit::by_simplex(GroupResult& result) {
  // Vertices one sigma away along each axis, so that no unit matters.
  std::vector<double> curvature(parameters_ * parameters_), gradient(parameters_), place(2 * members_), size(2 * members_), low(2 * members_), high(2 * members_);
  expand(p_, curvature, gradient);
  for (std::size_t m = 0; m < members_; ++m)
    for (std::size_t k = 0; k < 2; ++k) {
      const double c = curvature[(3 * m + k) * (parameters_ + 1)];
      const double limit = options_.shift_limit(k);
      place[2 * m + k] = p_[3 * m + k], low[2 * m + k] = -limit, high[2 * m + k] = limit;
      size[2 * m + k] = std::clamp(c > 0 ? 1 / std::sqrt(c) : 1.0, 1e-6 * limit, 0.5 * limit);
    }
  const auto put = [&](std::span<const double> at) {
    for (std::size_t m = 0; m < members_; ++m) p_[3 * m] = at[2 * m], p_[3 * m + 1] = at[2 * m + 1];
    return solve_linear(p_);
  };
  const auto value = [&](std::span<const double> at) { return put(at) ? take_off(p_) : std::numeric_limits<double>::infinity(); };
  auto how = options_.simplex;
  how.tolerance = std::max(how.tolerance, 4 * rounding_of_float * std::sqrt(weighted_squares() / std::max(1.0, value(place))));  // χ² is not known better
  const auto done = fit::minimise_by_simplex(value, place, size, low, high, how);
  result.iterations = done.evaluations;
  bool solved = put(place);
  expand(p_, curvature, gradient);
  solved = solved && fit::cholesky(curvature, parameters_);
  workspace_.covariance.assign(parameters_ * parameters_, 0.0);
  if (!solved) return fit::FitStatus::degenerate;
  fit::invert_with(curvature, parameters_, workspace_.covariance);
  for (std::size_t m = 0; m < members_; ++m)
    if (at_limit(place[2 * m], place[2 * m + 1])) return fit::FitStatus::at_bound;
  return done.converged ? fit::FitStatus::converged : fit::FitStatus::no_convergence;
}

double PsfFit::weighted_squares() const {
  double sum = 0;
  for (const Patch& patch : patches_) sum += sum_product(weight_.data() + patch.first, value_.data() + patch.first, value_.data() + patch.first, length_of(patch.box));
  return sum;
}

void PsfFit::report(std::vector<FittedSource>& out, fit::FitStatus status) const {
  for (std::size_t s = 0; s < out.size(); ++s) {
    const int member = member_of_[s];
    if (member < 0) continue;
    FittedSource& source = out[s];
    const std::size_t first = first_of(member);
    source.status = status;
    source.flux = flux_of(p_, member);
    if (per_source_ == 3) {
      source.u = p_[first];
      source.v = p_[first + 1];
      if (status == fit::FitStatus::at_bound && !at_limit(source.u, source.v)) source.status = fit::FitStatus::converged;
      for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 3; ++j) source.covariance[3 * i + j] = workspace_.covariance[(first + i) * parameters_ + first + j];
    } else {
      source.covariance[8] = workspace_.covariance[first * parameters_ + first];
    }
  }
  for (const Entry& e : entries_) {
    if (e.member < 0) continue;
    FittedSource& source = out[static_cast<std::size_t>(e.source)];
    const Patch& patch = patches_[static_cast<std::size_t>(e.patch)];
    const auto width = static_cast<std::size_t>(patch.box.width());
    const auto in_patch = [&](const Box& part) { return patch.first + static_cast<std::size_t>(part.y0 - patch.box.y0) * width + static_cast<std::size_t>(part.x0 - patch.box.x0); };
    const auto across = [](const Box& part) { return static_cast<std::size_t>(part.width()); };
    const auto down = [](const Box& part) { return static_cast<std::size_t>(part.height()); };
    const std::size_t of_window = in_patch(e.window);
    source.chi2 += sum_squares(weight_.data() + of_window, residual_.data() + of_window, width, across(e.window), down(e.window));
    if (backgrounds_ > 0 && patch.pixels > 0) source.background += p_[background_of(patch)] / source.frames;
    const Box part = intersection(e.window, e.stamp);
    if (part.empty()) continue;
    const std::size_t in_stamp = e.first + static_cast<std::size_t>(part.y0 - e.stamp.y0) * across(e.stamp) + static_cast<std::size_t>(part.x0 - e.stamp.x0);
    source.portion += sum_where(weight_.data() + in_patch(part), width, response_.data() + in_stamp, across(e.stamp), across(part), down(part)) / source.frames;
  }
  report_neighbours(out);
}

void PsfFit::report_neighbours(std::vector<FittedSource>& out) const {
  const auto flux = [this](std::size_t s) { return first_of(member_of_[s]) + per_source_ - 1; };
  std::vector<double> per_sigma(parameters_);
  for (std::size_t i = 0; i < parameters_; ++i) per_sigma[i] = 1 / std::sqrt(workspace_.covariance[i * (parameters_ + 1)]);
  const auto tell = [&](std::size_t to, std::size_t of, double c) {
    if (options_.correlations) out[to].correlations.push_back({static_cast<int>(of), c});
    if (std::abs(c) > std::abs(out[to].correlation)) out[to].correlation = c, out[to].neighbour = static_cast<int>(of);
  };
  for (std::size_t a = 0; a < out.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) {
      if (member_of_[a] < 0 || member_of_[b] < 0) continue;
      const std::size_t i = flux(a), j = flux(b);
      const double c = workspace_.covariance[i * parameters_ + j] * (per_sigma[i] * per_sigma[j]);
      tell(a, b, c), tell(b, a, c);
    }
}

}  // namespace tessera::photometry

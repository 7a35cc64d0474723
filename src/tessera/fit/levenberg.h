/// fit/levenberg.h — bounded Levenberg–Marquardt minimisation of χ² on analytic gradients.
/// Marquardt 1963, J. SIAM 11, 431, with the damping of Nielsen 1999 (IMM-REP-1999-05); bounds by an active set.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "tessera/fit/linear.h"

namespace tessera::fit {

/// A χ² and its first two derivatives. Models sum their data straight into the normal equations, so no Jacobian is ever stored.
class Objective {
 public:
  virtual ~Objective() = default;
  virtual std::size_t parameters() const = 0;
  /// Returns χ²(p) and fills A = ½ ∂²χ²/∂p∂p (Gauss–Newton, lower triangle at least) and g = −½ ∂χ²/∂p. A χ² that is not finite refuses the point.
  virtual double expand(std::span<const double> p, std::span<double> curvature, std::span<double> gradient) = 0;
  /// χ²(p) alone.
  virtual double chi2(std::span<const double> p) = 0;
};

struct LevenbergOptions {
  int max_iterations = 60;
  /// Done when the expected fall of χ² of an undamped step is below this: all parameters were then within √tolerance of their own σ, before that step was taken as well.
  double tolerance = 1e-8;
  /// A step that promises less than this share of χ² is not judged by χ², whose rounding hides it, but by the gradients there: steps go on down to `tolerance`, or until one promises a quarter of the one before.
  double relative_tolerance = 1e-14;
  /// χ² is rounded by about this times √χ² (sums over residuals in single precision: 2 ε √Σ w v²): the same for a step that promises less.
  double rounding = 0;
};

enum class FitStatus {
  converged,
  at_bound,        ///< converged with at least one parameter held by a bound
  no_convergence,  ///< max_iterations reached
  degenerate,      ///< the data leave a parameter open
  no_data,         ///< χ² is not finite at the start
};

/// All memory a fit needs, kept between fits.
struct LevenbergWorkspace {
  std::vector<double> curvature, gradient, factor, step, trial, trial_curvature, trial_gradient, covariance;
  std::vector<std::size_t> free;  // parameters not held by a bound
};

struct LevenbergResult {
  FitStatus status = FitStatus::no_data;
  int iterations = 0;
  double chi2 = 0;
};

/// Starts at `p` and leaves the minimum there. `lower` and `upper`: bounds (±∞ for none), or empty. The covariance A⁻¹ of the parameters is left in
/// workspace.covariance (n × n, bounds not counted); zeros when degenerate.
LevenbergResult minimise(Objective& objective, std::span<double> p, std::span<const double> lower, std::span<const double> upper, const LevenbergOptions& options,
                         LevenbergWorkspace& workspace);

}  // namespace tessera::fit

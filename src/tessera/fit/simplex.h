/// fit/simplex.h — the downhill simplex of Nelder & Mead 1965, Computer Journal 7, 308, with the adaptive coefficients of Gao & Han 2012
/// (Comput. Optim. Appl. 51, 259). No derivatives: for those who ask for it (MOPEX guide 8.6.1), and as a check of the other fit.
#pragma once
#include <functional>
#include <span>

namespace tessera::fit {

struct SimplexOptions {
  int max_evaluations = 4000;
  double tolerance = 1e-10;  ///< relative spread of the function over the simplex at which it is done
};

struct SimplexResult {
  bool converged = false;
  int evaluations = 0;
  double value = 0;
};

/// Starts at `p` with vertices `size[i]` away along each axis and leaves the lowest vertex in `p`. Bounds (or empty) are kept by moving points onto
/// them. A function value that is not finite is worse than any other. Restarts once from the minimum found, which a collapsed simplex needs.
SimplexResult minimise_by_simplex(const std::function<double(std::span<const double>)>& function, std::span<double> p, std::span<const double> size, std::span<const double> lower,
                                  std::span<const double> upper, const SimplexOptions& options);

}  // namespace tessera::fit

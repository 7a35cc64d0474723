#include "tessera/fit/simplex.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace tessera::fit {
namespace {

class Simplex {
 public:
  Simplex(const std::function<double(std::span<const double>)>& function, std::span<const double> lower, std::span<const double> upper, const SimplexOptions& options)
      : function_{function}, lower_{lower}, upper_{upper}, options_{options} {}

  SimplexResult run(std::span<double> p, std::span<const double> size) {
    const std::size_t n = p.size();
    points_.assign(n + 1, {p.begin(), p.end()});
    values_.assign(n + 1, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      const double before = points_[i + 1][i];
      points_[i + 1][i] += size[i];
      keep_in(points_[i + 1]);
      if (points_[i + 1][i] == before) points_[i + 1][i] = before - size[i];  // at its upper bound
    }
    for (std::size_t i = 0; i <= n; ++i) values_[i] = value(points_[i]);
    while (evaluations_ < options_.max_evaluations && !step()) {
    }
    const auto best = static_cast<std::size_t>(std::min_element(values_.begin(), values_.end()) - values_.begin());
    std::copy(points_[best].begin(), points_[best].end(), p.begin());
    return {done_, evaluations_, values_[best]};
  }

 private:
  using Point = std::vector<double>;
  void keep_in(Point& x) const {
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!lower_.empty()) x[i] = std::max(x[i], lower_[i]);
      if (!upper_.empty()) x[i] = std::min(x[i], upper_[i]);
    }
  }
  double value(Point& x) {
    keep_in(x);
    ++evaluations_;
    const double v = function_(x);
    return std::isfinite(v) ? v : std::numeric_limits<double>::infinity();
  }
  /// centre + factor · (worst − centre).
  Point along(const Point& centre, double factor) const {
    Point x(centre.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = centre[i] + factor * (points_.back()[i] - centre[i]);
    return x;
  }
  void sort() {
    std::vector<std::size_t> order(values_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values_[a] < values_[b]; });
    std::vector<Point> points;
    std::vector<double> values;
    for (const std::size_t k : order) points.push_back(std::move(points_[k])), values.push_back(values_[k]);
    points_.swap(points);
    values_.swap(values);
  }
  void replace(Point x, double v) {
    points_.back() = std::move(x);
    values_.back() = v;
  }
  /// True when done.
  bool step() {
    sort();
    const std::size_t n = points_.front().size();
    const double spread = values_.back() - values_.front(), scale = std::abs(values_.front()) + std::abs(values_.back()) + 1e-300;
    if (std::isfinite(values_.back()) && 2 * spread <= options_.tolerance * scale) return done_ = true;
    const auto dimensions = static_cast<double>(std::max<std::size_t>(n, 2));
    const double expand = 1 + 2 / dimensions, contract = 0.75 - 0.5 / dimensions, shrink = 1 - 1 / dimensions;
    Point centre(n, 0.0);
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t i = 0; i < n; ++i) centre[i] += points_[k][i] / static_cast<double>(n);
    Point reflected = along(centre, -1);
    const double at_reflected = value(reflected);
    if (at_reflected < values_.front()) {
      Point further = along(centre, -expand);
      const double at_further = value(further);
      at_further < at_reflected ? replace(std::move(further), at_further) : replace(std::move(reflected), at_reflected);
    } else if (at_reflected < values_[n - 1]) {
      replace(std::move(reflected), at_reflected);
    } else {
      const bool outside = at_reflected < values_.back();
      Point nearer = along(centre, outside ? -contract : contract);
      const double at_nearer = value(nearer);
      if (at_nearer < std::min(at_reflected, values_.back())) {
        replace(std::move(nearer), at_nearer);
      } else {
        for (std::size_t k = 1; k <= n; ++k) {
          for (std::size_t i = 0; i < n; ++i) points_[k][i] = points_[0][i] + shrink * (points_[k][i] - points_[0][i]);
          values_[k] = value(points_[k]);
        }
      }
    }
    return false;
  }

  const std::function<double(std::span<const double>)>& function_;
  std::span<const double> lower_, upper_;
  const SimplexOptions& options_;
  std::vector<Point> points_;
  std::vector<double> values_;
  int evaluations_ = 0;
  bool done_ = false;
};

}  // namespace

SimplexResult minimise_by_simplex(const std::function<double(std::span<const double>)>& function, std::span<double> p, std::span<const double> size, std::span<const double> lower,
                                  std::span<const double> upper, const SimplexOptions& options) {
  SimplexResult first = Simplex{function, lower, upper, options}.run(p, size);
  if (!first.converged) return first;
  SimplexOptions rest = options;
  rest.max_evaluations = options.max_evaluations - first.evaluations;
  std::vector<double> smaller(size.begin(), size.end());
  for (double& s : smaller) s *= 0.1;
  SimplexResult second = Simplex{function, lower, upper, rest}.run(p, smaller);
  second.evaluations += first.evaluations;
  return second;
}

}  // namespace tessera::fit

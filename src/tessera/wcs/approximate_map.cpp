// The bicubic stand-in for an expensive pixel map. In each cell of a uniform lattice the map is the tensor product of the cubic
// polynomials through 4 × 4 nodes; at the border of the lattice the four nodes are shifted inwards, so that no node lies outside
// the domain. A row collapses the nodes in y once per cell and then evaluates two cubics in x per point.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "tessera/base/clones.h"
#include "tessera/base/error.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::wcs {
namespace {

constexpr double coarsest_spacing = 64, finest_spacing = 4;  // pixels

/// One axis of the lattice: `cells` cells of width `step` from `origin`.
struct Axis {
  double origin = 0, step = 1, inverse = 1, end = 0;
  int cells = 3;

  Axis() = default;
  Axis(int first, int last, double spacing) : origin{first - 0.5}, end{last - 0.5} {
    cells = std::max(3, static_cast<int>(std::ceil((end - origin) / spacing)));
    step = (end - origin) / cells;
    inverse = cells / (end - origin);
  }
  bool holds(double x) const { return x >= origin && x <= end; }
  int cell(double x) const { return std::clamp(static_cast<int>((x - origin) * inverse), 0, cells - 1); }
  /// The first of the four nodes a cell's cubic runs through.
  int first_node(int cell_index) const { return std::clamp(cell_index - 1, 0, cells - 3); }
  double node(int k) const { return k == cells ? end : origin + k * step; }
  /// Position from the first of the four nodes, in steps: 0 … 3.
  double local(double x, int cell_index) const { return (x - origin) * inverse - first_node(cell_index); }
};

/// Lagrange's weights of nodes 0, 1, 2, 3 at t.
std::array<double, 4> cubic_weights(double t) {
  const double t1 = t - 1, t2 = t - 2, t3 = t - 3;
  return {t1 * t2 * t3 * (-1.0 / 6), t * t2 * t3 * 0.5, t * t1 * t3 * -0.5, t * t1 * t2 * (1.0 / 6)};
}

/// The cubic through values at 0, 1, 2, 3 in Newton's form: a + t (b + (t − 1) (c + (t − 2) d)).
struct Cubic {
  double a, b, c, d;
  explicit Cubic(const std::array<double, 4>& f)
      : a{f[0]}, b{f[1] - f[0]}, c{(f[2] - 2 * f[1] + f[0]) * 0.5}, d{(f[3] - 3 * f[2] + 3 * f[1] - f[0]) * (1.0 / 6)} {}
  double at(double t) const { return a + t * (b + (t - 1) * (c + (t - 2) * d)); }
};

class Approximate final : public PixelMap {
 public:
  Approximate(PixelMapPtr exact, Box domain, double tolerance) : exact_{std::move(exact)} {
    for (double spacing = coarsest_spacing;; spacing /= 2) {
      ax_ = Axis{domain.x0, domain.x1, spacing};
      ay_ = Axis{domain.y0, domain.y1, spacing};
      compute_nodes();
      const bool last = spacing <= finest_spacing;
      if (check_cells(tolerance, last) || last) break;
    }
    widen_exact_cells();
  }

  void apply(std::span<const double> x, std::span<const double> y, std::span<double> u, std::span<double> v) const override {
    for (std::size_t k = 0; k < x.size(); ++k) {
      if (!interpolates(x[k], y[k])) {
        exact_->apply(x.subspan(k, 1), y.subspan(k, 1), u.subspan(k, 1), v.subspan(k, 1));
        continue;
      }
      const int i = ax_.cell(x[k]), j = ay_.cell(y[k]);
      const double t = ax_.local(x[k], i);
      const auto weights = cubic_weights(ay_.local(y[k], j));
      u[k] = cell_cubic(u_, i, j, weights).at(t);
      v[k] = cell_cubic(v_, i, j, weights).at(t);
    }
  }

  void apply_row(double x0, double y, std::span<double> u, std::span<double> v) const override {
    const std::size_t n = u.size();
    if (!ay_.holds(y)) return exact_->apply_row(x0, y, u, v);
    const int j = ay_.cell(y);
    const auto weights = cubic_weights(ay_.local(y, j));
    for (std::size_t first = 0; first < n;) {
      const double x = x0 + static_cast<double>(first);
      if (!ax_.holds(x)) {
        const std::size_t last = outside_until(x0, first, n);
        exact_->apply_row(x, y, u.subspan(first, last - first), v.subspan(first, last - first));
        first = last;
        continue;
      }
      const int i = ax_.cell(x);
      const std::size_t last = cell_until(x0, first, n, i);
      if (kept_exact(i, j))
        exact_->apply_row(x, y, u.subspan(first, last - first), v.subspan(first, last - first));
      else
        fill(cell_cubic(u_, i, j, weights), cell_cubic(v_, i, j, weights), x0, i, first, last, u, v);
      first = last;
    }
  }

 private:
  /// The inner loop: two cubics at equidistant points.
  TESSERA_CLONES void fill(const Cubic& cu, const Cubic& cv, double x0, int cell, std::size_t first, std::size_t last, std::span<double> u,
            std::span<double> v) const {
    const double origin = ax_.origin, inverse = ax_.inverse, shift = ax_.first_node(cell);
    double* const pu = u.data() + first;
    double* const pv = v.data() + first;
    const int n = static_cast<int>(last - first), base = static_cast<int>(first);
    for (int k = 0; k < n; ++k) {
      const double t = (x0 + (base + k) - origin) * inverse - shift, t1 = t - 1, t2 = t - 2;
      pu[k] = cu.a + t * (cu.b + t1 * (cu.c + t2 * cu.d));
      pv[k] = cv.a + t * (cv.b + t1 * (cv.c + t2 * cv.d));
    }
  }

  bool interpolates(double x, double y) const { return ax_.holds(x) && ay_.holds(y) && !kept_exact(ax_.cell(x), ay_.cell(y)); }
  bool kept_exact(int i, int j) const { return exact_cell_[static_cast<std::size_t>(j) * static_cast<std::size_t>(ax_.cells) + static_cast<std::size_t>(i)] != 0; }

  /// The end of the run of points of cell `i` that starts at `first`; guessed, then put right by the rule cell() itself.
  std::size_t cell_until(double x0, std::size_t first, std::size_t n, int i) const {
    const double guess = std::ceil(ax_.node(i + 1) - x0);
    std::size_t last = std::clamp(static_cast<std::size_t>(std::max(guess, 0.0)), first + 1, n);
    const auto inside = [&](std::size_t k) {
      const double x = x0 + static_cast<double>(k);
      return ax_.holds(x) && ax_.cell(x) == i;
    };
    while (last < n && inside(last)) ++last;
    while (last > first + 1 && !inside(last - 1)) --last;
    return last;
  }

  std::size_t outside_until(double x0, std::size_t first, std::size_t n) const {
    const double x = x0 + static_cast<double>(first);
    if (x > ax_.end) return n;
    std::size_t last = std::clamp(static_cast<std::size_t>(std::max(0.0, std::floor(ax_.origin - x0))), first + 1, n);
    while (last < n && x0 + static_cast<double>(last) < ax_.origin) ++last;
    return last;
  }

  /// The nodes of cell (i, j) collapsed in y.
  Cubic cell_cubic(const std::vector<double>& nodes, int i, int j, const std::array<double, 4>& w) const {
    const std::size_t stride = static_cast<std::size_t>(ax_.cells + 1);
    const double* p = nodes.data() + static_cast<std::size_t>(ay_.first_node(j)) * stride + static_cast<std::size_t>(ax_.first_node(i));
    std::array<double, 4> f{};
    for (std::size_t k = 0; k < 4; ++k) f[k] = (w[0] * p[k] + w[1] * p[stride + k]) + (w[2] * p[2 * stride + k] + w[3] * p[3 * stride + k]);
    return Cubic{f};
  }

  void compute_nodes() {
    const auto columns = static_cast<std::size_t>(ax_.cells + 1), rows = static_cast<std::size_t>(ay_.cells + 1);
    u_.resize(columns * rows);
    v_.resize(columns * rows);
    std::vector<double> x(columns), y(columns);
    for (std::size_t i = 0; i < columns; ++i) x[i] = ax_.node(static_cast<int>(i));
    for (std::size_t j = 0; j < rows; ++j) {
      std::fill(y.begin(), y.end(), ay_.node(static_cast<int>(j)));
      exact_->apply(x, y, std::span{u_}.subspan(j * columns, columns), std::span{v_}.subspan(j * columns, columns));
    }
  }

  /// Marks the cells that the cubics do not meet; true when only cells at a cut of the sky (a node without image) are left.
  /// `last`: no finer lattice follows, so that every cell must be looked at.
  bool check_cells(double tolerance, bool last) {
    // Points where the error of a cubic is largest, in an inner and in a border cell.
    constexpr std::array<std::array<double, 2>, 5> probes{{{0.5, 0.5}, {0.38, 0.38}, {0.62, 0.38}, {0.38, 0.62}, {0.62, 0.62}}};
    const auto cells_x = static_cast<std::size_t>(ax_.cells);
    exact_cell_.assign(cells_x * static_cast<std::size_t>(ay_.cells), 0);
    const std::size_t n = cells_x * probes.size();
    std::vector<double> x(n), y(n), u(n), v(n);
    bool good = true;
    for (int j = 0; j < ay_.cells; ++j) {
      for (std::size_t k = 0; k < n; ++k) {
        x[k] = ax_.origin + (static_cast<double>(k / probes.size()) + probes[k % probes.size()][0]) * ax_.step;
        y[k] = ay_.origin + (j + probes[k % probes.size()][1]) * ay_.step;
      }
      exact_->apply(x, y, u, v);
      for (std::size_t k = 0; k < n; ++k) {
        const int i = static_cast<int>(k / probes.size());
        const auto weights = cubic_weights(ay_.local(y[k], j));
        const double t = ax_.local(x[k], i), du = cell_cubic(u_, i, j, weights).at(t) - u[k], dv = cell_cubic(v_, i, j, weights).at(t) - v[k];
        // Half the tolerance: the probes are few.
        if (std::abs(du) <= tolerance / 2 && std::abs(dv) <= tolerance / 2) continue;
        exact_cell_[static_cast<std::size_t>(j) * cells_x + static_cast<std::size_t>(i)] = 1;
        good &= std::isnan(du) || std::isnan(dv);
      }
      if (!good && !last) return false;  // the lattice is refined whatever the other rows say
    }
    return good;
  }

  /// Around a pole or a seam the map is still strongly curved in the next cell, whose few probes may just have passed.
  void widen_exact_cells() {
    const auto marked = exact_cell_;
    for (int j = 0; j < ay_.cells; ++j)
      for (int i = 0; i < ax_.cells; ++i) {
        if (!marked[static_cast<std::size_t>(j) * static_cast<std::size_t>(ax_.cells) + static_cast<std::size_t>(i)]) continue;
        for (int y = std::max(0, j - 1); y <= std::min(ay_.cells - 1, j + 1); ++y)
          for (int x = std::max(0, i - 1); x <= std::min(ax_.cells - 1, i + 1); ++x)
            exact_cell_[static_cast<std::size_t>(y) * static_cast<std::size_t>(ax_.cells) + static_cast<std::size_t>(x)] = 1;
      }
  }

  PixelMapPtr exact_;
  Axis ax_, ay_;
  std::vector<double> u_, v_;               // nodes, by rows
  std::vector<std::uint8_t> exact_cell_;    // by rows of cells; 1: the exact map is used there
};

/// Made when first asked: a coadd needs the map from its grid to a frame, and rarely the one back.
class OnFirstUse final : public PixelMap {
 public:
  OnFirstUse(PixelMapPtr exact, Box domain, double tolerance) : exact_{std::move(exact)}, domain_{domain}, tolerance_{tolerance} {}
  void apply(std::span<const double> x, std::span<const double> y, std::span<double> u, std::span<double> v) const override { map().apply(x, y, u, v); }
  void apply_row(double x0, double y, std::span<double> u, std::span<double> v) const override { map().apply_row(x0, y, u, v); }

 private:
  const Approximate& map() const {
    std::call_once(once_, [this] { map_ = std::make_unique<const Approximate>(exact_, domain_, tolerance_); });
    return *map_;
  }
  PixelMapPtr exact_;
  Box domain_;
  double tolerance_;
  mutable std::once_flag once_;
  mutable std::unique_ptr<const Approximate> map_;
};

}  // namespace

PixelMapPtr approximate(PixelMapPtr exact, Box domain, double tolerance_pix) {
  if (!(tolerance_pix > 0)) throw UsageError{"the tolerance of a pixel map must be positive"};
  if (domain.empty()) return exact;
  return std::make_shared<OnFirstUse>(std::move(exact), domain, tolerance_pix);
}

}  // namespace tessera::wcs

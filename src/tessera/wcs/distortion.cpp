#include "tessera/wcs/distortion.h"

#include <algorithm>
#include <cmath>

namespace tessera::wcs {
namespace {

using Point = std::array<double, 2>;

/// Newton's method for f(p) = target. Where the determinant has not the sign it has at the reference point the map has folded
/// over, and what is found there is no image of the target: nothing is returned.
template <class Map>
std::optional<Point> newton(const Map& f, Point p, Point target, double tolerance, double orientation) {
  for (int round = 0; round < 60; ++round) {
    const Mapped m = f(p[0], p[1]);
    const double det = m.d[0] * m.d[3] - m.d[1] * m.d[2];
    const double ru = target[0] - m.u, rv = target[1] - m.v;
    if (!std::isfinite(ru) || !std::isfinite(rv) || det * orientation <= 0) return std::nullopt;
    const double dx = (m.d[3] * ru - m.d[1] * rv) / det, dy = (m.d[0] * rv - m.d[2] * ru) / det;
    p[0] += dx;
    p[1] += dy;
    if (std::abs(dx) + std::abs(dy) <= tolerance) {
      const Mapped end = f(p[0], p[1]);
      const bool folded = (end.d[0] * end.d[3] - end.d[1] * end.d[2]) * orientation <= 0;
      return folded ? std::nullopt : std::optional<Point>{p};
    }
  }
  return std::nullopt;
}

Mapped chain(const Mapped& outer, const Mapped& inner) {
  return {outer.u, outer.v,
          {outer.d[0] * inner.d[0] + outer.d[1] * inner.d[2], outer.d[0] * inner.d[1] + outer.d[1] * inner.d[3],
           outer.d[2] * inner.d[0] + outer.d[3] * inner.d[2], outer.d[2] * inner.d[1] + outer.d[3] * inner.d[3]}};
}

/// Adds a correction of one axis to `m`: value to u (axis 0) or v (axis 1), derivatives to that row.
template <class Correction>
void add(Mapped& m, int axis, const Correction& correction, double x, double y) {
  double value = 0, dx = 0, dy = 0;
  correction.evaluate(x, y, value, dx, dy);
  (axis == 0 ? m.u : m.v) += value;
  m.d[static_cast<std::size_t>(2 * axis)] += dx;
  m.d[static_cast<std::size_t>(2 * axis + 1)] += dy;
}

}  // namespace

bool Polynomial2::zero() const {
  return std::all_of(c_.begin(), c_.end(), [](double c) { return c == 0; });
}

void Polynomial2::evaluate(double x, double y, double& value, double& dx, double& dy) const {
  value = dx = dy = 0;
  for (int q = order_; q >= 0; --q) {
    double row = 0, slope = 0;
    for (int p = order_ - q; p >= 0; --p) {
      slope = slope * x + row;
      row = row * x + c_[index(p, q)];
    }
    dy = dy * y + value;
    dx = dx * y + slope;
    value = value * y + row;
  }
}

void Lookup::evaluate(double x, double y, double& value, double& dx, double& dy) const {
  const LookupTable& t = *table_;
  // The convention of the HST tables: the table's pixel CRPIX, counted from 0, stands at image pixel CRVAL + 1.
  const auto place = [&](double p, std::size_t axis, int size, int& cell, double& fraction) {
    const double at = (p - 1 - t.crval[axis]) / t.cdelt[axis] + t.crpix[axis];
    const double inside = std::clamp(at, 0.0, static_cast<double>(size - 1));
    cell = std::clamp(static_cast<int>(inside), 0, std::max(0, size - 2));
    fraction = inside - cell;
    return size > 1 && at == inside ? 1 / t.cdelt[axis] : 0.0;  // derivative of `fraction`
  };
  int i = 0, j = 0;
  double fx = 0, fy = 0;
  const double sx = place(x, 0, t.width, i, fx), sy = place(y, 1, t.height, j, fy);
  const auto node = [&](int a, int b) {
    return static_cast<double>(
        t.values[static_cast<std::size_t>(std::min(b, t.height - 1)) * static_cast<std::size_t>(t.width) + static_cast<std::size_t>(std::min(a, t.width - 1))]);
  };
  const double v00 = node(i, j), v10 = node(i + 1, j), v01 = node(i, j + 1), v11 = node(i + 1, j + 1);
  value = (v00 * (1 - fx) + v10 * fx) * (1 - fy) + (v01 * (1 - fx) + v11 * fx) * fy;
  dx = ((v10 - v00) * (1 - fy) + (v11 - v01) * fy) * sx;
  dy = ((v01 - v00) * (1 - fx) + (v11 - v10) * fx) * sy;
}

Mapped PixelDistortion::detector_step(double x, double y) const {
  Mapped m{x, y, {1, 0, 0, 1}};
  for (int axis = 0; axis < 2; ++axis)
    if (const auto& table = detector[static_cast<std::size_t>(axis)]) add(m, axis, *table, x, y);
  return m;
}

Mapped PixelDistortion::prior_step(double x, double y) const {
  Mapped m{x, y, {1, 0, 0, 1}};
  if (sip) {
    add(m, 0, sip->a, x - crpix[0], y - crpix[1]);
    add(m, 1, sip->b, x - crpix[0], y - crpix[1]);
  }
  for (int axis = 0; axis < 2; ++axis)
    if (const auto& table = prior[static_cast<std::size_t>(axis)]) add(m, axis, *table, x, y);
  return m;
}

Mapped PixelDistortion::apply(double x, double y) const {
  if (!detector[0] && !detector[1]) return prior_step(x, y);
  const Mapped first = detector_step(x, y);
  return chain(prior_step(first.u, first.v), first);
}

std::optional<Point> PixelDistortion::invert(double u, double v) const {
  const auto tolerance = [](double a, double b) { return 1e-11 * (1 + std::abs(a) + std::abs(b)) / 16; };
  const auto q = newton([this](double x, double y) { return prior_step(x, y); }, {u, v}, {u, v}, tolerance(u, v), 1);
  if (!q || (!detector[0] && !detector[1])) return q;
  return newton([this](double x, double y) { return detector_step(x, y); }, *q, *q, tolerance(u, v), 1);
}

namespace {

/// The TPV terms of one axis at (x, y) of that axis (the other axis sees them swapped), with derivatives.
void tpv_axis(const std::array<double, PlanePolynomial::terms>& c, double x, double y, double& value, double& dx, double& dy) {
  value = dx = dy = 0;
  std::array<double, 8> px{1}, py{1};
  for (std::size_t k = 1; k < 8; ++k) {
    px[k] = px[k - 1] * x;
    py[k] = py[k - 1] * y;
  }
  const double r = std::hypot(x, y);
  std::size_t term = 0;
  for (std::size_t degree = 0; degree <= 7; ++degree) {
    for (std::size_t q = 0; q <= degree; ++q, ++term) {
      const std::size_t p = degree - q;
      const double k = c[term];
      if (k == 0) continue;
      value += k * px[p] * py[q];
      if (p > 0) dx += k * static_cast<double>(p) * px[p - 1] * py[q];
      if (q > 0) dy += k * static_cast<double>(q) * px[p] * py[q - 1];
    }
    if (degree % 2 == 0) continue;  // r, r³, r⁵ and r⁷ stand behind the terms of their degree
    const double k = c[term++];
    if (k == 0 || r == 0) continue;
    const double power = std::pow(r, static_cast<int>(degree));
    value += k * power;
    dx += k * static_cast<double>(degree) * power / (r * r) * x;
    dy += k * static_cast<double>(degree) * power / (r * r) * y;
  }
}

}  // namespace

Mapped PlanePolynomial::apply(double x, double y) const {
  Mapped m;
  tpv_axis(lng, x, y, m.u, m.d[0], m.d[1]);
  tpv_axis(lat, y, x, m.v, m.d[3], m.d[2]);
  return m;
}

std::optional<Point> PlanePolynomial::invert(double u, double v) const {
  const Mapped centre = apply(0, 0);
  const double orientation = centre.d[0] * centre.d[3] - centre.d[1] * centre.d[2];
  if (orientation == 0) return std::nullopt;
  return newton([this](double x, double y) { return apply(x, y); }, {u, v}, {u, v}, 1e-13 * (1 + std::abs(u) + std::abs(v)), orientation);
}

}  // namespace tessera::wcs

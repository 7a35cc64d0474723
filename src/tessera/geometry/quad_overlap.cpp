#include "tessera/geometry/quad_overlap.h"

#include <algorithm>
#include <cmath>

namespace tessera::geometry {

namespace {

constexpr double far_away = 1 << 29;

int whole(double x) { return static_cast<int>(std::clamp(x, -far_away, far_away)); }

}  // namespace

double area(const Quad& q) {
  // The two diagonals span twice the area; differences first, so that far from the origin nothing cancels.
  const double ax = q.x[2] - q.x[0], ay = q.y[2] - q.y[0];
  const double bx = q.x[3] - q.x[1], by = q.y[3] - q.y[1];
  return 0.5 * (ax * by - ay * bx);
}

Box pixels_under(const Quad& q) {
  for (int k = 0; k < 4; ++k)
    if (!std::isfinite(q.x[k]) || !std::isfinite(q.y[k])) return {};
  const auto [x0, x1] = std::minmax_element(q.x.begin(), q.x.end());
  const auto [y0, y1] = std::minmax_element(q.y.begin(), q.y.end());
  const Box box{whole(std::floor(*x0 + 0.5)), whole(std::floor(*y0 + 0.5)), whole(std::ceil(*x1 + 0.5)), whole(std::ceil(*y1 + 0.5))};
  return box.empty() ? Box{} : box;
}

void OverlapTable::compute(const Quad& q, Box clip) {
  const double whole_area = area(q);
  box_ = intersection(pixels_under(q), clip);
  if (box_.empty() || !std::isfinite(whole_area) || whole_area == 0.0) {
    box_ = {};
    areas_.clear();
    return;
  }
  areas_.assign(static_cast<std::size_t>(box_.area()), 0.0);
  for (int k = 0; k < 4; ++k) {
    const int next = (k + 1) % 4;
    add_edge(q.x[k] + 0.5 - box_.x0, q.y[k] + 0.5 - box_.y0, q.x[next] + 0.5 - box_.x0, q.y[next] + 0.5 - box_.y0);
  }
  sum_rows(whole_area > 0 ? -1.0 : 1.0);
}

// Coordinates here count from the lower left corner of box_, so grid lines are at integers.
void OverlapTable::add_edge(double x0, double y0, double x1, double y1) {
  const double sign = y1 > y0 ? 1.0 : -1.0;
  if (y1 < y0) {
    std::swap(x0, x1);
    std::swap(y0, y1);
  }
  const double low = std::max(y0, 0.0), high = std::min(y1, static_cast<double>(box_.height()));
  if (!(low < high)) return;
  const double slope = (x1 - x0) / (y1 - y0);
  const auto x_at = [&](double y) {
    if (y == y0) return x0;
    if (y == y1) return x1;
    return std::clamp(x0 + (y - y0) * slope, std::min(x0, x1), std::max(x0, x1));
  };
  double y = low, x = x_at(low);
  for (int j = whole(std::floor(low)); y < high; ++j) {
    const double y_next = std::min(high, j + 1.0), x_next = x_at(y_next);
    add_in_row(areas_.data() + static_cast<std::size_t>(j) * box_.width(), std::min(x, x_next), std::max(x, x_next), sign * (y_next - y));
    y = y_next;
    x = x_next;
  }
}

// Part of an edge inside one row of pixels, from xa ≤ xb, rising by dy. What stays to its right: in its own pixel a part,
// in all pixels further right the whole of dy; the latter by the running sum of sum_rows().
void OverlapTable::add_in_row(double* row, double xa, double xb, double dy) const {
  const double width = box_.width();
  const double rise = xb > xa ? dy / (xb - xa) : 0.0;
  if (xa < 0.0) {  // left of the clip: all pixels are to the right of it
    const double left = std::min(xb, 0.0);
    row[0] += xb > 0.0 ? rise * (left - xa) : dy;
    if (xb <= 0.0) return;
    xa = 0.0;
    dy = rise * (std::min(xb, width) - xa);
  } else if (xb > width) {
    if (xa >= width) return;
    dy = rise * (width - xa);
  }
  xb = std::min(xb, width);
  int i = whole(std::floor(xa));
  if (i >= box_.width()) return;  // on the right border itself: nothing is to the right
  const auto add = [&](int column, double from, double to, double part) {
    const double passed = part * (0.5 * (from + to) - column);
    row[column] += part - passed;
    if (column + 1 < box_.width()) row[column + 1] += passed;
  };
  if (xb <= i + 1.0) {
    add(i, xa, xb, dy);
    return;
  }
  for (double from = xa; from < xb; ++i) {
    const double to = std::min(xb, i + 1.0);
    add(i, from, to, rise * (to - from));
    from = to;
  }
}

void OverlapTable::sum_rows(double sign) {
  const auto width = static_cast<std::size_t>(box_.width());
  for (auto row = areas_.begin(); row != areas_.end(); row += static_cast<std::ptrdiff_t>(width)) {
    double sum = 0.0;
    for (std::size_t i = 0; i < width; ++i) {
      sum += row[static_cast<std::ptrdiff_t>(i)];
      row[static_cast<std::ptrdiff_t>(i)] = std::max(0.0, sign * sum);
    }
  }
}

}  // namespace tessera::geometry

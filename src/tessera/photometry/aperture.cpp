#include "tessera/photometry/aperture.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "tessera/background/panels.h"
#include "tessera/core/statistics.h"

namespace tessera::photometry {
namespace {

bool usable(double x, double y, double reach) { return std::abs(x) < 1e8 && std::abs(y) < 1e8 && reach > 0 && reach < 1e5; }

struct Adder {
  const FrameView& frame;
  Box box;
  ApertureSum sum;

  /// Pixels x0 … x1 − 1 of a row, all with the weight 1.
  void whole(int x0, int x1, int y) {
    if (x1 <= x0) return;
    const int a = std::max(x0, box.x0), b = std::min(x1, box.x1);
    if (y < box.y0 || y >= box.y1 || b <= a) {
      sum.bad_area += x1 - x0;
      return;
    }
    const float* value = &frame.value(a, y);
    const float* variance = &frame.variance(a, y);
    const std::uint8_t* good = &frame.good(a, y);
    double flux = 0, noise = 0;
    int count = 0;
    for (int i = 0; i < b - a; ++i) {
      flux += static_cast<double>(value[i]);  // 0 where bad
      noise += static_cast<double>(variance[i]);
      count += good[i];
    }
    sum.flux += flux;
    sum.variance += noise;
    sum.linear_variance += noise;
    sum.area += count;
    sum.bad_area += x1 - x0 - count;
  }
  void part(int x, int y, double share) {
    if (!(share > 0)) return;
    if (!box.contains(x, y) || !frame.good(x, y)) {
      sum.bad_area += share;
      return;
    }
    const auto variance = static_cast<double>(frame.variance(x, y));
    sum.flux += share * static_cast<double>(frame.value(x, y));
    sum.variance += share * share * variance;
    sum.linear_variance += share * variance;
    sum.area += share;
  }
};

/// The edges of pixels first … last along one axis, |edge − centre| each.
void fill_edges(std::vector<Edge>& edges, int first, int last, double centre, double r) {
  edges.resize(static_cast<std::size_t>(last - first + 2));
  for (std::size_t k = 0; k < edges.size(); ++k) {
    const double at = std::abs(first - 0.5 + static_cast<double>(k) - centre);
    edges[k] = {at, std::sqrt(std::max(0.0, r * r - at * at))};
  }
}

/// The nearer and the farther edge of pixel k; false where the pixel lies across the axis.
bool ordered(const std::vector<Edge>& edges, int k, double offset, const Edge*& near, const Edge*& far) {
  const Edge* const e = edges.data() + k;
  near = offset > 0 ? e : e + 1;
  far = offset > 0 ? e + 1 : e;
  return std::abs(offset) >= 0.5;
}

}  // namespace

ApertureSum sum_circle(const FrameView& frame, double x, double y, double r) {
  if (!usable(x, y, r)) return {};
  Adder adder{frame, frame.box(), {}};
  const int y0 = static_cast<int>(std::floor(y - r + 0.5)), y1 = static_cast<int>(std::ceil(y + r - 0.5));
  const int x0 = static_cast<int>(std::floor(x - r + 0.5)), x1 = static_cast<int>(std::ceil(x + r - 0.5));
  thread_local std::vector<Edge> columns, rows;  // kept between sources
  fill_edges(columns, x0, x1, x, r);
  fill_edges(rows, y0, y1, y, r);
  const auto share = [&](int column, int row) {
    const Edge *near_x, *far_x, *near_y, *far_y;
    const bool beside = ordered(columns, column - x0, column - x, near_x, far_x), above = ordered(rows, row - y0, row - y, near_y, far_y);
    if (beside && above) return circle_overlap_quadrant(*near_x, *far_x, *near_y, *far_y, r * r);
    return circle_overlap(column - 0.5 - x, column + 0.5 - x, row - 0.5 - y, row + 0.5 - y, r);
  };
  for (int row = y0; row <= y1; ++row) {
    const Edge *near, *far;
    const bool above = ordered(rows, row - y0, row - y, near, far);
    const double reach = above ? near->crossing : r;
    if (!(reach > 0)) continue;
    const int first = std::max(x0, static_cast<int>(std::floor(x - reach + 0.5))), last = std::min(x1, static_cast<int>(std::ceil(x + reach - 0.5)));
    // Pixels wholly inside: both far corners within the circle.
    const double inside = above ? far->crossing : std::min(near->crossing, far->crossing);
    int in0 = last + 1, in1 = last + 1;
    if (inside > 0) {
      in0 = static_cast<int>(std::ceil(x - inside + 0.5));
      in1 = std::max(in0, static_cast<int>(std::floor(x + inside - 0.5)) + 1);
    }
    for (int column = first; column < std::min(in0, last + 1); ++column) adder.part(column, row, share(column, row));
    if (in0 > last) continue;
    adder.whole(in0, in1, row);
    for (int column = in1; column <= last; ++column) adder.part(column, row, share(column, row));
  }
  return adder.sum;
}

ApertureSum sum_ellipse(const FrameView& frame, double x, double y, const Ellipse& e) {
  if (!(e.b > 0) || !std::isfinite(e.angle) || !usable(x, y, std::max(e.a, e.b))) return {};
  Adder adder{frame, frame.box(), {}};
  const double c = std::cos(e.angle), s = std::sin(e.angle);
  const double reach_x = std::hypot(e.a * c, e.b * s), reach_y = std::hypot(e.a * s, e.b * c);
  for (int row = static_cast<int>(std::floor(y - reach_y + 0.5)); row <= static_cast<int>(std::ceil(y + reach_y - 0.5)); ++row)
    for (int column = static_cast<int>(std::floor(x - reach_x + 0.5)); column <= static_cast<int>(std::ceil(x + reach_x - 0.5)); ++column)
      adder.part(column, row, ellipse_overlap(column - 0.5 - x, column + 0.5 - x, row - 0.5 - y, row + 0.5 - y, e));
  return adder.sum;
}

AnnulusSky annulus_sky(const FrameView& frame, double x, double y, double inner, double outer, SkyStatistic statistic, int min_pixels, std::vector<float>& work) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  AnnulusSky sky{nan, nan, nan, 0};
  work.clear();
  if (usable(x, y, outer)) {
    const Box box = intersection(frame.box(), {static_cast<int>(std::ceil(x - outer)), static_cast<int>(std::ceil(y - outer)), static_cast<int>(std::floor(x + outer)) + 1, static_cast<int>(std::floor(y + outer)) + 1});
    for (int row = box.y0; row < box.y1; ++row)
      for (int column = box.x0; column < box.x1; ++column) {
        const double r2 = (column - x) * (column - x) + (row - y) * (row - y);
        if (r2 >= inner * inner && r2 <= outer * outer && frame.good(column, row)) work.push_back(frame.value(column, row));
      }
  }
  sky.pixels = static_cast<int>(work.size());
  if (work.empty() || sky.pixels < min_pixels) return sky;
  const double n = sky.pixels;
  const double median = statistics::median_inplace(std::span<float>{work});
  sky.scatter = statistics::mad_sigma(std::span<const float>{work});
  switch (statistic) {
    case SkyStatistic::median: sky.level = median; break;
    case SkyStatistic::mode: sky.level = background::Panels::mode(work); break;
    default: {
      const std::vector<double> values(work.begin(), work.end());
      const auto clipped = statistics::clipped(values);
      sky.level = clipped.mean;
      sky.scatter = clipped.sigma;
      sky.error = clipped.sigma / std::sqrt(static_cast<double>(std::max<std::int64_t>(clipped.used, 1)));
      return sky;
    }
  }
  sky.error = std::sqrt(std::numbers::pi / 2) * sky.scatter / std::sqrt(n);
  return sky;
}

namespace {

double factor_of(const NoiseCorrelation& correlation, View<const float> weight) {
  const Box box = weight.box();
  const int reach = correlation.reach();
  double own = 0, shared = 0;
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      const auto a = static_cast<double>(weight(x, y));
      if (a == 0) continue;
      own += a * a;
      for (int dy = -reach; dy <= reach; ++dy)
        for (int dx = -reach; dx <= reach; ++dx)
          if (box.contains(x + dx, y + dy)) shared += a * static_cast<double>(weight(x + dx, y + dy)) * static_cast<double>(correlation(dx, dy));
    }
  return own > 0 ? shared / own : 1;
}

}  // namespace

double correlation_factor(const NoiseCorrelation& correlation, double radius) {
  double sum = 0;
  for (const double y : {0.0, 0.25, 0.5})
    for (const double x : {0.0, 0.25, 0.5}) sum += factor_of(correlation, circular_aperture(x, y, radius));
  return sum / 9;
}

double annulus_correlation_factor(const NoiseCorrelation& correlation, double inner, double outer) {
  const int reach = static_cast<int>(std::ceil(outer));
  Image<float> weight{Box{-reach, -reach, reach + 1, reach + 1}};
  for (int y = -reach; y <= reach; ++y)
    for (int x = -reach; x <= reach; ++x) weight(x, y) = std::hypot(x, y) >= inner && std::hypot(x, y) <= outer ? 1.0F : 0.0F;
  return factor_of(correlation, weight);
}

}  // namespace tessera::photometry

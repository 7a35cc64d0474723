#include "tessera/spectrum/response.h"

#include <array>
#include <cmath>
#include <numbers>

#include "tessera/base/clones.h"
#include "tessera/base/error.h"

namespace tessera::spectrum {
namespace {

Image<double> of_unit_sum(View<const float> pixels) {
  const Box box{0, 0, pixels.box().width(), pixels.box().height()};
  Image<double> out{box};
  double sum = 0;
  for (int y = 0; y < box.y1; ++y)
    for (int x = 0; x < box.x1; ++x) sum += out(x, y) = pixels(pixels.box().x0 + x, pixels.box().y0 + y);
  if (!(std::isfinite(sum) && sum > 0)) throw DataError{"a point response with NaN or without a positive sum"};
  for (double& v : out.pixels()) v /= sum;
  return out;
}

Image<double> running_sum(const Image<double>& cells) {
  const int w = cells.box().width(), h = cells.box().height();
  Image<double> sum{w + 1, h + 1};
  for (int y = 0; y < h; ++y) {
    double row = 0;
    for (int x = 0; x < w; ++x) {
      row += cells(x, y);
      sum(x + 1, y + 1) = sum(x + 1, y) + row;
    }
  }
  return sum;
}

double sinc(double x) { return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x); }

/// Weights for samples −2 … 3 about the whole part of a place that lies `f` in [0, 1) beyond it, of sum 1.
std::array<double, 6> lanczos3(double f) {
  std::array<double, 6> w{};
  double sum = 0;
  for (int k = 0; k < 6; ++k) {
    const double d = f - (k - 2);
    w[static_cast<std::size_t>(k)] = std::abs(d) < 3 ? sinc(d) * sinc(d / 3) : 0;
    sum += w[static_cast<std::size_t>(k)];
  }
  for (double& v : w) v /= sum;
  return w;
}

std::array<double, 4> keys_cubic(double f) {
  const double a = -.5;
  const auto near = [&](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  const auto far = [&](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  return {far(1 + f), near(f), near(1 - f), far(2 - f)};
}

}  // namespace

ZoneResponse ZoneResponse::from_cells(View<const float> cells, int oversample, Placement placement, double shift_x, double shift_y) {
  ZoneResponse r;
  r.kind_ = placement == Placement::exact ? Kind::cells : Kind::shifted_cells;
  r.oversample_ = oversample;
  r.cells_ = of_unit_sum(cells);
  r.width_ = r.cells_.box().width(), r.height_ = r.cells_.box().height();
  r.middle_x_ = (r.width_ - 1) / 2. + shift_x * oversample, r.middle_y_ = (r.height_ - 1) / 2. + shift_y * oversample;
  if (placement == Placement::exact) r.running_sum_ = running_sum(r.cells_);
  return r;
}

ZoneResponse ZoneResponse::from_epsf(View<const float> samples, int oversample) {
  ZoneResponse r;
  r.kind_ = Kind::samples;
  r.oversample_ = oversample;
  r.cells_ = of_unit_sum(samples);
  r.width_ = r.cells_.box().width(), r.height_ = r.cells_.box().height();
  r.middle_x_ = (r.width_ - 1) / 2., r.middle_y_ = (r.height_ - 1) / 2.;
  return r;
}

Stamp ZoneResponse::stamp(double x, double y) const {
  switch (kind_) {
    case Kind::cells: return integrated(running_sum_, x, y);
    case Kind::shifted_cells: return lanczos_shifted(x, y);
    case Kind::samples: return interpolated(x, y);
  }
  return {};
}

namespace {

/// Along one axis: the first native pixel that the response reaches, and its lower edge as a place in the running sum.
struct Edge {
  int pixel = 0;
  double at = 0;
};
Edge first_edge(double place, double middle, int oversample) {
  const double low = place - (middle + .5) / oversample;
  Edge e;
  e.pixel = static_cast<int>(std::floor(low + .5));
  e.at = (e.pixel - .5 - low) * oversample;  // in (−oversample, 0]
  return e;
}

int pixels_reached(int cells, int oversample) { return (cells + oversample - 1) / oversample + 1; }

/// Cell and part of it at each of the n + 1 edges; edges beyond the grid stand at its ends.
struct Steps {
  std::vector<int> cell;
  std::vector<double> part;
};
void take_steps(const Edge& first, int pixels, int oversample, int cells, Steps& s) {
  s.cell.resize(static_cast<std::size_t>(pixels) + 1), s.part.resize(s.cell.size());
  for (std::size_t i = 0; i < s.cell.size(); ++i) {
    const double at = std::min(std::max(first.at + static_cast<double>(i) * oversample, 0.), static_cast<double>(cells));
    s.cell[i] = std::min(static_cast<int>(at), cells - 1);
    s.part[i] = at - s.cell[i];
  }
}

/// The running sum at `n` edges along x, between two of its rows.
TESSERA_CLONES void sums_at(const double* lower, const double* upper, double v, const int* cell, const double* part, std::size_t n, double* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const int k = cell[i];
    const double u = part[i];
    out[i] = (1 - v) * ((1 - u) * lower[k] + u * lower[k + 1]) + v * ((1 - u) * upper[k] + u * upper[k + 1]);
  }
}

}  // namespace

Stamp ZoneResponse::integrated(const Image<double>& sum, double x, double y) const {
  const int w = sum.box().width() - 1, h = sum.box().height() - 1;
  const Edge left = first_edge(x, middle_x_, oversample_), bottom = first_edge(y, middle_y_, oversample_);
  Stamp s{left.pixel, bottom.pixel, pixels_reached(w, oversample_), pixels_reached(h, oversample_), {}};
  thread_local Steps along_x, along_y;  // kept between sources, as the rows below
  take_steps(left, s.width, oversample_, w, along_x), take_steps(bottom, s.height, oversample_, h, along_y);
  s.values.resize(static_cast<std::size_t>(s.width) * static_cast<std::size_t>(s.height));
  thread_local std::vector<double> below, here;
  below.resize(along_x.cell.size()), here.resize(below.size());
  for (int j = 0; j <= s.height; ++j) {
    const auto row = static_cast<std::size_t>(j);
    const auto lower = sum.row(along_y.cell[row]), upper = sum.row(along_y.cell[row] + 1);
    sums_at(lower.data(), upper.data(), along_y.part[row], along_x.cell.data(), along_x.part.data(), here.size(), here.data());
    if (j > 0)
      for (int i = 0; i < s.width; ++i) {
        const auto k = static_cast<std::size_t>(i);
        s.values[(row - 1) * static_cast<std::size_t>(s.width) + k] = static_cast<float>(here[k + 1] - here[k] - below[k + 1] + below[k]);
      }
    std::swap(below, here);
  }
  return s;
}

Stamp ZoneResponse::lanczos_shifted(double x, double y) const {
  // The cells move by the part of a cell that makes their edges edges of native pixels; the grid grows by the kernel's reach.
  const auto split = [&](double place, double middle) {
    const double low = (place - (middle + .5) / oversample_ + .5) * oversample_;  // lower edge in cells from the edge of pixel 0
    const double whole = std::round(low);
    return std::pair{low - whole, whole};
  };
  const auto [dx, whole_x] = split(x, middle_x_);
  const auto [dy, whole_y] = split(y, middle_y_);
  constexpr int reach = 3;
  const auto moved = [&](double shift) {  // out[i] = Σ w_k in[i − n + k − 2]
    const double back = std::floor(-shift);
    return std::pair{lanczos3(-shift - back), static_cast<int>(back)};
  };
  const auto [wx, nx] = moved(dx);
  const auto [wy, ny] = moved(dy);
  Image<double> rows{width_ + 2 * reach, height_}, both{width_ + 2 * reach, height_ + 2 * reach};
  for (int j = 0; j < height_; ++j)
    for (int i = 0; i < rows.box().x1; ++i)
      for (int k = 0; k < 6; ++k)
        if (const int from = i - reach + nx + k - 2; from >= 0 && from < width_) rows(i, j) += wx[static_cast<std::size_t>(k)] * cells_(from, j);
  for (int j = 0; j < both.box().y1; ++j)
    for (int k = 0; k < 6; ++k)
      if (const int from = j - reach + ny + k - 2; from >= 0 && from < height_)
        for (int i = 0; i < both.box().x1; ++i) both(i, j) += wy[static_cast<std::size_t>(k)] * rows(i, from);
  // A place whose lower edge falls on the grid's: exact from here on.
  const double from_x = (whole_x - reach) / oversample_ - .5 + (middle_x_ + reach + .5) / oversample_, from_y = (whole_y - reach) / oversample_ - .5 + (middle_y_ + reach + .5) / oversample_;
  ZoneResponse grown;
  grown.oversample_ = oversample_;
  grown.middle_x_ = middle_x_ + reach, grown.middle_y_ = middle_y_ + reach;
  return grown.integrated(running_sum(both), from_x, from_y);
}

Stamp ZoneResponse::interpolated(double x, double y) const {
  const double half_x = middle_x_ / oversample_, half_y = middle_y_ / oversample_;
  Stamp s{static_cast<int>(std::ceil(x - half_x)), static_cast<int>(std::ceil(y - half_y)), 0, 0, {}};
  s.width = static_cast<int>(std::floor(x + half_x)) - s.x0 + 1, s.height = static_cast<int>(std::floor(y + half_y)) - s.y0 + 1;
  const double scale = static_cast<double>(oversample_) * oversample_;
  const auto at = [&](int i, int j) { return i < 0 || j < 0 || i >= width_ || j >= height_ ? 0. : cells_(i, j); };
  for (int j = 0; j < s.height; ++j) {
    const double v = (s.y0 + j - y) * oversample_ + middle_y_;
    const int row = static_cast<int>(std::floor(v));
    const auto wy = keys_cubic(v - row);
    for (int i = 0; i < s.width; ++i) {
      const double u = (s.x0 + i - x) * oversample_ + middle_x_;
      const int column = static_cast<int>(std::floor(u));
      const auto wx = keys_cubic(u - column);
      double value = 0;
      for (int b = 0; b < 4; ++b)
        for (int a = 0; a < 4; ++a) value += wx[static_cast<std::size_t>(a)] * wy[static_cast<std::size_t>(b)] * at(column + a - 1, row + b - 1);
      s.values.push_back(static_cast<float>(value * scale));
    }
  }
  return s;
}

}  // namespace tessera::spectrum

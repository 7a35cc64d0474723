#include "tessera/reproject/point_kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace tessera::reproject {

namespace {

double sinc(double x) {
  const double a = std::numbers::pi * x;
  return std::abs(x) < 1e-9 ? 1.0 : std::sin(a) / a;
}

double lanczos(int order, double x) { return std::abs(x) < order ? sinc(x) * sinc(x / order) : 0.0; }

double keys(double alpha, double x) {
  const double a = std::abs(x);
  if (a < 1) return ((alpha + 2) * a - (alpha + 3)) * a * a + 1;
  return a < 2 ? ((a - 5) * a + 8) * alpha * a - 4 * alpha : 0.0;
}

/// The frame pixels under one kernel, 0 where the frame ends: sums over them need no branch.
template <int Taps>
struct Patch {
  float value[Taps][Taps], variance[Taps][Taps], good[Taps][Taps];

  void fill(const FrameView& frame, int x0, int y0) {
    const Box box = frame.box();
    for (int r = 0; r < Taps; ++r)
      for (int c = 0; c < Taps; ++c) {
        const bool inside = box.contains(x0 + c, y0 + r);
        value[r][c] = inside ? frame.value(x0 + c, y0 + r) : 0.0f;
        variance[r][c] = inside ? frame.variance(x0 + c, y0 + r) : 0.0f;
        good[r][c] = inside ? static_cast<float>(frame.good(x0 + c, y0 + r)) : 0.0f;
      }
  }
  void copy(const FrameView& frame, int x0, int y0) {
    for (int r = 0; r < Taps; ++r) {
      const float* v = &frame.value(x0, y0 + r);
      const float* s = &frame.variance(x0, y0 + r);
      const std::uint8_t* g = &frame.good(x0, y0 + r);
      for (int c = 0; c < Taps; ++c) {
        value[r][c] = v[c];
        variance[r][c] = s[c];
        good[r][c] = g[c];
      }
    }
  }
};

struct Sample {
  double weight = 0, weighted = 0, variance = 0, good_size = 0;
};

template <int Taps>
Sample sum(const Patch<Taps>& patch, const double (&wx)[Taps], const double (&wy)[Taps]) {
  // One sum per column: the compiler keeps them in vector lanes, and their order is the same everywhere.
  double weight[Taps] = {}, weighted[Taps] = {}, variance[Taps] = {}, size[Taps] = {};
  for (int r = 0; r < Taps; ++r)
    for (int c = 0; c < Taps; ++c) {
      const double w = wy[r] * wx[c], g = w * static_cast<double>(patch.good[r][c]);
      weight[c] += g;
      size[c] += std::abs(g);
      weighted[c] += w * static_cast<double>(patch.value[r][c]);
      variance[c] += w * w * static_cast<double>(patch.variance[r][c]);
    }
  Sample s;
  for (int c = 0; c < Taps; ++c) {
    s.weight += weight[c];
    s.weighted += weighted[c];
    s.variance += variance[c];
    s.good_size += size[c];
  }
  return s;
}

template <int Taps>
double total(const double (&w)[Taps], bool size) {
  double t = 0;
  for (int k = 0; k < Taps; ++k) t += size ? std::abs(w[k]) : w[k];
  return t;
}

template <int Taps>
class Interpolator {
 public:
  Interpolator(const FrameView& frame, const PointKernel& kernel, double min_weight)
      : frame_{frame}, box_{frame.box()}, kernel_{kernel}, least_{min_weight * (1 - 1e-9)} {}

  /// Value, variance, coverage at (u, v) of the frame; all 0 when there is no value.
  std::array<float, 3> at(double u, double v) const {
    if (!(u >= box_.x0 - 0.5 && u < box_.x1 - 0.5 && v >= box_.y0 - 0.5 && v < box_.y1 - 0.5)) return {};
    const double shift = Taps == 1 ? 0.5 : 0.0;
    const double fu = std::floor(u + shift), fv = std::floor(v + shift);
    double wx[Taps], wy[Taps];
    kernel_.template weights<Taps>(Taps == 1 ? 0.0 : u - fu, wx);
    kernel_.template weights<Taps>(Taps == 1 ? 0.0 : v - fv, wy);
    constexpr int before = Taps == 1 ? 0 : Taps / 2 - 1;
    const int x0 = static_cast<int>(fu) - before, y0 = static_cast<int>(fv) - before;
    Patch<Taps> patch;
    if (box_.contains(Box{x0, y0, x0 + Taps, y0 + Taps}))
      patch.copy(frame_, x0, y0);
    else
      patch.fill(frame_, x0, y0);
    const Sample s = sum<Taps>(patch, wx, wy);
    const double covered = s.good_size / (total(wx, true) * total(wy, true));
    if (!(covered >= least_ && s.weight >= least_ * (total(wx, false) * total(wy, false)))) return {};
    const double inverse = 1 / s.weight;
    return {static_cast<float>(s.weighted * inverse), static_cast<float>(s.variance * inverse * inverse), static_cast<float>(covered)};
  }

 private:
  const FrameView& frame_;
  Box box_;
  const PointKernel& kernel_;
  double least_;
};

template <int Taps>
void interpolate_all(const FrameView& frame, const wcs::PixelMap& to_frame, const PointKernel& kernel, double min_weight, ResampledView out) {
  const Box box = out.box();
  const Interpolator<Taps> interpolator{frame, kernel, min_weight};
  std::vector<double> u(static_cast<std::size_t>(box.width())), v(u.size());
  for (int y = box.y0; y < box.y1; ++y) {
    to_frame.apply_row(box.x0, y, u, v);
    const auto value = out.value.row(y), variance = out.variance.row(y), coverage = out.coverage.row(y);
    for (std::size_t k = 0; k < u.size(); ++k) {
      const auto sample = interpolator.at(u[k], v[k]);
      value[k] = sample[0];
      variance[k] = sample[1];
      coverage[k] = sample[2];
    }
  }
}

}  // namespace

const PointKernel& nearest_kernel() {
  static const PointKernel kernel{1, [](double) { return 1.0; }};
  return kernel;
}

const PointKernel& bilinear_kernel() {
  static const PointKernel kernel{2, [](double x) { return 1 - std::abs(x); }};
  return kernel;
}

PointKernel cubic_kernel(double alpha) {
  return {4, [alpha](double x) { return keys(alpha, x); }};
}

const PointKernel& lanczos_kernel(int order) {
  static const PointKernel two{4, [](double x) { return lanczos(2, x); }}, three{6, [](double x) { return lanczos(3, x); }},
      four{8, [](double x) { return lanczos(4, x); }};
  return order == 2 ? two : order == 3 ? three : four;
}

void interpolate(const FrameView& frame, const wcs::PixelMap& to_frame, const PointKernel& kernel, double min_weight, ResampledView out) {
  if (out.box().empty()) return;
  switch (kernel.taps()) {
    case 1: return interpolate_all<1>(frame, to_frame, kernel, min_weight, out);
    case 2: return interpolate_all<2>(frame, to_frame, kernel, min_weight, out);
    case 4: return interpolate_all<4>(frame, to_frame, kernel, min_weight, out);
    case 6: return interpolate_all<6>(frame, to_frame, kernel, min_weight, out);
    default: return interpolate_all<8>(frame, to_frame, kernel, min_weight, out);
  }
}

}  // namespace tessera::reproject

/// Maps and frames for the tests of every interpolation.
#pragma once
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numbers>
#include <random>
#include <tuple>
#include <utility>

#include "tessera/core/frame.h"
#include "tessera/reproject/interpolation.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::testing {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Any function of one point as a map.
class FunctionMap : public wcs::PixelMap {
 public:
  using Point = std::pair<double, double>;
  explicit FunctionMap(std::function<Point(double, double)> f) : f_{std::move(f)} {}
  void apply(std::span<const double> x, std::span<const double> y, std::span<double> u, std::span<double> v) const override {
    for (std::size_t k = 0; k < x.size(); ++k) std::tie(u[k], v[k]) = f_(x[k], y[k]);
  }
  void apply_row(double x0, double y, std::span<double> u, std::span<double> v) const override {
    for (std::size_t k = 0; k < u.size(); ++k) std::tie(u[k], v[k]) = f_(x0 + static_cast<double>(k), y);
  }

 private:
  std::function<Point(double, double)> f_;
};

/// Turned by `degrees` about (cx, cy), output pixels `scale` input pixels wide, mirrored or not.
inline FunctionMap turned(double degrees, double scale, double cx, double cy, bool mirrored = false) {
  const double c = scale * std::cos(degrees * std::numbers::pi / 180), s = scale * std::sin(degrees * std::numbers::pi / 180);
  return FunctionMap{[=](double x, double y) {
    if (mirrored) x = -x;
    return FunctionMap::Point{cx + c * x - s * y, cy + s * x + c * y};
  }};
}

inline Frame noise_frame(Box box, double bad_fraction, unsigned seed = 7) {
  Frame frame{box};
  std::mt19937 random{seed};
  std::normal_distribution<float> noise{0.0f, 2.0f};
  std::uniform_real_distribution<double> chance{0, 1};
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      if (chance(random) < bad_fraction) continue;
      frame.good(x, y) = 1;
      frame.value(x, y) = 5.0f + noise(random);
      frame.variance(x, y) = 0.5f + static_cast<float>(chance(random));
    }
  return frame;
}

inline bool same_bits(View<const float> a, View<const float> b, Box box) {
  for (int y = box.y0; y < box.y1; ++y)
    if (std::memcmp(&a(box.x0, y), &b(box.x0, y), sizeof(float) * static_cast<std::size_t>(box.width())) != 0) return false;
  return true;
}
inline bool same_bits(const Resampled& a, const Resampled& b, Box box) {
  return same_bits(a.value, b.value, box) && same_bits(a.variance, b.variance, box) && same_bits(a.coverage, b.coverage, box);
}


/// `turned` and its inverse.
struct BothWays {
  FunctionMap to_frame, to_output;
  reproject::FrameMaps maps() const { return {to_frame, to_output}; }
};
inline BothWays turned_both(double degrees, double scale, double cx, double cy) {
  const double c = std::cos(degrees * std::numbers::pi / 180) / scale, s = std::sin(degrees * std::numbers::pi / 180) / scale;
  return {turned(degrees, scale, cx, cy), FunctionMap{[=](double u, double v) { return FunctionMap::Point{c * (u - cx) + s * (v - cy), c * (v - cy) - s * (u - cx)}; }}};
}

/// A smooth distortion whose inverse is found by iteration.
inline BothWays bent(double cx, double cy) {
  const auto forward = [=](double x, double y) { return FunctionMap::Point{cx + 0.9 * x - 0.3 * y + 1e-3 * x * y, cy + 0.3 * x + 0.9 * y + 1e-3 * x * x}; };
  return {FunctionMap{forward}, FunctionMap{[=](double u, double v) {
            double x = 0, y = 0;
            for (int k = 0; k < 60; ++k) {
              const auto [fu, fv] = forward(x, y);
              const double du = u - fu, dv = v - fv;
              x += (0.9 * du + 0.3 * dv) / 0.9;
              y += (-0.3 * du + 0.9 * dv) / 0.9;
            }
            return FunctionMap::Point{x, y};
          }}};
}

inline FrameView cut(const Frame& frame, Box window) {
  return {frame.value.view().window(window), frame.variance.view().window(window), frame.good.view().window(window)};
}

}  // namespace tessera::testing

/// A stack of dithered, slightly turned exposures of stars (pixel-integrated Gaussian, FWHM 1.4 px unless asked for: undersampled, as
/// in IRAC's short bands), with cosmic rays of known pixels, and its interpolation on a common grid by overlap area.
#pragma once
#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/geometry/quad_overlap.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::testing {

struct SimulatedStack {
  static constexpr int side = 64;
  static constexpr Box grid{0, 0, side, side}, frame_box{0, 0, side + 24, side + 24};
  static constexpr double sky = 10, sky_sigma = 1, gain = 4;  // variance = 1 + source/gain

  struct Star {
    double x, y, flux;
  };
  struct Exposure {
    Frame frame{frame_box};
    Image<float> hit{frame_box};  ///< what cosmic rays added
    wcs::PixelMapPtr to_frame, to_output;
    float sky_variance = 1;
  };
  double fwhm;
  std::vector<Star> stars;
  std::vector<Exposure> exposures;
  std::vector<Resampled> resampled;

  /// `hits`: cosmic rays per exposure.
  SimulatedStack(int depth, int hits, unsigned seed, double noise_ratio = 1.0, double fwhm_pix = 1.4) : fwhm{fwhm_pix}, random_{seed} {
    for (int k = 0; k < 10; ++k) stars.push_back({uniform(6, side - 6), uniform(6, side - 6), std::pow(10.0, uniform(1.5, 4.5))});
    for (int k = 0; k < depth; ++k) expose(k, hits, k % 2 ? noise_ratio : 1.0);
    for (auto& e : exposures) resample(e);
  }

  std::vector<ResampledView> views() {
    std::vector<ResampledView> v;
    for (auto& r : resampled) v.push_back(r.view());
    return v;
  }
  double distance_to_star(const Exposure& e, int x, int y) const {
    double nearest = 1e9;
    for (const Star& s : stars) {
      const auto [u, v] = place(e, s);
      nearest = std::min(nearest, std::hypot(u - x, v - y));
    }
    return nearest;
  }

 private:
  double uniform(double a, double b) { return std::uniform_real_distribution<double>{a, b}(random_); }
  static std::pair<double, double> place(const Exposure& e, const Star& s) {
    const double x[] = {s.x}, y[] = {s.y};
    double u[1], v[1];
    e.to_frame->apply(x, y, u, v);
    return {u[0], v[0]};
  }

  void expose(int number, int hits, double noise) {
    Exposure& e = exposures.emplace_back();
    const double turn = (number % 3 == 2 ? 90 : 0) + uniform(-3, 3), c = std::cos(turn * std::numbers::pi / 180), s = std::sin(turn * std::numbers::pi / 180);
    const double middle = (side - 1) / 2.0, cx = (frame_box.x1 - 1) / 2.0 + uniform(-5, 5), cy = (frame_box.y1 - 1) / 2.0 + uniform(-5, 5);
    e.to_frame = wcs::affine(c, -s, cx - c * middle + s * middle, s, c, cy - s * middle - c * middle);
    e.to_output = wcs::affine(c, s, middle - c * cx - s * cy, -s, c, middle + s * cx - c * cy);
    e.sky_variance = static_cast<float>(sky_sigma * sky_sigma * noise * noise);
    Image<double> light{frame_box};
    const double sigma = fwhm / 2.3548;
    const auto integral = [sigma](double from, double to) { return 0.5 * (std::erf(to / sigma / std::numbers::sqrt2) - std::erf(from / sigma / std::numbers::sqrt2)); };
    for (const Star& star : stars) {
      const auto [u, v] = place(e, star);
      const Box near = intersection(Box{static_cast<int>(u) - 5, static_cast<int>(v) - 5, static_cast<int>(u) + 7, static_cast<int>(v) + 7}, frame_box);
      for (int y = near.y0; y < near.y1; ++y)
        for (int x = near.x0; x < near.x1; ++x)
          light(x, y) += star.flux * integral(x - u - 0.5, x - u + 0.5) * integral(y - v - 0.5, y - v + 0.5);
    }
    for (int k = 0; k < hits; ++k) strike(e);
    std::normal_distribution<double> unit;
    for (int y = 0; y < frame_box.y1; ++y)
      for (int x = 0; x < frame_box.x1; ++x) {
        const double variance = sky_sigma * sky_sigma * noise * noise + (light(x, y) + static_cast<double>(e.hit(x, y))) / gain;
        e.frame.variance(x, y) = static_cast<float>(variance);
        e.frame.value(x, y) = static_cast<float>(sky + light(x, y) + static_cast<double>(e.hit(x, y)) + std::sqrt(variance) * unit(random_));
        e.frame.good(x, y) = 1;
      }
  }

  // Half of the hits are single pixels of ten sigma, half are tracks of 1 to 8 pixels and 10 to 1000 sigma.
  void strike(Exposure& e) {
    const double x = uniform(1, frame_box.x1 - 2), y = uniform(1, frame_box.y1 - 2);
    const bool single = uniform(0, 1) < 0.5;
    const double length = single ? 0.1 : uniform(0.1, 8), angle = uniform(0, 2 * std::numbers::pi), energy = single ? 10 : std::pow(10.0, uniform(1, 3));
    int last_x = -1, last_y = -1;
    for (double t = 0; t < length; t += 0.25) {
      const int i = static_cast<int>(x + t * std::cos(angle)), j = static_cast<int>(y + t * std::sin(angle));
      if (!frame_box.contains(i, j) || (i == last_x && j == last_y)) continue;
      e.hit(i, j) += static_cast<float>(energy);
      last_x = i;
      last_y = j;
    }
  }

  void resample(const Exposure& e) {
    Resampled& out = resampled.emplace_back(grid);
    geometry::OverlapTable table;
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) {
        geometry::Quad q{};
        const double ox[] = {x - 0.5, x + 0.5, x + 0.5, x - 0.5}, oy[] = {y - 0.5, y - 0.5, y + 0.5, y + 0.5};
        e.to_frame->apply(ox, oy, q.x, q.y);
        table.compute(q);
        double weight = 0, value = 0, variance = 0;
        const Box b = intersection(table.box(), frame_box);
        for (int j = b.y0; j < b.y1; ++j)
          for (int i = b.x0; i < b.x1; ++i) {
            const double a = table(i, j);
            weight += a;
            value += a * static_cast<double>(e.frame.value(i, j));
            variance += a * a * static_cast<double>(e.frame.variance(i, j));
          }
        if (weight < 1e-6) continue;
        out.value(x, y) = static_cast<float>(value / weight);
        out.variance(x, y) = static_cast<float>(variance / weight / weight);
        out.coverage(x, y) = static_cast<float>(weight);
      }
  }

  std::mt19937_64 random_;
};

}  // namespace tessera::testing

/// Simulated stars with noise, and how far a table is from the truth.
#pragma once
#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "tessera/psf/point_response.h"
#include "tessera/psf/profile.h"
#include "tessera/psf_estimate/effective_fit.h"

namespace tessera::psf_estimate {

struct Field {
  std::vector<StarPixels> pixels;
  std::vector<Star> stars;
  std::vector<ImageShift> images;
};

inline psf::Profile gaussian(double fwhm, double axis_ratio = 1) {
  psf::ProfileOptions o;
  o.fwhm_pix = fwhm, o.axis_ratio = axis_ratio;
  return psf::Profile{o};
}

/// `count` stars of this signal to noise (of a fit with the true response, per image) at random places, seen on `images` dithered images, positions known to a fifth of a pixel.
template <class Response>
Field field(Response response, int count, int images, double snr, unsigned seed, int half = 10) {
  std::mt19937 random{seed};
  std::uniform_real_distribution<double> anywhere{-0.5, 0.5}, place{0, 999};
  std::normal_distribution<double> normal;
  double squares = 0;
  for (int y = -12; y <= 12; ++y)
    for (int x = -12; x <= 12; ++x) squares += std::pow(response(x, y, 500, 500), 2);
  const double flux = 1000, sigma = flux * std::sqrt(squares) / snr;
  Field f;
  f.images.assign(static_cast<std::size_t>(images), {0, 0, 1000, 1000});
  std::vector<std::pair<double, double>> dither;
  for (int k = 0; k < images; ++k) dither.emplace_back(10 * anywhere(random), 10 * anywhere(random));
  for (int s = 0; s < count; ++s) {
    const double x = place(random), y = place(random), off_x = 0.2 * anywhere(random), off_y = 0.2 * anywhere(random);
    f.stars.emplace_back();
    for (int k = 0; k < images; ++k) {
      StarPixels p;
      p.star = s, p.image = k;
      const double at_x = x + dither[static_cast<std::size_t>(k)].first, at_y = y + dither[static_cast<std::size_t>(k)].second;
      p.x = at_x + off_x, p.y = at_y + off_y;
      const int cx = static_cast<int>(std::lround(at_x)), cy = static_cast<int>(std::lround(at_y));
      p.window = {cx - half, cy - half, cx + half + 1, cy + half + 1};
      for (int j = p.window.y0; j < p.window.y1; ++j)
        for (int i = p.window.x0; i < p.window.x1; ++i) {
          p.value.push_back(static_cast<float>(flux * response(i - at_x, j - at_y, at_x, at_y) + sigma * normal(random)));
          p.variance.push_back(static_cast<float>(sigma * sigma));
          p.photons.push_back(0);
        }
      f.pixels.push_back(std::move(p));
    }
  }
  return f;
}

/// The greatest difference from the truth within the radius, over the peak; and of the light within each radius.
struct Errors {
  double worst = 0, rms = 0, encircled = 0;
};
template <class Response>
Errors errors_of(const EffectiveTable& t, Response truth) {
  Errors e;
  const int n = t.samples_per_pixel, half = t.samples.front().box().width() / 2;
  double all = 0, peak = truth(0, 0), sum = 0, light = 0;
  long count = 0;
  for (int y = -half; y <= half; ++y)
    for (int x = -half; x <= half; ++x)
      if (std::hypot(x, y) <= n * t.radius_pix) all += truth(static_cast<double>(x) / n, static_cast<double>(y) / n) / (n * n);
  std::vector<double> ours(static_cast<std::size_t>(n * t.radius_pix) + 1), true_ones(ours.size());
  for (int y = -half; y <= half; ++y)
    for (int x = -half; x <= half; ++x) {
      if (std::hypot(x, y) > n * t.radius_pix) continue;
      const double right = truth(static_cast<double>(x) / n, static_cast<double>(y) / n) / all, off = t.samples.front()(x + half, y + half) - right;
      e.worst = std::max(e.worst, std::abs(off) / peak), sum += off * off / peak / peak, ++count;
      const auto r = static_cast<std::size_t>(std::hypot(x, y));
      ours[r] += t.samples.front()(x + half, y + half) / (n * n), true_ones[r] += right / (n * n);
    }
  for (std::size_t r = 0; r < ours.size(); ++r) {
    light += ours[r] - true_ones[r];
    e.encircled = std::max(e.encircled, std::abs(light));
  }
  e.rms = std::sqrt(sum / static_cast<double>(count));
  return e;
}

}  // namespace tessera::psf_estimate

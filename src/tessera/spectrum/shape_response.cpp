#include "tessera/spectrum/shape_response.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <tuple>
#include <utility>
#include <vector>

#include "tessera/base/clones.h"
#include "tessera/spectrum/radial_sum.h"

namespace tessera::spectrum {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double images_away = 5.4;     ///< σ of the widest Gaussian, at least, from any pixel that is made
constexpr int response_reach = 5;       ///< pixels
constexpr int finest = 64;              ///< steps of frequency as part of the coarsest; they serve σ up to 580 pixels

double widest(const std::array<double, 3>& v) {
  const double mean = (v[0] + v[2]) / 2, half = (v[0] - v[2]) / 2;
  return std::sqrt(mean + std::hypot(half, v[1]));
}

/// exp(−2πi k d / N) for k = from … from + n − 1.
struct Phases {
  Phases(int from, int n, double d, int period) {
    for (int k = from; k < from + n; ++k) re.push_back(static_cast<float>(std::cos(2 * pi * k * d / period))), im.push_back(static_cast<float>(-std::sin(2 * pi * k * d / period)));
  }
  std::vector<float> re, im;
};

/// sum += a b, complex.
TESSERA_CLONES void add_product(const float* a_re, const float* a_im, const float* b_re, const float* b_im, int n, float* __restrict re, float* __restrict im) {
  for (int i = 0; i < n; ++i) {
    re[i] += a_re[i] * b_re[i] - a_im[i] * b_im[i];
    im[i] += a_re[i] * b_im[i] + a_im[i] * b_re[i];
  }
}

/// sum += a b with one number b.
TESSERA_CLONES void add_scaled(const float* a_re, const float* a_im, float b_re, float b_im, int n, float* __restrict re, float* __restrict im) {
  for (int i = 0; i < n; ++i) {
    re[i] += a_re[i] * b_re - a_im[i] * b_im;
    im[i] += a_re[i] * b_im + a_im[i] * b_re;
  }
}

/// A row of `side` pixels and its mirror image: Σ over rows of (re + i im) cos and sin, then over columns its real part with theirs, [column][pixel].
TESSERA_CLONES void add_pixels(const float* re, const float* im, int rows, int columns, const float* row_cos, const float* row_sin, const float* c, const float* s, int side, float* __restrict sums, float* __restrict pixels,
                               float* __restrict mirrored) {
  float *re_c = sums, *re_s = sums + columns, *im_c = re_s + columns, *im_s = im_c + columns;
  for (int i = 0; i < 4 * columns; ++i) sums[i] = 0;
  for (int k = 0; k < rows; ++k)
    for (int i = 0; i < columns; ++i) {
      re_c[i] += re[k * columns + i] * row_cos[k];
      re_s[i] += re[k * columns + i] * row_sin[k];
      im_c[i] += im[k * columns + i] * row_cos[k];
      im_s[i] += im[k * columns + i] * row_sin[k];
    }
  for (int x = 0; x < columns; ++x) {
    const float a = re_c[x] - im_s[x], b = im_c[x] + re_s[x], mirror_a = re_c[x] + im_s[x], mirror_b = im_c[x] - re_s[x];
    for (int i = 0; i < side; ++i) {
      pixels[i] += a * c[x * side + i] - b * s[x * side + i];
      mirrored[i] += mirror_a * c[x * side + i] - mirror_b * s[x * side + i];
    }
  }
}

/// cos and sin of 2πk/N, N = ratio times the period of the zone's transform.
const std::vector<std::pair<float, float>>& roots_of_one(int ratio) {
  static const auto all = [] {
    std::map<int, std::vector<std::pair<float, float>>> made;
    for (int r = 1; r <= finest; r *= 2)
      for (int k = 0, n = r * ZoneSpectrum::period; k < n; ++k) made[r].emplace_back(static_cast<float>(std::cos(2 * pi * k / n)), static_cast<float>(std::sin(2 * pi * k / n)));
    return made;
  }();
  return all.at(ratio);
}

/// Sums over one step of frequency: which Gaussians, and how finely.
struct Level {
  int ratio = 1;  ///< steps of 1/(ratio · ZoneSpectrum::period)
  std::vector<Gaussian> terms;
};

std::vector<Level> levels_of(const std::vector<Gaussian>& mixture, double across, int reach) {
  std::vector<Level> levels;
  for (const auto& g : mixture) {
    int ratio = 1;
    while (ratio < finest && images_away * std::sqrt(g.variance) * across > ratio * ZoneSpectrum::period - reach - response_reach) ratio *= 2;
    const auto at = std::ranges::find(levels, ratio, &Level::ratio);
    (at != levels.end() ? *at : levels.emplace_back(Level{ratio, {}})).terms.push_back(g);
  }
  return levels;
}

/// The frequencies of a level, gathered by what they are to whole pixels (residues of the period), and their sum on pixels.
class Synthesis {
 public:
  Synthesis(const ZoneSpectrum& zone, const Level& level, const std::array<double, 3>& v) : zone_{zone}, v_{v}, ratio_{level.ratio}, period_{ratio_ * ZoneSpectrum::period}, roots_{roots_of_one(ratio_)}, sum_{level.terms, 2 * limit * limit * (v[0] + v[2])} {
    const double det = v[0] * v[2] - v[1] * v[1];
    const auto steps = [&](double across) { return std::min(ratio_ * ZoneSpectrum::last, static_cast<int>(period_ * std::sqrt(sum_.end() * across / det)) + 1); };
    last_x_ = steps(v[2]), last_y_ = steps(v[0]);
    columns_ = std::min(period_, last_x_ + 1), rows_ = std::min(period_, 2 * last_y_ + 1);
    re_.assign(static_cast<std::size_t>(rows_) * static_cast<std::size_t>(columns_), 0.f), im_ = re_;
  }

  /// Sources stand (dx, dy) from the middle pixel.
  void gather(double dx, double dy) {
    const Phases along{0, last_x_ + 1, dx, period_}, across{-last_y_, 2 * last_y_ + 1, dy, period_};
    const auto n = static_cast<std::size_t>(last_x_ + 1);
    std::vector<float> re(n), im(n), fold_re(static_cast<std::size_t>(columns_)), fold_im(fold_re.size()), space;
    const double step = 1. / period_;
    for (int y = -last_y_; y <= last_y_; ++y) {
      const double fy = y * step, c0 = v_[2] * fy * fy, c1 = 2 * v_[1] * fy * step, c2 = v_[0] * step * step;
      const double root = c1 * c1 - 4 * c2 * (c0 - sum_.end());
      if (root < 0) continue;
      const int first = static_cast<int>(std::clamp(std::ceil((-c1 - std::sqrt(root)) / (2 * c2)), 0., last_x_ + 1.)), end = static_cast<int>(std::clamp(std::floor((-c1 + std::sqrt(root)) / (2 * c2)) + 1, 0., last_x_ + 1.));
      if (first >= end) continue;
      const auto row = zone_.row(y, first, end - first, ratio_, space);
      sum_.products(c0, c1, c2, first, end - first, row.re, row.im, re.data(), im.data());
      if (first == 0) re[0] /= 2, im[0] /= 2;  // the others stand for their mirror images too
      std::ranges::fill(fold_re, 0.f), std::ranges::fill(fold_im, 0.f);
      for (int x = first; x < end;) {
        const int residue = x % columns_, part = std::min(end - x, columns_ - residue);  // columns_ is the period, or all are smaller
        add_product(&re[static_cast<std::size_t>(x - first)], &im[static_cast<std::size_t>(x - first)], &along.re[static_cast<std::size_t>(x)], &along.im[static_cast<std::size_t>(x)], part, &fold_re[static_cast<std::size_t>(residue)], &fold_im[static_cast<std::size_t>(residue)]);
        x += part;
      }
      const auto k = static_cast<std::size_t>(y + last_y_), to = k % static_cast<std::size_t>(rows_) * static_cast<std::size_t>(columns_);
      add_scaled(fold_re.data(), fold_im.data(), across.re[k], across.im[k], columns_, &re_[to], &im_[to]);
    }
  }

  /// Adds to (2 reach + 1)² pixels.
  void add_to(std::vector<float>& pixels, int reach) const {
    const int side = 2 * reach + 1;
    const float scale = 2.f / (static_cast<float>(period_) * static_cast<float>(period_));
    std::vector<float> c, s, row_cos(static_cast<std::size_t>(rows_)), row_sin(row_cos.size()), sums(4 * static_cast<std::size_t>(columns_)), middle(static_cast<std::size_t>(side));
    for (int x = 0; x < columns_; ++x)
      for (int i = -reach; i <= reach; ++i) c.push_back(scale * root(x * i).first), s.push_back(scale * root(x * i).second);
    for (int j = 0; j <= reach; ++j) {
      for (int k = 0; k < rows_; ++k) std::tie(row_cos[static_cast<std::size_t>(k)], row_sin[static_cast<std::size_t>(k)]) = root((k - last_y_) * j);
      const auto row = [&](int y) { return &pixels[static_cast<std::size_t>((y + reach) * side)]; };
      add_pixels(re_.data(), im_.data(), rows_, columns_, row_cos.data(), row_sin.data(), c.data(), s.data(), side, sums.data(), row(j), j == 0 ? middle.data() : row(-j));
    }
  }

 private:
  static constexpr double limit = static_cast<double>(ZoneSpectrum::last) / ZoneSpectrum::period;
  std::pair<float, float> root(int k) const {
    const int at = k % period_;
    return roots_[static_cast<std::size_t>(at < 0 ? at + period_ : at)];
  }

  const ZoneSpectrum& zone_;
  const std::array<double, 3>& v_;
  int ratio_, period_;
  const std::vector<std::pair<float, float>>& roots_;
  RadialSum sum_;
  int last_x_ = 0, last_y_ = 0, columns_ = 0, rows_ = 0;
  std::vector<float> re_, im_;
};

}  // namespace

std::array<double, 3> pixel_covariance(const SersicShape& shape, const std::array<double, 4>& j) {
  const double pa = shape.angle_deg * pi / 180, r = shape.r_e_arcsec / 3600, q = shape.axis_ratio;
  const double e = std::sin(pa), n = std::cos(pa);  // the major axis, east and north
  const double ee = r * r * (e * e + q * q * n * n), en = r * r * (1 - q * q) * e * n, nn = r * r * (n * n + q * q * e * e);
  const double det = j[0] * j[3] - j[1] * j[2];
  const double xe = j[3] / det, xn = -j[1] / det, ye = -j[2] / det, yn = j[0] / det;  // d(x, y)/d(ξ, η)
  return {xe * xe * ee + 2 * xe * xn * en + xn * xn * nn, xe * ye * ee + (xe * yn + xn * ye) * en + xn * yn * nn, ye * ye * ee + 2 * ye * yn * en + yn * yn * nn};
}

ShapeMaker::ShapeMaker(const ZoneResponse& zone, int reach) : zone_{zone}, reach_{reach}, shift_{zone.shift()} {}

Stamp ShapeMaker::stamp(const SersicShape& shape, const std::array<double, 4>& jacobian, double x, double y) const {
  const auto v = pixel_covariance(shape, jacobian);
  const int px = static_cast<int>(std::floor(x + .5)), py = static_cast<int>(std::floor(y + .5)), side = 2 * reach_ + 1;
  Stamp s{px - reach_, py - reach_, side, side, std::vector<float>(static_cast<std::size_t>(side) * static_cast<std::size_t>(side))};
  for (const auto& level : levels_of(sersic_mixture(shape.n), widest(v), reach_)) {
    Synthesis sum{zone_, level, v};
    sum.gather(x - px - shift_[0], y - py - shift_[1]);
    sum.add_to(s.values, reach_);
  }
  return s;
}

}  // namespace tessera::spectrum

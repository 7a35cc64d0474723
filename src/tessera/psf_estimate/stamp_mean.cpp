#include "tessera/psf_estimate/stamp_mean.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "tessera/base/error.h"
#include "tessera/core/statistics.h"
#include "tessera/fit/levenberg.h"
#include "tessera/parallel/pool.h"

namespace tessera::psf_estimate {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double trimmed_share = 0.1;
constexpr std::size_t least_stack = 5;
constexpr double farthest = 2;                          // from the middle of its stamp, pixels
constexpr double narrowest_sigma = 0.15;

std::array<double, 4> cubic_weights(double t) {
  constexpr double a = -0.5;
  const auto near = [](double x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [](double x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  return {far(1 + t), near(t), near(1 - t), far(2 - t)};
}

/// 7.1, in units of a first flux. Parameters: flux, x, y, ln σ.
class GaussianOnPixels : public fit::Objective {
 public:
  GaussianOnPixels(View<const double> pixels, double scale) : pixels_{pixels}, scale_{scale} {}
  std::size_t parameters() const override { return 4; }
  double expand(std::span<const double> p, std::span<double> curvature, std::span<double> gradient) override {
    std::fill(curvature.begin(), curvature.end(), 0.0);
    std::fill(gradient.begin(), gradient.end(), 0.0);
    double sum = 0;
    visit(p, [&](double residual, const std::array<double, 4>& slope) {
      sum += residual * residual;
      for (std::size_t i = 0; i < 4; ++i) {
        gradient[i] += residual * slope[i];
        for (std::size_t j = 0; j <= i; ++j) curvature[i * 4 + j] += slope[i] * slope[j];
      }
    });
    return sum;
  }
  double chi2(std::span<const double> p) override {
    double sum = 0;
    visit(p, [&](double residual, const auto&) { sum += residual * residual; });
    return sum;
  }

 private:
  template <class F>
  void visit(std::span<const double> p, F f) const {
    const double inverse = std::exp(-2 * p[3]), peak = inverse / (2 * std::numbers::pi);
    const Box box = pixels_.box();
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) {
        const double dx = x - p[1], dy = y - p[2], square = (dx * dx + dy * dy) * inverse, g = peak * std::exp(-square / 2);
        f(pixels_(x, y) / scale_ - p[0] * g, std::array<double, 4>{g, p[0] * g * dx * inverse, p[0] * g * dy * inverse, p[0] * g * (square - 2)});
      }
  }
  View<const double> pixels_;
  double scale_;
};

/// Of odd sides about the middle pixel; `side_y` 0: a square.
Box box_of(int side, int side_y) {
  const int x = side / 2, y = (side_y > 0 ? side_y : side) / 2;
  return {-x, -y, x + 1, y + 1};
}

class Work {
 public:
  Work(std::span<const StarPixels> pixels, std::span<const double> fluxes, const StampOptions& options, const parallel::Pool& pool)
      : pixels_{pixels}, fluxes_{fluxes}, options_{options}, pool_{pool}, inner_{box_of(options.side, options.side_y)}, whole_{inner_.grown(stamp_margin)}, core_{box_of(options.core_side, options.core_side_y)} {}

  StampMean run() {
    images_.resize(pixels_.size());
    stamps_.assign(pixels_.size(), {});
    each([&](std::size_t k) { cut(k); });
    each([&](std::size_t k) { locate(k); });
    reject_by_fit();
    require(3);
    reject_outliers();
    require(3);
    StampMean result{combine(), {}};
    for (std::size_t k = 0; k < stamps_.size(); ++k) stamps_[k].x += middle_x(k), stamps_[k].y += middle_y(k);
    result.stamps = std::move(stamps_);
    return result;
  }

 private:
  template <class F>
  void each(F f) const {
    pool_.for_each(static_cast<std::int64_t>(pixels_.size()), [&](std::int64_t k) { f(static_cast<std::size_t>(k)); });
  }
  int middle_x(std::size_t k) const { return static_cast<int>(std::lround(pixels_[k].x)); }
  int middle_y(std::size_t k) const { return static_cast<int>(std::lround(pixels_[k].y)); }

  /// The stamp about its middle pixel, repaired; NaN pixels are bad.
  void cut(std::size_t k) {
    const StarPixels& p = pixels_[k];
    Image<double> image{whole_, nan};
    const int mx = middle_x(k), my = middle_y(k), width = p.window.width();
    for (int y = whole_.y0; y < whole_.y1; ++y)
      for (int x = whole_.x0; x < whole_.x1; ++x) {
        if (!p.window.contains(mx + x, my + y)) continue;
        const auto i = static_cast<std::size_t>((my + y - p.window.y0) * width + mx + x - p.window.x0);
        if (p.variance[i] > 0) image(x, y) = static_cast<double>(p.value[i]) / p.scale;
      }
    Stamp& stamp = stamps_[k];
    bool in_core = false;
    for (int y = inner_.y0; y < inner_.y1; ++y)
      for (int x = inner_.x0; x < inner_.x1; ++x)
        if (std::isnan(image(x, y))) ++stamp.bad, in_core = in_core || core_.contains(x, y);
    if (!p.used) stamp.status = StarStatus::left_out;
    else if (in_core || stamp.bad > options_.max_bad || !repair(image)) stamp.status = StarStatus::no_pixels;
    images_[k] = std::move(image);
  }

  /// Each NaN becomes the median of the pixels around it that are none. False when there are too few anywhere.
  bool repair(Image<double>& image) const {
    const Image<double> before = image.copy();
    std::vector<double> around;
    for (int y = whole_.y0; y < whole_.y1; ++y)
      for (int x = whole_.x0; x < whole_.x1; ++x) {
        if (!std::isnan(before(x, y))) continue;
        for (int reach = 1; reach <= std::max(whole_.width(), whole_.height()); ++reach) {
          around.clear();
          const Box near = intersection(whole_, {x - reach, y - reach, x + reach + 1, y + reach + 1});
          for (int j = near.y0; j < near.y1; ++j)
            for (int i = near.x0; i < near.x1; ++i)
              if (!std::isnan(before(i, j))) around.push_back(before(i, j));
          if (static_cast<int>(around.size()) >= options_.min_neighbours) break;
        }
        if (static_cast<int>(around.size()) < options_.min_neighbours) return false;
        image(x, y) = statistics::median_inplace(around);
      }
    return true;
  }

  /// Centroid and sum, then the Gaussian.
  void locate(std::size_t k) {
    Stamp& s = stamps_[k];
    if (s.status != StarStatus::used) return;
    const View<const double> image = images_[k].view();
    double all = 0, light = 0, x1 = 0, y1 = 0;
    for (int y = inner_.y0; y < inner_.y1; ++y)
      for (int x = inner_.x0; x < inner_.x1; ++x) all += image(x, y);
    const Box area = box_of(std::max(3, options_.fit_side), options_.fit_side_y);
    for (int y = area.y0; y < area.y1; ++y)
      for (int x = area.x0; x < area.x1; ++x) {
        const double v = std::max(0.0, image(x, y));
        light += v, x1 += v * x, y1 += v * y;
      }
    if (!(light > 0)) {
      s.status = StarStatus::moved;
      return;
    }
    s.x = x1 / light, s.y = y1 / light, s.flux = all;
    if (options_.fit_side > 0) fit_gaussian(image.window(area), light, s);
    if (!fluxes_.empty() && std::isfinite(fluxes_[k])) s.flux = fluxes_[k];
    if (s.status == StarStatus::used && (!(s.flux > 0) || std::abs(s.x) >= farthest || std::abs(s.y) >= farthest)) s.status = StarStatus::moved;
  }

  void fit_gaussian(View<const double> area, double light, Stamp& s) const {
    GaussianOnPixels objective{area, light};
    const double edge_x = area.box().width() / 2.0, edge_y = area.box().height() / 2.0;
    std::array<double, 4> p{1, s.x, s.y, std::log(0.8)};
    const std::array<double, 4> lower{1e-6, -edge_x, -edge_y, std::log(narrowest_sigma)}, upper{1e6, edge_x, edge_y, std::log(2 * std::max(edge_x, edge_y))};
    fit::LevenbergWorkspace workspace;
    const auto result = fit::minimise(objective, p, lower, upper, {.max_iterations = 200, .tolerance = 0, .relative_tolerance = 1e-12}, workspace);
    if (result.status != fit::FitStatus::converged) s.status = StarStatus::moved;
    s.flux = p[0] * light, s.x = p[1], s.y = p[2], s.sigma_pix = std::exp(p[3]), s.chi2 = result.chi2 / (p[0] * p[0]);
  }

  void reject_by_fit() {
    if (options_.fit_side <= 0) return;
    std::vector<double> sigma, chi2;
    for (const Stamp& s : stamps_)
      if (s.status == StarStatus::used) sigma.push_back(s.sigma_pix), chi2.push_back(s.chi2);
    if (sigma.size() < 3) return;
    double mean = 0, squares = 0;
    for (const double v : sigma) mean += v / static_cast<double>(sigma.size());
    for (const double v : sigma) squares += (v - mean) * (v - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(sigma.size() - 1)), middle = statistics::median(sigma), middle_chi2 = statistics::median(chi2);
    for (Stamp& s : stamps_) {
      if (s.status != StarStatus::used) continue;
      if (std::abs(s.sigma_pix - middle) > options_.threshold * deviation) s.status = StarStatus::narrow_or_wide;
      else if (s.chi2 > options_.threshold * middle_chi2) s.status = StarStatus::misfit;
    }
  }

  void require(std::size_t least) const {
    const auto used = static_cast<std::size_t>(std::count_if(stamps_.begin(), stamps_.end(), [](const Stamp& s) { return s.status == StarStatus::used; }));
    if (used >= least) return;
    const auto of = [&](StarStatus status) { return std::count_if(stamps_.begin(), stamps_.end(), [&](const Stamp& s) { return s.status == status; }); };
    throw DataError{fmt::format("{} of {} stamps are left, at least {} are needed: {} have bad pixels, {} no Gaussian fits, {} are wider or narrower than others, {} are fitted badly, {} have outliers; name more stars, or allow more (estimate.max_bad, outlier_sigma)",
                                used, stamps_.size(), least, of(StarStatus::no_pixels), of(StarStatus::moved), of(StarStatus::narrow_or_wide), of(StarStatus::misfit), of(StarStatus::outliers))};
  }

  void reject_outliers() {
    const int side = inner_.width();
    const auto area = static_cast<std::size_t>(inner_.area());
    std::vector<std::size_t> used;
    for (std::size_t k = 0; k < stamps_.size(); ++k)
      if (stamps_[k].status == StarStatus::used) used.push_back(k);
    if (used.size() < least_stack) return;
    std::vector<std::vector<double>> shifted(used.size(), std::vector<double>(area));
    std::vector<std::vector<char>> off(used.size(), std::vector<char>(area, 0));
    pool_.for_each(static_cast<std::int64_t>(used.size()), [&](std::int64_t index) {
      const auto u = static_cast<std::size_t>(index);
      const Stamp& s = stamps_[used[u]];
      for (std::size_t i = 0; i < area; ++i) shifted[u][i] = bicubic(images_[used[u]], s.x + static_cast<int>(i) % side + inner_.x0, s.y + static_cast<int>(i) / side + inner_.y0) / s.flux;
    });
    std::vector<double> stack(used.size());
    for (std::size_t i = 0; i < area; ++i) {
      for (std::size_t u = 0; u < used.size(); ++u) stack[u] = shifted[u][i];
      const Trimmed t = trimmed(stack);
      for (std::size_t u = 0; u < used.size(); ++u) off[u][i] = std::abs(shifted[u][i] - t.mean) > options_.threshold * t.sigma ? 1 : 0;
    }
    for (std::size_t u = 0; u < used.size(); ++u) take_out(used[u], off[u]);
  }

  /// Pixels of the stamp that outliers of its shifted image cover: replaced, or the stamp is given up.
  void take_out(std::size_t k, const std::vector<char>& off) {
    Stamp& s = stamps_[k];
    Image<double>& image = images_[k];
    const int side = inner_.width();
    const auto outlier = [&](int x, int y) { return inner_.contains(x, y) && off[static_cast<std::size_t>((y - inner_.y0) * side + x - inner_.x0)] != 0 ? 1.0 : 0.0; };
    bool in_core = false;
    std::vector<std::pair<int, int>> found;
    for (int y = inner_.y0; y < inner_.y1; ++y)
      for (int x = inner_.x0; x < inner_.x1; ++x) {
        const double sx = std::floor(x - s.x), sy = std::floor(y - s.y), tx = x - s.x - sx, ty = y - s.y - sy;
        const int ix = static_cast<int>(sx), iy = static_cast<int>(sy);
        const double covered = (1 - ty) * ((1 - tx) * outlier(ix, iy) + tx * outlier(ix + 1, iy)) + ty * ((1 - tx) * outlier(ix, iy + 1) + tx * outlier(ix + 1, iy + 1));
        if (covered > options_.min_overlap) found.emplace_back(x, y), in_core = in_core || core_.contains(x, y);
      }
    s.outliers = static_cast<int>(found.size());
    const bool many = s.outliers > options_.max_outlier_share * static_cast<double>(inner_.area()) && s.outliers > options_.max_outliers;
    for (const auto& [x, y] : found) image(x, y) = nan;
    if (many || in_core || !repair(image)) s.status = StarStatus::outliers;
  }

  EffectiveTable combine() const {
    const int n = options_.samples_per_pixel, m = options_.samples_per_pixel_y > 0 ? options_.samples_per_pixel_y : n, half = inner_.x1 - 1, half_y = inner_.y1 - 1, reach = n * half, reach_y = m * half_y;
    EffectiveTable t;
    t.samples_per_pixel = n, t.samples_per_pixel_y = m == n ? 0 : m, t.radius_pix = options_.radius_pix > 0 ? options_.radius_pix : std::min(half, half_y), t.rounds = 1;
    const Box box{0, 0, 2 * reach + 1, 2 * reach_y + 1};
    Image<double> mean{box};
    t.sigma = Image<double>{box}, t.coverage = Image<float>{box};
    pool_.for_each(box.height(), [&](std::int64_t row) {
      const int y = static_cast<int>(row);
      std::vector<double> values;
      for (int x = 0; x < box.x1; ++x) {
        values.clear();
        for (std::size_t k = 0; k < stamps_.size(); ++k) {
          const Stamp& s = stamps_[k];
          if (s.status == StarStatus::used) values.push_back(bicubic(images_[k], s.x + static_cast<double>(x - reach) / n, s.y + static_cast<double>(y - reach_y) / m) / s.flux);
        }
        double sum = 0, squares = 0;
        for (const double v : values) sum += v;
        sum /= static_cast<double>(values.size());
        for (const double v : values) squares += (v - sum) * (v - sum);
        mean(x, y) = sum, t.sigma(x, y) = std::sqrt(squares / static_cast<double>(values.size() - 1)), t.coverage(x, y) = static_cast<float>(values.size());
      }
    });
    finish(std::move(mean), t);
    return t;
  }

  void finish(Image<double> mean, EffectiveTable& t) const {
    const int n = t.samples_per_pixel, m = t.samples_y(), reach = mean.box().width() / 2, reach_y = mean.box().height() / 2;
    double light = 0;
    for (int y = 0; y <= 2 * reach_y; ++y)
      for (int x = 0; x <= 2 * reach; ++x) {
        const int from_edge = std::min({x, y, 2 * reach - x, 2 * reach_y - y});
        if (from_edge < options_.zero_edge) mean(x, y) = 0, t.sigma(x, y) = 0, t.coverage(x, y) = 0;
        if (n * n * (y - reach_y) * (y - reach_y) + m * m * (x - reach) * (x - reach) <= n * n * m * m * t.radius_pix * t.radius_pix) light += mean(x, y) / (n * m);
      }
    if (!(light > 0)) throw DataError{"the mean of the stamps has no light within the radius of the table; is the background subtracted (fit_sky.method)?"};
    for (double& v : mean.pixels()) v /= light;
    for (double& v : t.sigma.pixels()) v /= light;
    t.samples.push_back(std::move(mean));
  }

  std::span<const StarPixels> pixels_;
  std::span<const double> fluxes_;
  const StampOptions& options_;
  const parallel::Pool& pool_;
  Box inner_, whole_, core_;          // about the middle pixel of each stamp
  std::vector<Image<double>> images_;
  std::vector<Stamp> stamps_;         // places about the middle pixel while at work
};

}  // namespace

double bicubic(View<const double> image, double x, double y) {
  const double fx = std::floor(x), fy = std::floor(y);
  const int x0 = static_cast<int>(fx) - 1, y0 = static_cast<int>(fy) - 1;
  if (!image.box().contains(Box{x0, y0, x0 + 4, y0 + 4})) return nan;
  const auto wx = cubic_weights(x - fx), wy = cubic_weights(y - fy);
  double sum = 0;
  for (int j = 0; j < 4; ++j) {
    double row = 0;
    for (int i = 0; i < 4; ++i) row += wx[static_cast<std::size_t>(i)] * image(x0 + i, y0 + j);
    sum += wy[static_cast<std::size_t>(j)] * row;
  }
  return sum;
}

Trimmed trimmed(std::span<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size(), left_out = static_cast<std::size_t>(std::max(1.0, std::floor(trimmed_share * static_cast<double>(n))));
  const auto kept = values.subspan(left_out, n - 2 * left_out);
  double mean = 0, squares = 0;
  for (const double v : kept) mean += v;
  mean /= static_cast<double>(kept.size());
  for (const double v : kept) squares += (v - mean) * (v - mean);
  // A normal distribution cut at ±z has the variance 1 − 2zφ(z)/(1 − 2p), p beyond z; z by bisection of erfc.
  const double p = static_cast<double>(left_out) / static_cast<double>(n);
  double low = 0, high = 10;
  for (int k = 0; k < 60; ++k) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::numbers::sqrt2) / 2 > p ? low : high) = middle;
  }
  const double share = 1 - 2 * low * std::exp(-low * low / 2) / std::sqrt(2 * std::numbers::pi) / (1 - 2 * p);
  return {mean, std::sqrt(squares / static_cast<double>(kept.size() - 1) / share)};
}

StampMean mean_of_stamps(std::span<const StarPixels> pixels, std::span<const double> fluxes, const StampOptions& options, const parallel::Pool& pool) {
  const Box whole = box_of(options.side, options.side_y);
  for (const int side : {options.side, options.side_y > 0 ? options.side_y : options.side})
    if (side < 5 || side % 2 == 0) throw UsageError{fmt::format("a stamp has a side of {} pixels; expected an odd number from 5", side)};
  if (!whole.contains(box_of(options.fit_side, options.fit_side_y)) || !whole.contains(box_of(options.core_side, options.core_side_y))) throw UsageError{"the area of the fit and the middle of a stamp must lie within it"};
  if (!fluxes.empty() && fluxes.size() != pixels.size()) throw UsageError{"fluxes must be as many as stamps"};
  return Work{pixels, fluxes, options, pool}.run();
}

}  // namespace tessera::psf_estimate

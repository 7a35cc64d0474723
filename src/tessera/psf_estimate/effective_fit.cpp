#include "tessera/psf_estimate/effective_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "tessera/core/statistics.h"
#include "tessera/fit/linear.h"
#include "tessera/parallel/pool.h"
#include "tessera/psf/profile.h"
#include "tessera/psf_estimate/effective_fit_private.h"

namespace tessera::psf_estimate {

const char* status_text(StarStatus status) {
  switch (status) {
    case StarStatus::used: return "used";
    case StarStatus::left_out: return "left out";
    case StarStatus::misfit: return "the response does not fit it";
    case StarStatus::no_pixels: return "too few good pixels";
    case StarStatus::moved: return "its fit ran away";
    case StarStatus::narrow_or_wide: return "its width is not the others'";
    case StarStatus::outliers: return "too many outlying pixels";
  }
  return "";
}

EffectiveFit::EffectiveFit(std::vector<StarPixels>& pixels, std::vector<Star>& stars, std::vector<ImageShift>& images, const EffectiveOptions& options, const parallel::Pool& pool)
    : pixels_{pixels}, stars_{stars}, images_{images}, options_{options}, pool_{pool}, of_star_(stars.size()) {
  for (std::size_t i = 0; i < pixels.size(); ++i) of_star_[static_cast<std::size_t>(pixels[i].star)].push_back(i);
  for (std::size_t s = 0; s < stars.size(); ++s)
    if (of_star_[s].empty() && stars[s].used()) stars[s].status = StarStatus::no_pixels;
}

EffectiveFit::Place EffectiveFit::place(const StarPixels& p, const Star& star) const {
  const auto& shift = images_[static_cast<std::size_t>(p.image)];
  Place at;
  at.x = p.x + p.x_u * star.u + p.x_v * star.v + shift.dx;
  at.y = p.y + p.y_u * star.u + p.y_v * star.v + shift.dy;
  const auto along = [&](double x, int& pixel, int& first, std::array<double, psf::spline_taps>& value, std::array<double, psf::spline_taps>& slope) {
    pixel = static_cast<int>(std::lround(x));
    const double s = half_ + n_ * (pixel - x), knot = std::floor(s);
    first = static_cast<int>(knot) - 2;
    const auto w = psf::spline_weights(s - knot);
    value = w.value;
    for (std::size_t i = 0; i < slope.size(); ++i) slope[i] = -n_ * w.slope[i];  // by the place of the star
  };
  along(at.x, at.px, at.kx, at.taps.x, at.taps.slope_x);
  along(at.y, at.py, at.ky, at.taps.y, at.taps.slope_y);
  at.powers = powers_of(polynomial_, p.x, p.y);
  return at;
}

EffectiveFit::~EffectiveFit() = default;

/// Value and slopes of the table at a pixel.
std::array<double, 3> EffectiveFit::Place::expand(std::span<const double> c, TableShape shape, int first_x, int first_y) const {
  std::array<double, 3> sum{};
  for (std::size_t t = 0; t < powers.size(); ++t) {
    const double* from = c.data() + t * shape.coefficients() + static_cast<std::ptrdiff_t>(first_y) * shape.side + first_x;
    for (std::size_t j = 0; j < psf::spline_taps; ++j) {
      double a = 0, b = 0;
      for (std::size_t i = 0; i < psf::spline_taps; ++i) a += taps.x[i] * from[i], b += taps.slope_x[i] * from[i];
      sum[0] += powers[t] * taps.y[j] * a;
      sum[1] += powers[t] * taps.y[j] * b;
      sum[2] += powers[t] * taps.slope_y[j] * a;
      from += shape.side;
    }
  }
  return sum;
}

double EffectiveFit::weight_of(const StarPixels& p, std::size_t i, double model) const {
  const double light = std::max(0.0, model), error = options_.model_error * light;
  const double variance = static_cast<double>(p.variance[i]) + static_cast<double>(p.photons[i]) * light + error * error;
  if (clipping_) {
    const double off = static_cast<double>(p.value[i]) - model, wide = clip_share * light;
    if (off * off > clip_sigma * clip_sigma * (variance + wide * wide)) return 0;
  }
  return 1 / variance;
}

void EffectiveFit::set_profile(double fwhm) {
  psf::ProfileOptions how;
  how.fwhm_pix = fwhm;
  const psf::Profile profile{how};
  Image<double> table{shape_.side, shape_.side};
  for (int y = 0; y < shape_.side; ++y)
    for (int x = 0; x < shape_.side; ++x) table(x, y) = profile.pixel_fraction(static_cast<double>(x - half_) / n_, static_cast<double>(y - half_) / n_);
  psf::to_coefficients(table);
  c_.assign(shape_.unknowns(), 0.0);
  std::copy(table.pixels().begin(), table.pixels().end(), c_.begin());
  profile_.assign(table.pixels().begin(), table.pixels().end());
}

/// The width of the Gaussian that fits the brightest stars best, to a tenth.
void EffectiveFit::choose_width() {
  std::vector<std::size_t> order(stars_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t s) { return !stars_[s].used(); });
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return stars_[a].flux > stars_[b].flux; });
  order.resize(std::min(order.size(), stars_for_width));
  const auto start = stars_;
  double best = 0, least = 0;
  n_ = 4;
  radius_ = width_radius;
  half_ = static_cast<int>(std::ceil(n_ * radius_)) + 4;
  shape_ = {2 * half_ + 1, 1};
  for (double fwhm = narrowest; fwhm < widest; fwhm *= 1.1) {
    set_profile(fwhm);
    stars_ = start;
    pool_.for_each(static_cast<std::int64_t>(order.size()), [&](std::int64_t k) { refit_star(order[static_cast<std::size_t>(k)], 4); });
    std::vector<double> chi2;
    for (const auto s : order)
      if (stars_[s].pixels > 3) chi2.push_back(std::log(stars_[s].chi2 / static_cast<double>(stars_[s].pixels - 3)));
    if (chi2.empty()) continue;
    const double value = statistics::median(chi2);
    if (best == 0 || value < least) best = fwhm, least = value;
  }
  stars_ = start;
  if (best == 0) throw DataError{"no star has pixels that a point response could be made of"};
  fwhm_ = std::hypot(best, pixel_fwhm);
}

/// Flux and place of one star with the table as it is.
void EffectiveFit::refit_star(std::size_t s, int steps) {
  Star& star = stars_[s];
  if (!star.used()) return;
  for (int round = 0;; ++round) {
    std::array<double, 9> a{};
    std::array<double, 3> g{};
    double chi2 = 0;
    long pixels = 0;
    double scaled = 0, response = 0;
    for (const std::size_t e : of_star_[s]) {
      const StarPixels& p = pixels_[e];
      if (!p.used) continue;
      for_each_pixel(p, star, [&](std::size_t i, int kx, int ky, const Place& at) {
        const auto r = at.expand(c_, shape_, kx, ky);
        const double m = p.scale * r[0], flux = star.flux, w = weight_of(p, i, flux * m);
        if (w == 0) return;
        const double du = flux * p.scale * (r[1] * p.x_u + r[2] * p.y_u), dv = flux * p.scale * (r[1] * p.x_v + r[2] * p.y_v);
        const std::array<double, 3> j{du, dv, m};
        const double off = static_cast<double>(p.value[i]) - flux * m;
        for (std::size_t k = 0; k < 3; ++k) {
          g[k] += w * j[k] * off;
          for (std::size_t l = 0; l <= k; ++l) a[k * 3 + l] += w * j[k] * j[l];
        }
        chi2 += w * off * off;
        scaled += w * m * static_cast<double>(p.value[i]), response += w * m * m;
        ++pixels;
      });
    }
    star.chi2 = chi2, star.pixels = pixels;
    if (pixels < 4) {
      star.status = StarStatus::no_pixels;
      return;
    }
    const bool place_known = star.flux > 0 && options_.positions;
    std::array<double, 9> inverse{};
    auto factor = a;
    const bool solvable = place_known && fit::cholesky(factor, 3);
    if (solvable) {
      fit::invert_with(factor, 3, inverse);
      star.u_error = std::sqrt(inverse[0]), star.v_error = std::sqrt(inverse[4]), star.flux_error = std::sqrt(inverse[8]);
    } else {
      star.flux_error = 1 / std::sqrt(response);
    }
    if (round == steps) return;
    if (!solvable) {
      star.flux = response > 0 ? scaled / response : 0;
      if (!(star.flux > 0)) {
        star.status = StarStatus::no_pixels;
        return;
      }
      continue;
    }
    fit::solve_with(factor, 3, g);
    const StarPixels& first = pixels_[of_star_[s].front()];
    const double pixel = 1 / std::sqrt(std::abs(first.x_u * first.y_v - first.x_v * first.y_u));
    const double far = std::hypot(g[0], g[1]) / (most_step * pixel), share = far > 1 ? 1 / far : 1;
    star.u += share * g[0], star.v += share * g[1];
    star.flux = std::max(star.flux / 2, star.flux + share * g[2]);
    if (std::hypot(star.u, star.v) > most_move * pixel) {
      star.status = StarStatus::moved;
      return;
    }
  }
}

void EffectiveFit::refit_stars(int steps, bool clip) {
  clipping_ = clip;
  pool_.for_each(static_cast<std::int64_t>(stars_.size()), [&](std::int64_t s) { refit_star(static_cast<std::size_t>(s), steps); });
}

/// What is left to all stars of an image together; the mean over images stays with the stars.
void EffectiveFit::shift_images() {
  if (!options_.shift_images || !options_.positions || images_.size() < 2) return;
  struct Sum {
    double xx = 0, xy = 0, yy = 0, x = 0, y = 0;
  };
  std::vector<Sum> of_pixels(pixels_.size());
  pool_.for_each(static_cast<std::int64_t>(pixels_.size()), [&](std::int64_t e) {
    const StarPixels& p = pixels_[static_cast<std::size_t>(e)];
    const Star& star = stars_[static_cast<std::size_t>(p.star)];
    if (!p.used || !star.used()) return;
    Sum& s = of_pixels[static_cast<std::size_t>(e)];
    for_each_pixel(p, star, [&](std::size_t i, int kx, int ky, const Place& at) {
      const auto r = at.expand(c_, shape_, kx, ky);
      const double f = star.flux * p.scale, w = weight_of(p, i, f * r[0]), off = static_cast<double>(p.value[i]) - f * r[0], jx = f * r[1], jy = f * r[2];
      s.xx += w * jx * jx, s.xy += w * jx * jy, s.yy += w * jy * jy, s.x += w * jx * off, s.y += w * jy * off;
    });
  });
  std::vector<Sum> of_image(images_.size());
  for (std::size_t e = 0; e < pixels_.size(); ++e) {
    Sum& s = of_image[static_cast<std::size_t>(pixels_[e].image)];
    const Sum& o = of_pixels[e];
    s.xx += o.xx, s.xy += o.xy, s.yy += o.yy, s.x += o.x, s.y += o.y;
  }
  double mean_x = 0, mean_y = 0, count = 0;
  for (std::size_t k = 0; k < images_.size(); ++k) {
    const Sum& s = of_image[k];
    const double det = s.xx * s.yy - s.xy * s.xy;
    if (!(det > 0)) continue;
    images_[k].dx += std::clamp((s.yy * s.x - s.xy * s.y) / det, -0.3, 0.3);
    images_[k].dy += std::clamp((s.xx * s.y - s.xy * s.x) / det, -0.3, 0.3);
    mean_x += images_[k].dx, mean_y += images_[k].dy, ++count;
  }
  if (count == 0) return;
  for (auto& image : images_) image.dx -= mean_x / count, image.dy -= mean_y / count;
}

double EffectiveFit::measured_scatter() const {
  struct Pixel {
    double square, variance, excess;   // of the residual; of the noise; of the scatter, if that is 1
  };
  const double peak = value_at(std::span<const double>{c_}.first(shape_.coefficients()), 0, 0);
  std::vector<std::vector<Pixel>> cores;
  for (std::size_t s = 0; s < stars_.size(); ++s) {
    const Star& star = stars_[s];
    if (!star.used()) continue;
    auto& core = cores.emplace_back();
    for (const std::size_t e : of_star_[s]) {
      const StarPixels& p = pixels_[e];
      if (!p.used) continue;
      for_each_pixel(p, star, [&](std::size_t i, int kx, int ky, const Place& at) {
        const int x = p.window.x0 + static_cast<int>(i) % p.window.width(), y = p.window.y0 + static_cast<int>(i) / p.window.width();
        if (std::hypot(x - at.x, y - at.y) > core_widths * fwhm_) return;
        const double f = star.flux * p.scale, m = f * at.expand(c_, shape_, kx, ky)[0], w = weight_of(p, i, m), off = static_cast<double>(p.value[i]) - m;
        if (w > 0) core.push_back({off * off, 1 / w, std::max(0.0, m) * f * peak});
      });
    }
    if (core.size() <= 3) cores.pop_back();
  }
  if (cores.empty()) return 0;
  const auto misfit = [&](double scatter) {
    std::vector<double> chi2;
    for (const auto& core : cores) {
      double sum = 0;
      for (const Pixel& p : core) sum += p.square / (p.variance + scatter * scatter * p.excess);
      chi2.push_back(sum / static_cast<double>(core.size() - 3));
    }
    return statistics::median(chi2);
  };
  if (misfit(0) <= 1) return 0;
  double low = 0, high = 1;
  for (int k = 0; k < 20; ++k) {
    const double middle = (low + high) / 2;
    (misfit(middle) > 1 ? low : high) = middle;
  }
  return high;
}

/// Stars that fit far worse than the others: companions, galaxies, what saturates.
void EffectiveFit::judge_stars() {
  if (!(options_.reject > 0)) return;
  std::vector<double> ln;
  for (const Star& s : stars_)
    if (s.used() && s.pixels > 3) ln.push_back(std::log(s.chi2 / static_cast<double>(s.pixels - 3)));
  if (ln.size() < 5) return;
  const double middle = statistics::median(ln), sigma = std::max(statistics::mad_sigma(ln), least_scatter);
  for (Star& s : stars_)
    if (s.used() && (s.pixels <= 3 || std::log(s.chi2 / static_cast<double>(s.pixels - 3)) > middle + options_.reject * sigma)) s.status = StarStatus::misfit;
}

double EffectiveFit::value_at(std::span<const double> c, double dx, double dy) const {
  const double sx = half_ + n_ * dx, sy = half_ + n_ * dy, fx = std::floor(sx), fy = std::floor(sy);
  const auto wx = psf::spline_weights(sx - fx), wy = psf::spline_weights(sy - fy);
  double sum = 0;
  for (int j = 0; j < psf::spline_taps; ++j)
    for (int i = 0; i < psf::spline_taps; ++i) {
      const int kx = static_cast<int>(fx) - 2 + i, ky = static_cast<int>(fy) - 2 + j;
      if (kx < 0 || ky < 0 || kx >= shape_.side || ky >= shape_.side) continue;
      sum += wx.value[static_cast<std::size_t>(i)] * wy.value[static_cast<std::size_t>(j)] * c[static_cast<std::size_t>(ky * shape_.side + kx)];
    }
  return sum;
}

double EffectiveFit::model(double dx, double dy, double x, double y) const {
  double sum = 0;
  const auto powers = powers_of(polynomial_, x, y);
  for (std::size_t t = 0; t < powers.size(); ++t) sum += powers[t] * value_at(std::span<const double>{c_}.subspan(t * shape_.coefficients(), shape_.coefficients()), dx, dy);
  return sum;
}

EffectiveTable EffectiveFit::run() {
  if (static_cast<std::size_t>(std::count_if(stars_.begin(), stars_.end(), [](const Star& s) { return s.used(); })) < least_stars)
    throw DataError{fmt::format("fewer than {} usable stars; a point response cannot be made of them", least_stars)};
  choose_width();
  n_ = options_.samples_per_pixel > 0 ? options_.samples_per_pixel : std::max(2, static_cast<int>(std::ceil(6 / fwhm_)));
  radius_ = options_.radius_pix > 0 ? options_.radius_pix : std::max(5.0, std::ceil(5 * fwhm_));
  half_ = static_cast<int>(std::ceil(n_ * radius_)) + 4;
  shape_ = {2 * half_ + 1, 1};
  set_profile(std::sqrt(fwhm_ * fwhm_ - pixel_fwhm * pixel_fwhm));
  refit_stars(6, false);
  EffectiveTable table;
  const auto rounds = [&](bool joint, int most) {
    for (int k = 0; k < most; ++k) {
      const double change = step(joint);
      ++table.rounds;
      table.last_change = change;
      refit_stars(2, table.rounds > 2);
      shift_images();
      if (table.rounds == 2) judge_stars();  // before the pixels that tell are clipped
      if (table.rounds == 3 || table.rounds == 5) {  // the expected size of the deviation is not known before
        accumulate(false);
        factor_ = choose_roughness();
      }
      if (table.rounds > 5 && change < options_.tolerance / 100) break;
    }
    judge_stars();
    table.scatter = measured_scatter();
  };
  rounds(options_.positions, options_.rounds);
  table.sigma = jackknife();
  if (options_.degree > 0) {
    make_varying();
    rounds(false, 4);
  }
  finish(table);
  return table;
}

}  // namespace tessera::psf_estimate

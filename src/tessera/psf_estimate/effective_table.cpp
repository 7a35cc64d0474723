#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <tuple>

#include "tessera/fit/linear.h"
#include "tessera/parallel/pool.h"
#include "tessera/psf/balance.h"
#include "tessera/psf_estimate/effective_fit_private.h"

namespace tessera::psf_estimate {
namespace {

constexpr std::size_t eighths = 8;                 // parts of the stars that are left out in turn
constexpr std::size_t parts_of_varying = 2;        // its matrices are large
constexpr std::array<double, 7> factors{0.03, 0.1, 0.3, 1, 3, 10, 30};
constexpr double solved_to = 1e-4, solved_to_compare = 1e-2;  // of the error of the start, in the norm of the preconditioner
constexpr int most_iterations = 200;
constexpr double least_deviation = 0.01;           // from the profile, share of it
constexpr double least_share = 1e-5;               // of the peak: what counts as response at all
constexpr double share_of_terms = 0.3;             // of the table: how large terms in the position may be
constexpr int fine = 40;                            // per pixel, where the width is measured
constexpr double loosely = 1e-3;                   // values within the radius are held that weakly

/// C = L Lᵀ; the rows of `coupling` become L⁻¹ B, g becomes L⁻¹ g.
bool eliminate(std::array<double, 9>& c, std::array<double, 3>& g, std::vector<double>& coupling, std::size_t n) {
  if (!fit::cholesky(c, 3)) return false;
  for (std::size_t r = 0; r < 3; ++r) {
    double* row = coupling.data() + r * n;
    for (std::size_t q = 0; q < r; ++q) {
      const double l = c[r * 3 + q];
      const double* other = coupling.data() + q * n;
      for (std::size_t k = 0; k < n; ++k) row[k] -= l * other[k];
      g[r] -= l * g[q];
    }
    for (std::size_t k = 0; k < n; ++k) row[k] /= c[r * 3 + r];
    g[r] /= c[r * 3 + r];
  }
  return true;
}

}  // namespace

std::vector<double> powers_of(const psf::Polynomial& polynomial, double x, double y) {
  const double u = (x - polynomial.x_zero) / polynomial.x_scale, v = (y - polynomial.y_zero) / polynomial.y_scale;
  std::vector<double> powers;
  double across = 1;
  for (int j = 0; j <= polynomial.degree; ++j, across *= v) {
    double along = across;
    for (int i = 0; i + j <= polynomial.degree; ++i, along *= u) powers.push_back(along);
  }
  return powers;
}

Image<double> table_at(const EffectiveTable& table, double x, double y) {
  const auto powers = powers_of(table.polynomial, x, y);
  Image<double> sum{table.samples.front().box()};
  for (std::size_t t = 0; t < powers.size(); ++t)
    for (std::size_t i = 0; i < sum.pixels().size(); ++i) sum.pixels()[i] += powers[t] * table.samples[t].pixels()[i];
  return sum;
}

void EffectiveFit::accumulate(bool joint) {
  const std::size_t parts = shape_.terms == 1 ? eighths : parts_of_varying, n = shape_.unknowns();
  parts_.clear(), rights_.clear();
  for (std::size_t k = 0; k < parts; ++k) parts_.emplace_back(shape_), rights_.emplace_back(n, 0.0);
  sums_.assign(joint ? stars_.size() : 0, {});
  pool_.for_each(static_cast<std::int64_t>(parts), [&](std::int64_t part) {
    BandMatrix& matrix = parts_[static_cast<std::size_t>(part)];
    auto& right = rights_[static_cast<std::size_t>(part)];
    for (std::size_t s = static_cast<std::size_t>(part); s < stars_.size(); s += parts) {
      const Star& star = stars_[s];
      if (!star.used()) continue;
      Sums own;
      if (joint) own.coupling.assign(3 * n, 0.0);
      for (const std::size_t e : of_star_[s]) {
        const StarPixels& p = pixels_[e];
        if (!p.used) continue;
        const double f = star.flux * p.scale;
        for_each_pixel(p, star, [&](std::size_t i, int kx, int ky, const Place& at) {
          const auto r = at.expand(c_, shape_, kx, ky);
          const double w = weight_of(p, i, f * r[0]);
          if (w == 0) return;
          matrix.add(kx, ky, at.taps, at.powers, w * f * f);
          const double off = static_cast<double>(p.value[i]) - f * r[0];
          const std::array<double, 3> j{f * r[0], f * (r[1] * p.x_u + r[2] * p.y_u), f * (r[1] * p.x_v + r[2] * p.y_v)};
          if (joint)
            for (std::size_t a = 0; a < 3; ++a) {
              own.right[a] += w * j[a] * off;
              for (std::size_t b = 0; b <= a; ++b) own.factor[a * 3 + b] += w * j[a] * j[b];
            }
          for (std::size_t t = 0; t < at.powers.size(); ++t)
            for (std::size_t y = 0; y < psf::spline_taps; ++y) {
              const std::size_t first = t * shape_.coefficients() + (static_cast<std::size_t>(ky) + y) * static_cast<std::size_t>(shape_.side) + static_cast<std::size_t>(kx);
              const double wy = w * f * at.powers[t] * at.taps.y[y];
              for (std::size_t x = 0; x < psf::spline_taps; ++x) {
                const double wx = wy * at.taps.x[x];
                right[first + x] += wx * off;
                if (joint)
                  for (std::size_t a = 0; a < 3; ++a) own.coupling[a * n + first + x] += wx * j[a];
              }
            }
        });
      }
      if (joint && eliminate(own.factor, own.right, own.coupling, n)) {
        own.used = true;
        sums_[s] = std::move(own);
      }
    }
  });
}

namespace {

/// Root mean squares in rings half a pixel wide, none below those further out.
class RingSizes {
 public:
  RingSizes(int side, int samples, double radius_pix, std::span<const double> values, double least) {
    const int half = side / 2;
    power_.assign(static_cast<std::size_t>(std::ceil(3.0 * half / samples)) + 3, 0.0);
    std::vector<double> count(power_.size(), 0.0);
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) {
        const double r = std::hypot(x - half, y - half) / samples;
        if (r > radius_pix) continue;
        const double v = values[static_cast<std::size_t>(y * side + x)];
        power_[static_cast<std::size_t>(2 * r)] += v * v, count[static_cast<std::size_t>(2 * r)] += 1;
      }
    for (std::size_t k = power_.size(); k-- > 0;) {
      power_[k] = count[k] > 0 ? std::sqrt(power_[k] / count[k]) : 0;
      power_[k] = std::max({power_[k], k + 1 < power_.size() ? power_[k + 1] : 0.0, least});
    }
  }
  double at(double r) const {
    const double place = std::max(0.0, 2 * r - 0.5);
    const auto k = std::min(static_cast<std::size_t>(place), power_.size() - 2);
    const double share = std::min(1.0, place - static_cast<double>(k));
    return std::exp((1 - share) * std::log(power_[k]) + share * std::log(power_[k + 1]));
  }

 private:
  std::vector<double> power_;
};

}  // namespace

/// The expected size of the table's deviation from the profile, and of its third differences, at every coefficient, from the table as it is. Terms that depend on the position may be as large as a share of the table.
void EffectiveFit::set_roughness(double factor) {
  const std::size_t count = shape_.coefficients();
  std::vector<double> off(count);
  double peak = 0;
  for (std::size_t k = 0; k < count; ++k) off[k] = std::hypot(c_[k] - profile_[k], least_deviation * profile_[k]), peak = std::max(peak, c_[k]);
  const RingSizes deviation{shape_.side, n_, radius_, off, least_share * peak}, whole{shape_.side, n_, radius_, std::span<const double>{c_}.first(count), least_share * peak};
  const double turn = std::pow(std::numbers::pi / (n_ * fwhm_), 3);
  std::vector<double> differences(shape_.unknowns()), values(shape_.unknowns());
  for (int term = 0; term < shape_.terms; ++term)
    for (int y = 0; y < shape_.side; ++y)
      for (int x = 0; x < shape_.side; ++x) {
        const std::size_t k = static_cast<std::size_t>(term) * count + static_cast<std::size_t>(y * shape_.side + x);
        const double r = std::hypot(x - half_, y - half_) / n_;
        const auto size_at = [&](double at) { return term == 0 ? deviation.at(at) : share_of_terms * whole.at(at); };
        const double here = size_at(r);
        differences[k] = 1 / std::pow((term == 0 ? factor : 1.0) * turn * size_at(std::max(0.0, r - fwhm_ / 2)), 2);
        values[k] = (r > radius_ + 0.5 ? 1 : loosely) / (here * here * n_ * n_);
      }
  roughness_ = Roughness{shape_, std::move(differences), std::move(values)};
}

std::vector<double> EffectiveFit::solve(const BandMatrix& matrix, std::span<const double> right, bool joint, double tolerance) {
  const std::size_t n = shape_.unknowns();
  std::vector<double> b(right.begin(), right.end()), smooth(n, 0.0), diagonal(n), x(n);
  std::vector<double> off = c_;
  for (std::size_t k = 0; k < profile_.size(); ++k) off[k] -= profile_[k];
  roughness_.multiply(off, smooth);
  for (std::size_t k = 0; k < n; ++k) b[k] -= smooth[k], diagonal[k] = matrix.diagonal(k) + roughness_.diagonal(k);
  std::vector<std::vector<double>> fixed;
  if (joint) {
    for (const Sums& s : sums_)
      if (s.used)
        for (std::size_t r = 0; r < 3; ++r)
          for (std::size_t k = 0; k < n; ++k) b[k] -= s.coupling[r * n + k] * s.right[r];
    fixed.assign(3, std::vector<double>(n, 0.0));
    const auto side = static_cast<std::size_t>(shape_.side);
    for (std::size_t y = 1; y + 1 < side; ++y)
      for (std::size_t col = 1; col + 1 < side; ++col) {
        const std::size_t k = y * side + col;
        fixed[0][k] = std::hypot(static_cast<double>(col) - half_, static_cast<double>(y) - half_) <= radius_ * n_ ? 1 : 0;
        fixed[1][k] = c_[k + 1] - c_[k - 1];
        fixed[2][k] = c_[k + side] - c_[k - side];
      }
  }
  const auto multiply = [&](std::span<const double> v, std::span<double> out) {
    matrix.multiply(v, out);
    roughness_.multiply(v, out);
    if (joint)
      for (const Sums& s : sums_)
        if (s.used)
          for (std::size_t r = 0; r < 3; ++r) {
            const std::span<const double> row{s.coupling.data() + r * n, n};
            add_scaled(row, -dot(row, v), out);
          }
  };
  conjugate_gradients(multiply, b, diagonal, fixed, tolerance, most_iterations, x);
  return x;
}

double EffectiveFit::choose_roughness() {
  BandMatrix all{shape_};
  std::vector<double> right(shape_.unknowns(), 0.0);
  for (std::size_t k = 0; k < parts_.size(); ++k) {
    all.add(parts_[k]);
    for (std::size_t i = 0; i < right.size(); ++i) right[i] += rights_[k][i];
  }
  double best = 0, least = 0;
  for (const double factor : factors) {
    set_roughness(factor);
    std::vector<double> left_out(parts_.size(), 0.0);
    pool_.for_each(static_cast<std::int64_t>(parts_.size()), [&](std::int64_t part) {
      const auto k = static_cast<std::size_t>(part);
      BandMatrix others = all;
      others.add(parts_[k], -1);
      std::vector<double> b = right, product(right.size(), 0.0);
      for (std::size_t i = 0; i < b.size(); ++i) b[i] -= rights_[k][i];
      const auto x = solve(others, b, false, solved_to_compare);
      parts_[k].multiply(x, product);
      left_out[k] = dot(x, product) - 2 * dot(x, rights_[k]);
    });
    double chi2 = 0;
    for (const double c : left_out) chi2 += c;
    if (best == 0 || chi2 < least) best = factor, least = chi2;
  }
  return best;
}

double EffectiveFit::step(bool joint) {
  accumulate(joint);
  BandMatrix matrix{shape_};
  std::vector<double> right(shape_.unknowns(), 0.0);
  for (std::size_t k = 0; k < parts_.size(); ++k) {
    matrix.add(parts_[k]);
    for (std::size_t i = 0; i < right.size(); ++i) right[i] += rights_[k][i];
  }
  set_roughness(factor_);
  const auto x = solve(matrix, right, joint, solved_to);
  const auto before = c_;
  for (std::size_t k = 0; k < c_.size(); ++k) c_[k] += x[k];
  if (joint)
    for (std::size_t s = 0; s < stars_.size(); ++s) {
      const Sums& own = sums_[s];
      if (!own.used) continue;
      std::array<double, 3> p{};
      for (std::size_t r = 0; r < 3; ++r) p[r] = own.right[r] - dot({own.coupling.data() + r * x.size(), x.size()}, x);
      for (std::size_t r = 3; r-- > 0;) {  // L⁻ᵀ
        for (std::size_t q = r + 1; q < 3; ++q) p[r] -= own.factor[q * 3 + r] * p[q];
        p[r] /= own.factor[r * 3 + r];
      }
      const StarPixels& first = pixels_[of_star_[s].front()];
      const double pixel = 1 / std::sqrt(std::abs(first.x_u * first.y_v - first.x_v * first.y_u));
      const double far = std::hypot(p[1], p[2]) / (most_step * pixel), share = far > 1 ? 1 / far : 1;
      stars_[s].flux *= std::exp(std::clamp(p[0], -0.3, 0.3));
      stars_[s].u += share * p[1], stars_[s].v += share * p[2];
    }
  normalise();
  double change = 0, peak = 0;
  for (std::size_t k = 0; k < shape_.coefficients(); ++k) change = std::max(change, std::abs(c_[k] - before[k])), peak = std::max(peak, c_[k]);
  return change / peak;
}

/// Flux 1 within the radius, at every position.
void EffectiveFit::normalise() {
  const std::size_t count = shape_.coefficients();
  const auto flux = [&](std::size_t term) {
    const auto samples = samples_of(std::span<const double>{c_}.subspan(term * count, count), 0, 0);
    double sum = 0;
    const int half = samples.box().width() / 2;
    for (int y = 0; y <= 2 * half; ++y)
      for (int x = 0; x <= 2 * half; ++x)
        if (std::hypot(x - half, y - half) <= radius_ * n_) sum += samples(x, y);
    return sum / (n_ * n_);
  };
  const double whole = flux(0);
  if (!(whole > 0)) throw DataError{"the stars' light does not add up to a point response; are they stars, and is the background right?"};
  for (double& c : c_) c /= whole;
  for (Star& s : stars_) s.flux *= whole, s.flux_error *= whole;
  for (std::size_t t = 1; t < static_cast<std::size_t>(shape_.terms); ++t) {
    const double more = flux(t);
    for (std::size_t k = 0; k < count; ++k) c_[t * count + k] -= more * c_[k];
  }
}

Image<double> EffectiveFit::samples_of(std::span<const double> c, double off_x, double off_y) const {
  const int half = static_cast<int>(std::floor(n_ * radius_));
  Image<double> samples{2 * half + 1, 2 * half + 1};
  for (int y = -half; y <= half; ++y)
    for (int x = -half; x <= half; ++x) samples(x + half, y + half) = value_at(c, static_cast<double>(x) / n_ + off_x, static_cast<double>(y) / n_ + off_y);
  return samples;
}

void EffectiveFit::make_varying() {
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  for (const auto& image : images_) x1 = std::max(x1, image.width - 1), y1 = std::max(y1, image.height - 1);
  polynomial_ = {options_.degree, (x0 + x1) / 2, std::max(1.0, (x1 - x0) / 2), (y0 + y1) / 2, std::max(1.0, (y1 - y0) / 2)};
  shape_.terms = polynomial_.terms();
  c_.resize(shape_.unknowns(), 0.0);
}

/// 1σ of the samples: what leaving out an eighth of the stars changes.
Image<double> EffectiveFit::jackknife() {
  accumulate(false);
  set_roughness(factor_);
  std::vector<Image<double>> tables(parts_.size());
  pool_.for_each(static_cast<std::int64_t>(parts_.size()), [&](std::int64_t part) {
    BandMatrix others{shape_};
    std::vector<double> right(shape_.unknowns(), 0.0);
    for (std::size_t k = 0; k < parts_.size(); ++k) {
      if (k == static_cast<std::size_t>(part)) continue;
      others.add(parts_[k]);
      for (std::size_t i = 0; i < right.size(); ++i) right[i] += rights_[k][i];
    }
    tables[static_cast<std::size_t>(part)] = samples_of(solve(others, right, false, solved_to), 0, 0);
  });
  Image<double> sigma{tables.front().box()};
  const auto count = static_cast<double>(tables.size());
  for (std::size_t i = 0; i < sigma.pixels().size(); ++i) {
    double mean = 0, square = 0;
    for (const auto& t : tables) mean += t.pixels()[i] / count;
    for (const auto& t : tables) square += std::pow(t.pixels()[i] - mean, 2);
    sigma.pixels()[i] = std::sqrt((count - 1) / count * square);
  }
  return sigma;
}

void EffectiveFit::finish(EffectiveTable& table) {
  table.samples_per_pixel = n_, table.radius_pix = radius_, table.roughness = factor_, table.degree = options_.degree, table.polynomial = polynomial_;
  const std::span<const double> first{c_.data(), shape_.coefficients()};
  std::tie(table.off_x, table.off_y) = psf::balanced([&](double dx, double dy) { return value_at(first, dx, dy); }, 0.5);
  for (int t = 0; t < shape_.terms; ++t)
    table.samples.push_back(samples_of(std::span<const double>{c_}.subspan(static_cast<std::size_t>(t) * shape_.coefficients(), shape_.coefficients()), table.off_x, table.off_y));
  const int half = table.samples.front().box().width() / 2;
  table.coverage.reset(table.samples.front().box());
  // The circle of as large an area as lies above half the peak.
  const double peak = value_at(first, table.off_x, table.off_y);
  const int reach = static_cast<int>(std::ceil(3 * fwhm_ * fine));
  long above = 0;
  for (int y = -reach; y <= reach; ++y)
    for (int x = -reach; x <= reach; ++x) above += value_at(first, table.off_x + static_cast<double>(x) / fine, table.off_y + static_cast<double>(y) / fine) >= peak / 2;
  table.fwhm_pix = 2 * std::sqrt(static_cast<double>(above) / std::numbers::pi) / fine;
  for (const StarPixels& p : pixels_) {
    const Star& star = stars_[static_cast<std::size_t>(p.star)];
    if (!star.used() || !p.used) continue;
    for_each_pixel(p, star, [&](std::size_t i, int kx, int ky, const Place& at) {
      const double f = star.flux * p.scale, m = f * at.expand(c_, shape_, kx, ky)[0], w = weight_of(p, i, m);
      if (w == 0) {
        ++table.clipped;
        return;
      }
      const double off = static_cast<double>(p.value[i]) - m;
      table.chi2 += w * off * off, ++table.pixels;
      const int x = static_cast<int>(std::lround((p.window.x0 + static_cast<int>(i) % p.window.width() - at.x - table.off_x) * n_)) + half;
      const int y = static_cast<int>(std::lround((p.window.y0 + static_cast<int>(i) / p.window.width() - at.y - table.off_y) * n_)) + half;
      if (table.coverage.box().contains(x, y)) table.coverage(x, y) += 1;
    });
  }
}

}  // namespace tessera::psf_estimate

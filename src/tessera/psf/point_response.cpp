#include "tessera/psf/point_response.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

#include "tessera/base/clones.h"
#include "tessera/psf/spline.h"

namespace tessera::psf {
namespace {

constexpr int lanes = 8, wide = 16, pad = 2;  // coefficients before the first sample
typedef float Lanes __attribute__((vector_size(lanes * sizeof(float))));
typedef float Wide __attribute__((vector_size(wide * sizeof(float))));

/// The number of samples per pixel that is kept, and whether the table has it already.
struct Grid {
  int samples = 0;
  bool as_given = false;
};

Grid grid_for(double given, Response response) {
  const double whole = std::round(given);
  const bool integer = std::abs(given - whole) < 1e-6 * given;
  if (integer && whole <= 12 && (response == Response::pixel || whole >= 5)) return {static_cast<int>(whole), true};
  if (integer && whole < 5) return {static_cast<int>(whole * std::ceil(5 / whole)), false};
  return {std::clamp(static_cast<int>(std::ceil(given)), 5, 10), false};
}

/// Positions of new samples in old ones, and the new index of the source.
struct Axis {
  std::vector<double> positions;
  double centre = 0;
};

Axis new_axis(int count, double centre, double given, Grid grid, Response response) {
  const double half_pixel = response == Response::pixel ? 0 : 0.5;
  const double reach = std::max(centre, count - 1 - centre) / given + half_pixel;
  const int half = static_cast<int>(std::ceil(reach * grid.samples - 1e-6));
  // Cells change pixels at their own edges: there the overlap and its interpolation agree exactly.
  const bool between = response == Response::cells && grid.as_given && grid.samples % 2 == 0;
  Axis axis;
  axis.centre = half + (between ? 0.5 : 0.0);
  const int samples = 2 * half + (between ? 2 : 1);
  for (int k = 0; k < samples; ++k) axis.positions.push_back(centre + (k - axis.centre) * given / grid.samples);
  return axis;
}

std::vector<double> operator_of(const Axis& axis, double given, int count, Response response) {
  switch (response) {
    case Response::pixel: return spline_values(axis.positions, count);
    case Response::density: return spline_integrals(axis.positions, given, count);
    default: return cell_integrals(axis.positions, given, count);
  }
}

/// rows · image · columnsᵀ.
Image<double> apply(const std::vector<double>& along_y, const std::vector<double>& along_x, const Image<double>& image) {
  const int w = image.box().width(), h = image.box().height();
  const int nw = static_cast<int>(along_x.size()) / w, nh = static_cast<int>(along_y.size()) / h;
  Image<double> half{Box{0, 0, nw, h}}, out{Box{0, 0, nw, nh}};
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < nw; ++x) {
      const double* m = along_x.data() + static_cast<std::size_t>(x) * static_cast<std::size_t>(w);
      double sum = 0;
      for (int k = 0; k < w; ++k) sum += m[k] * image(k, y);
      half(x, y) = sum;
    }
  for (int y = 0; y < nh; ++y)
    for (int k = 0; k < h; ++k) {
      const double m = along_y[static_cast<std::size_t>(y) * static_cast<std::size_t>(h) + static_cast<std::size_t>(k)];
      if (m == 0) continue;
      for (int x = 0; x < nw; ++x) out(x, y) += m * half(x, k);
    }
  return out;
}

void check(View<const double> samples, const Meaning& m) {
  const Box box = samples.box();
  if (!(m.samples_per_pixel_x > 0) || !(m.samples_per_pixel_y > 0)) throw UsageError{"the samples per pixel of a point response must be said"};
  if (!std::isfinite(m.centre_x) || !std::isfinite(m.centre_y)) throw UsageError{"the centre of a point response must be said"};
  if (box.width() < 6 || box.height() < 6) throw UsageError{fmt::format("a point response needs at least 6 samples a side, not {} × {}", box.width(), box.height())};
  if (!(m.centre_x >= 0 && m.centre_x <= box.width() - 1 && m.centre_y >= 0 && m.centre_y <= box.height() - 1))
    throw UsageError{fmt::format("the centre ({}, {}) of a point response lies outside its {} × {} samples", m.centre_x, m.centre_y, box.width(), box.height())};
  for (int y = box.y0; y < box.y1; ++y)
    for (const double v : samples.row(y))
      if (!std::isfinite(v)) throw UsageError{"a point response holds a value that is not finite"};
}

/// The whole loop, so that it is compiled for each instruction set: a box of pixels.
struct BoxJob {
  const float* first;                          // coefficient in the plane of phase (0, 0) that stands for the first pixel
  std::array<std::ptrdiff_t, spline_taps> x, y;  // from there to the first pixel's in the planes of the taps: one of x and one of y added
  std::array<float, spline_taps> wx, sx, wy, sy;
  int pixels = 0, rows = 0, columns = 0;       // columns: of a plane, so that the next row of pixels is that many further
  std::size_t stride = 0;                      // of what is written
  float *value, *d_dx, *d_dy;
};

#define TESSERA_INLINE inline __attribute__((always_inline))

/// The first `count` lanes, fewer than all.
TESSERA_INLINE void store_some(float* to, const Lanes& v, int count) {
  typedef float Four __attribute__((vector_size(16)));
  typedef float Two __attribute__((vector_size(8)));
  Four four = __builtin_shufflevector(v, v, 0, 1, 2, 3);
  if (count & 4) {
    std::memcpy(to, &four, sizeof four);
    four = __builtin_shufflevector(v, v, 4, 5, 6, 7);
    to += 4;
  }
  Two two = __builtin_shufflevector(four, four, 0, 1);
  if (count & 2) {
    std::memcpy(to, &two, sizeof two);
    two = __builtin_shufflevector(four, four, 2, 3);
    to += 2;
  }
  if (count & 1) *to = two[0];
}

/// A row of pixels; the last vector ends with the row: what it shares with the one before is the same.
TESSERA_INLINE void copy_row(const float* from, float* to, int pixels) {
  Lanes v;
  if (pixels > 2 * lanes) return void(std::memcpy(to, from, sizeof(float) * static_cast<std::size_t>(pixels)));
  if (pixels > lanes) std::memcpy(&v, from, sizeof v), std::memcpy(to, &v, sizeof v);
  std::memcpy(&v, from + std::max(0, pixels - lanes), sizeof v);
  if (pixels < lanes) store_some(to, v, pixels);
  else std::memcpy(to + pixels - lanes, &v, sizeof v);
}

/// The weights, alike in all lanes.
template <class V, bool gradients>
struct Taps {
  V wx[spline_taps], wy[spline_taps], sx[gradients ? spline_taps : 1], sy[gradients ? spline_taps : 1];
  TESSERA_INLINE explicit Taps(const BoxJob& job) {
    for (std::size_t k = 0; k < spline_taps; ++k) {
      wx[k] = job.wx[k] - V{}, wy[k] = job.wy[k] - V{};
      if constexpr (gradients) sx[k] = job.sx[k] - V{}, sy[k] = job.sy[k] - V{};
    }
  }
  /// Neighbours in memory from `at` on, which is a pixel's coefficient in the plane of phase (0, 0).
  TESSERA_INLINE void evaluate(const BoxJob& job, const float* at, V& value, V& along, V& across) const {
    value = along = across = V{};
    for (std::size_t i = 0; i < spline_taps; ++i) {
      const float* const column = at + job.x[i];
      V a{}, b{};
      for (std::size_t j = 0; j < spline_taps; ++j) {
        V c;
        std::memcpy(&c, column + job.y[j], sizeof c);
        a += c * wy[j];
        if constexpr (gradients) b += c * sy[j];
      }
      value += a * wx[i];
      if constexpr (gradients) {
        along += a * sx[i];
        across += b * wx[i];
      }
    }
  }
};

constexpr int block = 512;  // pixels that are evaluated before they go where they belong

/// Rows of pixels that are nearly all of a plane's are one row of memory: whole vectors across their ends.
template <bool gradients>
TESSERA_INLINE void evaluate_joined(const BoxJob& job) {
  const Taps<Wide, gradients> taps{job};
  float values[block + wide], alongs[gradients ? block + wide : 1], acrosses[gradients ? block + wide : 1];
  const int rows_at_once = block / job.columns;
  for (int y = 0; y < job.rows; y += rows_at_once) {
    const int rows = std::min(rows_at_once, job.rows - y), count = (rows - 1) * job.columns + job.pixels;
    const float* const at = job.first + static_cast<std::ptrdiff_t>(y) * job.columns;
    for (int k = 0; k < count; k += wide) {
      Wide value, along, across;
      taps.evaluate(job, at + k, value, along, across);
      std::memcpy(values + k, &value, sizeof value);
      if constexpr (gradients) std::memcpy(alongs + k, &along, sizeof value), std::memcpy(acrosses + k, &across, sizeof value);
    }
    for (int row = 0; row < rows; ++row) {
      const std::size_t to = static_cast<std::size_t>(y + row) * job.stride;
      copy_row(values + row * job.columns, job.value + to, job.pixels);
      if constexpr (gradients) copy_row(alongs + row * job.columns, job.d_dx + to, job.pixels), copy_row(acrosses + row * job.columns, job.d_dy + to, job.pixels);
    }
  }
}

template <bool gradients>
TESSERA_INLINE void evaluate_rows(const BoxJob& job) {
  const Taps<Lanes, gradients> taps{job};
  for (int y = 0; y < job.rows; ++y) {
    const float* const row = job.first + static_cast<std::ptrdiff_t>(y) * job.columns;
    const std::size_t to = static_cast<std::size_t>(y) * job.stride;
    for (int at = 0; at < job.pixels; at += lanes) {
      const int begin = std::max(0, std::min(at, job.pixels - lanes));  // the last vector ends with the row, as in copy_row
      Lanes value, along, across;
      taps.evaluate(job, row + begin, value, along, across);
      if (job.pixels < lanes) {
        store_some(job.value + to, value, job.pixels);
        if constexpr (gradients) store_some(job.d_dx + to, along, job.pixels), store_some(job.d_dy + to, across, job.pixels);
      } else {
        std::memcpy(job.value + to + begin, &value, sizeof value);
        if constexpr (gradients) std::memcpy(job.d_dx + to + begin, &along, sizeof value), std::memcpy(job.d_dy + to + begin, &across, sizeof value);
      }
    }
  }
}

/// Whichever way needs fewer vectors; a pixel's bits are the same.
TESSERA_INLINE bool joined(const BoxJob& job) {
  const int vectors = (job.pixels + lanes - 1) / lanes;
  return job.columns <= block && job.rows > 1 && job.columns <= vectors * lanes + lanes / 2;
}

TESSERA_CLONES void evaluate_all(const BoxJob& job) { joined(job) ? evaluate_joined<true>(job) : evaluate_rows<true>(job); }
TESSERA_CLONES void evaluate_values(const BoxJob& job) { joined(job) ? evaluate_joined<false>(job) : evaluate_rows<false>(job); }

int floor_div(int a, int n) { return a >= 0 ? a / n : -((-a + n - 1) / n); }

/// Where the pixels lie in the samples along one axis: the first, at sample coordinate k + t with 0 ≤ k < n and 0 ≤ t < 1, and how many up to the last sample. The others are
/// whole numbers of samples away, so that a pixel's bits depend on the source alone and not on the box that is asked for.
struct Phase {
  int first = 0, pixels = 0, k = 0;
  double t = 0;
  Phase(double x, double centre, int n, int count) {
    const int near = static_cast<int>(x + (x < 0 ? -0.5 : 0.5));
    const double u = centre - n * (x - near);
    k = static_cast<int>(u) - (u < static_cast<int>(u) ? 1 : 0);  // floor, which is a call where the processor may be old
    t = u - k;
    if (t > 1 - 1e-9) ++k, t = 0;
    if (t < 1e-9) t = 0;
    const int before = floor_div(k, n), last = count - 1 - (t > 0 ? 1 : 0);
    first = near - before;
    k -= before * n;
    pixels = last >= k ? (last - k) / n + 1 : 0;
  }
};

/// Coefficients of one phase: [phase of y][phase of x][row][column], so that pixels beside each other are neighbours in memory.
std::size_t plane_of(int columns, int samples_high, int n) { return static_cast<std::size_t>(columns) * static_cast<std::size_t>((samples_high + spline_taps + n - 1) / n); }

bool far(double x) { return !(std::abs(x) < 1e8); }

}  // namespace

namespace {
Box box_of(const Phase& x, const Phase& y) { return {x.first, y.first, x.first + x.pixels, y.first + y.pixels}; }
}  // namespace

PointResponse::PointResponse(View<const double> samples, const Meaning& m) {
  *this = scaled(samples, m, 1);
  if (m.normalisation == Normalisation::none) return;
  const double radius = m.normalisation_radius_pix > 0 ? m.normalisation_radius_pix : 1e30;
  double sum = 0;
  if (m.normalisation == Normalisation::mean) {
    sum = fraction_within(radius);
  } else {
    const Box box = footprint(0, 0);
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x)
        if (std::hypot(x, y) <= radius) sum += at(x, y);
  }
  if (!(sum > 0)) throw UsageError{fmt::format("the samples of a point response sum to {:.3g} within the normalisation radius; a positive sum is expected", sum)};
  *this = scaled(samples, m, 1 / sum);
}

PointResponse PointResponse::scaled(View<const double> samples, const Meaning& m, double scale) {
  check(samples, m);
  const Box box = samples.box();
  Image<double> image{Box{0, 0, box.width(), box.height()}};
  for (int y = 0; y < box.height(); ++y) {
    const auto from = samples.row(y + box.y0);
    for (int x = 0; x < box.width(); ++x) image(x, y) = from[static_cast<std::size_t>(x)] * scale;
  }
  const Grid gx = grid_for(m.samples_per_pixel_x, m.response), gy = grid_for(m.samples_per_pixel_y, m.response);
  PointResponse made;
  made.nx_ = gx.samples;
  made.ny_ = gy.samples;
  made.scale_ = scale, made.scatter_ = m.scatter;
  if (m.response == Response::pixel && gx.as_given && gy.as_given) {
    made.from_samples(std::move(image), m.centre_x, m.centre_y);
    return made;
  }
  const Axis ax = new_axis(box.width(), m.centre_x, m.samples_per_pixel_x, gx, m.response), ay = new_axis(box.height(), m.centre_y, m.samples_per_pixel_y, gy, m.response);
  if (m.response != Response::cells) to_coefficients(image);
  const auto along_x = operator_of(ax, m.samples_per_pixel_x, box.width(), m.response), along_y = operator_of(ay, m.samples_per_pixel_y, box.height(), m.response);
  made.from_samples(apply(along_y, along_x, image), ax.centre, ay.centre);
  return made;
}

void PointResponse::from_samples(Image<double> samples, double cx, double cy) {
  width_ = samples.box().width();
  height_ = samples.box().height();
  cx_ = cx;
  cy_ = cy;
  samples_.resize(samples.pixels().size());
  std::transform(samples.pixels().begin(), samples.pixels().end(), samples_.begin(), [](double v) { return static_cast<float>(v); });
  to_coefficients(samples);
  columns_ = (width_ + spline_taps + nx_ - 1) / nx_;
  const std::size_t plane = plane_of(columns_, height_, ny_);
  // A vector may read beyond a plane, and at the last one beyond all.
  coefficients_.assign(plane * static_cast<std::size_t>(nx_ * ny_) + wide, 0.0F);
  const auto mirrored = [](int k, int count) {
    k = std::abs(k) % (2 * count - 2);
    return k < count ? k : 2 * count - 2 - k;
  };
  for (int ky = 0; ky < height_ + spline_taps; ++ky)
    for (int kx = 0; kx < width_ + spline_taps; ++kx)
      coefficients_[plane * static_cast<std::size_t>(ky % ny_ * nx_ + kx % nx_) + static_cast<std::size_t>(ky / ny_ * columns_ + kx / nx_)] = static_cast<float>(samples(mirrored(kx - pad, width_), mirrored(ky - pad, height_)));
  fwhm_ = measured_fwhm();
}

Box PointResponse::footprint(double x, double y) const {
  if (far(x) || far(y) || width_ == 0) return {};
  return box_of({x, cx_, nx_, width_}, {y, cy_, ny_, height_});
}

double PointResponse::reach_pix() const {
  return std::max(std::max(cx_, width_ - 1 - cx_) / nx_, std::max(cy_, height_ - 1 - cy_) / ny_);
}

void PointResponse::evaluate(double x, double y, Box pixels, std::span<float> value, std::span<float> d_dx, std::span<float> d_dy) const {
  const bool nowhere = far(x) || far(y) || width_ == 0;
  const Phase px{nowhere ? 0 : x, cx_, nx_, width_}, py{nowhere ? 0 : y, cy_, ny_, height_};
  const Box part = nowhere ? Box{} : intersection(pixels, box_of(px, py));
  const bool gradients = !d_dx.empty();
  const auto width = static_cast<std::size_t>(pixels.width());
  if (part != pixels) {
    std::fill(value.begin(), value.end(), 0.0F);
    std::fill(d_dx.begin(), d_dx.end(), 0.0F);
    std::fill(d_dy.begin(), d_dy.end(), 0.0F);
    if (part.empty()) return;
  }
  const auto weights = [gradients](double t) { return gradients ? spline_weights(t) : SplineWeights{spline_weights_alone(t), {}}; };
  const auto wx = weights(px.t), wy = weights(py.t);
  BoxJob job{};
  job.pixels = part.width(), job.rows = part.height(), job.columns = columns_;
  for (std::size_t s = 0; s < spline_taps; ++s) {
    job.wx[s] = static_cast<float>(wx.value[s]);
    job.sx[s] = static_cast<float>(-nx_ * wx.slope[s]);
    job.wy[s] = static_cast<float>(wy.value[s]);
    job.sy[s] = static_cast<float>(-ny_ * wy.slope[s]);
  }
  // With the pad of 2, tap k − 2 + i has the coefficient k + i: in the plane of its phase, as many further as it is pixels.
  const auto whole_plane = static_cast<std::ptrdiff_t>(plane_of(columns_, height_, ny_));
  for (int s = 0, phase = px.k, ahead = 0; s < spline_taps; ++s) {
    job.x[static_cast<std::size_t>(s)] = phase * whole_plane + ahead;
    if (++phase == nx_) phase = 0, ++ahead;
  }
  for (int s = 0, phase = py.k, ahead = 0; s < spline_taps; ++s) {
    job.y[static_cast<std::size_t>(s)] = phase * nx_ * whole_plane + ahead * columns_;
    if (++phase == ny_) phase = 0, ++ahead;
  }
  job.first = coefficients_.data() + (part.y0 - py.first) * columns_ + (part.x0 - px.first);
  const std::size_t first = static_cast<std::size_t>(part.y0 - pixels.y0) * width + static_cast<std::size_t>(part.x0 - pixels.x0);
  job.stride = width;
  job.value = value.data() + first;
  job.d_dx = gradients ? d_dx.data() + first : nullptr;
  job.d_dy = gradients ? d_dy.data() + first : nullptr;
  gradients ? evaluate_all(job) : evaluate_values(job);
}

double PointResponse::at(double dx, double dy) const {
  float value = 0;
  evaluate(-dx, -dy, Box{0, 0, 1, 1}, {&value, 1}, {}, {});
  return static_cast<double>(value);
}

double PointResponse::sample(int kx, int ky) const { return static_cast<double>(samples()(kx, ky)); }

template <class F>
double PointResponse::sum_samples(F f) const {
  double sum = 0;
  for (int ky = 0; ky < height_; ++ky)
    for (int kx = 0; kx < width_; ++kx) sum += f((kx - cx_) / nx_, (ky - cy_) / ny_, sample(kx, ky));
  return sum / (nx_ * ny_);
}

double PointResponse::peak() const { return at(0, 0); }
double PointResponse::flux() const { return sum_samples([](double, double, double r) { return r; }); }
double PointResponse::fraction_within(double radius) const {
  return sum_samples([radius](double dx, double dy, double r) { return std::hypot(dx, dy) <= radius ? r : 0.0; });
}
double PointResponse::noise_equivalent_area() const { return 1 / sum_samples([](double, double, double r) { return r * r; }); }

double PointResponse::fwhm_pix() const { return fwhm_ > 0 ? fwhm_ : measured_fwhm(); }

double PointResponse::measured_fwhm() const {
  const auto greatest = static_cast<double>(*std::max_element(samples_.begin(), samples_.end()));
  const double area = sum_samples([greatest](double, double, double r) { return r > greatest / 2 ? 1.0 : 0.0; });
  return 2 * std::sqrt(area / std::numbers::pi);
}

bool PointResponse::same_geometry(const PointResponse& o) const {
  return nx_ == o.nx_ && ny_ == o.ny_ && width_ == o.width_ && height_ == o.height_ && cx_ == o.cx_ && cy_ == o.cy_;
}

void PointResponse::blend(std::span<const PointResponse* const> parts, std::span<const double> weights, PointResponse& to) {
  const PointResponse& first = *parts.front();
  for (const PointResponse* part : parts)
    if (!part->same_geometry(first)) throw UsageError{"point responses of different sampling, size or centre cannot be mixed"};
  to.nx_ = first.nx_, to.ny_ = first.ny_, to.width_ = first.width_, to.height_ = first.height_;
  to.cx_ = first.cx_, to.cy_ = first.cy_, to.scale_ = first.scale_, to.columns_ = first.columns_;
  to.fwhm_ = 0, to.scatter_ = first.scatter_;
  to.coefficients_.assign(first.coefficients_.size(), 0.0F);
  to.samples_.assign(first.samples_.size(), 0.0F);
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const auto w = static_cast<float>(weights[k]);
    if (w == 0) continue;
    for (std::size_t i = 0; i < to.coefficients_.size(); ++i) to.coefficients_[i] += w * parts[k]->coefficients_[i];
    for (std::size_t i = 0; i < to.samples_.size(); ++i) to.samples_[i] += w * parts[k]->samples_[i];
  }
}

}  // namespace tessera::psf

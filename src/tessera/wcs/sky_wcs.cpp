#include "tessera/wcs/sky_wcs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

#include "tessera/base/error.h"
#include "tessera/wcs/celestial.h"
#include "tessera/wcs/frames.h"
#include "tessera/wcs/header_check.h"
#include "tessera/wcs/tangent_plane.h"

namespace tessera::wcs {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double degree = std::numbers::pi / 180;
constexpr std::size_t chunk = 1024;  // points per wcslib call: its arrays stay in the cache

using Matrix = std::array<std::array<double, 3>, 3>;

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix m{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) m[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
  return m;
}

Matrix about_pole(double degrees) {
  const double c = std::cos(degrees * degree), s = std::sin(degrees * degree);
  return {{{c, -s, 0}, {s, c, 0}, {0, 0, 1}}};
}

/// Raises what lies at right ascension 0.
Matrix raised(double degrees) {
  const double c = std::cos(degrees * degree), s = std::sin(degrees * degree);
  return {{{c, 0, -s}, {0, 1, 0}, {s, 0, c}}};
}

/// `m` times the direction of p; the inverse of the rotation when `back`.
SkyPoint turned(const Matrix& m, SkyPoint p, bool back) {
  const double a = p.ra_deg * degree, d = p.dec_deg * degree;
  const std::array<double, 3> v{std::cos(d) * std::cos(a), std::cos(d) * std::sin(a), std::sin(d)};
  std::array<double, 3> w{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) w[i] += (back ? m[j][i] : m[i][j]) * v[j];
  return {wrap_degrees(std::atan2(w[1], w[0]) / degree), std::atan2(w[2], std::hypot(w[0], w[1])) / degree};
}

std::array<double, 4> multiply(const std::array<double, 4>& a, const std::array<double, 4>& b) {
  return {a[0] * b[0] + a[1] * b[2], a[0] * b[1] + a[1] * b[3], a[2] * b[0] + a[3] * b[2], a[2] * b[1] + a[3] * b[3]};
}

}  // namespace

struct SkyWcs::Impl {
  Reading reading;
  std::array<double, 4> inverse{};
  FrameChange frame;
  std::shared_ptr<const CelestialStage> celestial;
  std::optional<Matrix> turn;  // of the sky, after all else

  Impl(Reading r, const std::string& where)
      : reading{std::move(r)}, frame{reading.system, reading.equinox, reading.epoch}, celestial{std::make_shared<const CelestialStage>(reading, where)} {
    const auto& m = reading.matrix;
    const double det = m[0] * m[3] - m[1] * m[2];
    inverse = {m[3] / det, -m[1] / det, -m[2] / det, m[0] / det};
  }

  /// Pixel (from 0) → projection plane, degrees, with derivatives.
  Mapped to_plane(double x, double y) const {
    Mapped m{x + 1, y + 1, {1, 0, 0, 1}};
    if (!reading.pixels.identity()) m = reading.pixels.apply(x + 1, y + 1);
    const double u = m.u - reading.crpix[0], v = m.v - reading.crpix[1];
    const auto& cd = reading.matrix;
    Mapped plane{cd[0] * u + cd[1] * v, cd[2] * u + cd[3] * v, multiply(cd, m.d)};
    if (!reading.plane) return plane;
    Mapped bent = reading.plane->apply(plane.u, plane.v);
    bent.d = multiply(bent.d, plane.d);
    return bent;
  }

  PixelPoint from_plane(double u, double v) const {
    if (reading.plane) {
      const auto straight = reading.plane->invert(u, v);
      if (!straight) return {nan, nan};
      u = (*straight)[0];
      v = (*straight)[1];
    }
    const double x = inverse[0] * u + inverse[1] * v + reading.crpix[0], y = inverse[2] * u + inverse[3] * v + reading.crpix[1];
    if (reading.pixels.identity()) return {x - 1, y - 1};
    const auto p = reading.pixels.invert(x, y);
    return p ? PixelPoint{(*p)[0] - 1, (*p)[1] - 1} : PixelPoint{nan, nan};
  }

  SkyPoint to_icrs(double lng, double lat) const {
    if (std::isnan(lng) || std::isnan(lat)) return {nan, nan};
    const SkyPoint p = frame.to_icrs(lng, lat);
    return turn ? turned(*turn, p, false) : p;
  }

  SkyPoint from_icrs(SkyPoint p) const { return frame.from_icrs(turn ? turned(*turn, p, true) : p); }

  /// d(ξ, η)/d(u, v) of the plane-to-sky step about `centre`, by differences of fourth order with step `h` degrees.
  std::array<double, 4> plane_derivative(double u, double v, SkyPoint centre, double h) const {
    constexpr std::array offsets{-2.0, -1.0, 1.0, 2.0}, weights{1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
    std::array<double, 16> in{}, out{};
    for (std::size_t k = 0; k < 4; ++k) {
      in[2 * k] = u + offsets[k] * h;
      in[2 * k + 1] = v;
      in[8 + 2 * k] = u;
      in[8 + 2 * k + 1] = v + offsets[k] * h;
    }
    celestial->to_sky(in, out);
    std::array<double, 4> d{};
    for (std::size_t k = 0; k < 8; ++k) {
      const auto t = to_tangent_plane(to_icrs(out[2 * k], out[2 * k + 1]), centre);
      const std::size_t column = k / 4;
      d[column] += weights[k % 4] * t[0] / h;
      d[2 + column] += weights[k % 4] * t[1] / h;
    }
    return d;
  }
};

SkyWcs SkyWcs::from_header(const Header& header, const std::string& where, WcsOptions options) {
  SkyWcs wcs;
  wcs.impl_ = std::make_shared<const Impl>(read_header(header, where, options), where);
  return wcs;
}

SkyWcs SkyWcs::carried(SkyPoint from, SkyPoint to) const {
  auto changed = std::make_shared<Impl>(*impl_);
  const Matrix turn = product(about_pole(to.ra_deg), product(raised(to.dec_deg - from.dec_deg), about_pole(-from.ra_deg)));
  changed->turn = impl_->turn ? product(turn, *impl_->turn) : turn;
  SkyWcs wcs;
  wcs.impl_ = std::move(changed);
  return wcs;
}

bool SkyWcs::present(const Header& header, char alternate) {
  try {
    return celestial_axes(CardReader{header, "", alternate}).has_value();
  } catch (const DataError&) {
    return true;  // there is something, and from_header will say what is wrong with it
  }
}

bool SkyWcs::needs_lookup_tables(const Header& header) {
  for (const char* key : {"CPDIS1", "CPDIS2", "D2IMDIS1", "D2IMDIS2"})
    if (header.has(key)) return true;
  return false;
}

int SkyWcs::width() const { return impl_->reading.width; }
int SkyWcs::height() const { return impl_->reading.height; }
std::string SkyWcs::projection() const { return impl_->reading.projection; }
std::string SkyWcs::frame() const { return to_string(impl_->reading.system); }
std::string SkyWcs::distortion() const { return impl_->reading.distortion; }
const std::vector<std::string>& SkyWcs::notes() const { return impl_->reading.notes; }

void SkyWcs::pixel_to_sky(std::span<const double> x, std::span<const double> y, std::span<double> ra_deg, std::span<double> dec_deg) const {
  std::array<double, 2 * chunk> plane, sky;
  for (std::size_t first = 0; first < x.size(); first += chunk) {
    const std::size_t n = std::min(chunk, x.size() - first);
    for (std::size_t k = 0; k < n; ++k) {
      const Mapped m = impl_->to_plane(x[first + k], y[first + k]);
      plane[2 * k] = m.u;
      plane[2 * k + 1] = m.v;
    }
    impl_->celestial->to_sky(std::span{plane}.first(2 * n), std::span{sky}.first(2 * n));
    for (std::size_t k = 0; k < n; ++k) {
      const SkyPoint p = impl_->to_icrs(sky[2 * k], sky[2 * k + 1]);
      ra_deg[first + k] = p.ra_deg;
      dec_deg[first + k] = p.dec_deg;
    }
  }
}

void SkyWcs::sky_to_pixel(std::span<const double> ra_deg, std::span<const double> dec_deg, std::span<double> x, std::span<double> y) const {
  std::array<double, 2 * chunk> plane, sky;
  for (std::size_t first = 0; first < ra_deg.size(); first += chunk) {
    const std::size_t n = std::min(chunk, ra_deg.size() - first);
    for (std::size_t k = 0; k < n; ++k) {
      const SkyPoint given{ra_deg[first + k], dec_deg[first + k]};
      const bool good = std::isfinite(given.ra_deg) && std::abs(given.dec_deg) <= 90;
      const SkyPoint p = good ? impl_->from_icrs(given) : SkyPoint{nan, nan};
      sky[2 * k] = p.ra_deg;
      sky[2 * k + 1] = p.dec_deg;
    }
    impl_->celestial->from_sky(std::span{sky}.first(2 * n), std::span{plane}.first(2 * n));
    for (std::size_t k = 0; k < n; ++k) {
      const bool good = !std::isnan(plane[2 * k]) && !std::isnan(plane[2 * k + 1]);
      const PixelPoint p = good ? impl_->from_plane(plane[2 * k], plane[2 * k + 1]) : PixelPoint{nan, nan};
      x[first + k] = p.x;
      y[first + k] = p.y;
    }
  }
}

SkyPoint SkyWcs::pixel_to_sky(PixelPoint p) const {
  SkyPoint s;
  pixel_to_sky({&p.x, 1}, {&p.y, 1}, {&s.ra_deg, 1}, {&s.dec_deg, 1});
  return s;
}

PixelPoint SkyWcs::sky_to_pixel(SkyPoint s) const {
  PixelPoint p;
  sky_to_pixel({&s.ra_deg, 1}, {&s.dec_deg, 1}, {&p.x, 1}, {&p.y, 1});
  return p;
}

std::array<double, 4> SkyWcs::jacobian(PixelPoint p) const {
  const Mapped plane = impl_->to_plane(p.x, p.y);
  const SkyPoint centre = pixel_to_sky(p);
  // 5": rounding of RA stays below 1e-10 of it and curvature too. Next to an edge of the sky a shorter step may still fit.
  for (const double step : {1.5e-3, 1.5e-5}) {
    const auto sky = impl_->plane_derivative(plane.u, plane.v, centre, step);
    if (std::isfinite(sky[0] + sky[1] + sky[2] + sky[3])) return multiply(sky, plane.d);
  }
  return {nan, nan, nan, nan};
}

double SkyWcs::pixel_scale_arcsec(PixelPoint p) const {
  const auto j = jacobian(p);
  return 3600 * std::sqrt(std::abs(j[0] * j[3] - j[1] * j[2]));
}

double SkyWcs::pixel_area_sr(PixelPoint p) const {
  const auto j = jacobian(p);
  return std::abs(j[0] * j[3] - j[1] * j[2]) * degree * degree;
}

double SkyWcs::north_angle_deg(PixelPoint p) const {
  const auto j = jacobian(p);
  const double det = j[0] * j[3] - j[1] * j[2];
  return std::atan2(j[1] / det, j[0] / det) / degree;  // north is the pixel vector (−ξy, ξx) / det
}

bool SkyWcs::flipped(PixelPoint p) const {
  const auto j = jacobian(p);
  return j[0] * j[3] - j[1] * j[2] < 0;
}

LookupTable LookupTable::from_hdu(const Header& header, std::vector<float> pixels, const std::string& where) {
  const CardReader cards{header, where, ' '};
  LookupTable t;
  t.name = cards.text("EXTNAME").value_or("");
  t.version = cards.integer("EXTVER").value_or(1);
  t.width = cards.integer("NAXIS1").value_or(0);
  t.height = cards.integer("NAXIS").value_or(2) < 2 ? 1 : cards.integer("NAXIS2").value_or(1);
  if (t.width < 1 || t.height < 1 || pixels.size() != static_cast<std::size_t>(t.width) * static_cast<std::size_t>(t.height))
    cards.refuse(fmt::format("a look-up table of {} x {} values, but {} were read", t.width, t.height, pixels.size()));
  for (const std::size_t k : {0u, 1u}) {
    t.crpix[k] = cards.number(fmt::format("CRPIX{}", k + 1)).value_or(0);
    t.crval[k] = cards.number(fmt::format("CRVAL{}", k + 1)).value_or(0);
    t.cdelt[k] = cards.number(fmt::format("CDELT{}", k + 1)).value_or(1);
    if (t.cdelt[k] == 0) cards.refuse(fmt::format("CDELT{} of a look-up table is 0", k + 1));
  }
  if (!std::all_of(pixels.begin(), pixels.end(), [](float v) { return std::isfinite(v); })) cards.refuse("a look-up table holds values that are not finite");
  t.values = std::move(pixels);
  return t;
}

}  // namespace tessera::wcs

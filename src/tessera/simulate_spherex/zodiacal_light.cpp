#include "tessera/simulate_spherex/zodiacal_light.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/base/error.h"

namespace tessera::simulate_spherex {
namespace {

constexpr double radian = std::numbers::pi / 180;
constexpr double edge_au = 5.2;  // where the model's cloud ends
constexpr int nodes = 400;

/// Numbers of one fitted band (tables 1 and 2 of the paper).
struct Band {
  double wavelength_um, albedo, cloud, bands, ring;  // emissivities
  double c0, c1, c2, sun_mjy;
};
constexpr std::array<Band, 4> fitted{{{1.25, .2041, 1, 1, 1, -.9421, .1214, -.1648, 2.3405606e8},
                                      {2.2, .2552, 1, 1, 1, -.5267, .1872, -.5983, 1.2309874e8},
                                      {3.5, .2104, 1.66, 1.66, 1.66, -.4312, .1715, -.6333, 6.4292872e7},
                                      {4.9, 0, .997, .359, 1.0675, 0, 0, 0, 3.5733824e7}}};

double length(const Vector3& v) { return std::hypot(v[0], v[1], v[2]); }

/// Height above a plane through `centre`.
double height(const Vector3& v, double inclination_deg, double node_deg) {
  const double i = inclination_deg * radian, node = node_deg * radian;
  return v[0] * std::sin(node) * std::sin(i) - v[1] * std::cos(node) * std::sin(i) + v[2] * std::cos(i);
}

double cloud(const Vector3& p) {
  const Vector3 v{p[0] - .011888, p[1] - .0054765, p[2] + .0021531};
  const double r = length(v), zeta = std::fabs(height(v, 2.0335, 77.658) / r), mu = .18873;
  const double g = zeta < mu ? zeta * zeta / (2 * mu) : zeta - mu / 2;
  return 1.134e-7 * std::pow(r, -1.337) * std::exp(-4.1415 * std::pow(g, .94206));
}

double dust_bands(const Vector3& p) {
  struct DustBand {
    double density, delta_deg, v, inner_au, inclination, node;
  };
  constexpr std::array<DustBand, 3> all{{{5.59e-10, 8.785, .10, 1.5, .564, 80}, {1.9878e-9, 1.9917, .90, .9412, 1.2, 30.35}, {1.437e-10, 15, .05, 1.5, .80, 80}}};
  const double r = length(p);
  double sum = 0;
  for (const DustBand& b : all) {
    const double x = std::fabs(height(p, b.inclination, b.node) / r) / (b.delta_deg * radian);
    sum += 3 * b.density / r * std::exp(-std::pow(x, 6)) * (1 + std::pow(x, 4) / b.v) * (1 - std::exp(-std::pow(r / b.inner_au, 20)));
  }
  return sum;
}

double ring_and_blob(const Vector3& p, const Vector3& earth) {
  const double r = length(p), z = std::fabs(height(p, .48707, 22.279));
  const double ring = 1.8261e-8 * std::exp(-std::pow((r - 1.02819) / .025, 2) - z / .054068);
  const double from_earth = std::atan2(p[1], p[0]) - std::atan2(earth[1], earth[0]);
  const double angle = std::remainder(from_earth / radian + 10, 360.0);
  return ring + 2.0094e-8 * std::exp(-std::pow((r - 1.05792) / .10287, 2) - z / .091443 - std::pow(angle / 12.115, 2));
}

/// Planck's law, MJy/sr.
double black_body(double wavelength_um, double kelvin) {
  constexpr double h = 6.62607015e-34, c = 2.99792458e8, k = 1.380649e-23;
  const double nu = c / (wavelength_um * 1e-6);
  return 2 * h * nu * nu * nu / (c * c) / std::expm1(h * nu / (k * kelvin)) * 1e20;
}

/// Scattering per steradian, normalised over the sphere; `angle` is 0 forward.
double phase(const Band& b, double angle) {
  const double pi = std::numbers::pi;
  const double norm = 2 * pi * (2 * b.c0 + pi * b.c1 + (std::exp(b.c2 * pi) + 1) / (b.c2 * b.c2 + 1));
  return (b.c0 + b.c1 * angle + std::exp(b.c2 * angle)) / norm;
}

struct Parts {
  double scattered = 0, thermal = 0;  // MJy/sr at the fitted band
};

/// Midpoints in √s: short steps near the Earth, where ring and blob are.
Parts along_sight(const Band& band, const Vector3& earth, const Vector3& unit) {
  const double dot = earth[0] * unit[0] + earth[1] * unit[1] + earth[2] * unit[2];
  const double end = -dot + std::sqrt(std::max(0.0, dot * dot - std::pow(length(earth), 2) + edge_au * edge_au));
  Parts sum;
  for (int i = 0; i < nodes; ++i) {
    const double t = (i + .5) / nodes, s = end * t * t, ds = 2 * end * t / nodes;
    const Vector3 p{earth[0] + s * unit[0], earth[1] + s * unit[1], earth[2] + s * unit[2]};
    const double r = length(p), n_cloud = cloud(p), n_bands = dust_bands(p), n_ring = ring_and_blob(p, earth);
    if (band.albedo > 0) {
      // Light runs from the Sun along p and then back along −unit.
      const double forward = -(p[0] * unit[0] + p[1] * unit[1] + p[2] * unit[2]) / r;
      sum.scattered += (n_cloud + n_bands + n_ring) * band.albedo * band.sun_mjy / (r * r) * phase(band, std::acos(std::clamp(forward, -1.0, 1.0))) * ds;
    }
    const double emitted = (1 - band.albedo) * (band.cloud * n_cloud + band.bands * n_bands + band.ring * n_ring);
    sum.thermal += emitted * black_body(band.wavelength_um, 286 * std::pow(r, -.46686)) * ds;
  }
  return sum;
}

/// The Sun's flux over that of a black body of 5770 K: smooth enough to be interpolated.
double sun_ratio(const Band& b) { return b.sun_mjy / black_body(b.wavelength_um, 5770); }

}  // namespace

ZodiacalBands zodiacal_bands(const Vector3& earth, const Vector3& direction) {
  const double norm = length(direction);
  if (!(norm > 0) || !(length(earth) > .5 && length(earth) < edge_au)) throw UsageError{"zodiacal light: the direction is zero, or the observer is not 0.5 to 5.2 AU from the Sun"};
  const Vector3 unit{direction[0] / norm, direction[1] / norm, direction[2] / norm};
  ZodiacalBands bands;
  for (std::size_t i = 0; i < fitted.size(); ++i) {
    const Parts parts = along_sight(fitted[i], earth, unit);
    bands.scattered[i] = parts.scattered / fitted[i].sun_mjy;
    bands.thermal[i] = parts.thermal / black_body(fitted[i].wavelength_um, 270);
  }
  return bands;
}

double ZodiacalBands::at(double wavelength_um) const {
  if (!(wavelength_um >= .7 && wavelength_um <= 5.1)) throw UsageError{fmt::format("zodiacal light at {} um: the model is for 0.7 to 5.1 um", wavelength_um)};
  std::size_t low = 0;
  while (low + 2 < fitted.size() && wavelength_um > fitted[low + 1].wavelength_um) ++low;
  const Band &a = fitted[low], &b = fitted[low + 1];
  const double where = std::clamp(std::log(wavelength_um / a.wavelength_um) / std::log(b.wavelength_um / a.wavelength_um), 0.0, 1.0);
  const auto between = [&](double x, double y) { return x + where * (y - x); };
  static const std::array<double, 4> suns{sun_ratio(fitted[0]), sun_ratio(fitted[1]), sun_ratio(fitted[2]), sun_ratio(fitted[3])};
  const double sun = between(suns[low], suns[low + 1]) * black_body(wavelength_um, 5770);
  return between(scattered[low], scattered[low + 1]) * sun + between(thermal[low], thermal[low + 1]) * black_body(wavelength_um, 270);
}

ZodiacalBands mixed(const ZodiacalBands& a, double wa, const ZodiacalBands& b, double wb, const ZodiacalBands& c, double wc, const ZodiacalBands& d, double wd) {
  ZodiacalBands m;
  for (std::size_t i = 0; i < m.scattered.size(); ++i) {
    m.scattered[i] = wa * a.scattered[i] + wb * b.scattered[i] + wc * c.scattered[i] + wd * d.scattered[i];
    m.thermal[i] = wa * a.thermal[i] + wb * b.thermal[i] + wc * c.thermal[i] + wd * d.thermal[i];
  }
  return m;
}

double zodiacal_light(const Vector3& earth, const Vector3& direction, double wavelength_um) { return zodiacal_bands(earth, direction).at(wavelength_um); }

}  // namespace tessera::simulate_spherex

#include "tessera/simulate_spherex/detector.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <numbers>

#include "tessera/base/error.h"
#include "tessera/simulate/camera.h"
#include "tessera/spherex/channels.h"

namespace tessera::simulate_spherex {
namespace {

constexpr double radian = std::numbers::pi / 180;
constexpr double near_um_px = 7593, far_um_px = 9686, arc_x = 1020, arc_y = 9632;  // of the arcs of equal wavelength, in pixels of 2040
constexpr int sip_order = 3;

/// Mean resolving powers of the mission's table of channels.
constexpr std::array<double, spherex::detectors> resolving_powers{39.3, 41.4, 40.8, 35.5, 111.9, 128.6};
/// Detectors are not all distorted by the same amount.
constexpr std::array<double, spherex::detectors> strengths{.9, .95, 1, 1.05, 1.1, .85};

/// The polynomials of a published header (detector 3, pixels of 2040) on a detector of another size: displacements keep their fraction of the side.
void distort(double strength, int size, simulate::SipPolynomial& a, simulate::SipPolynomial& b) {
  auto& p = a.c;
  p[0][0] = -0.358887901781, p[0][1] = -3.29486823947e-06, p[0][2] = 1.37340328038e-06, p[0][3] = 4.19871698895e-12, p[1][0] = 8.91920093579e-05;
  p[1][1] = 4.17027226836e-06, p[1][2] = 6.39216916172e-10, p[2][0] = 1.59277758371e-06, p[2][1] = 1.41725845906e-10, p[3][0] = 5.77707761902e-10;
  auto& q = b.c;
  q[0][0] = -1.10752282284, q[0][1] = -0.000393514848358, q[0][2] = 1.98198522029e-06, q[0][3] = 4.65782924392e-10, q[1][0] = 6.32480697759e-05;
  q[1][1] = 7.43914929254e-07, q[1][2] = 5.25940968174e-11, q[2][0] = 6.66519774185e-06, q[2][1] = 6.37024793716e-10, q[3][0] = 2.08337053914e-11;
  for (auto* s : {&a, &b})
    for (int i = 0; i <= sip_order; ++i)
      for (int j = 0; i + j <= sip_order; ++j) s->c[i][j] *= strength * std::pow(static_cast<double>(full_size) / size, i + j - 1);
}

}  // namespace

Detector::Detector(int number, int size, double distortion) : number_{number}, size_{size}, distortion_{distortion} {
  const auto channels = spherex::ChannelTable::builtin().of(number);
  min_um_ = channels.front().min_um;
  max_um_ = channels.back().max_um;
  measure_solid_angles();
}

double Detector::radius(double x, double y) const {
  const double scale = static_cast<double>(full_size) / size_;
  return std::hypot((x + .5) * scale - arc_x, (y + .5) * scale - arc_y);
}

double Detector::resolving_power() const { return resolving_powers[static_cast<std::size_t>(number_ - 1)]; }

spherex::Wavelength Detector::wavelength(double x, double y) const {
  const double um = min_um_ * std::exp(std::log(max_um_ / min_um_) * (radius(x, y) - near_um_px) / (far_um_px - near_um_px));
  return {um, um / resolving_power()};
}

int Detector::strip(double x, double y) const {
  const int strip = 1 + static_cast<int>(std::floor(spherex::strips * (radius(x, y) - near_um_px) / (far_um_px - near_um_px)));
  return std::clamp(strip, 1, spherex::strips);
}

Table Detector::channels() {
  std::vector<std::int32_t> detector, strip;
  std::vector<double> centre, low, high, power, scatter, width;
  for (int d = 1; d <= spherex::detectors; ++d) {
    const auto all = spherex::ChannelTable::builtin().of(d);
    const double first = std::log(all.front().min_um), step = (std::log(all.back().max_um) - first) / spherex::strips, r = resolving_powers[static_cast<std::size_t>(d - 1)];
    for (int k = 0; k < spherex::strips; ++k) {
      detector.push_back(d), strip.push_back(k + 1);
      low.push_back(std::exp(first + k * step)), high.push_back(std::exp(first + (k + 1) * step)), centre.push_back(std::exp(first + (k + .5) * step));
      power.push_back(r), scatter.push_back(0), width.push_back(centre.back() / r);
    }
  }
  Table t;
  t.name = "SPECTRAL_CHANNELS";
  t.add("DETECTOR", std::move(detector), "", "Detector 1 to 6");
  t.add("SUBCHAN", std::move(strip), "", "Strip 1 to 17, as in CHANNEL_MAP");
  t.add("WAVELENGTH", std::move(centre), "um", "Centre");
  t.add("WL_MIN", std::move(low), "um", "Lower edge");
  t.add("WL_MAX", std::move(high), "um", "Upper edge");
  t.add("R", std::move(power), "", "Mean resolving power");
  t.add("R_STD", std::move(scatter), "", "Scatter of the resolving power");
  t.add("BANDWIDTH", std::move(width), "um", "Mean bandwidth");
  return t;
}

std::vector<std::int32_t> Detector::wave_points(bool along_x) const {
  // Numbers of points as in published files (14 rows for 3 and 4); 4 has the steepest scale and needs as many columns to hold 1 nm.
  const int n = number_ == 4 || (number_ == 3 && !along_x) ? 14 : number_ == 2 ? 11 : 9;
  std::vector<std::int32_t> points;
  for (int i = 0; i < n; ++i) points.push_back(1 + static_cast<std::int32_t>(std::lround(i * (size_ - 1.0) / (n - 1))));
  return points;
}

Header Detector::sky_cards(const Attitude& at) const {
  const double s = pixel_scale_arcsec / 3600, c = std::cos(at.position_angle_deg * radian), sine = std::sin(at.position_angle_deg * radian);
  Header h;
  h.set("WCSAXES", std::int64_t{2}, "Number of coordinate axes");
  h.set("CRPIX1", (size_ + 1) / 2.0, "Pixel coordinate of reference point");
  h.set("CRPIX2", (size_ + 1) / 2.0, "Pixel coordinate of reference point");
  h.set("PC1_1", -s * c, "Coordinate transformation matrix element");
  h.set("PC1_2", s * sine, "Coordinate transformation matrix element");
  h.set("PC2_1", s * sine, "Coordinate transformation matrix element");
  h.set("PC2_2", s * c, "Coordinate transformation matrix element");
  h.set("CDELT1", 1.0, "[deg] Coordinate increment at reference point");
  h.set("CDELT2", 1.0, "[deg] Coordinate increment at reference point");
  h.set("CUNIT1", std::string{"deg"}, "Units of coordinate increment and value");
  h.set("CUNIT2", std::string{"deg"}, "Units of coordinate increment and value");
  const bool sip = distortion_ > 0;
  h.set("CTYPE1", std::string{sip ? "RA---TAN-SIP" : "RA---TAN"}, sip ? "TAN (gnomonic) projection + SIP distortions" : "TAN (gnomonic) projection");
  h.set("CTYPE2", std::string{sip ? "DEC--TAN-SIP" : "DEC--TAN"}, sip ? "TAN (gnomonic) projection + SIP distortions" : "TAN (gnomonic) projection");
  h.set("CRVAL1", at.centre.ra_deg, "[deg] Coordinate value at reference point");
  h.set("CRVAL2", at.centre.dec_deg, "[deg] Coordinate value at reference point");
  h.set("LONPOLE", 180.0, "[deg] Native longitude of celestial pole");
  h.set("LATPOLE", at.centre.dec_deg, "[deg] Native latitude of celestial pole");
  h.set("RADESYS", std::string{"ICRS"}, "Equatorial coordinate system");
  if (!sip) return h;
  simulate::SipPolynomial a, b;
  distort(distortion_ * strengths[static_cast<std::size_t>(number_ - 1)], size_, a, b);
  constexpr const char* coefficient = "SIP distortion coefficient";
  simulate::add_sip_cards(h, "A", a, sip_order, 0, "SIP polynomial order, axis 0, detector to sky", coefficient);
  simulate::add_sip_cards(h, "B", b, sip_order, 0, "SIP polynomial order, axis 1, detector to sky", coefficient);
  simulate::add_sip_cards(h, "AP", simulate::inverse_sip(a, b, size_ / 2.0, true, sip_order, 0), sip_order, 0, "SIP polynomial order, axis 0, sky to detector", coefficient);
  simulate::add_sip_cards(h, "BP", simulate::inverse_sip(a, b, size_ / 2.0, false, sip_order, 0), sip_order, 0, "SIP polynomial order, axis 1, sky to detector", coefficient);
  return h;
}

wcs::SkyWcs Detector::sky(const Attitude& attitude) const {
  Header h = sky_cards(attitude);
  h.set("NAXIS", std::int64_t{2});
  h.set("NAXIS1", std::int64_t{size_});
  h.set("NAXIS2", std::int64_t{size_});
  return wcs::SkyWcs::from_header(h, fmt::format("simulated detector {}", number_));
}

void Detector::measure_solid_angles() {
  const auto here = sky({{0, 0}, 0});
  const auto n = static_cast<std::size_t>(size_);
  solid_angle_ = Image<float>::unfilled(box());
  std::vector<double> x(4 * n), y(4 * n), ra(4 * n), dec(4 * n);
  constexpr double arcsec = 180 * 3600 / std::numbers::pi;
  for (int row = 0; row < size_; ++row) {
    constexpr std::array<double, 4> dx{-.5, .5, 0, 0}, dy{0, 0, -.5, .5};
    for (std::size_t i = 0; i < 4 * n; ++i) x[i] = static_cast<double>(i / 4) + dx[i % 4], y[i] = row + dy[i % 4];
    here.pixel_to_sky(x, y, ra, dec);
    for (std::size_t i = 0; i < n; ++i) {
      const auto unit = [&](std::size_t k) {
        const double a = ra[4 * i + k] * radian, d = dec[4 * i + k] * radian;
        return std::array<double, 3>{std::cos(d) * std::cos(a), std::cos(d) * std::sin(a), std::sin(d)};
      };
      const auto difference = [](const std::array<double, 3>& p, const std::array<double, 3>& q) { return std::array<double, 3>{q[0] - p[0], q[1] - p[1], q[2] - p[2]}; };
      const auto u = difference(unit(0), unit(1)), v = difference(unit(2), unit(3));
      solid_angle_(static_cast<int>(i), row) = static_cast<float>(std::hypot(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]) * arcsec * arcsec);
    }
  }
}

std::vector<spherex::PsfZone> Detector::zones(int columns, int rows) const {
  std::vector<spherex::PsfZone> zones;
  const double width = static_cast<double>(size_) / columns, height = static_cast<double>(size_) / rows;
  for (int j = 0; j < rows; ++j)
    for (int i = 0; i < columns; ++i) zones.push_back({width * (i + .5) + .5, height * (j + .5) + .5, width, height, j * columns + i});
  return zones;
}

}  // namespace tessera::simulate_spherex

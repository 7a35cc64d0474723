#include "tessera/picture/sky_marks.h"

#include <fmt/format.h>

#include <cmath>

namespace tessera::picture {

std::optional<Compass> compass(const std::array<double, 4>& j) {
  const auto [xi_x, xi_y, eta_x, eta_y] = j;
  const double determinant = xi_x * eta_y - xi_y * eta_x;
  const double size = xi_x * xi_x + xi_y * xi_y + eta_x * eta_x + eta_y * eta_y;
  if (!std::isfinite(determinant) || !(std::abs(determinant) > 1e-9 * size)) return {};
  // Columns of the inverse: the pixel step that moves one unit east, one unit north.
  const double sign = determinant > 0 ? 1 : -1;
  const auto unit = [sign](double x, double y) { return Direction{sign * x / std::hypot(x, y), sign * y / std::hypot(x, y)}; };
  return Compass{unit(-xi_y, xi_x), unit(eta_y, -eta_x)};
}

ScaleBar scale_bar(double longest) {
  if (!(longest > 0) || !std::isfinite(longest)) return {};
  struct Unit {
    double arcsec;
    const char* sign;
  };
  for (const Unit unit : {Unit{3600, "°"}, Unit{60, "′"}, Unit{1, "″"}})
    for (const double n : {90.0, 60.0, 30.0, 20.0, 15.0, 10.0, 5.0, 3.0, 2.0, 1.0}) {
      if (unit.arcsec < 3600 && n > 30) continue;
      if (n * unit.arcsec <= longest * (1 + 1e-9)) return {n * unit.arcsec, fmt::format("{:g}{}", n, unit.sign)};
    }
  double decade = 1;
  while (decade > 1e-9) {
    decade /= 10;
    for (const double n : {5.0, 2.0, 1.0})
      if (n * decade <= longest * (1 + 1e-9)) return {n * decade, fmt::format("{:g}″", n * decade)};
  }
  return {};
}

std::string angle_text(double arcsec) {
  if (arcsec < 120) return fmt::format("{:.3g}″", arcsec);
  if (arcsec < 7200) return fmt::format("{:.3g}′", arcsec / 60);
  return fmt::format("{:.3g}°", arcsec / 3600);
}

std::string right_ascension_text(double ra_deg) {
  double turn = std::fmod(ra_deg, 360.0);
  if (turn < 0) turn += 360;
  const long tenths = std::lround(turn / 15 * 36000) % (24 * 36000);  // rounded once, so that no 60.0s can appear
  return fmt::format("{:02}h{:02}m{:02}.{}s", tenths / 36000, tenths / 600 % 60, tenths / 10 % 60, tenths % 10);
}

std::string declination_text(double dec_deg) {
  const long seconds = std::lround(std::abs(dec_deg) * 3600);
  return fmt::format("{}{:02}°{:02}′{:02}″", dec_deg < 0 && seconds > 0 ? "−" : "+", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace tessera::picture

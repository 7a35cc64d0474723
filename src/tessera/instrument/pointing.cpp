#include "tessera/instrument/pointing.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <numbers>

#include "tessera/base/error.h"

namespace tessera::instrument {
namespace {

constexpr double largest_turn_deg = 1;
constexpr double radian = std::numbers::pi / 180;

using Matrix = std::array<double, 4>;  // by rows: longitude, latitude

/// CD, or CDELT with PC or with CROTA2.
Matrix matrix_of(const Header& header) {
  const auto number = [&](const char* key, double otherwise) { return header.number(key).value_or(otherwise); };
  if (header.has("CD1_1") || header.has("CD1_2") || header.has("CD2_1") || header.has("CD2_2")) return {number("CD1_1", 0), number("CD1_2", 0), number("CD2_1", 0), number("CD2_2", 0)};
  const double step_x = number("CDELT1", 1), step_y = number("CDELT2", 1);
  if (const auto turn = header.number("CROTA2"); turn && !header.has("PC1_1") && !header.has("PC1_2")) {
    const double c = std::cos(*turn * radian), s = std::sin(*turn * radian);
    return {step_x * c, -step_y * s, step_x * s, step_y * c};
  }
  return {step_x * number("PC1_1", 1), step_x * number("PC1_2", 0), step_y * number("PC2_1", 0), step_y * number("PC2_2", 1)};
}

}  // namespace

Header with_pointing(const Header& header, const RefinedPointing& refined, const std::string& where) {
  if (!header.text("CTYPE1").value_or("").starts_with("RA--") || !header.text("CTYPE2").value_or("").starts_with("DEC-"))
    throw DataError{fmt::format("{}: the refined pointing needs RA and Dec as first and second axis; give input.pointing = header", where)};
  const Matrix m = matrix_of(header);
  const double angle = std::atan2(m[1], m[3]) / radian;
  const double turn = std::remainder(refined.angle_deg - angle, 360);
  if (!(std::abs(turn) <= largest_turn_deg))
    throw DataError{fmt::format("{}: the refined angle {:.4f} deg is not that of the WCS ({:.4f} deg, north to east) to {} deg; give input.pointing = header", where, refined.angle_deg, angle, largest_turn_deg)};
  const double c = std::cos(turn * radian), s = std::sin(turn * radian);
  Header turned = header;
  for (const char* key : {"CDELT1", "CDELT2", "CROTA1", "CROTA2", "PC1_1", "PC1_2", "PC2_1", "PC2_2"}) turned.remove(key);
  turned.set("CRVAL1", refined.ra_deg);
  turned.set("CRVAL2", refined.dec_deg);
  turned.set("CD1_1", m[0] * c + m[2] * s);  // a turn from north to east: ξ' = ξ cos + η sin, η' = η cos − ξ sin
  turned.set("CD1_2", m[1] * c + m[3] * s);
  turned.set("CD2_1", m[2] * c - m[0] * s);
  turned.set("CD2_2", m[3] * c - m[1] * s);
  return turned;
}

}  // namespace tessera::instrument

#include "tessera/wcs/healpix.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "tessera/wcs/frames.h"

namespace tessera::wcs {
namespace {

constexpr double degree = std::numbers::pi / 180;

/// Bits of v at the even places of the result.
std::uint64_t spread(std::uint64_t v) {
  v = (v | v << 16) & 0x0000FFFF0000FFFFULL;
  v = (v | v << 8) & 0x00FF00FF00FF00FFULL;
  v = (v | v << 4) & 0x0F0F0F0F0F0F0F0FULL;
  v = (v | v << 2) & 0x3333333333333333ULL;
  return (v | v << 1) & 0x5555555555555555ULL;
}
std::uint64_t gathered(std::uint64_t v) {
  v &= 0x5555555555555555ULL;
  v = (v | v >> 1) & 0x3333333333333333ULL;
  v = (v | v >> 2) & 0x0F0F0F0F0F0F0F0FULL;
  v = (v | v >> 4) & 0x00FF00FF00FF00FFULL;
  v = (v | v >> 8) & 0x0000FFFF0000FFFFULL;
  return (v | v >> 16) & 0x00000000FFFFFFFFULL;
}

// The sphere unfolded (Górski et al. section 4.1, Calabretta & Roukema 2007): in units of a base cell's half diagonal the cells are squares
// on their corners, face f around (x, y) = (column[f], row[f]), x going round to 8.
constexpr std::array<int, 12> column{1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7};
constexpr std::array<int, 12> row{1, 1, 1, 1, 0, 0, 0, 0, -1, -1, -1, -1};

struct Face {
  int number = 0;
  double south_east = 0, south_west = 0;  // from the face's southern corner along both sides, 0 … 1
};

Face equatorial(double turns_of_quarter, double z) {
  // Lines of constant x − y and x + y bound the faces here.
  const double rising = turns_of_quarter + 0.5 + 0.75 * z, falling = turns_of_quarter + 0.5 - 0.75 * z;
  const int up = static_cast<int>(std::floor(rising)), down = static_cast<int>(std::floor(falling));
  Face f;
  f.number = up == down ? 4 + (up & 3) : down < up ? (down & 3) : 8 + (up & 3);
  f.south_east = rising - up;
  f.south_west = 1 - (falling - down);
  return f;
}

Face polar(double turns_of_quarter, double z, double cos_dec) {
  const int quarter = std::min(3, static_cast<int>(turns_of_quarter));
  const double along = turns_of_quarter - quarter;
  // √(3 (1 − |z|)) without the cancellation next to the pole: 1 − |z| = cos²δ / (1 + |z|)
  const double from_pole = std::sqrt(3 / (1 + std::abs(z))) * cos_dec;
  const double ahead = along * from_pole, behind = (1 - along) * from_pole;
  if (z > 0) return {quarter, 1 - behind, 1 - ahead};
  return {8 + quarter, ahead, behind};
}

}  // namespace

std::int64_t healpix_cell(SkyPoint p, int order) {
  const double z = std::sin(p.dec_deg * degree), cos_dec = std::cos(p.dec_deg * degree);
  double t = wrap_degrees(p.ra_deg) / 90;
  if (t >= 4) t = 0;
  const Face f = std::abs(z) <= 2.0 / 3 ? equatorial(t, z) : polar(t, z, cos_dec);
  const std::int64_t side = std::int64_t{1} << order;
  const auto index = [&](double along) { return static_cast<std::uint64_t>(std::clamp(static_cast<std::int64_t>(along * static_cast<double>(side)), std::int64_t{0}, side - 1)); };
  return (static_cast<std::int64_t>(f.number) << (2 * order)) + static_cast<std::int64_t>(spread(index(f.south_east)) | spread(index(f.south_west)) << 1);
}

SkyPoint healpix_center(std::int64_t cell, int order) {
  const auto face = static_cast<std::size_t>(cell >> (2 * order));
  const auto within = static_cast<std::uint64_t>(cell) & ((std::uint64_t{1} << (2 * order)) - 1);
  const double side = static_cast<double>(std::int64_t{1} << order);
  const double a = (static_cast<double>(gathered(within)) + 0.5) / side, b = (static_cast<double>(gathered(within >> 1)) + 0.5) / side;
  const double x = column[face] + (a - b), y = row[face] + (a + b - 1);  // |y| ≤ 2; 1 is where the caps begin
  const double height = std::abs(y);
  if (height <= 1) return {wrap_degrees(x * 45), std::asin(y * 2 / 3) / degree};
  const double from_pole = 2 - height;  // 1 at the cap's border, 0 at the pole
  const double sine = 1 - from_pole * from_pole / 3;
  // Within a cap the face narrows towards the pole, about its own meridian.
  const double meridian = column[face] * 45.0, offset = from_pole > 0 ? (x - column[face]) / from_pole : 0;
  const double cosine = from_pole * std::sqrt((1 + sine) / 3);
  return {wrap_degrees(meridian + offset * 45), std::copysign(std::atan2(sine, cosine) / degree, y)};
}

int healpix_order(double side_arcsec) {
  const double base = std::sqrt(4 * std::numbers::pi / 12) / degree * 3600;
  return std::clamp(static_cast<int>(std::floor(std::log2(base / side_arcsec))), 0, most_healpix_order);
}

Moc::Moc(int order, std::vector<std::int64_t> cells) : cells_(static_cast<std::size_t>(order) + 1) {
  std::sort(cells.begin(), cells.end());
  cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
  for (int k = order; k > 0; --k) {
    std::vector<std::int64_t> parents, alone;
    for (std::size_t i = 0; i < cells.size();) {
      const bool full = cells[i] % 4 == 0 && i + 3 < cells.size() && cells[i + 3] == cells[i] + 3;
      if (full) parents.push_back(cells[i] / 4);
      else alone.push_back(cells[i]);
      i += full ? 4 : 1;
    }
    cells_[static_cast<std::size_t>(k)] = std::move(alone);
    cells = std::move(parents);
  }
  cells_[0] = std::move(cells);
}

double Moc::area_sr() const {
  double area = 0;
  for (int k = 0; k <= order(); ++k) area += static_cast<double>(cells(k).size()) * 4 * std::numbers::pi / (12 * std::pow(4.0, k));
  return area;
}

std::vector<std::int64_t> Moc::uniq() const {
  std::vector<std::int64_t> all;
  for (int k = 0; k <= order(); ++k)
    for (const auto cell : cells(k)) all.push_back((std::int64_t{4} << (2 * k)) + cell);
  return all;
}

std::string Moc::json() const {
  std::string text = "{";
  for (int k = 0; k <= order(); ++k) {
    if (cells(k).empty() && k < order()) continue;  // the finest order is named even when empty: it is the resolution
    text += fmt::format("{}\"{}\":[{}]", text.size() > 1 ? ",\n " : "", k, fmt::join(cells(k), ","));
  }
  return text + "}\n";
}

}  // namespace tessera::wcs

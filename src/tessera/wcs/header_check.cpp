#include "tessera/wcs/header_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>

#include "tessera/base/text.h"

namespace tessera::wcs {
namespace {

constexpr int most_axes = 32;

/// One CTYPE value taken apart: "RA---TAN-SIP" → RA, TAN, -SIP.
struct AxisType {
  std::string name, projection, suffix;
};

AxisType split_ctype(std::string_view ctype) {
  AxisType t;
  const auto dash = ctype.find('-');
  t.name = ctype.substr(0, dash);
  if (dash == std::string_view::npos) return t;
  const auto code = ctype.find_first_not_of('-', dash);
  if (code == std::string_view::npos) return t;
  const auto end = ctype.find('-', code);
  t.projection = ctype.substr(code, end == std::string_view::npos ? end : end - code);
  if (end != std::string_view::npos) t.suffix = ctype.substr(end);
  return t;
}

enum class Role { none, longitude, latitude };
Role role(std::string_view name) {
  if (name == "RA" || (name.size() == 4 && name.ends_with("LON")) || (name.size() == 4 && name.ends_with("LN"))) return Role::longitude;
  if (name == "DEC" || (name.size() == 4 && name.ends_with("LAT")) || (name.size() == 4 && name.ends_with("LT"))) return Role::latitude;
  return Role::none;
}

int axis_count(const CardReader& cards) {
  const int declared = cards.integer(cards.named("WCSAXES")).value_or(0);
  const int axes = std::max(declared, cards.integer("NAXIS").value_or(0));
  if (declared < 0 || axes > most_axes) cards.refuse(fmt::format("{} coordinate axes; at most {} are read", axes, most_axes));
  return std::max(axes, 2);
}

AxisType axis_type(const CardReader& cards, int axis) {
  return split_ctype(cards.text(cards.named(fmt::format("CTYPE{}", axis))).value_or(""));
}

// ---- frames ----

std::optional<double> year(const CardReader& cards, const std::string& key) {
  if (const auto word = cards.text(key); word && !word->empty() && (word->front() == 'J' || word->front() == 'B')) {
    if (const auto value = text::to_double(std::string_view{*word}.substr(1))) return value;
  }
  return cards.number(key);
}

/// Besselian year of the observation; B1950 when the header has no date.
double observation_epoch(const CardReader& cards) {
  auto mjd = cards.number("MJD-OBS");
  if (!mjd) mjd = cards.number("MJD-AVG");
  return mjd ? 1900 + (*mjd - 15019.81352) / 365.242198781 : 1950.0;
}

void read_equatorial(const CardReader& cards, std::string system, std::optional<double> equinox, Reading& r) {
  if (system.empty()) system = !equinox ? "ICRS" : *equinox < 1984 ? "FK4" : "FK5";
  if (system == "ICRS") {
    r.system = SkySystem::icrs;
  } else if (system == "FK5") {
    r.system = SkySystem::fk5;
    r.equinox = equinox.value_or(2000);
    r.notes.push_back(r.equinox == 2000 ? "FK5 taken as ICRS (within 20 mas)"
                                        : fmt::format("FK5 of equinox {} precessed to 2000 (IAU 1976), then taken as ICRS (within 20 mas)", r.equinox));
  } else if (system == "FK4") {
    r.system = SkySystem::fk4;
    r.equinox = equinox.value_or(1950);
    if (r.equinox != 1950) cards.refuse(fmt::format("FK4 of equinox {} is not supported, only B1950; convert the header", r.equinox));
    r.epoch = observation_epoch(cards);
    r.notes.push_back(fmt::format("FK4 (B1950) turned to FK5 for epoch B{:.1f}, then taken as ICRS (within 20 mas)", r.epoch));
  } else {
    cards.refuse(fmt::format("RADESYS '{}' is not supported; known are ICRS, FK5, FK4", system));
  }
}

void read_frame(const CardReader& cards, const std::string& name, Reading& r) {
  auto system = cards.text(cards.named("RADESYS"));
  if (!system) system = cards.text("RADECSYS");
  auto equinox = year(cards, cards.named("EQUINOX"));
  if (!equinox) equinox = year(cards, "EPOCH");
  if (equinox && (*equinox < 1700 || *equinox > 2300)) cards.refuse(fmt::format("EQUINOX {} is no year near ours", *equinox));
  if (name == "RA") {
    read_equatorial(cards, system.value_or(""), equinox, r);
  } else if (name == "GLON") {
    r.system = SkySystem::galactic;
  } else if (name == "ELON") {
    r.system = SkySystem::ecliptic;
    r.equinox = equinox.value_or(2000);
    if (system && *system != "ICRS" && *system != "FK5") cards.refuse(fmt::format("ecliptic coordinates with RADESYS '{}' are not supported", *system));
  } else {
    cards.refuse(fmt::format("the sky frame of axis type '{}' is not supported; known are RA/DEC, GLON/GLAT, ELON/ELAT", name));
  }
}

// ---- the linear part ----

double to_degrees(const CardReader& cards, int axis) {
  const std::string key = cards.named(fmt::format("CUNIT{}", axis));
  const std::string unit = text::lower(cards.text(key).value_or("deg"));
  if (unit.empty() || unit == "deg" || unit == "degree" || unit == "degrees") return 1;
  if (unit == "arcmin") return 1.0 / 60;
  if (unit == "arcsec") return 1.0 / 3600;
  if (unit == "mas") return 1.0 / 3.6e6;
  if (unit == "rad") return 180 / std::numbers::pi;
  cards.refuse(fmt::format("{} '{}' is no angle; deg, arcmin, arcsec, mas and rad are", key, unit));
}

/// Which cards of the matrix the header has, over all axes.
struct MatrixCards {
  bool cd = false, pc = false, cdelt = false;
};

MatrixCards matrix_cards(const CardReader& cards, int axes) {
  MatrixCards m;
  for (int i = 1; i <= axes; ++i) {
    m.cdelt |= cards.has(cards.named(fmt::format("CDELT{}", i)));
    for (int j = 1; j <= axes; ++j) {
      m.cd |= cards.has(cards.named(fmt::format("CD{}_{}", i, j)));
      m.pc |= cards.has(cards.named(fmt::format("PC{}_{}", i, j)));
    }
  }
  for (const char* old : {"CD001001", "PC001001", "CD001002", "PC001002"})
    if (cards.has(old)) cards.refuse(fmt::format("{}: this draft form of the matrix is not supported; rename the cards to CD1_1 … or PC1_1 …", old));
  return m;
}

/// Element (i, j) of the full matrix, units of CUNITi per pixel.
double element(const CardReader& cards, const MatrixCards& have, int i, int j) {
  if (have.cd) return cards.number(cards.named(fmt::format("CD{}_{}", i, j))).value_or(0);
  const double step = cards.number(cards.named(fmt::format("CDELT{}", i))).value_or(1);
  return step * cards.number(cards.named(fmt::format("PC{}_{}", i, j))).value_or(i == j ? 1 : 0);
}

/// CROTA of the latitude axis with CDELT: the form MOPEX and AIPS write.
void apply_crota(const CardReader& cards, Reading& r) {
  const auto rotation = cards.number(cards.named(fmt::format("CROTA{}", r.lat_axis)));
  const auto other = cards.number(cards.named(fmt::format("CROTA{}", r.lng_axis)));
  if (!rotation && other && *other != 0)
    cards.refuse(fmt::format("CROTA{} without CROTA{}: the rotation belongs to the latitude axis", r.lng_axis, r.lat_axis));
  if (!rotation || *rotation == 0) return;
  const bool lng_first = r.lng_axis < r.lat_axis;
  const std::size_t lng = lng_first ? 0 : 1, lat = 1 - lng;
  const double step_lng = r.matrix[lng], step_lat = r.matrix[2 + lat];
  const double c = std::cos(*rotation * std::numbers::pi / 180), s = std::sin(*rotation * std::numbers::pi / 180);
  r.matrix[lng] = step_lng * c;
  r.matrix[lat] = -step_lat * s;
  r.matrix[2 + lng] = step_lng * s;
  r.matrix[2 + lat] = step_lat * c;
}

void read_matrix(const CardReader& cards, int axes, Reading& r) {
  const MatrixCards have = matrix_cards(cards, axes);
  if (!have.cd && !have.pc && !have.cdelt)
    cards.refuse(fmt::format("no {}, {} or {} card: the pixel scale is unknown", cards.named("CD1_1"), cards.named("PC1_1"), cards.named("CDELT1")));
  if (have.cd && have.pc) cards.refuse("both CD and PC cards: the FITS standard forbids it; remove one set");
  for (const int row : {0, 1}) {
    const int axis = row == 0 ? r.lng_axis : r.lat_axis;
    for (int j = 1; j <= axes; ++j) {
      const double value = element(cards, have, axis, j) * to_degrees(cards, axis);
      const auto column = std::find(r.pixel_axis.begin(), r.pixel_axis.end(), j);
      if (column != r.pixel_axis.end())
        r.matrix[static_cast<std::size_t>(2 * row) + static_cast<std::size_t>(column - r.pixel_axis.begin())] = value;
      else if (value != 0)
        cards.refuse(fmt::format("the matrix mixes celestial axis {} with pixel axis {}; only planes on the celestial pair are read", axis, j));
    }
  }
  if (!have.cd && !have.pc) apply_crota(cards, r);
  const auto& m = r.matrix;
  const double det = m[0] * m[3] - m[1] * m[2];
  const double rows = std::hypot(m[0], m[1]) * std::hypot(m[2], m[3]);
  if (!std::isfinite(det) || rows == 0 || std::abs(det) <= 1e-10 * rows)
    cards.refuse(fmt::format("the {} matrix is singular ({} {}; {} {}): the image has no extent on the sky",
                             have.cd ? "CD" : have.pc ? "PC" : "CDELT", m[0], m[1], m[2], m[3]));
}

double required(const CardReader& cards, const std::string& stem, int axis) {
  const std::string key = cards.named(fmt::format("{}{}", stem, axis));
  const auto value = cards.number(key);
  if (!value) cards.refuse(fmt::format("no {} card", key));
  return *value;
}

void read_reference(const CardReader& cards, Reading& r) {
  for (const std::size_t k : {0u, 1u}) {
    r.crpix[k] = required(cards, "CRPIX", r.pixel_axis[k]);
    if (std::abs(r.crpix[k]) > 1e9) cards.refuse(fmt::format("CRPIX{} = {} lies absurdly far away", r.pixel_axis[k], r.crpix[k]));
  }
  r.pixels.crpix = r.crpix;
  r.crval_lng = required(cards, "CRVAL", r.lng_axis) * to_degrees(cards, r.lng_axis);
  r.crval_lat = required(cards, "CRVAL", r.lat_axis) * to_degrees(cards, r.lat_axis);
  if (std::abs(r.crval_lat) > 90 + 1e-9) cards.refuse(fmt::format("CRVAL{} = {}: a latitude lies in [-90, 90]", r.lat_axis, r.crval_lat));
  if (std::abs(r.crval_lng) > 3600) cards.refuse(fmt::format("CRVAL{} = {}: a longitude lies in [-360, 360]", r.lng_axis, r.crval_lng));
  r.crval_lat = std::clamp(r.crval_lat, -90.0, 90.0);
  r.lonpole = cards.number(cards.named("LONPOLE"));
  r.latpole = cards.number(cards.named("LATPOLE"));
}

int image_size(const CardReader& cards, int axis) {
  auto size = cards.integer(fmt::format("ZNAXIS{}", axis));
  if (!size) size = cards.integer(fmt::format("NAXIS{}", axis));
  return std::max(0, size.value_or(0));
}

std::string no_axes_message(const CardReader& cards) {
  const std::string first = cards.named("CTYPE1"), second = cards.named("CTYPE2");
  const auto a = cards.text(first), b = cards.text(second);
  if (cards.has("AMDX1") || cards.has("PLTRAH"))
    return "only a DSS plate solution (PLTRAH, AMDX1 …) without a celestial CTYPE; plate solutions are not supported";
  if (!a && !b) return fmt::format("no celestial coordinates: {} and {} are absent", first, second);
  return fmt::format("no celestial coordinates: {} = '{}', {} = '{}'", first, a.value_or(""), second, b.value_or(""));
}

/// Both axes' types, checked to name one projection and one frame.
AxisType checked_type(const CardReader& cards, const Reading& r) {
  const AxisType lng = axis_type(cards, r.lng_axis), lat = axis_type(cards, r.lat_axis);
  const std::string partner = lng.name == "RA" ? "DEC" : fmt::format("{}{}", lng.name.substr(0, 1), "LAT");
  const bool pair = lng.name.ends_with("LN") ? lat.name == lng.name.substr(0, 2) + "LT" : lat.name == partner;
  if (!pair) cards.refuse(fmt::format("the axis types '{}' and '{}' do not belong together", lng.name, lat.name));
  if (lng.projection != lat.projection || lng.suffix != lat.suffix)
    cards.refuse(fmt::format("CTYPE names two projections, '{}{}' and '{}{}'", lng.projection, lng.suffix, lat.projection, lat.suffix));
  if (lng.projection.empty()) cards.refuse(fmt::format("CTYPE{} '{}' names no projection", r.lng_axis, lng.name));
  if (lng.projection == "TAB") cards.refuse("coordinates by look-up table (-TAB) are not supported");
  return lng;
}

}  // namespace

std::optional<std::array<int, 2>> celestial_axes(const CardReader& cards) {
  std::array<int, 2> found{0, 0};
  for (int i = 1, n = axis_count(cards); i <= n; ++i) {
    const Role what = role(axis_type(cards, i).name);
    if (what == Role::none) continue;
    int& slot = found[what == Role::longitude ? 0 : 1];
    if (slot != 0) cards.refuse(fmt::format("CTYPE{} and CTYPE{} are both celestial {}s", slot, i, what == Role::longitude ? "longitude" : "latitude"));
    slot = i;
  }
  if (found[0] == 0 || found[1] == 0) return std::nullopt;
  return found;
}

Reading read_header(const Header& header, const std::string& where, const WcsOptions& options) {
  const CardReader cards{header, where, options.alternate};
  const auto axes = celestial_axes(cards);
  if (!axes) cards.refuse(no_axes_message(cards));
  Reading r;
  r.lng_axis = (*axes)[0];
  r.lat_axis = (*axes)[1];
  r.pixel_axis = {std::min(r.lng_axis, r.lat_axis), std::max(r.lng_axis, r.lat_axis)};
  const AxisType type = checked_type(cards, r);
  r.projection = r.named = type.projection;
  for (int i = 1; i <= axis_count(cards); ++i)
    if (axis_type(cards, i).name == "CUBEFACE") cards.refuse("quadrilateralised cubes with a CUBEFACE axis are not supported");
  read_frame(cards, type.name, r);
  read_reference(cards, r);
  read_matrix(cards, axis_count(cards), r);
  read_distortion(cards, options, type.suffix, r);
  r.width = image_size(cards, r.pixel_axis[0]);
  r.height = image_size(cards, r.pixel_axis[1]);
  return r;
}

}  // namespace tessera::wcs

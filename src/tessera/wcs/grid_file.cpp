// The forms a grid has outside the program: FITS cards and MOPEX's FIF.tbl.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/wcs/grid.h"
#include "tessera/wcs/header_check.h"

namespace tessera::wcs {
namespace {

constexpr double degree = std::numbers::pi / 180;

struct AxisNames {
  const char *lng, *lat, *fif;
};
AxisNames axis_names(SkyFrame frame) {
  switch (frame) {
    case SkyFrame::galactic: return {"GLON", "GLAT", "GALACTIC"};
    case SkyFrame::ecliptic: return {"ELON", "ELAT", "ECLIPTIC"};
    case SkyFrame::icrs: break;
  }
  return {"RA--", "DEC-", "J2000"};
}

std::string ctype(const char* axis, const std::string& projection) { return fmt::format("{}-{}", axis, projection); }

// ---- FIF.tbl ----

class FifReader {
 public:
  FifReader(const Table& table, const std::string& where) : table_{table}, where_{where} {}

  std::optional<std::string> text(const std::string& key) const {
    const Card* card = table_.keyword(key);
    if (!card) return std::nullopt;
    if (const auto* s = std::get_if<std::string>(&card->value)) return std::string{text::trim(*s)};
    if (const auto* d = std::get_if<double>(&card->value)) return text::from_double(*d);
    if (const auto* i = std::get_if<std::int64_t>(&card->value)) return std::to_string(*i);
    return std::string{};
  }
  std::optional<double> number(const std::string& key) const {
    const auto word = text(key);
    if (!word) return std::nullopt;
    const auto value = text::to_double(*word);
    if (!value || !std::isfinite(*value)) refuse(fmt::format("{} = '{}' is not a number", key, *word));
    return value;
  }
  double required(const std::string& key) const {
    const auto value = number(key);
    if (!value) refuse(fmt::format("no keyword {}; a FIF has CRVAL, CRPIX, CDELT, NAXIS of both axes, CROTA2, PROJTYPE and COORDINATE_SYSTEM", key));
    return *value;
  }
  int size(const std::string& key) const {
    const double value = required(key);
    if (value != std::floor(value) || value < 1 || value > std::numeric_limits<int>::max()) refuse(fmt::format("{} = {} is no image size", key, value));
    return static_cast<int>(value);
  }
  [[noreturn]] void refuse(const std::string& why) const { throw DataError{fmt::format("{}: {}", where_, why)}; }

 private:
  const Table& table_;
  const std::string& where_;
};

SkyFrame fif_frame(const FifReader& fif) {
  const std::string system = text::upper(fif.text("COORDINATE_SYSTEM").value_or("J2000"));
  if (system == "GALACTIC") return SkyFrame::galactic;
  if (system == "ECLIPTIC") return SkyFrame::ecliptic;
  if (system != "J2000" && system != "EQUATORIAL" && system != "ICRS")
    fif.refuse(fmt::format("COORDINATE_SYSTEM '{}': expected J2000, GALACTIC or ECLIPTIC", system));
  return SkyFrame::icrs;
}

// ---- FITS ----

bool close(double a, double b, double scale) { return std::abs(a - b) <= 1e-12 * scale; }

/// CDELT and CROTA2 when the matrix (rows longitude, latitude; longitude on x) is a rotation times two steps.
bool rotation_form(const std::array<double, 4>& m, Grid& g) {
  const double column1 = std::hypot(m[0], m[2]), column2 = std::hypot(m[1], m[3]);
  const double scale = std::max(column1, column2);
  // Sign of CDELT2: the one that leaves |CROTA2| ≤ 90°, CDELT1's then follows from the parity.
  const double parity = m[0] * m[3] - m[1] * m[2] < 0 ? -1 : 1;
  const double step2 = column2, step1 = parity * column1;
  const double rotation = std::atan2(-m[1], m[3]);
  const double c = std::cos(rotation), s = std::sin(rotation);
  if (!close(m[0], step1 * c, scale) || !close(m[2], step1 * s, scale)) return false;
  g.cdelt1_deg = step1;
  g.cdelt2_deg = step2;
  g.crota2_deg = rotation / degree;
  return true;
}

/// The header's own CDELT and CROTA2, to the last bit, where it has them and nothing else.
bool same_form(const CardReader& cards, const Reading& r, Grid& g) {
  if (cards.has("CD1_1") || cards.has("PC1_1") || cards.has("PC1_2") || cards.has("CD1_2") || cards.has("CD2_1") || cards.has("PC2_1") ||
      text::lower(cards.text("CUNIT1").value_or("deg")) != "deg" || r.lng_axis != 1)
    return false;
  g.cdelt1_deg = cards.number("CDELT1").value_or(1);
  g.cdelt2_deg = cards.number("CDELT2").value_or(1);
  g.crota2_deg = cards.number("CROTA2").value_or(0);
  return true;
}

/// The cards a header describes its coordinates with, as they are.
Header wcs_cards(const Header& header) {
  Header kept;
  for (const Card& card : header.cards()) {
    const auto key = split_indexed(card.key);
    const bool indexed = key && (key->stem == "CTYPE" || key->stem == "CRVAL" || key->stem == "CRPIX" || key->stem == "CDELT" || key->stem == "CUNIT" ||
                                 key->stem == "CROTA" || key->stem == "CD" || key->stem == "PC" || key->stem == "PV" || key->stem == "PROJP");
    const bool plain = card.key == "LONPOLE" || card.key == "LATPOLE" || card.key == "RADESYS" || card.key == "RADECSYS" || card.key == "EQUINOX" ||
                       card.key == "EPOCH" || card.key == "MJD-OBS";
    if ((plain || (indexed && key->first <= 2)) && !kept.has(card.key)) kept.add(card);
  }
  return kept;
}

}  // namespace

Header Grid::header() const {
  Header h;
  h.set("NAXIS", std::int64_t{2});
  h.set("NAXIS1", std::int64_t{width});
  h.set("NAXIS2", std::int64_t{height});
  if (!extra.empty()) {
    for (const Card& card : extra.cards()) h.set(card.key, card.value, card.comment);
    return h;
  }
  const AxisNames names = axis_names(frame);
  h.set("CTYPE1", ctype(names.lng, projection));
  h.set("CTYPE2", ctype(names.lat, projection));
  h.set("CUNIT1", std::string{"deg"});
  h.set("CUNIT2", std::string{"deg"});
  h.set("CRVAL1", crval1_deg, "[deg] longitude of the reference pixel");
  h.set("CRVAL2", crval2_deg, "[deg] latitude of the reference pixel");
  h.set("CRPIX1", crpix1, "reference pixel, counted from 1");
  h.set("CRPIX2", crpix2, "reference pixel, counted from 1");
  h.set("CDELT1", cdelt1_deg, "[deg] pixel step");
  h.set("CDELT2", cdelt2_deg, "[deg] pixel step");
  h.set("CROTA2", crota2_deg, "[deg] rotation of the latitude axis");
  for (const auto& [index, value] : parameters) h.set(fmt::format("PV2_{}", index), value, "projection parameter");
  if (frame != SkyFrame::galactic) {
    h.set("RADESYS", std::string{"ICRS"});
    h.set("EQUINOX", 2000.0, "[yr]");
  }
  return h;
}

SkyWcs Grid::wcs() const { return SkyWcs::from_header(header(), "output grid"); }

Grid grid_from_fif(const Table& table, const std::string& where) {
  const FifReader fif{table, where};
  Grid g;
  g.frame = fif_frame(fif);
  g.projection = text::upper(fif.text("PROJTYPE").value_or("TAN"));
  if (g.frame == SkyFrame::icrs && fif.number("EQUINOX").value_or(2000) != 2000) fif.refuse("EQUINOX: only 2000 is supported");
  g.crval1_deg = fif.required("CRVAL1");
  g.crval2_deg = fif.required("CRVAL2");
  g.crpix1 = fif.required("CRPIX1");
  g.crpix2 = fif.required("CRPIX2");
  g.cdelt1_deg = fif.required("CDELT1");
  g.cdelt2_deg = fif.required("CDELT2");
  g.crota2_deg = fif.number("CROTA2").value_or(0);
  g.width = fif.size("NAXIS1");
  g.height = fif.size("NAXIS2");
  for (const Card& card : table.keywords) {
    const auto key = split_indexed(card.key);
    if (key && key->stem == "PV" && key->first == 2 && key->second >= 0) g.parameters.emplace_back(key->second, fif.required(card.key));
  }
  SkyWcs::from_header(g.header(), where);  // what cannot be used is refused here, with the file's name
  return g;
}

Table fif_table(const Grid& grid) {
  Table t;
  t.name = "FIF";
  const AxisNames names = axis_names(grid.frame);
  const auto add = [&t](const char* key, Card::Value value) { t.keywords.push_back({key, std::move(value), ""}); };
  add("CRVAL1", grid.crval1_deg);
  add("CRVAL2", grid.crval2_deg);
  add("CRPIX1", grid.crpix1);
  add("CRPIX2", grid.crpix2);
  add("CROTA2", grid.crota2_deg);
  add("CDELT1", grid.cdelt1_deg);
  add("CDELT2", grid.cdelt2_deg);
  add("NAXIS1", std::int64_t{grid.width});
  add("NAXIS2", std::int64_t{grid.height});
  add("EQUINOX", std::int64_t{2000});
  add("PROJTYPE", grid.projection);
  add("COORDINATE_SYSTEM", std::string{names.fif});
  add("CTYPE1", ctype(names.lng, grid.projection));
  add("CTYPE2", ctype(names.lat, grid.projection));
  for (const auto& [index, value] : grid.parameters) t.keywords.push_back({fmt::format("PV2_{}", index), value, ""});
  add("EXTENT_X", std::abs(grid.cdelt1_deg) * grid.width);
  add("EXTENT_Y", std::abs(grid.cdelt2_deg) * grid.height);
  if (!grid.extra.empty()) t.comments.emplace_back("nearest form without skew: the grid itself is in the header of the FITS product");
  return t;
}

Grid grid_from_header(const Header& header, const std::string& where) {
  const Reading r = read_header(header, where, {});
  if (!r.distortion.empty()) throw DataError{fmt::format("{}: a grid must be free of distortion, but this header has {}", where, r.distortion)};
  if (r.width < 1 || r.height < 1) throw DataError{fmt::format("{}: no image size (NAXIS1 and NAXIS2); a grid needs one", where)};
  SkyWcs::from_header(header, where);
  const CardReader cards{header, where, ' '};
  Grid g;
  g.projection = r.projection;
  g.frame = r.system == SkySystem::galactic ? SkyFrame::galactic : r.system == SkySystem::ecliptic ? SkyFrame::ecliptic : SkyFrame::icrs;
  g.crval1_deg = r.crval_lng;
  g.crval2_deg = r.crval_lat;
  g.crpix1 = r.crpix[0];
  g.crpix2 = r.crpix[1];
  g.width = r.width;
  g.height = r.height;
  for (const auto& p : r.parameters)
    if (p.axis == 2) g.parameters.emplace_back(p.index, p.value);
  const bool lng_on_x = r.lng_axis < r.lat_axis;
  const bool rotated = lng_on_x && (same_form(cards, r, g) || rotation_form(r.matrix, g));
  const bool usual_frame = r.system == SkySystem::icrs || r.system == SkySystem::galactic || ((r.system == SkySystem::fk5 || r.system == SkySystem::ecliptic) && r.equinox == 2000);
  const bool plain_parameters = std::none_of(r.parameters.begin(), r.parameters.end(), [](const auto& p) { return p.axis == 1; });
  // LONPOLE and LATPOLE at their defaults need no card; whether they are is seen by reading the grid's own header.
  const auto same_poles = [&] {
    if (!r.lonpole && !r.latpole) return true;
    const SkyWcs ours = g.wcs(), theirs = SkyWcs::from_header(header, where);
    for (const PixelPoint p : {PixelPoint{g.crpix1 + 9, g.crpix2 - 4}, PixelPoint{g.crpix1 - 7, g.crpix2 + 11}}) {
      const PixelPoint q = ours.sky_to_pixel(theirs.pixel_to_sky(p));
      if (!(std::hypot(q.x - p.x, q.y - p.y) < 1e-6)) return false;
    }
    return true;
  };
  if (rotated && usual_frame && plain_parameters && r.pixel_axis == std::array{1, 2} && same_poles()) return g;
  if (r.pixel_axis != std::array{1, 2}) throw DataError{fmt::format("{}: a grid's celestial axes must be axes 1 and 2", where)};
  if (!rotated) {
    g.cdelt1_deg = -std::hypot(r.matrix[0], r.matrix[2]);
    g.cdelt2_deg = std::hypot(r.matrix[1], r.matrix[3]);
    g.crota2_deg = std::atan2(-r.matrix[1], r.matrix[3]) / degree;
  }
  g.extra = wcs_cards(header);
  return g;
}

}  // namespace tessera::wcs

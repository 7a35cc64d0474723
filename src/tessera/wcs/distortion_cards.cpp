#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/wcs/header_check.h"

namespace tessera::wcs {
namespace {

constexpr int highest_sip_order = 9;

/// A projection and the highest PVi_m index its latitude axis takes (0: none; index 0 itself counts for ZPN only).
struct Projection {
  std::string_view code;
  int parameters;
};
constexpr std::array projections{
    Projection{"AZP", 2}, Projection{"SZP", 3}, Projection{"TAN", 0}, Projection{"STG", 0}, Projection{"SIN", 2}, Projection{"ARC", 0},
    Projection{"ZPN", 29}, Projection{"ZEA", 0}, Projection{"AIR", 1}, Projection{"CYP", 2}, Projection{"CEA", 1}, Projection{"CAR", 0},
    Projection{"MER", 0}, Projection{"COP", 2}, Projection{"COE", 2}, Projection{"COD", 2}, Projection{"COO", 2}, Projection{"SFL", 0},
    Projection{"PAR", 0}, Projection{"MOL", 0}, Projection{"AIT", 0}, Projection{"BON", 1}, Projection{"PCO", 0}, Projection{"TSC", 0},
    Projection{"CSC", 0}, Projection{"QSC", 0}, Projection{"HPX", 2}, Projection{"XPH", 0}, Projection{"NCP", 0}, Projection{"GLS", 0},
    Projection{"TPV", 39}, Projection{"TNX", 0}, Projection{"ZPX", 29}};

bool ignores(const WcsOptions& options) { return options.unpromised == UnpromisedDistortion::ignore; }

const char* const how_to_go_on = "correct the header, or set input.distortion = ignore";

// ---- SIP ----

Polynomial2 read_polynomial(const CardReader& cards, const WcsOptions& options, char letter, Reading& r) {
  const std::string order_key = fmt::format("{}_ORDER", letter);
  const int order = cards.integer(order_key).value_or(0);
  if (order < 0 || order > highest_sip_order) cards.refuse(fmt::format("{} = {}: SIP orders go from 0 to {}", order_key, order, highest_sip_order));
  Polynomial2 polynomial{order};
  for (const Card& card : cards.cards()) {
    const auto key = split_indexed(card.key);
    if (!key || key->second < 0 || key->stem.size() != 2 || key->stem[0] != letter || key->stem[1] != '_') continue;
    const double value = *cards.number(card.key);
    if (key->first + key->second <= order) {
      polynomial.c(key->first, key->second) = value;
    } else if (value != 0) {
      if (!ignores(options)) cards.refuse(fmt::format("{} lies beyond {} = {}; {}", card.key, order_key, order, how_to_go_on));
      r.notes.push_back(fmt::format("{} beyond {} left out", card.key, order_key));
    }
  }
  return polynomial;
}

void read_sip(const CardReader& cards, const WcsOptions& options, bool promised, Reading& r) {
  const bool a = cards.has("A_ORDER"), b = cards.has("B_ORDER");
  if (!promised) {
    if (!a && !b) return;
    if (cards.alternate() != ' ' || ignores(options)) {
      if (cards.alternate() == ' ') r.notes.push_back("SIP cards that CTYPE does not promise were ignored");
      return;
    }
    Sip sip{read_polynomial(cards, options, 'A', r), read_polynomial(cards, options, 'B', r)};
    if (sip.a.zero() && sip.b.zero()) return;
    if (options.unpromised == UnpromisedDistortion::refuse)
      cards.refuse(fmt::format("A_ORDER and B_ORDER are there, but CTYPE does not end in -SIP; {}, or apply", how_to_go_on));
    if (!r.distortion.empty()) cards.refuse(fmt::format("SIP cards beside {} distortion cannot both be applied", r.distortion));
    r.notes.push_back("SIP applied although CTYPE does not promise it");
    r.pixels.sip = std::move(sip);
    r.distortion = "SIP";
    return;
  }
  if (!a || !b) {
    if (!ignores(options))
      cards.refuse(fmt::format("CTYPE promises -SIP, but {} is absent; {}", !a && !b ? "A_ORDER and B_ORDER" : a ? "B_ORDER" : "A_ORDER", how_to_go_on));
    r.notes.push_back("CTYPE promises -SIP, but the polynomial is incomplete: no distortion applied");
    return;
  }
  r.pixels.sip = Sip{read_polynomial(cards, options, 'A', r), read_polynomial(cards, options, 'B', r)};
  r.distortion = "SIP";
}

// ---- PV ----

std::vector<ProjectionParameter> read_parameters(const CardReader& cards, Reading& r) {
  std::vector<ProjectionParameter> list;
  for (const Card& card : cards.cards()) {
    std::string key = card.key;
    if (cards.alternate() != ' ') {
      if (key.empty() || key.back() != cards.alternate()) continue;
      key.pop_back();
    }
    const auto parts = split_indexed(key);
    if (!parts || parts->stem != "PV" || parts->second < 0) continue;
    const int axis = parts->first == r.lng_axis ? 1 : parts->first == r.lat_axis ? 2 : 0;
    if (axis == 0) continue;
    const double value = *cards.number(card.key);
    const bool again = std::any_of(list.begin(), list.end(), [&](const auto& p) { return p.axis == axis && p.index == parts->second; });
    if (!again) list.push_back({axis, parts->second, value});
  }
  if (!list.empty()) return list;
  for (int m = 0; m <= 9; ++m)  // the draft name of the latitude axis's parameters
    if (const auto value = cards.number(fmt::format("PROJP{}", m))) list.push_back({2, m, *value});
  if (!list.empty()) r.notes.push_back("PROJPn read as PV of the latitude axis");
  return list;
}

PlanePolynomial plane_polynomial(const CardReader& cards, const std::vector<ProjectionParameter>& list) {
  PlanePolynomial plane;
  for (const auto& p : list) {
    if (p.index >= PlanePolynomial::terms) cards.refuse(fmt::format("PV{}_{}: TPV has terms 0 to {}", p.axis, p.index, PlanePolynomial::terms - 1));
    (p.axis == 1 ? plane.lng : plane.lat)[static_cast<std::size_t>(p.index)] = p.value;
  }
  const Mapped centre = plane.apply(0, 0);
  if (centre.d[0] * centre.d[3] - centre.d[1] * centre.d[2] == 0) cards.refuse("the linear PV terms are singular");
  return plane;
}

/// PV cards beyond what the projection takes. Zeros change nothing and pass.
bool is_foreign(const ProjectionParameter& p, const Projection& projection) {
  if (p.value == 0) return false;
  if (p.axis == 1) return p.index > 4;  // PVi_0 … PVi_4 of the longitude axis: fiducial point and poles, any projection
  const bool from_zero = projection.code == "ZPN" || projection.code == "ZPX";
  return p.index > projection.parameters || (p.index == 0 && !from_zero);
}

/// True when PV cards on a TAN are SCAMP's polynomial: terms no plain TAN could have.
bool scamp_pattern(const std::vector<ProjectionParameter>& list) {
  return std::any_of(list.begin(), list.end(), [](const auto& p) { return p.value != 0 && (p.axis == 2 || p.index > 4); });
}

void read_pv(const CardReader& cards, const WcsOptions& options, const Projection& projection, bool sip_promised, Reading& r) {
  std::vector<ProjectionParameter> list = read_parameters(cards, r);
  if (projection.code == "TPV") {
    if (list.empty() && options.unpromised == UnpromisedDistortion::refuse)
      cards.refuse(fmt::format("CTYPE promises TPV, but there is no PV card; {}", how_to_go_on));
    if (list.empty()) r.notes.push_back("TPV without PV cards read as TAN");
    r.projection = "TAN";
    if (list.empty()) return;
    r.plane = plane_polynomial(cards, list);
    r.distortion = "TPV";
    return;
  }
  if (projection.code == "TAN" && scamp_pattern(list)) {
    if (sip_promised) {
      if (!ignores(options))
        cards.refuse(fmt::format("CTYPE promises SIP, but there is a PV polynomial ({} cards) too; {}", list.size(), how_to_go_on));
      r.notes.push_back(fmt::format("{} PV cards beside SIP were ignored", list.size()));
      return;
    }
    if (ignores(options)) {
      r.notes.push_back(fmt::format("{} PV cards on TAN were ignored", list.size()));
      return;
    }
    r.plane = plane_polynomial(cards, list);
    r.distortion = "SCAMP-PV";
    r.notes.push_back("PV polynomial on TAN read as SCAMP writes it (TPV)");
    return;
  }
  for (const auto& p : list) {
    if (is_foreign(p, projection)) {
      const std::string key = fmt::format("PV{}_{}", p.axis == 1 ? r.lng_axis : r.lat_axis, p.index);
      if (!ignores(options)) cards.refuse(fmt::format("{}: projection {} has no such parameter; {}", key, r.named, how_to_go_on));
      r.notes.push_back(fmt::format("{} ignored: projection {} has no such parameter", key, r.named));
    } else if (p.axis == 1 || p.index <= projection.parameters) {
      r.parameters.push_back(p);
    }
  }
}

// ---- TNX, ZPX ----

std::string joined_wat(const CardReader& cards, int axis) {
  std::string all;
  for (int part = 1; part < 1000; ++part) {
    const std::string key = fmt::format("WAT{}_{:03d}", axis, part);
    const auto card = std::find_if(cards.cards().begin(), cards.cards().end(), [&](const Card& c) { return c.key == key; });
    if (card == cards.cards().end()) break;
    const auto* text = std::get_if<std::string>(&card->value);
    if (!text) cards.refuse(fmt::format("{} has no readable text", key));
    std::string piece = *text;
    // A full card may end in a blank that separates two numbers; readers of headers strip it, so it is put back.
    if (piece.size() < 68 && cards.cards().end() != std::find_if(cards.cards().begin(), cards.cards().end(), [&](const Card& c) {
          return c.key == fmt::format("WAT{}_{:03d}", axis, part + 1);
        }))
      piece.resize(68, ' ');
    all += piece;
  }
  return all;
}

void read_wat(const CardReader& cards, const WcsOptions& options, Reading& r) {
  const std::string type = r.named;
  if (r.lng_axis > r.lat_axis) cards.refuse(fmt::format("{} with the latitude axis first is not supported", type));
  const std::array axes{r.lng_axis, r.lat_axis};
  for (const std::size_t k : {0u, 1u}) r.wat[k] = joined_wat(cards, axes[k]);
  const bool lng = text::lower(r.wat[0]).find("cor") != std::string::npos, lat = text::lower(r.wat[1]).find("cor") != std::string::npos;
  if (lng && lat) {
    r.distortion = type;
    return;
  }
  if (type == "ZPX" || !ignores(options))
    cards.refuse(fmt::format("CTYPE promises {}, but {} has no polynomial (lngcor, latcor); {}", type, lng ? "WAT2" : "WAT1", how_to_go_on));
  r.notes.push_back("TNX without its polynomial read as TAN");
  r.projection = "TAN";
  r.wat = {};
}

// ---- look-up tables ----

/// The fields of a record-valued card ("DP1 = 'EXTVER: 2'") or of its long form (DP1.EXTVER = 2).
std::optional<double> record(const CardReader& cards, const std::string& stem, std::string_view field) {
  for (const Card& card : cards.cards()) {
    if (card.key == fmt::format("{}.{}", stem, field)) {
      if (const auto* d = std::get_if<double>(&card.value)) return *d;
      if (const auto* i = std::get_if<std::int64_t>(&card.value)) return static_cast<double>(*i);
    }
    const auto* s = std::get_if<std::string>(&card.value);
    if (card.key != stem || !s) continue;
    const auto colon = s->find(':');
    if (colon != std::string::npos && text::upper(text::trim(std::string_view{*s}.substr(0, colon))) == field)
      return text::to_double(text::trim(std::string_view{*s}.substr(colon + 1)));
  }
  return std::nullopt;
}

std::optional<Lookup> read_lookup(const CardReader& cards, const WcsOptions& options, const std::string& switch_key, const std::string& record_stem,
                                  const std::string& extension, Reading& r) {
  const auto kind = cards.text(switch_key);
  if (!kind) return std::nullopt;
  if (*kind != "LOOKUP") cards.refuse(fmt::format("{} = '{}': of the Paper IV distortions only 'Lookup' is supported", switch_key, *kind));
  const int version = static_cast<int>(record(cards, record_stem, "EXTVER").value_or(1));
  for (const int axis : {1, 2})
    if (record(cards, record_stem, fmt::format("AXIS.{}", axis)).value_or(axis) != axis)
      cards.refuse(fmt::format("{}: look-up tables with exchanged axes are not supported", record_stem));
  for (const auto& table : options.tables)
    if (text::upper(table->name) == extension && table->version == version) return Lookup{table};
  if (!ignores(options))
    cards.refuse(fmt::format("{} = 'Lookup' needs the image extension {},{} of the file, which was not given; {}", switch_key, extension, version, how_to_go_on));
  r.notes.push_back(fmt::format("{} ignored: its look-up table was not given", switch_key));
  return std::nullopt;
}

void read_lookups(const CardReader& cards, const WcsOptions& options, Reading& r) {
  if (cards.alternate() != ' ') return;
  if (cards.has("AXISCORR") && !cards.has("D2IMDIS1") && !cards.has("D2IMDIS2") && !ignores(options))
    cards.refuse(fmt::format("AXISCORR: the old one-row form of HST's detector-to-image correction is not supported; {}", how_to_go_on));
  for (const char* sequent : {"CQDIS1", "CQDIS2"})
    if (cards.has(sequent) && !ignores(options)) cards.refuse(fmt::format("{}: sequent Paper IV distortions are not supported; {}", sequent, how_to_go_on));
  for (const std::size_t k : {0u, 1u}) {
    const int axis = static_cast<int>(k) + 1;
    r.pixels.detector[k] = read_lookup(cards, options, fmt::format("D2IMDIS{}", axis), fmt::format("D2IM{}", axis), "D2IMARR", r);
    r.pixels.prior[k] = read_lookup(cards, options, fmt::format("CPDIS{}", axis), fmt::format("DP{}", axis), "WCSDVARR", r);
  }
  if (!r.pixels.has_lookup()) return;
  if (r.pixel_axis != std::array{1, 2}) cards.refuse("look-up tables on other pixel axes than 1 and 2 are not supported");
  r.distortion = r.distortion.empty() ? "LOOKUP" : r.distortion + "+LOOKUP";
}

}  // namespace

void read_distortion(const CardReader& cards, const WcsOptions& options, const std::string& suffix, Reading& r) {
  const auto projection = std::find_if(projections.begin(), projections.end(), [&](const Projection& p) { return p.code == r.named; });
  if (projection == projections.end()) cards.refuse(fmt::format("CTYPE{} names the unknown projection '{}'", r.lng_axis, r.named));
  if (!suffix.empty() && suffix != "-SIP") cards.refuse(fmt::format("CTYPE{} promises the distortion '{}', which is not supported", r.lng_axis, suffix.substr(1)));
  const bool sip = suffix == "-SIP";
  if (sip && (projection->code == "TPV" || projection->code == "TNX" || projection->code == "ZPX"))
    cards.refuse(fmt::format("CTYPE{} promises both {} and SIP", r.lng_axis, r.named));
  if (sip && r.pixel_axis != std::array{1, 2}) cards.refuse("SIP on other pixel axes than 1 and 2 is not supported");
  if (projection->code == "CSC") r.notes.push_back("CSC: the published inverse of this projection is approximate (some 40\" on the sky)");
  read_pv(cards, options, *projection, sip, r);
  if (projection->code == "TNX" || projection->code == "ZPX") read_wat(cards, options, r);
  read_sip(cards, options, sip, r);
  read_lookups(cards, options, r);
}

}  // namespace tessera::wcs

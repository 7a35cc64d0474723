#include "tessera/instrument/units.h"

#include <array>
#include <optional>
#include <utility>

#include "tessera/base/text.h"

namespace tessera::instrument {
namespace {

struct Prefix {
  std::string name;
  double in_jy;
};

/// SI prefix in front of "Jy"; M and m differ, so case counts here.
std::optional<Prefix> flux_prefix(std::string_view s) {
  const std::string p{text::trim(s)};
  if (p.empty()) return Prefix{"Jy", 1};
  if (p == "M" || p == "Mega" || p == "mega") return Prefix{"MJy", 1e6};
  if (p == "k" || p == "K") return Prefix{"kJy", 1e3};
  if (p == "m" || p == "milli") return Prefix{"mJy", 1e-3};
  if (p == "u" || p == "U" || p == "\u00b5" || p == "\u03bc" || p == "micro") return Prefix{"uJy", 1e-6};
  if (p == "n" || p == "N" || p == "nano") return Prefix{"nJy", 1e-9};
  return {};
}

std::string squeezed(std::string_view s) {
  std::string out;
  for (const char c : text::lower(s))
    if (std::string_view{" .*^()_"}.find(c) == std::string_view::npos) out += c;
  return out;
}

bool one_of(std::string_view s, std::initializer_list<std::string_view> words) {
  for (const auto w : words)
    if (s == w) return true;
  return false;
}

std::optional<Unit> flux_density(std::string_view s) {
  const auto at = text::lower(s).find("jy");
  if (at == std::string::npos) return {};
  const auto prefix = flux_prefix(s.substr(0, at));
  if (!prefix) return {};
  const std::string per = squeezed(s.substr(at + 2));
  const double in_mjy = prefix->in_jy * 1e-6;
  Unit u;
  if (one_of(per, {"/sr", "sr-1", "/steradian"})) {
    u.kind = Unit::Kind::surface_brightness;
    u.name = prefix->name + "/sr";
    u.factor = prefix->in_jy == 1e6 ? 1 : in_mjy;
  } else if (one_of(per, {"/arcsec2", "arcsec-2", "/sqarcsec", "/arcsecsq", "/asec2"})) {
    u.kind = Unit::Kind::surface_brightness;
    u.name = prefix->name + "/arcsec2";
    u.factor = in_mjy / arcsec2_in_sr;
  } else if (one_of(per, {"/pixel", "/pix", "pixel-1", "pix-1", "/px", ""})) {
    u.kind = Unit::Kind::flux_per_pixel;
    u.name = prefix->name + "/pixel";
    u.factor = in_mjy;
    u.assumed_per_pixel = per.empty();
  } else {
    return {};
  }
  return u;
}

std::optional<std::string> quantum_of(std::string_view word) {
  if (one_of(word, {"electron", "electrons", "elec", "e-", "e"})) return "electron";
  if (one_of(word, {"count", "counts", "ct", "cts"})) return "count";
  if (one_of(word, {"adu", "adus"})) return "adu";
  if (one_of(word, {"dn", "dns"})) return "DN";
  if (one_of(word, {"photon", "photons", "ph"})) return "photon";
  if (one_of(word, {"nanomaggy", "nanomaggies", "nmgy"})) return "nanomaggy";
  return {};
}

std::optional<Unit> counts(std::string_view s) {
  std::string word = squeezed(s);
  const auto strip = [&](std::initializer_list<std::string_view> endings) {
    for (const auto e : endings)
      if (word.size() > e.size() && word.ends_with(e)) {
        word.resize(word.size() - e.size());
        return true;
      }
    return false;
  };
  const bool rate_last = strip({"/second", "/sec", "/s", "sec-1", "s-1"});
  strip({"/pixel", "/pix", "pixel-1", "pix-1", "/px"});
  const bool rate = rate_last || strip({"/second", "/sec", "/s", "sec-1", "s-1"});
  const auto quantum = quantum_of(word);
  if (!quantum) return {};
  Unit u;
  u.kind = Unit::Kind::counts_per_pixel;
  u.quantum = *quantum;
  u.per_second = rate;
  u.name = *quantum + (rate ? "/s" : "");
  return u;
}

}  // namespace

Unit parse_unit(std::string_view bunit) {
  const std::string s{text::trim(bunit)};
  if (const auto u = flux_density(s)) return *u;
  if (const auto u = counts(s)) return *u;
  Unit u;
  u.name = s;
  return u;
}

}  // namespace tessera::instrument

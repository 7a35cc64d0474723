/// instrument/profile_reader.cpp — TOML → Profile, every key known by name and every mistake with its line.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <set>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/instrument/profile.h"

namespace tessera::instrument {
namespace {

const std::vector<std::string> roles{"exposure", "gain",      "read_noise", "filter",          "mjd_begin",  "mjd_end",     "time",
                                     "zodi",     "zodi_dark", "saturation", "flux_conversion", "refined_ra", "refined_dec", "refined_angle"};

/// Typed access to TOML nodes; a wrong type or an unknown key is a UsageError "file:line: …".
class Reader {
 public:
  explicit Reader(std::string where) : where_{std::move(where)} {}

  [[noreturn]] void fail(const toml::source_region& at, const std::string& message) const {
    throw UsageError{fmt::format("{}:{}: {}", where_, at.begin.line, message)};
  }
  void only(const toml::table& table, const std::string& of, const std::vector<std::string>& allowed) const {
    for (const auto& [key, node] : table) {
      const std::string name{key.str()};
      if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) continue;
      const std::string near = text::nearest(name, allowed);
      fail(key.source(), fmt::format("unknown key '{}' in {}; {}", name, of,
                                     near.empty() ? "known: " + text::join(allowed, ", ") : "did you mean '" + near + "'?"));
    }
  }
  const toml::table& table(const toml::node& node, const std::string& key) const {
    if (const auto* t = node.as_table()) return *t;
    fail(node.source(), fmt::format("'{}' must be a table", key));
  }
  std::string text(const toml::node& node, const std::string& key) const {
    if (const auto* s = node.as_string()) return s->get();
    fail(node.source(), fmt::format("'{}' must be a text in quotes", key));
  }
  bool boolean(const toml::node& node, const std::string& key) const {
    if (const auto* b = node.as_boolean()) return b->get();
    fail(node.source(), fmt::format("'{}' must be true or false", key));
  }
  int integer(const toml::node& node, const std::string& key, std::int64_t low, std::int64_t high) const {
    const auto* i = node.as_integer();
    if (i && i->get() >= low && i->get() <= high) return static_cast<int>(i->get());
    fail(node.source(), fmt::format("'{}' must be a whole number from {} to {}", key, low, high));
  }
  /// A text, or an array of texts.
  std::vector<std::string> texts(const toml::node& node, const std::string& key) const {
    std::vector<std::string> list;
    if (const auto* array = node.as_array())
      for (const auto& entry : *array) list.push_back(text(entry, key));
    else
      list.push_back(text(node, key));
    if (list.empty()) fail(node.source(), fmt::format("'{}' is an empty list", key));
    return list;
  }
  template <class Enum>
  Enum choice(const toml::node& node, const std::string& key, const std::vector<std::pair<std::string, Enum>>& table) const {
    const std::string value = text(node, key);
    std::vector<std::string> names;
    for (const auto& [name, e] : table) {
      if (name == value) return e;
      names.push_back(name);
    }
    fail(node.source(), fmt::format("'{}' is '{}'; known: {}", key, value, tessera::text::join(names, ", ")));
  }

 private:
  std::string where_;
};

/// One pair ["_bcd.fits", "_bunc.fits"] or several of them.
std::vector<std::pair<std::string, std::string>> read_companion(const Reader& read, const toml::node& node) {
  const auto* outer = node.as_array();
  if (!outer || outer->empty()) read.fail(node.source(), "'companion' must be a pair [\"from\", \"to\"] or a list of pairs");
  std::vector<std::pair<std::string, std::string>> pairs;
  const auto add = [&](const toml::node& pair) {
    const auto words = read.texts(pair, "companion");
    if (words.size() != 2 || words[0].empty() || words[0] == words[1])
      read.fail(pair.source(), "'companion' must be a pair [\"from\", \"to\"] of two different texts");
    pairs.emplace_back(words[0], words[1]);
  };
  if (outer->front().is_array())
    for (const auto& pair : *outer) add(pair);
  else
    add(node);
  return pairs;
}

PlaneRule read_rule(const Reader& read, const toml::node& node, const std::string& plane) {
  const bool uncertainty = plane == "uncertainty";
  const toml::table& t = read.table(node, plane);
  read.only(t, "planes." + plane, uncertainty ? std::vector<std::string>{"hdu", "companion", "kind"} : std::vector<std::string>{"hdu", "companion"});
  PlaneRule rule;
  if (const auto* n = t.get("hdu")) rule.hdu = read.texts(*n, "hdu");
  if (const auto* n = t.get("companion")) rule.companion = read_companion(read, *n);
  if (rule.hdu.empty() == rule.companion.empty())
    read.fail(node.source(), fmt::format("planes.{} needs either 'hdu' or 'companion'", plane));
  if (!uncertainty) return rule;
  const auto* kind = t.get("kind");
  if (!kind) read.fail(node.source(), "planes.uncertainty needs 'kind' (sigma, variance, weight, inverse_variance)");
  rule.noise = read.choice<NoiseKind>(*kind, "kind", {{"sigma", NoiseKind::sigma}, {"variance", NoiseKind::variance},
                                                      {"weight", NoiseKind::weight}, {"inverse_variance", NoiseKind::inverse_variance}});
  if (rule.hdu.size() > 1 && rule.noise != NoiseKind::variance)
    read.fail(node.source(), "several HDUs add up only when kind = \"variance\"");
  return rule;
}

std::vector<PlaneRule> read_rules(const Reader& read, const toml::node& node, const std::string& plane) {
  std::vector<PlaneRule> rules;
  if (const auto* array = node.as_array())
    for (const auto& entry : *array) rules.push_back(read_rule(read, entry, plane));
  else
    rules.push_back(read_rule(read, node, plane));
  return rules;
}

void read_planes(const Reader& read, const toml::table& t, Profile& p) {
  read.only(t, "planes", {"primary", "image", "uncertainty", "mask", "required", "mask_form", "bit_cards"});
  if (const auto* n = t.get("primary")) p.primary = read.texts(*n, "primary");
  if (const auto* n = t.get("image")) p.image = read.texts(*n, "image");
  if (const auto* n = t.get("uncertainty")) p.uncertainty = read_rules(read, *n, "uncertainty");
  if (const auto* n = t.get("mask")) p.mask = read_rules(read, *n, "mask");
  if (const auto* n = t.get("bit_cards")) p.bit_cards = read.text(*n, "bit_cards");
  if (const auto* n = t.get("mask_form"))
    p.mask_form = read.choice<MaskForm>(*n, "mask_form", {{"bits", MaskForm::bits}, {"codes", MaskForm::codes}, {"good_is_one", MaskForm::good_is_one}});
  if (const auto* n = t.get("required"))
    for (const std::string& plane : read.texts(*n, "required")) {
      if (plane != "uncertainty" && plane != "mask")
        read.fail(n->source(), fmt::format("'required' names '{}'; known: uncertainty, mask", plane));
      (plane == "mask" ? p.mask_required : p.uncertainty_required) = true;
      if ((plane == "mask" ? p.mask : p.uncertainty).empty())
        read.fail(n->source(), fmt::format("'required' names '{0}', but there is no planes.{0}", plane));
    }
}

void read_mask_bits(const Reader& read, const toml::node& node, Profile& p) {
  const auto* array = node.as_array();
  if (!array) read.fail(node.source(), "'mask_bits' must be a list of tables ([[mask_bits]])");
  std::set<int> bits;
  std::set<std::string> names;
  for (const auto& entry : *array) {
    const toml::table& t = read.table(entry, "mask_bits");
    read.only(t, "mask_bits", {"bit", "name", "text", "fatal"});
    MaskBit b;
    if (const auto* n = t.get("bit")) b.bit = read.integer(*n, "bit", 0, 31);
    else if (p.bit_cards.empty()) read.fail(entry.source(), "a mask bit needs 'bit' (0 to 31)");
    else b.bit = -1;  // numbered by the card bit_cards + name of each frame
    if (const auto* n = t.get("name")) b.name = text::lower(read.text(*n, "name"));
    if (const auto* n = t.get("text")) b.text = read.text(*n, "text");
    if (const auto* n = t.get("fatal")) b.fatal = read.boolean(*n, "fatal");
    if (b.name.empty()) read.fail(entry.source(), "a mask bit needs a 'name'");
    if (b.name.find_first_of(" ,+|") != std::string::npos || text::to_integer(b.name))
      read.fail(entry.source(), fmt::format("mask bit name '{}' must be one word that is not a number", b.name));
    if ((b.bit >= 0 && !bits.insert(b.bit).second) || !names.insert(b.name).second)
      read.fail(entry.source(), fmt::format("mask bit {} '{}' is there twice", b.bit, b.name));
    p.mask_bits.push_back(std::move(b));
  }
}

void read_units(const Reader& read, const toml::table& t, Profile& p) {
  read.only(t, "units", {"value", "default", "pixel_values"});
  if (const auto* n = t.get("value")) p.unit = read.text(*n, "value");
  if (const auto* n = t.get("default")) p.default_unit = read.text(*n, "default");
  if (const auto* n = t.get("pixel_values"))
    p.pixel_values = read.choice<PixelValues>(*n, "pixel_values", {{"surface_brightness", PixelValues::surface_brightness}, {"flux", PixelValues::flux}});
}

void read_tables(const Reader& read, const toml::table& t, Profile& p) {
  if (const auto* n = t.get("match"))
    for (const auto& [key, node] : read.table(*n, "match")) p.match.emplace_back(text::upper(key.str()), read.text(node, std::string{key.str()}));
  if (const auto* n = t.get("planes")) read_planes(read, read.table(*n, "planes"), p);
  if (const auto* n = t.get("mask_bits")) read_mask_bits(read, *n, p);
  if (const auto* n = t.get("units")) read_units(read, read.table(*n, "units"), p);
  if (const auto* n = t.get("cards")) {
    read.only(read.table(*n, "cards"), "cards", roles);
    for (const auto& [key, node] : *n->as_table()) p.cards[std::string{key.str()}] = read.texts(node, std::string{key.str()});
  }
  if (const auto* n = t.get("filters"))
    for (const auto& [key, node] : read.table(*n, "filters")) p.filters[std::string{key.str()}] = read.text(node, std::string{key.str()});
  if (const auto* n = t.get("quirks")) p.quirks = read.texts(*n, "quirks");
  if (const auto* n = t.get("defaults"))
    for (const auto& [key, node] : read.table(*n, "defaults")) {
      const std::string option{key.str()};
      if (option.find('.') == std::string::npos) read.fail(node.source(), fmt::format("'{}' must be \"section.option\" in quotes", option));
      p.defaults[option] = read.text(node, option);
    }
}

}  // namespace

Profile parse_profile(std::string_view toml_text, const std::filesystem::path& where) {
  const Reader read{where.string()};
  toml::table t;
  try {
    t = toml::parse(toml_text, where.string());
  } catch (const toml::parse_error& e) {
    read.fail(e.source(), fmt::format("not valid TOML: {}", e.description()));
  }
  read.only(t, "a profile", {"schema", "name", "title", "priority", "match", "planes", "mask_bits", "units", "cards", "filters", "quirks", "defaults"});
  const auto* schema = t.get("schema");
  if (!schema) read.fail(t.source(), "'schema = 1' is missing");
  read.integer(*schema, "schema", 1, 1);
  Profile p;
  p.path = where;
  if (const auto* n = t.get("name")) p.name = read.text(*n, "name");
  if (p.name.empty()) read.fail(t.source(), "'name' is missing");
  if (const auto* n = t.get("title")) p.title = read.text(*n, "title");
  if (const auto* n = t.get("priority")) p.priority = read.integer(*n, "priority", -1000, 1000);
  read_tables(read, t, p);
  return p;
}

}  // namespace tessera::instrument

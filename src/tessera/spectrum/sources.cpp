#include "tessera/spectrum/sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/catalog/usual_names.h"
#include "tessera/io/tables.h"
#include "tessera/wcs/position_text.h"

namespace tessera::spectrum {
namespace {

constexpr std::string_view labels[] = {"label", "name", "id", "source_id", "object", "designation", "target", "main_id", "number"};
constexpr std::string_view motions_ra[] = {"pmra", "pm_ra", "pmra_cosdec", "mu_ra"};
constexpr std::string_view motions_dec[] = {"pmdec", "pm_dec", "pmde", "mu_dec"};
constexpr std::string_view epochs[] = {"epoch", "ref_epoch", "ref_ep"};
constexpr std::string_view indices[] = {"sersic_n", "n_sersic", "sersic_index", "sersic", "n"};
constexpr std::string_view radii[] = {"r_e", "re", "r_eff", "reff", "sersic_re", "re_arcsec", "effective_radius", "shape_r"};
constexpr std::string_view ratios[] = {"b_a", "ba", "b/a", "axis_ratio", "sersic_ba", "q"};
constexpr std::string_view angles[] = {"pa", "position_angle", "posang", "sersic_pa", "theta"};

struct Columns {
  const Table& table;
  const std::string& path;
  std::vector<std::string>& notes;

  const Column* find(const char* what, const std::string& asked, std::span<const std::string_view> usual) const {
    const Column* c = catalog::column_of(table, asked, usual);
    if (!c && !asked.empty()) throw DataError{fmt::format("{}: no column '{}' (sources.{}); columns: {}", path, asked, what, names())};
    return c;
  }
  std::string names() const {
    std::vector<std::string> all;
    for (const auto& c : table.columns) all.push_back(c.name);
    if (all.size() > 30) all.resize(30), all.emplace_back("…");
    return text::join(all, ", ");
  }
  void note(const char* what, const Column& c) const { notes.push_back(fmt::format("{}: {} from column {}{}", path, what, c.name, c.unit.empty() ? "" : " (" + c.unit + ")")); }
  [[noreturn]] void refuse_unit(const Column& c, const char* expected) const { throw DataError{fmt::format("{}: column {} has unit '{}'; expected {}", path, c.name, c.unit, expected)}; }

  /// Numbers in the unit that is wanted; NaN in every row without the column. `factors`: beginnings of units in lower case.
  std::vector<double> numbers(const char* what, const std::string& asked, std::span<const std::string_view> usual, std::initializer_list<std::pair<std::string_view, double>> factors, const char* expected) const {
    const Column* c = find(what, asked, usual);
    if (!c) return std::vector<double>(table.rows(), std::nan(""));
    const std::string unit = text::lower(c->unit);
    double factor = unit.empty() ? 1 : 0;
    for (const auto& [begin, f] : factors)
      if (factor == 0 && unit.starts_with(begin)) factor = f;
    if (factor == 0) refuse_unit(*c, expected);
    auto values = table.numbers(c->name);
    for (double& v : values) v *= factor;
    note(what, *c);
    return values;
  }

  /// Degrees, from numbers or from sexagesimal text.
  std::vector<double> degrees(const char* what, const std::string& asked, std::span<const std::string_view> usual, bool hours) const {
    const Column* c = find(what, asked, usual);
    if (!c) throw DataError{fmt::format("{}: no column of {}; name it with sources.{}; columns: {}", path, what, what, names())};
    if (!std::holds_alternative<std::vector<std::string>>(c->data)) return numbers(what, asked, usual, {{"deg", 1}, {"°", 1}, {"h", 15}, {"rad", 180 / std::numbers::pi}}, "degrees, hours or radians");
    note(what, *c);
    std::vector<double> values;
    for (const auto& word : table.texts(c->name)) {
      const auto both = wcs::parse_position(hours ? word + " 0" : "0 " + word);
      values.push_back(!both ? std::nan("") : hours ? both->ra_deg : both->dec_deg);
    }
    return values;
  }
};

std::string out_of_range(const char* what, double value, const char* expected) { return fmt::format("{} = {}; expected {}", what, std::isnan(value) ? "missing" : text::from_double(value), expected); }

/// Ranges of the mission's tool; R_e below 1 arcsec means a point.
void set_shape(Source& s, double n, double r_e, double ratio, double angle) {
  if (std::isnan(n) && std::isnan(r_e)) return;
  if (r_e >= 0 && r_e < 1) return;
  const auto refuse = [&](std::string why) {
    if (s.refusal.empty()) s.refusal = std::move(why);
  };
  if (!(n >= 0.5 && n <= 6)) refuse(out_of_range("Sersic index", n, "0.5 to 6"));
  if (!(r_e >= 1 && r_e < 20)) refuse(out_of_range("effective radius", r_e, "1 to below 20 arcsec (less than 1: a point)"));
  if (std::isnan(ratio)) ratio = 1;
  if (!(ratio > 0 && ratio <= 1)) refuse(out_of_range("axis ratio", ratio, "above 0 and up to 1"));
  if (std::isnan(angle) && ratio == 1) angle = 0;
  if (!(angle >= -360 && angle <= 360)) refuse(out_of_range("position angle", angle, "-360 to 360 degrees"));
  s.extended = true;
  s.shape = {n, r_e, ratio, angle};
}

SourceList from_table(const std::string& path, const SourceOptions& o) {
  SourceList list;
  const Table table = io::read_table(path);
  const Columns columns{table, path, list.notes};
  const auto ra = columns.degrees("ra", o.ra, catalog::right_ascensions, true), dec = columns.degrees("dec", o.dec, catalog::declinations, false);
  const std::initializer_list<std::pair<std::string_view, double>> mas{{"mas", 1}, {"arcsec", 1000}, {"deg", 3.6e6}};
  const auto pm_ra = columns.numbers("pm_ra", o.pm_ra, motions_ra, mas, "mas/yr or arcsec/yr"), pm_dec = columns.numbers("pm_dec", o.pm_dec, motions_dec, mas, "mas/yr or arcsec/yr");
  const auto epoch = columns.numbers("epoch", o.epoch, epochs, {{"yr", 1}, {"a", 1}, {"jyear", 1}}, "Julian years");
  const auto n = columns.numbers("sersic_n", o.sersic_n, indices, {}, "no unit");
  const auto r_e = columns.numbers("r_e", o.r_e, radii, {{"arcsec", 1}, {"\"", 1}, {"arcmin", 60}, {"deg", 3600}, {"mas", 1e-3}}, "arcsec");
  const auto ratio = columns.numbers("axis_ratio", o.axis_ratio, ratios, {}, "no unit"), angle = columns.numbers("position_angle", o.position_angle, angles, {{"deg", 1}, {"rad", 180 / std::numbers::pi}}, "degrees");
  std::vector<std::string> names;
  if (const Column* c = columns.find("label", o.label, labels)) names = table.texts(c->name), columns.note("label", *c);
  for (std::size_t i = 0; i < table.rows(); ++i) {
    Source s;
    s.label = names.empty() ? std::to_string(i + 1) : names[i];
    s.sky = {ra[i], dec[i]};
    if (!std::isfinite(ra[i]) || !(ra[i] >= -360 && ra[i] <= 360)) s.refusal = out_of_range("right ascension", ra[i], "-360 to 360 degrees");
    else if (!(std::abs(dec[i]) <= 90)) s.refusal = out_of_range("declination", dec[i], "-90 to 90 degrees");
    if (s.sky.ra_deg < 0) s.sky.ra_deg += 360;
    if (std::isfinite(pm_ra[i]) && std::isfinite(pm_dec[i])) s.pm_ra = pm_ra[i], s.pm_dec = pm_dec[i];
    s.epoch = std::isfinite(epoch[i]) ? epoch[i] : o.default_epoch;
    if (s.moving() && !(s.epoch >= 1800 && s.epoch <= 2200)) s.refusal = out_of_range("epoch", s.epoch, "a Julian year");
    set_shape(s, n[i], r_e[i], ratio[i], angle[i]);
    list.refused += !s.refusal.empty();
    list.sources.push_back(std::move(s));
  }
  return list;
}

}  // namespace

void describe(param::Schema<SourceOptions>& s) {
  using O = SourceOptions;
  s.field(&O::label, "label", "Column of names, which need not differ; empty: label, name, id or another usual name.").placeholder("COLUMN");
  s.field(&O::ra, "ra", "Column of right ascensions (degrees, hours or sexagesimal); empty: a usual name.").placeholder("COLUMN");
  s.field(&O::dec, "dec", "Column of declinations; empty: a usual name.").placeholder("COLUMN");
  s.field(&O::pm_ra, "pm_ra", "Column of proper motions along right ascension, times cos dec, mas/yr; empty: pmra or another usual name.").placeholder("COLUMN");
  s.field(&O::pm_dec, "pm_dec", "Column of proper motions along declination; empty: pmdec or another usual name.").placeholder("COLUMN");
  s.field(&O::epoch, "epoch", "Column of the positions' epochs, Julian years; empty: epoch, ref_epoch.").placeholder("COLUMN");
  s.field(&O::default_epoch, "default_epoch", "Epoch of positions without one.").range(1900, 2100).unit("Julian year");
  s.field(&O::sersic_n, "sersic_n", "Column of Sersic indices, 0.5 to 6; empty: a usual name. Rows without index and radius are points.").placeholder("COLUMN");
  s.field(&O::r_e, "r_e", "Column of effective radii along the major axis, arcsec; below 1 a point.").placeholder("COLUMN");
  s.field(&O::axis_ratio, "axis_ratio", "Column of axis ratios b/a.").placeholder("COLUMN");
  s.field(&O::position_angle, "position_angle", "Column of position angles, degrees east of north.").placeholder("COLUMN");
  s.field(&O::neighbours, "neighbours", "A second table of sources: fitted along within each cut-out, not reported.").flag("neighbours").placeholder("FILE");
}

double julian_year(double mjd) { return 2000 + (mjd - 51544.5) / 365.25; }

wcs::SkyPoint Source::at(double year) const {
  if (!moving()) return sky;
  constexpr double radians = std::numbers::pi / 180;
  const double motion = std::hypot(pm_ra, pm_dec), angle = motion * (year - epoch) / 3.6e6 * radians;
  const double a = sky.ra_deg * radians, d = sky.dec_deg * radians, e = pm_ra / motion, n = pm_dec / motion;
  const double along[3] = {-std::sin(a) * e - std::cos(a) * std::sin(d) * n, std::cos(a) * e - std::sin(a) * std::sin(d) * n, std::cos(d) * n};
  const double from[3] = {std::cos(a) * std::cos(d), std::sin(a) * std::cos(d), std::sin(d)};
  double p[3];
  for (int k = 0; k < 3; ++k) p[k] = from[k] * std::cos(angle) + along[k] * std::sin(angle);
  double ra = std::atan2(p[1], p[0]) / radians;
  if (ra < 0) ra += 360;
  return {ra, std::atan2(p[2], std::hypot(p[0], p[1])) / radians};
}

SourceList read_sources(const std::string& what, const SourceOptions& options) {
  if (!files::exists(what)) {
    if (const auto position = wcs::parse_position(what)) {
      SourceList list;
      Source s;
      s.label = what;
      s.sky = *position;
      s.epoch = options.default_epoch;
      list.sources.push_back(s);
      return list;
    }
    if (!io::format_of(what) && what.find('/') == std::string::npos) throw UsageError{fmt::format("'{}' is neither a table nor a position; expected a file, or right ascension and declination as in 188.73,-1.2 or '12:34:56.7 -01:02:03'", what)};
    throw DataError{fmt::format("{}: no such file, or no permission to see it; expected a table of sources", what)};
  }
  return from_table(what, options);
}

}  // namespace tessera::spectrum

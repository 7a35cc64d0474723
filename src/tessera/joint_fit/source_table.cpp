#include "tessera/joint_fit/source_table.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <limits>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/catalog/columns.h"
#include "tessera/catalog/conditions.h"

namespace tessera::joint_fit {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// `wanted`: the user's name; empty: `standard`, by our name or MOPEX's.
const Column& column(const Table& table, const std::string& path, const std::string& wanted, const char* standard, const char* meaning) {
  const Column* c = catalog::find_column(table, wanted.empty() ? standard : wanted);
  std::vector<std::string> there;
  for (const auto& column : table.columns) there.push_back(column.name);
  if (!c) {
    const std::string near = wanted.empty() ? "" : text::nearest(wanted, there);
    throw DataError{fmt::format("{}: a list of sources needs a column {} ({}); it has {}{}", path, wanted.empty() ? standard : wanted, meaning, text::join(there, ", "), near.empty() ? "" : " (did you mean " + near + "?)")};
  }
  if (std::holds_alternative<std::vector<std::string>>(c->data)) throw DataError{fmt::format("{}: column {} holds text, numbers were expected ({})", path, c->name, meaning)};
  return *c;
}

std::vector<double> degrees(const Table& table, const std::string& path, const Column& c) {
  const std::string unit = text::lower(text::trim(c.unit));
  if (!unit.empty() && unit != "deg" && unit != "degree" && unit != "degrees" && unit != "degs") throw DataError{fmt::format("{}: column {} is in {}, degrees were expected", path, c.name, c.unit)};
  return table.numbers(c.name);
}

/// uJy per unit of flux density; 0 for any other unit.
double in_ujy(const std::string& unit) {
  constexpr std::pair<const char*, double> known[] = {{"nJy", 1e-3}, {"uJy", 1}, {"\u00b5Jy", 1}, {"\u03bcJy", 1}, {"microJy", 1}, {"MicroJy", 1}, {"mJy", 1e3}, {"Jy", 1e6}, {"MJy", 1e12}};
  for (const auto& [name, factor] : known)
    if (unit == name) return factor;
  return 0;
}

/// From numbers in `unit` to fluxes in `wanted`.
std::function<double(double)> conversion(const std::string& unit, const std::string& wanted, const std::string& path, const std::string& name) {
  if (unit == wanted || unit.empty()) return [](double v) { return v; };
  if (wanted == "uJy") {
    if (const double factor = in_ujy(unit); factor > 0) return [factor](double v) { return factor * v; };
    if (unit == "mag" || unit == "mag(AB)" || unit == "ABmag") return [](double m) { return std::pow(10.0, 0.4 * (23.9 - m)); };
  }
  throw DataError{fmt::format("{}: column {} is in {}, the images' fluxes are in {}, which it cannot be converted to; name another column with sources.flux, or its true unit with sources.unit", path, name, unit, wanted.empty() ? "an unknown unit" : wanted)};
}

const Column* first_of(const Table& table, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const Column* c = table.find(name)) return c;
  return nullptr;
}

/// Values of a column, zeros when there is none or where it is not a number.
std::vector<double> numbers_or_zero(const Table& table, const Column* column) {
  if (!column) return std::vector<double>(table.rows(), 0.0);
  auto values = table.numbers(column->name);
  for (double& v : values)
    if (!std::isfinite(v)) v = 0;
  return values;
}

}  // namespace

void describe(param::Schema<SourceTableOptions>& s) {
  using O = SourceTableOptions;
  s.field(&O::ra, "ra", "Column of right ascensions (degrees, ICRS); empty: ra.").placeholder("COLUMN");
  s.field(&O::dec, "dec", "Column of declinations; empty: dec.").placeholder("COLUMN");
  s.field(&O::flux, "flux", "Column of fluxes, or of AB magnitudes (unit mag); empty: flux.").flag("flux").placeholder("COLUMN");
  s.field(&O::unit, "unit", "Unit of the fluxes; empty: as the table says, or else that of the images.").placeholder("UNIT");
  s.field(&O::where, "where", "Rows that are used, as in: snr > 5 and status = 1.").flag("where").placeholder("CONDITION");
}

std::vector<wcs::SkyPoint> positions_of(const Table& table, const std::string& path, const std::string& ra, const std::string& dec) {
  const auto x = degrees(table, path, column(table, path, ra, "ra", "degrees, ICRS")), y = degrees(table, path, column(table, path, dec, "dec", "degrees, ICRS"));
  std::vector<wcs::SkyPoint> points;
  for (std::size_t i = 0; i < x.size(); ++i) points.push_back({x[i], std::abs(y[i]) <= 90 ? y[i] : nan});
  return points;
}

std::vector<wcs::SkyPoint> positions_in_pixels(const Table& table, const std::string& path, const wcs::SkyWcs& plane, const std::string& x_name, const std::string& y_name) {
  auto x = table.numbers(column(table, path, x_name, "x", "FITS pixels, from 1").name), y = table.numbers(column(table, path, y_name, "y", "FITS pixels, from 1").name);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] -= 1, y[i] -= 1;
  std::vector<double> ra(x.size()), dec(x.size());
  plane.pixel_to_sky(x, y, ra, dec);
  std::vector<wcs::SkyPoint> points;
  for (std::size_t i = 0; i < x.size(); ++i) points.push_back({ra[i], dec[i]});
  return points;
}

std::vector<Source> sources_to_measure(const Table& table, const std::string& path, double epoch) {
  const auto points = positions_of(table, path);
  const auto *pm_ra = first_of(table, {"pm_ra", "pmra"}), *pm_dec = first_of(table, {"pm_dec", "pmdec"}), *epochs = first_of(table, {"epoch", "ref_epoch"});
  if ((pm_ra || pm_dec) && !epochs && epoch == 0) throw UsageError{fmt::format("{}: its proper motions need an epoch; add a column epoch (Julian year), or say catalog.epoch", path)};
  const auto east = numbers_or_zero(table, pm_ra), north = numbers_or_zero(table, pm_dec), years = numbers_or_zero(table, epochs);
  const Column* id = first_of(table, {"id", "source_id", "name", "srcid", "number"});
  const auto ids = id ? table.texts(id->name) : std::vector<std::string>{};
  std::vector<Source> sources(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    Source& s = sources[i];
    s.start = points[i];
    s.epoch = epoch > 0 ? epoch : years[i];
    if (s.epoch > 0) s.pm_u = east[i] / 1000, s.pm_v = north[i] / 1000;
    if (id) s.list_id = ids[i];
  }
  return sources;
}

ListedSources listed_sources(const Table& table, const std::string& path, const SourceTableOptions& options, const std::string& flux_unit, const wcs::SkyWcs* pixels_of) {
  ListedSources listed;
  const auto points = pixels_of ? positions_in_pixels(table, path, *pixels_of, options.ra, options.dec) : positions_of(table, path, options.ra, options.dec);
  const Column& c = column(table, path, options.flux, "flux", "of the sources");
  const std::string unit = options.unit.empty() ? std::string{text::trim(c.unit)} : options.unit;
  const auto convert = conversion(unit, flux_unit, path, c.name);
  listed.unit_assumed = unit.empty() && !flux_unit.empty();
  const auto flux = table.numbers(c.name);
  const Column* error = first_of(table, {(c.name + "_err").c_str(), ("delta_" + c.name).c_str()});  // ours, MOPEX's
  const auto sigma = error ? table.numbers(error->name) : std::vector<double>{};
  const auto wanted = options.where.empty() ? std::vector<bool>(points.size(), true) : catalog::rows_where(table, options.where);
  listed.rows = static_cast<long>(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!wanted[i]) continue;
    ++listed.chosen;
    Source s;
    s.start = points[i];
    s.flux = convert(flux[i]);
    if (error) s.covariance[8] = std::pow(convert(flux[i] + sigma[i]) - s.flux, 2);
    s.status = Status::fitted;
    if (std::isfinite(s.start.ra_deg) && std::isfinite(s.start.dec_deg) && std::isfinite(s.flux)) listed.sources.push_back(s);
  }
  return listed;
}

}  // namespace tessera::joint_fit

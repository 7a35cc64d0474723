#include "tessera/match/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/catalog/columns.h"
#include "tessera/catalog/usual_names.h"
#include "tessera/io/tables.h"

namespace tessera::match {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double least_error = 1e-6;  // arcsec: an error of 0 would count as exact knowledge

constexpr std::string_view ra_errors[] = {"ra_err", "ra_error", "e_raj2000", "e_ra_icrs", "delta_ra", "sigra", "err_ra", "ramean_err"};
constexpr std::string_view dec_errors[] = {"dec_err", "dec_error", "e_dej2000", "e_de_icrs", "delta_dec", "sigdec", "err_dec", "decmean_err"};

[[noreturn]] void refuse(const std::string& path, const char* what, const std::string& asked, const Table& table) {
  std::vector<std::string> there;
  for (const auto& c : table.columns) there.push_back(c.name);
  if (there.size() > 30) there.resize(30), there.emplace_back("…");
  throw DataError{fmt::format("{}: no column {}; name it with match.{}; columns: {}", path, asked.empty() ? std::string{"of "} + what : "'" + asked + "'", what, text::join(there, ", "))};
}

/// Values in degrees.
std::vector<double> degrees(const Table& table, const Column& column, const std::string& path) {
  if (std::holds_alternative<std::vector<std::string>>(column.data))
    throw DataError{fmt::format("{}: column {} is text; degrees are expected (sexagesimal positions are not read)", path, column.name)};
  auto values = table.numbers(column.name);
  const std::string unit = text::lower(column.unit);
  const double factor = unit.starts_with("hour") || unit == "h" ? 15 : unit.starts_with("rad") ? 57.29577951308232 : 1;
  for (double& v : values) v *= factor;
  return values;
}

/// Values in arcsec, by the column's unit; without one, as ours.
std::vector<double> arcseconds(const Table& table, const Column& column, const std::string& path) {
  const std::string unit = text::lower(column.unit);
  double factor = 1;
  if (unit == "mas" || unit == "milliarcsec") factor = 1e-3;
  else if (unit.starts_with("deg")) factor = 3600;
  else if (!unit.empty() && !unit.starts_with("arcsec") && unit != "\"")
    throw DataError{fmt::format("{}: column {} has unit '{}'; errors are expected in arcsec, mas or degrees", path, column.name, column.unit)};
  auto values = table.numbers(column.name);
  for (double& v : values) v *= factor;
  return values;
}

/// A column with the rows of the groups, null where a catalogue has none.
Column rows_of(const Column& column, std::span<const Group> groups, std::size_t catalogue) {
  Column out = column;
  std::visit(
      [&](const auto& data) {
        std::remove_cvref_t<decltype(data)> picked(groups.size());
        out.null.assign(groups.size(), false);
        for (std::size_t g = 0; g < groups.size(); ++g) {
          const auto row = groups[g].rows[catalogue];
          if (row >= 0) picked[g] = data[static_cast<std::size_t>(row)];
          else if constexpr (std::is_floating_point_v<typename std::remove_cvref_t<decltype(data)>::value_type>) picked[g] = std::numeric_limits<typename std::remove_cvref_t<decltype(data)>::value_type>::quiet_NaN();
          out.null[g] = row < 0 || column.is_null(static_cast<std::size_t>(row));
        }
        if (std::find(out.null.begin(), out.null.end(), true) == out.null.end()) out.null.clear();
        out.data = std::move(picked);
      },
      column.data);
  return out;
}

}  // namespace

Catalogue read_catalogue(const std::string& path, const std::string& name, const MatchOptions& options) {
  Catalogue c{name, path, io::read_table(path), {}, 0, false};
  const Column *ra = catalog::column_of(c.table, options.ra, catalog::right_ascensions), *dec = catalog::column_of(c.table, options.dec, catalog::declinations);
  if (!ra) refuse(path, "ra", options.ra, c.table);
  if (!dec) refuse(path, "dec", options.dec, c.table);
  const auto x = degrees(c.table, *ra, path), y = degrees(c.table, *dec, path);
  const Column *ra_err = catalog::column_of(c.table, options.ra_err, ra_errors), *dec_err = catalog::column_of(c.table, options.dec_err, dec_errors);
  c.has_errors = ra_err && dec_err;
  const std::vector<double> none(x.size(), options.error);
  const auto ex = c.has_errors ? arcseconds(c.table, *ra_err, path) : none, ey = c.has_errors ? arcseconds(c.table, *dec_err, path) : none;
  const Column* both = c.has_errors ? c.table.find("ra_dec_cov") : nullptr;
  const auto exy = both ? c.table.numbers(both->name) : std::vector<double>(x.size(), 0.0);
  const auto variance = [&](double e) {
    const double sigma = e > 0 && std::isfinite(e) ? std::max(e, least_error) : options.error;
    return sigma * sigma + options.error_floor * options.error_floor;
  };
  for (std::size_t i = 0; i < x.size(); ++i) {
    Position p{x[i], y[i], variance(ex[i]), variance(ey[i]), exy[i]};
    if (!std::isfinite(p.ra_deg) || !(std::abs(p.dec_deg) <= 90)) p.ra_deg = p.dec_deg = nan, ++c.without_position;
    if (!(p.covariance * p.covariance < 0.999 * p.ra_variance * p.dec_variance)) p.covariance = 0;
    c.positions.push_back(p);
  }
  return c;
}

std::vector<std::string> catalogue_names(const std::vector<std::string>& paths, const MatchOptions& options) {
  std::vector<std::string> names = options.names;
  if (names.empty()) {
    for (const auto& p : paths) names.push_back(std::filesystem::path{p}.stem().string());
    if (std::set<std::string>(names.begin(), names.end()).size() < names.size())
      for (std::size_t i = 0; i < paths.size(); ++i) names[i] = std::filesystem::absolute(paths[i]).parent_path().filename().string();
    if (std::set<std::string>(names.begin(), names.end()).size() < names.size())
      for (std::size_t i = 0; i < paths.size(); ++i) names[i] = std::to_string(i + 1);
  }
  if (names.size() != paths.size()) throw UsageError{fmt::format("match.names has {} names for {} catalogues", names.size(), paths.size())};
  for (auto& name : names)
    for (char& ch : name)
      if (!std::isalnum(static_cast<unsigned char>(ch))) ch = '_';
  if (const auto empty = std::find(names.begin(), names.end(), ""); empty != names.end()) throw UsageError{"match.names: a name is empty"};
  if (std::set<std::string>(names.begin(), names.end()).size() < names.size()) throw UsageError{"match.names: two catalogues have one name: " + text::join(names, ", ")};
  return names;
}

Table merged_table(std::span<const Catalogue> catalogues, std::span<const Group> groups, const std::vector<std::string>& columns) {
  const std::size_t n = groups.size();
  std::vector<double> ra(n), dec(n), ra_err(n), dec_err(n), cov(n), chi2(n, nan);
  std::vector<std::int32_t> number(n), count(n), others(n), dof(n);
  std::vector<std::vector<double>> away(catalogues.size(), std::vector<double>(n, nan));
  for (std::size_t g = 0; g < n; ++g) {
    std::vector<Position> members;
    for (std::size_t k = 0; k < catalogues.size(); ++k)
      if (groups[g].rows[k] >= 0) members.push_back(catalogues[k].positions[static_cast<std::size_t>(groups[g].rows[k])]);
    const MeanPosition mean = mean_position(members);
    const Position& p = mean.position;
    ra[g] = p.ra_deg, dec[g] = p.dec_deg, ra_err[g] = std::sqrt(p.ra_variance), dec_err[g] = std::sqrt(p.dec_variance), cov[g] = p.covariance;
    if (mean.dof > 0) chi2[g] = mean.chi2;
    dof[g] = mean.dof, number[g] = static_cast<std::int32_t>(g + 1), count[g] = static_cast<std::int32_t>(members.size()), others[g] = groups[g].others;
    for (std::size_t k = 0; k < catalogues.size(); ++k)
      if (const auto row = groups[g].rows[k]; row >= 0 && members.size() > 1) {
        const auto d = offset_arcsec(p, catalogues[k].positions[static_cast<std::size_t>(row)]);
        away[k][g] = std::hypot(d[0], d[1]);
      }
  }
  Table t;
  catalog::add(t, "number", std::move(number));
  catalog::add(t, "ra", std::move(ra));
  catalog::add(t, "dec", std::move(dec));
  catalog::add(t, "ra_err", std::move(ra_err));
  catalog::add(t, "dec_err", std::move(dec_err));
  catalog::add(t, "ra_dec_cov", std::move(cov));
  t.add("catalogues", std::move(count), "", "Catalogues that have the source", "meta.number");
  t.add("position_chi2", std::move(chi2), "", "Chi square of the positions around their mean", "stat.fit.chi2");
  t.add("position_dof", std::move(dof), "", "Its degrees of freedom", "stat.fit.dof");
  t.add("others", std::move(others), "", "Further rows that agree with one of these: above 0, the match is ambiguous", "meta.number");
  for (std::size_t k = 0; k < catalogues.size(); ++k) t.add("separation_" + catalogues[k].name, std::move(away[k]), "arcsec", "Distance from the mean position in " + catalogues[k].name, "pos.angDistance");
  for (std::size_t k = 0; k < catalogues.size(); ++k)
    for (const Column& c : catalogues[k].table.columns) {
      const auto wanted = [&](const std::string& name) { return catalog::find_column(catalogues[k].table, name) == &c; };
      if (!columns.empty() && std::none_of(columns.begin(), columns.end(), wanted)) continue;
      Column out = rows_of(c, groups, k);
      out.name += "_" + catalogues[k].name;
      if (const auto main = out.ucd.find(";meta.main"); main != std::string::npos) out.ucd.erase(main, 10);
      t.add(std::move(out));
    }
  for (std::size_t k = 0; k < catalogues.size(); ++k) t.comments.push_back(fmt::format("catalogue {}: {}", catalogues[k].name, std::filesystem::path{catalogues[k].path}.filename().string()));
  return t;
}

Table astrometry_table(std::span<const Catalogue> catalogues, std::span<const Comparison> comparisons) {
  Table t;
  t.name = "astrometry";
  std::vector<std::string> name;
  std::vector<std::int32_t> used;
  std::vector<std::int64_t> rows, matched;
  std::vector<double> chance;
  std::vector<std::vector<double>> v(12);
  for (std::size_t k = 1; k < catalogues.size(); ++k) {
    const auto& c = comparisons[k];
    const auto& f = c.fit;
    name.push_back(catalogues[k].name), rows.push_back(static_cast<std::int64_t>(catalogues[k].positions.size())), matched.push_back(c.matched), chance.push_back(c.by_chance), used.push_back(f.used);
    const double values[] = {c.separation, f.offset_ra, f.offset_ra_err, f.offset_dec, f.offset_dec_err, f.rotation, f.rotation_err, f.scale, f.scale_err, f.rms_ra, f.rms_dec, f.pull_width};
    for (std::size_t i = 0; i < std::size(values); ++i) v[i].push_back(values[i]);
  }
  t.add("catalogue", std::move(name), "", "Compared with the first: catalogue less reference");
  t.add("rows", std::move(rows), "", "Rows of the catalogue");
  t.add("matched", std::move(matched), "", "Sources in it and in the reference");
  t.add("by_chance", std::move(chance), "", "How many matches unrelated positions of this density would give");
  t.add("used", std::move(used), "", "Pairs that the fit kept");
  constexpr std::pair<const char*, std::pair<const char*, const char*>> columns[] = {
      {"separation", {"arcsec", "Median separation before the fit"}},
      {"offset_ra", {"arcsec", "Offset along right ascension, on the sky, in the middle of the field"}},
      {"offset_ra_err", {"arcsec", "1 sigma"}},
      {"offset_dec", {"arcsec", "Offset along declination"}},
      {"offset_dec_err", {"arcsec", "1 sigma"}},
      {"rotation", {"deg", "Rotation from north to east"}},
      {"rotation_err", {"deg", "1 sigma"}},
      {"scale", {"", "Relative difference of scale"}},
      {"scale_err", {"", "1 sigma"}},
      {"rms_ra", {"arcsec", "Scatter after the fit along right ascension"}},
      {"rms_dec", {"arcsec", "Scatter after the fit along declination"}},
      {"pull_width", {"", "Width of the residuals over the stated errors"}}};
  for (std::size_t i = 0; i < std::size(columns); ++i) t.add(columns[i].first, std::move(v[i]), columns[i].second.first, columns[i].second.second);
  t.comments.push_back("reference: " + catalogues.front().name + " (" + std::filesystem::path{catalogues.front().path}.filename().string() + ")");
  return t;
}

}  // namespace tessera::match

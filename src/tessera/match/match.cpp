#include "tessera/match/match.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/catalog/conditions.h"
#include "tessera/core/statistics.h"
#include "tessera/io/tables.h"
#include "tessera/match/report.h"
#include "tessera/run/record.h"

namespace tessera::match {
namespace {

using run::Level;

bool kept(const Group& g, Keep keep) {
  switch (keep) {
    case Keep::all: return true;
    case Keep::first: return g.rows.front() >= 0;
    case Keep::common: return std::find(g.rows.begin(), g.rows.end(), -1) == g.rows.end();
  }
  return true;
}

Comparison compare(const Catalogue& reference, const Catalogue& other, std::size_t k, std::span<const Group> groups, const Limits& limits) {
  Comparison c;
  std::vector<std::pair<Position, Position>> pairs;
  std::vector<double> apart;
  for (const auto& g : groups)
    if (g.rows.front() >= 0 && g.rows[k] >= 0) {
      pairs.emplace_back(reference.positions[static_cast<std::size_t>(g.rows.front())], other.positions[static_cast<std::size_t>(g.rows[k])]);
      const auto d = offset_arcsec(pairs.back().first, pairs.back().second);
      apart.push_back(std::hypot(d[0], d[1]));
    }
  c.matched = static_cast<long>(pairs.size());
  c.by_chance = matches_by_chance(reference.positions, other.positions, limits);
  c.separation = statistics::median(std::span<const double>{apart});
  c.fit = compare_astrometry(pairs);
  return c;
}

void tell(const Catalogue& reference, const Catalogue& other, const Comparison& c, run::Context& context) {
  const auto& f = c.fit;
  context.log(Level::info, fmt::format("{} and {}: {} of {} and {} rows matched ({:.1f} by chance); offset {:+.4f} ± {:.4f} and {:+.4f} ± {:.4f} arcsec, scatter {:.4f} and {:.4f} arcsec", reference.name, other.name, c.matched,
                                       reference.positions.size(), other.positions.size(), c.by_chance, f.offset_ra, f.offset_ra_err, f.offset_dec, f.offset_dec_err, f.rms_ra, f.rms_dec));
  const double away = std::hypot(f.offset_ra, f.offset_dec), error = std::hypot(f.offset_ra_err, f.offset_dec_err);
  if (f.used >= 5 && away > 5 * error && away > 0.5 * c.separation)
    context.caveat("astrometric-offset", fmt::format("{} lies {:.3f} ± {:.3f} arcsec from {}: matches near the limit may be missing", other.name, away, error, reference.name));
  if (c.matched > 0 && c.by_chance > 0.1 * static_cast<double>(c.matched))
    context.caveat("chance-matches", fmt::format("{}: {:.0f} of {} matches with {} are expected by chance; a smaller match.radius has fewer", other.name, c.by_chance, c.matched, reference.name));
}

std::vector<Catalogue> read_all(const MatchRequest& request, const MatchOptions& options, run::Context& context) {
  const auto names = catalogue_names(request.inputs, options);
  std::vector<Catalogue> catalogues;
  context.stage("reading catalogues", static_cast<std::int64_t>(names.size()));
  for (std::size_t k = 0; k < names.size(); ++k) {
    catalogues.push_back(read_catalogue(request.inputs[k], names[k], options));
    const auto& c = catalogues.back();
    if (c.without_position) context.caveat("no-position", fmt::format("{}: {} of {} rows have no position; they match nothing", c.path, c.without_position, c.positions.size()), c.without_position);
    if (!c.has_errors) context.caveat("no-position-errors", fmt::format("{}: no errors of positions; {} arcsec per axis were taken (match.error)", c.path, options.error));
    context.step(1);
  }
  return catalogues;
}

}  // namespace

void describe(param::Schema<MatchOptions>& s) {
  using O = MatchOptions;
  s.field(&O::radius, "radius", "Positions further apart than this are never one source.").range(1e-4, 3600).unit("arcsec").flag("radius");
  s.field(&O::sigmas, "sigmas", "Nor are those further apart than this many times their combined errors; 0: distance alone counts.").range(0, 1000).unit("sigma").flag("sigmas");
  s.field(&O::error, "error", "Error per axis taken for catalogues and rows without errors of positions.").range(1e-4, 3600).unit("arcsec");
  s.field(&O::error_floor, "error_floor", "Added in quadrature to every error of a position: what the catalogues' errors leave out.").range(0, 3600).unit("arcsec");
  s.field(&O::ra, "ra", "Column of right ascensions; empty: ra, RAJ2000, ALPHA_J2000 or another usual name.").placeholder("COLUMN");
  s.field(&O::dec, "dec", "Column of declinations; empty: as for ra.").placeholder("COLUMN");
  s.field(&O::ra_err, "ra_err", "Column of errors along right ascension, on the sky; empty: ra_err, ra_error, e_RAJ2000 or another usual name.").placeholder("COLUMN");
  s.field(&O::dec_err, "dec_err", "Column of errors along declination; empty: as for ra_err.").placeholder("COLUMN");
  s.field(&O::names, "names", "Names of the catalogues, put behind their columns' names, as in I1,I2; empty: those of the files, or of their folders.").flag("names");
  s.field(&O::columns, "columns", "Columns taken over from each catalogue, as in flux,flux_err; empty: all.").flag("columns");
  s.field(&O::keep, "keep", "Rows of the result: every source of any catalogue, those in the first, or those that all catalogues have.").choices({{"all", Keep::all}, {"first", Keep::first}, {"common", Keep::common}}).flag("keep");
  s.field(&O::where, "where", "Rows that the result keeps, by its columns, as in: catalogues >= 2 and others = 0.").flag("where").placeholder("CONDITION");
  s.field(&O::formats, "formats", "Formats of the result: fits, ipac, votable, ecsv, parquet.").each_of({"fits", "ipac", "votable", "ecsv", "parquet"}).flag("formats");
}

run::Outcome match(const MatchRequest& request, const MatchOptions& options, param::OptionSet& settings, run::Context& outer) {
  if (request.inputs.size() < 2) throw UsageError{fmt::format("match compares two catalogues or more; {} given", request.inputs.size())};
  for (const auto& format : options.formats) io::table_format(format);
  run::Recorder context{outer};
  run::RunClock clock{"match", request.inputs};
  const auto catalogues = read_all(request, options, context);
  if (request.dry_run) {
    for (const auto& c : catalogues) context.log(Level::info, fmt::format("{}: {} rows as {}", c.path, c.positions.size(), c.name));
    return run::Outcome::done;
  }
  const auto asked = run::table_request("match", request.inputs, request.inputs, settings);
  run::OutputFolder folder{request.output, asked, request.overwrite};
  context.log_to(folder.product("tessera.log").string());

  context.stage("matching", 1);
  const Limits limits{options.radius, options.sigmas};
  std::vector<std::vector<Position>> positions;
  for (const auto& c : catalogues) positions.push_back(c.positions);
  auto groups = cross_match(positions, limits);
  context.step(1);

  context.stage("comparing positions", static_cast<std::int64_t>(catalogues.size()) - 1);
  std::vector<Comparison> comparisons(catalogues.size());
  for (std::size_t k = 1; k < catalogues.size(); ++k) {
    comparisons[k] = compare(catalogues.front(), catalogues[k], k, groups, limits);
    tell(catalogues.front(), catalogues[k], comparisons[k], context);
    context.step(1);
  }
  std::erase_if(groups, [&](const Group& g) { return !kept(g, options.keep); });
  Table table = merged_table(catalogues, groups, options.columns);
  if (!options.where.empty()) table = catalog::select_rows(table, catalog::rows_where(table, options.where));

  context.stage("writing tables", static_cast<std::int64_t>(options.formats.size()) + 1);
  std::vector<run::ProductRecord> products;
  const auto write = [&](const Table& t, const char* stem, io::TableFormat format) {
    run::write_table_product(t, stem, format, folder, products);
    context.step(1);
  };
  for (const auto& format : options.formats) write(table, "matched", io::table_format(format));
  write(astrometry_table(catalogues, comparisons), "astrometry", io::TableFormat::ipac);
  clock.stop();
  write_report({clock.record, settings, options, catalogues, comparisons, groups}, folder, context);
  products.push_back({"report.html", ""});

  const auto inputs = run::hash_files(request.inputs, context);
  std::vector<std::pair<std::string, double>> results{{"rows", static_cast<double>(table.rows())}};
  for (std::size_t k = 1; k < catalogues.size(); ++k) {
    results.emplace_back("matched_" + catalogues[k].name, static_cast<double>(comparisons[k].matched));
    results.emplace_back("by_chance_" + catalogues[k].name, comparisons[k].by_chance);
  }
  run::publish_run(clock, asked.plan_hash, settings, inputs, products, results, folder, context);
  context.log(Level::info, fmt::format("{}: {} rows, {}", request.output, table.rows(), text::format_duration(clock.record.wall_s)));
  if (table.rows() == 0) return run::Outcome::nothing_to_do;
  return context.outcome();
}

}  // namespace tessera::match

#include "tessera/catalog/columns.h"
#include "tessera/extraction/injection.h"

namespace tessera::extraction {

Table injection_table(std::span<const Injected> injected, const std::string& unit) {
  const auto numbers = [&](auto of) {
    std::vector<double> values;
    for (const auto& s : injected) values.push_back(of(s));
    return values;
  };
  const auto wholes = [&](auto of) {
    std::vector<std::int64_t> values;
    for (const auto& s : injected) values.push_back(of(s));
    return values;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto when_found = [&](double Injected::*of) { return numbers([=](const Injected& s) { return s.found ? s.*of : nan; }); };
  Table table;
  table.name = "injection";
  std::int64_t number = 0;
  catalog::add(table, "number", wholes([&](const Injected&) { return ++number; }));
  catalog::add(table, "ra", numbers([](const Injected& s) { return s.position.ra_deg; }));
  catalog::add(table, "dec", numbers([](const Injected& s) { return s.position.dec_deg; }));
  catalog::add(table, "x", numbers([](const Injected& s) { return s.x; }));
  catalog::add(table, "y", numbers([](const Injected& s) { return s.y; }));
  table.add("true_flux", numbers([](const Injected& s) { return s.flux; }), unit, "Flux that was added", "phot.flux.density;meta.modelled");
  table.add("true_snr", numbers([](const Injected& s) { return s.snr; }), "", "That flux over the error of a source there by the matched filter, sky noise alone", "stat.snr;meta.modelled");
  table.add("round", wholes([](const Injected& s) { return s.pass + 1; }), "", "Those of one number were added together", "meta.number");
  table.add("neighbour", numbers([](const Injected& s) { return std::isfinite(s.neighbour) ? s.neighbour : std::numeric_limits<double>::quiet_NaN(); }), "pixel", "Distance to the nearest source that was there before", "pos.angDistance");
  table.add("found", wholes([](const Injected& s) { return s.found ? 1 : 0; }), "", "1: found again, 0: not", "meta.code.status");
  catalog::add(table, "status", wholes([](const Injected& s) { return static_cast<std::int64_t>(s.status); }));
  catalog::add(table, "flux", when_found(&Injected::fitted)).unit = unit;
  catalog::add(table, "flux_err", when_found(&Injected::error)).unit = unit;
  table.add("east", when_found(&Injected::east), "arcsec", "Found less true position, to the east", "pos.eq.ra;arith.diff");
  table.add("north", when_found(&Injected::north), "arcsec", "The same to the north", "pos.eq.dec;arith.diff");
  catalog::add(table, "ra_err", when_found(&Injected::east_error));
  catalog::add(table, "dec_err", when_found(&Injected::north_error));
  return table;
}

Table completeness_table(const InjectionSummary& summary, const std::string& unit) {
  std::vector<InjectionBin> all = summary.by_snr;
  all.insert(all.end(), summary.by_flux.begin(), summary.by_flux.end());
  const auto numbers = [&](double InjectionBin::*of) {
    std::vector<double> values;
    for (const auto& b : all) values.push_back(b.*of);
    return values;
  };
  const auto counts = [&](long InjectionBin::*of) {
    std::vector<std::int64_t> values;
    for (const auto& b : all) values.push_back(b.*of);
    return values;
  };
  std::vector<std::string> kind(summary.by_snr.size(), "snr");
  kind.resize(all.size(), "flux");
  Table table;
  table.name = "completeness";
  table.add("by", kind, "", "What the range is of: snr, or flux" + (unit.empty() ? std::string{} : " in " + unit), "meta.code");
  table.add("low", numbers(&InjectionBin::low), "", "Range of the true values: from", "stat.min");
  table.add("high", numbers(&InjectionBin::high), "", "to", "stat.max");
  table.add("injected", counts(&InjectionBin::injected), "", "Artificial sources in it", "meta.number");
  table.add("found", counts(&InjectionBin::found), "", "of which were found again", "meta.number");
  table.add("completeness", numbers(&InjectionBin::completeness), "", "Their share", "stat.probability");
  table.add("completeness_low", numbers(&InjectionBin::completeness_low), "", "68 % interval of it: from", "stat.error;stat.probability");
  table.add("completeness_high", numbers(&InjectionBin::completeness_high), "", "to", "stat.error;stat.probability");
  table.add("bias", numbers(&InjectionBin::bias), "", "Median of fitted over true flux, less 1", "phot.flux;arith.ratio");
  table.add("bias_err", numbers(&InjectionBin::bias_err), "", "1 sigma of it", "stat.error");
  table.add("pull_mean", numbers(&InjectionBin::pull_mean), "", "Median of (fitted - true flux) / error", "stat.fit.residual");
  table.add("pull_width", numbers(&InjectionBin::pull_width), "", "Robust width of the same; 1 is right", "stat.stdev");
  return table;
}

}  // namespace tessera::extraction

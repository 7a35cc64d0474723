#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/extraction/report_private.h"
#include "tessera/report/svg.h"
#include "tessera/run/report_page.h"

namespace tessera::extraction {
namespace {

using report::Html;
using report::number_text;

std::string percent(double share, int digits = 1) { return std::isfinite(share) ? fmt::format("{}{:.{}f}", share < 0 ? "−" : "", 100 * std::abs(share), digits) : "–"; }

double middle(const InjectionBin& b) { return 0.5 * std::log10(b.low * b.high); }

report::Markup completeness_plot(const std::vector<InjectionBin>& bins, const std::string& x_label) {
  report::Points points;
  for (const auto& b : bins) {
    if (b.injected == 0) continue;
    points.x.push_back(middle(b)), points.y.push_back(100 * b.completeness), points.low.push_back(100 * b.completeness_low), points.high.push_back(100 * b.completeness_high);
    points.names.push_back(fmt::format("{} of {} found, {} to {}", b.found, b.injected, number_text(b.low), number_text(b.high)));
  }
  return report::point_plot(points, {.x_label = x_label, .y_label = "found, %", .from_zero = true, .reference = 50});
}

report::Markup bias_plot(const InjectionSummary& summary) {
  report::Points points;
  for (const auto& b : summary.by_snr) {
    if (b.high <= summary.calibrated_above || !std::isfinite(b.bias)) continue;
    points.x.push_back(middle(b)), points.y.push_back(100 * b.bias), points.low.push_back(100 * (b.bias - b.bias_err)), points.high.push_back(100 * (b.bias + b.bias_err));
    points.names.push_back(fmt::format("{} ± {} %, {} sources", percent(b.bias, 2), percent(b.bias_err, 2), b.found));
  }
  return report::point_plot(points, {.x_label = "lg true S/N", .y_label = "fitted/true − 1, %", .reference = 0});
}

void bins_table(Html& h, const InjectionSummary& summary) {
  h.open("div", {{"class", "card wide"}, {"style", "margin-top:1rem"}}).open("table").row({"True S/N", "Added", "Found", "%", "68 % interval", "Flux bias, %", "± 1σ", "Pull", "Width"}, 0, "th");
  for (const auto& b : summary.by_snr)
    h.row({fmt::format("{}–{}", number_text(b.low), number_text(b.high)), std::to_string(b.injected), std::to_string(b.found), percent(b.completeness), b.injected > 0 ? percent(b.completeness_low) + "–" + percent(b.completeness_high) : "–",
           percent(b.bias, 2), percent(b.bias_err, 2), number_text(b.pull_mean, 2), number_text(b.pull_width)},
          0);
  h.close().element("p", "Near the threshold those are found that noise made brighter: fluxes found there are too high whatever the fit. Pull: median of (fitted − true)/σ; its robust width is 1 when errors are right.", {{"class", "note"}}).close();
}

}  // namespace

void injection_section(Html& h, const ReportParts& p) {
  if (p.injected.empty()) return;
  const auto& s = p.injection;
  const std::string unit = joint_fit::flux_unit(p.mosaic.unit).name;
  h.element("h2", "Artificial sources");
  h.element("p", fmt::format("{} sources of known flux were added to the images that were read, in {}, and found and fitted as the others. Above {}σ fluxes are off by {} ± {} % and scatter by {} ± {} of their errors; positions by {} ± {}: "
                             "multiply errors by these numbers where they differ from 1 by more than their own error.",
                             p.injected.size(), run::plural(static_cast<std::size_t>(p.injected.back().pass) + 1, "round"), number_text(s.calibrated_above, 2), percent(s.bias, 2), percent(s.bias_err, 2), number_text(s.flux.factor), number_text(s.flux.error, 2),
                             number_text(s.position.factor), number_text(s.position.error, 2)),
            {{"class", "lead"}});
  h.open("div", {{"class", "plots"}});
  run::plot_card(h, "Completeness against S/N", completeness_plot(s.by_snr, "lg true S/N"), "Share of the artificial sources that is in the catalogue; bars are 68 % intervals, the dashed line is one half.");
  run::plot_card(h, "Completeness against flux", completeness_plot(s.by_flux, "lg true flux" + (unit.empty() ? "" : ", " + unit)), "The same; where depth differs over the image a flux has different S/N.");
  run::plot_card(h, "Bias of fluxes", bias_plot(s), fmt::format("Median of fitted over true flux, above {}σ, where finding does not choose by noise.", number_text(s.calibrated_above, 2)));
  if (s.pulls.size() >= 20) {
    std::vector<double> edges, counts;
    histogram(s.pulls, -5, 5, 40, edges, counts);
    run::plot_card(h, "Errors of fluxes", report::bar_plot(edges, counts, {.x_label = "(fitted − true)/σ", .y_label = "sources", .from_zero = true}),
                        fmt::format("{} artificial sources above {}σ. Half the width that holds 68 %: {} ± {}; 1 is right.", s.pulls.size(), number_text(s.calibrated_above, 2), number_text(s.flux.factor), number_text(s.flux.error, 2)));
  }
  h.close();
  bins_table(h, s);
}

}  // namespace tessera::extraction

#include "tessera/match/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "tessera/base/text.h"
#include "tessera/report/svg.h"
#include "tessera/run/report_page.h"

namespace tessera::match {
namespace {

using report::Html;
using report::number_text;
using Residual = AstrometricFit::Residual;

constexpr std::size_t most_marks = 2000, most_catalogues = 8;

std::string with_error(double value, double error) { return std::isfinite(value) ? number_text(value) + " ± " + number_text(error, 2) : "–"; }

void summary(Html& h, const ReportParts& p) {
  std::vector<long> in(p.catalogues.size() + 1);
  long ambiguous = 0;
  for (const auto& g : p.groups) {
    ++in[static_cast<std::size_t>(std::count_if(g.rows.begin(), g.rows.end(), [](auto row) { return row >= 0; }))];
    ambiguous += g.others > 0;
  }
  using run::summary_tile;
  h.open("div", {{"class", "tiles"}});
  summary_tile(h, "Catalogues", std::to_string(p.catalogues.size()), fmt::format("the reference is {}", p.catalogues.front().name));
  summary_tile(h, "Rows", std::to_string(p.groups.size()), "sources kept");
  summary_tile(h, "In all", std::to_string(in.back()), fmt::format("sources that all {} catalogues have", p.catalogues.size()));
  summary_tile(h, "In one", std::to_string(in[1]), "sources without a partner");
  summary_tile(h, "Ambiguous", std::to_string(ambiguous), "sources that further rows agree with");
  summary_tile(h, "Limits", fmt::format("{}″", number_text(p.options.radius)), p.options.sigmas > 0 ? fmt::format("and {} σ of both positions", number_text(p.options.sigmas)) : std::string{"errors do not count"});
  h.close();
}

void comparisons(Html& h, const ReportParts& p) {
  h.element("h2", "Against " + p.catalogues.front().name).open("div", {{"class", "card wide"}}).open("table");
  const std::size_t shown = std::min(p.catalogues.size(), most_catalogues);
  const auto line = [&](const std::string& quantity, const std::function<std::string(std::size_t)>& value, std::string_view tag = "td") {
    std::vector<std::string> cells{quantity};
    for (std::size_t k = 1; k < shown; ++k) cells.push_back(value(k));
    h.row(cells, 1, tag);
  };
  const auto fit = [&](std::size_t k) -> const AstrometricFit& { return p.comparisons[k].fit; };
  line("", [&](std::size_t k) { return p.catalogues[k].name; }, "th");
  line("Rows", [&](std::size_t k) { return std::to_string(p.catalogues[k].positions.size()); });
  line("Matched", [&](std::size_t k) { return std::to_string(p.comparisons[k].matched); });
  line("Expected by chance", [&](std::size_t k) { return number_text(p.comparisons[k].by_chance); });
  line("Median separation, ″", [&](std::size_t k) { return number_text(p.comparisons[k].separation); });
  line("ΔRA cos Dec, ″", [&](std::size_t k) { return with_error(fit(k).offset_ra, fit(k).offset_ra_err); });
  line("ΔDec, ″", [&](std::size_t k) { return with_error(fit(k).offset_dec, fit(k).offset_dec_err); });
  line("Rotation, °", [&](std::size_t k) { return with_error(fit(k).rotation, fit(k).rotation_err); });
  line("Scale − 1", [&](std::size_t k) { return with_error(fit(k).scale, fit(k).scale_err); });
  line("Scatter along RA and Dec, ″", [&](std::size_t k) { return number_text(fit(k).rms_ra) + ", " + number_text(fit(k).rms_dec); });
  line("Residuals over errors", [&](std::size_t k) { return number_text(fit(k).pull_width); });
  h.close().element("p",
                    "Catalogue less reference, by least squares on the plane that touches the sky in the middle of the field; pairs beyond 4 σ are left out. Errors follow the scatter where it exceeds what the catalogues "
                    "state: the last line is 1 where their errors are right. “By chance” is what positions that have nothing to do with each other would give at this density.",
                    {{"class", "note"}})
      .close();
}

/// Marks of the pairs, sorted by x.
report::Points points(const std::vector<Residual>& all, const std::function<double(const Residual&)>& x, const std::function<double(const Residual&)>& y, std::size_t& per) {
  std::vector<const Residual*> order;
  for (const auto& r : all) order.push_back(&r);
  std::stable_sort(order.begin(), order.end(), [&](const Residual* a, const Residual* b) { return x(*a) < x(*b); });
  report::Points marks;
  for (const Residual* r : order) marks.x.push_back(x(*r)), marks.y.push_back(y(*r)), marks.marked.push_back(!r->used);
  return report::thinned(std::move(marks), most_marks, per);
}

void plots(Html& h, const std::string& name, const AstrometricFit& fit) {
  if (fit.residuals.empty()) return;
  std::size_t per = 1;
  const auto note = [&](const std::string& text) { return text + (per > 1 ? fmt::format(" Each mark stands for {} pairs.", per) : ""); };
  h.element("h2", name).open("div", {{"class", "plots"}});
  auto marks = points(fit.residuals, [](const Residual& r) { return r.before_ra; }, [](const Residual& r) { return r.before_dec; }, per);
  run::plot_card(h, "Differences of positions", report::point_plot(marks, {.x_label = "ΔRA cos Dec, arcsec", .y_label = "ΔDec", .unit = "arcsec", .reference = 0}), note("As they are; in the warning colour those that the fit left out."));
  marks = points(fit.residuals, [](const Residual& r) { return r.xi; }, [](const Residual& r) { return r.ra; }, per);
  run::plot_card(h, "Residuals along right ascension", report::point_plot(marks, {.x_label = "east of the middle, arcsec", .y_label = "ΔRA cos Dec", .unit = "arcsec", .reference = 0}), note("After offset, rotation and scale: a bend is distortion."));
  marks = points(fit.residuals, [](const Residual& r) { return r.eta; }, [](const Residual& r) { return r.dec; }, per);
  run::plot_card(h, "Residuals along declination", report::point_plot(marks, {.x_label = "north of the middle, arcsec", .y_label = "ΔDec", .unit = "arcsec", .reference = 0}), note("After offset, rotation and scale."));
  std::vector<double> edges, counts(24);
  double most = 0;
  for (const auto& r : fit.residuals) most = std::max(most, std::hypot(r.before_ra, r.before_dec));
  if (most > 0) {
    for (int i = 0; i <= 24; ++i) edges.push_back(most * i / 24);
    for (const auto& r : fit.residuals) counts[std::min<std::size_t>(23, static_cast<std::size_t>(std::hypot(r.before_ra, r.before_dec) / most * 24))] += 1;
    run::plot_card(h, "Separations", report::bar_plot(edges, counts, {.x_label = "separation, arcsec", .y_label = "pairs", .from_zero = true}), "Rising towards the limit: matches by chance. Cut off at the limit: a radius that is too small.");
  }
  h.close();
}

}  // namespace

void write_report(const ReportParts& p, run::OutputFolder& folder, run::Recorder& context) {
  context.stage("writing report", 1);
  Html h;
  std::vector<std::string> names;
  for (const auto& c : p.catalogues) names.push_back(c.name);
  const std::string title = report::shortened("Matched: " + text::join(names, ", "), 120);
  h.open("main").open("header").element("h1", title).element("p", "Cross-match of catalogues and comparison of their positions", {{"class", "lead"}}).close();
  summary(h, p);
  run::caveat_section(h, context.caveats());
  comparisons(h, p);
  for (std::size_t k = 1; k < std::min(p.catalogues.size(), most_catalogues); ++k) plots(h, p.catalogues[k].name + " less " + p.catalogues.front().name, p.comparisons[k].fit);
  run::finish_report(h, title, p.settings, folder, p.run, context);
  context.step(1);
}

}  // namespace tessera::match

#include "tessera/extraction/report_private.h"
#include "tessera/joint_fit/source_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tessera/base/text.h"
#include "tessera/core/statistics.h"
#include "tessera/picture/sky_marks.h"
#include "tessera/report/figure.h"
#include "tessera/report/svg.h"
#include "tessera/run/report_page.h"
#include "tessera/run/sky_figure.h"

namespace tessera::extraction {
namespace {

using report::Html;
using report::number_text;

constexpr int large_side = 900, small_side = 420;
constexpr std::size_t most_marks = 2000;

/// Pixels outside of the image, or bad, are no data for the eye.
report::SkyFigure figure(const std::string& id, const std::string& title, const std::string& unit, const Image<float>& pixels, const Frame& frame, int side) {
  const Box box = pixels.box();
  picture::PreviewBuilder builder{box.width(), box.height(), side};
  std::vector<float> row(static_cast<std::size_t>(box.width()));
  for (int y = box.y0; y < box.y1; ++y) {
    for (int x = box.x0; x < box.x1; ++x) row[static_cast<std::size_t>(x - box.x0)] = frame.good(x, y) ? pixels(x, y) : std::numeric_limits<float>::quiet_NaN();
    builder.add_row(y - box.y0, row);
  }
  const auto preview = builder.finish();
  picture::PictureOptions options;
  options.title = title, options.unit = unit;
  return run::sky_figure(id, preview, options);
}

void summary(Html& h, const ReportParts& p) {
  long fitted = 0, deep = 0;
  std::vector<double> chi2;
  for (const joint_fit::Source& s : p.sources) {
    if (s.status != joint_fit::Status::fitted) continue;
    ++fitted;
    deep = std::max(deep, static_cast<long>(s.frames));
    if (s.group_dof > 0) chi2.push_back(s.group_chi2 / static_cast<double>(s.group_dof));
  }
  h.open("div", {{"class", "tiles"}});
  using run::summary_tile;
  summary_tile(h, p.list ? "Listed" : "Detections", std::to_string(p.list ? p.sources.size() : p.found.detections.size()), p.list ? "positions given" : "above the threshold");
  summary_tile(h, "Catalogue", std::to_string(p.kept), fmt::format("rows; {} fits went well", fitted));
  summary_tile(h, "Frames", std::to_string(p.images.size()), fmt::format("fitted at once; at most {} see a source", deep));
  summary_tile(h, "Blends", std::to_string(p.fit.largest_group), fmt::format("sources in the largest of {}; {}", run::plural(static_cast<std::size_t>(p.fit.groups), "group"), run::plural(static_cast<std::size_t>(p.fit.rounds), "round")));
  summary_tile(h, "χ²", chi2.empty() ? "–" : number_text(statistics::median(chi2)), "median per degree of freedom");
  summary_tile(h, "Residuals", number_text(p.pulls.sources), fmt::format("σ of pixels under sources; {} of the sky between", number_text(p.pulls.sky)));
  if (!p.injected.empty()) {
    const auto& i = p.injection;
    summary_tile(h, "Half complete", number_text(i.half_complete_snr), std::isfinite(i.half_complete_flux) ? fmt::format("σ, or {} {}, by {} artificial sources", number_text(i.half_complete_flux), joint_fit::flux_unit(p.mosaic.unit).name, p.injected.size()) : "σ; completeness does not pass ½ in the range that was tried");
    summary_tile(h, "Errors", number_text(i.flux.factor), fmt::format("± {} times the stated ones is how much fluxes scatter", number_text(i.flux.error, 2)));
  }
  summary_tile(h, "Time", text::format_duration(p.run.wall_s), "");
  h.close();
}

void pictures(Html& h, const ReportParts& p) {
  const std::string& unit = p.mosaic.unit;
  auto image = figure("mosaic", "Less background", unit, p.found.frame.value, p.found.frame, large_side);
  image.large = true;
  image.caption += "The image that sources are found on, asinh stretch; click to enlarge.";
  run::add_sky_marks(image, p.mosaic.wcs, p.mosaic.width, p.mosaic.height);
  auto residual = figure("residual", "Less sources", unit, p.residual, p.found.frame, small_side);
  residual.caption += "What the fitted sources leave. Rings: a response of the wrong width or place; holes: a wrong flux.";
  auto background = figure("background", "Background", unit, p.found.background, p.found.frame, small_side);
  background.caption += "What was taken off, sources left out.";
  h.open("div", {{"class", "pictures"}}).add(report::sky_figure(image)).add(report::sky_figure(residual)).add(report::sky_figure(background)).close();
}

void plots(Html& h, const ReportParts& p) {
  report::Points fluxes;
  std::vector<double> chi2;
  for (const joint_fit::Source& s : p.sources) {
    if (s.status == joint_fit::Status::not_fitted || s.status == joint_fit::Status::twin) continue;
    const double snr = snr_of(s);
    if (snr > 0.01 && s.flux > 0) {
      fluxes.x.push_back(std::log10(s.flux)), fluxes.y.push_back(std::log10(snr));
      fluxes.marked.push_back(s.status != joint_fit::Status::fitted);
    }
    if (s.group_dof > 0) chi2.push_back(s.group_chi2 / static_cast<double>(s.group_dof));
  }
  if (fluxes.x.empty()) return;
  std::vector<std::size_t> order(fluxes.x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return fluxes.x[a] < fluxes.x[b]; });
  report::Points sorted;
  for (const auto i : order) sorted.x.push_back(fluxes.x[i]), sorted.y.push_back(fluxes.y[i]), sorted.marked.push_back(fluxes.marked[i]);
  std::size_t per = 1;
  sorted = report::thinned(std::move(sorted), most_marks, per);
  h.element("h2", "Sources").open("div", {{"class", "plots"}});
  const std::string& flux = p.images.empty() ? std::string{} : p.images.front().unit.name;
  run::plot_card(h, "Signal to noise", report::point_plot(sorted, {.x_label = "lg flux" + (flux.empty() ? "" : ", " + flux), .y_label = "lg S/N", .reference = std::log10(5.0)}),
                      std::string{"The dashed line is 5σ. In the warning colour: fits that did not end well."} + (per > 1 ? fmt::format(" Each mark stands for {} sources.", per) : ""));
  std::vector<double> edges, counts;
  histogram(chi2, 0, std::max(3.0, std::min(20.0, 2 * statistics::median(chi2))), 30, edges, counts);
  run::plot_card(h, "χ² per degree of freedom", report::bar_plot(edges, counts, {.x_label = "χ²/dof of the group", .y_label = "sources", .from_zero = true}),
                      fmt::format("Median {}. Pixels of a mosaic are correlated, so there it is not 1 even for a perfect fit.", number_text(statistics::median(chi2))));
  if (!p.pulls.shares.empty())
    run::plot_card(h, "Residuals under sources", report::bar_plot(p.pulls.edges, p.pulls.shares, {.x_label = "(data − model)/σ", .y_label = "share of pixels", .from_zero = true}),
                        fmt::format("Width {} (1 is right; more: a response that is not that of the frames, or hits that were missed).", number_text(p.pulls.sources)));
  h.close();
}

}  // namespace

double snr_of(const joint_fit::Source& s) { return s.covariance[8] > 0 ? s.flux / std::sqrt(s.covariance[8]) : std::numeric_limits<double>::quiet_NaN(); }

void histogram(const std::vector<double>& values, double low, double high, int bins, std::vector<double>& edges, std::vector<double>& counts) {
  edges.clear();
  counts.assign(static_cast<std::size_t>(bins), 0);
  for (int i = 0; i <= bins; ++i) edges.push_back(low + (high - low) * i / bins);
  for (const double v : values)
    if (v >= low && v < high) counts[static_cast<std::size_t>((v - low) / (high - low) * bins)] += 1;
}

PullSummary pulls_of(std::span<const joint_fit::FitImage> images, std::span<const joint_fit::Source> sources, int window) {
  PullSummary summary;
  std::vector<float> under, between;
  constexpr std::size_t most = 1'000'000;
  constexpr int rows_together = 128;
  std::size_t pixels = 0;
  for (const auto& image : images) pixels += static_cast<std::size_t>(image.box().area());
  const int step = static_cast<int>(pixels / most) + 1;  // a lattice of rows in very many pixels
  const joint_fit::SourceLists lists{images.size(), sources};
  for (std::size_t k = 0; k < images.size(); ++k) {
    const Box whole = images[k].box();
    Image<std::uint8_t> near{whole};
    lists.for_sights(k, [&](const joint_fit::Source&, const photometry::Sight& sight) {
      const int cx = static_cast<int>(std::lround(sight.x)), cy = static_cast<int>(std::lround(sight.y)), half = window / 2;
      const Box box = intersection(whole, {cx - half, cy - half, cx + half + 1, cy + half + 1});
      for (int y = box.y0; y < box.y1; ++y) std::fill_n(&near(box.x0, y), box.width(), std::uint8_t{1});
    });
    const int rows = std::max(1, rows_together / step) * step;
    for (int first = whole.y0; first < whole.y1; first += rows) {
      const Box band{whole.x0, first, whole.x1, std::min(whole.y1, first + rows)};
      joint_fit::FitImage read;
      if (images[k].stored) {
        read = images[k].window(band);
        read.model = lists.model(read, k);
      }
      const joint_fit::FitImage& image = images[k].stored ? read : images[k];
      for (int y = band.y0; y < band.y1; y += step)
        for (int x = band.x0; x < band.x1; ++x) {
          if (!image.good(x, y)) continue;
          const float variance = image.variance(x, y) + (image.photons.empty() ? 0.0F : image.photons(x, y) * std::max(0.0F, image.model(x, y)));
          (near(x, y) ? under : between).push_back((image.value(x, y) - image.model(x, y)) / std::sqrt(variance));
        }
    }
  }
  const auto width = [](const std::vector<float>& v) { return v.size() < 100 ? std::numeric_limits<double>::quiet_NaN() : statistics::mad_sigma(std::span<const float>{v}); };
  summary.sky = width(between), summary.sources = width(under);
  if (under.size() >= 100) {
    const std::vector<double> values(under.begin(), under.end());
    histogram(values, -6, 6, 48, summary.edges, summary.shares);
    for (double& share : summary.shares) share /= static_cast<double>(under.size());
  }
  return summary;
}

void write_report(const ReportParts& p, run::OutputFolder& folder, run::Recorder& context) {
  context.stage("writing report", 1);
  Html h;
  const std::string title = "Sources of " + p.mosaic.image.path.filename().string();
  std::vector<std::string> lead{p.psf};
  if (!p.mosaic.filter.empty()) lead.push_back(p.mosaic.filter);
  const auto middle = p.mosaic.wcs.pixel_to_sky({(p.mosaic.width - 1) / 2.0, (p.mosaic.height - 1) / 2.0});
  if (std::isfinite(middle.ra_deg)) lead.push_back(fmt::format("{} {} (ICRS)", picture::right_ascension_text(middle.ra_deg), picture::declination_text(middle.dec_deg)));
  h.open("main").open("header").element("h1", report::shortened(title, 120)).element("p", report::shortened(text::join(lead, " · "), 300), {{"class", "lead"}}).close();
  summary(h, p);
  run::caveat_section(h, context.caveats());
  pictures(h, p);
  plots(h, p);
  injection_section(h, p);
  worst_section(h, p);
  run::finish_report(h, title, p.settings, folder, p.run, context);
  context.step(1);
}

}  // namespace tessera::extraction

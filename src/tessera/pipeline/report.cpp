#include "tessera/pipeline/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/base/version.h"
#include "tessera/core/statistics.h"
#include "tessera/picture/sky_marks.h"
#include "tessera/pipeline/report_figures.h"
#include "tessera/report/html.h"
#include "tessera/run/report_page.h"

namespace tessera::pipeline {
namespace {

using report::Html;
using report::number_text;

/// Pixels of each frame that one scheme found.
struct FoundBy {
  std::string scheme;
  std::vector<std::int64_t> count;
  bool fatal = true;
};

std::vector<FoundBy> found_by_scheme(const FrameMasks& masks, const outlier::RejectionOptions& asked) {
  std::vector<FoundBy> all;
  for (const auto scheme : outlier::all_schemes)
    if (asked.uses(scheme)) all.push_back({std::string{outlier::name_of(scheme)}, masks.count(bit_of(scheme)), (asked.fatal() & bit_of(scheme)) != 0});
  if (all.size() < 2) all.clear();  // the column of rejected pixels says it
  return all;
}

/// Everything the sections speak of.
struct Content {
  const run::RunRecord& run;
  const Plan& plan;
  const FramePass& pass;
  const Repeatability& stars;
  const MosaicOptions& options;
  const param::OptionSet& settings;
  const run::OutputFolder& folder;
  run::Recorder& recorder;
  std::vector<std::int64_t> rejected;
  std::vector<FoundBy> found;  ///< by each scheme of several
  const StarLosses& losses;
  SkyFigures figures;
};

std::string with_unit(double value, const std::string& unit) { return unit.empty() ? number_text(value) : number_text(value) + " " + unit; }

std::string date_of_mjd(double mjd) {
  using namespace std::chrono;
  const year_month_day date{sys_days{year{1858} / 11 / 17} + days{static_cast<int>(std::floor(mjd))}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string observed(const Plan& plan) {
  double begin = INFINITY, end = 0;
  for (const auto& f : plan.frames) {
    if (f.mjd_begin > 0) begin = std::min(begin, f.mjd_begin);
    end = std::max({end, f.mjd_begin, f.mjd_end});
  }
  if (!std::isfinite(begin) || end > 1e6) return "";
  const auto first = date_of_mjd(begin), last = date_of_mjd(end);
  return first == last ? "observed " + first : fmt::format("observed {} to {}", first, last);
}

std::string title_of(const Content& c) {
  const auto object = std::string{text::trim(c.plan.frames.front().header.text("OBJECT").value_or(""))};
  return object.empty() ? "Mosaic " + c.folder.path().filename().string() : object;
}

void head(Html& h, const Content& c) {
  std::vector<std::string> parts{c.plan.frames.front().profile->title};
  if (!c.plan.frames.front().filter.empty()) parts.push_back(c.plan.frames.front().filter);
  const auto sky = c.plan.grid.wcs().pixel_to_sky({(c.plan.grid.width - 1) / 2.0, (c.plan.grid.height - 1) / 2.0});
  if (std::isfinite(sky.ra_deg)) parts.push_back(fmt::format("{} {} (ICRS)", picture::right_ascension_text(sky.ra_deg), picture::declination_text(sky.dec_deg)));
  if (const auto when = observed(c.plan); !when.empty()) parts.push_back(when);
  h.open("header").element("h1", report::shortened(title_of(c), 120)).element("p", report::shortened(text::join(parts, " · "), run::longest_text), {{"class", "lead"}}).close();
}

void summary(Html& h, const Content& c) {
  const auto& grid = c.plan.grid;
  const wcs::PixelPoint middle{(grid.width - 1) / 2.0, (grid.height - 1) / 2.0};
  const auto sky_wcs = grid.wcs();
  const double scale = sky_wcs.pixel_scale_arcsec(middle);
  double exposure = 0, good = 0, rejected = 0;
  std::size_t used = 0;
  for (std::size_t i = 0; i < c.plan.frames.size(); ++i) {
    if (!c.pass.frames[i].usable) continue;
    ++used;
    exposure += c.plan.frames[i].exposure_s;
    good += c.pass.frames[i].good_fraction * static_cast<double>(c.plan.frames[i].box().area());
    rejected += static_cast<double>(c.rejected[i]);
  }
  const auto left_out = c.plan.frames.size() - used + c.plan.skipped.size();
  const double covered = static_cast<double>(c.figures.covered());
  h.open("div", {{"class", "tiles"}});
  run::summary_tile(h, "Frames", std::to_string(used), left_out ? run::plural(left_out, "frame") + " left out" : exposure > 0 ? text::format_duration(exposure) + " of exposure" : "all that were given");
  run::summary_tile(h, "Grid", fmt::format("{} × {}", grid.width, grid.height), fmt::format("pixels of {}, {} × {}", picture::angle_text(scale), picture::angle_text(grid.width * scale), picture::angle_text(grid.height * scale)));
  run::summary_tile(h, "Depth", run::plural(static_cast<std::size_t>(c.figures.median_depth()), "frame"),
       fmt::format("median; {} % of the grid covered", number_text(100 * covered / (static_cast<double>(grid.width) * grid.height))));
  run::summary_tile(h, "Noise", number_text(c.figures.median_uncertainty), (c.plan.unit.empty() ? "" : c.plan.unit + ", ") + std::string{"median 1σ of a pixel"});
  run::summary_tile(h, "Rejected", good > 0 ? number_text(100 * rejected / good) + " %" : "–", "of the frames' good pixels");
  std::int64_t peak = 0;
  for (const auto& s : c.recorder.stages()) peak = std::max(peak, s.peak_bytes);
  run::summary_tile(h, "Time", text::format_duration(c.run.wall_s), text::format_bytes(static_cast<double>(peak)) + " of memory");
  h.close();
}

void pictures(Html& h, Content& c) {
  auto& f = c.figures;
  f.mosaic.caption += "Shown with an asinh stretch; click to enlarge. " + std::string{f.mosaic.full_picture.empty() ? "" : "Larger:"};
  f.coverage.caption += "Frames that cover a pixel.";
  f.uncertainty.caption += "1σ of a pixel (asinh stretch), from the frames' variances; neighbours are correlated.";
  h.open("div", {{"class", "pictures"}});
  h.add(report::sky_figure(f.mosaic)).add(report::sky_figure(f.coverage)).add(report::sky_figure(f.uncertainty)).close();
}

std::string offsets_note(const Content& c, const std::string& marks) {
  std::string note = "Subtracted from each frame so that overlaps agree; bars are standard errors";
  std::vector<double> sigma;
  for (const auto& f : c.pass.frames)
    if (f.usable) sigma.push_back(f.offset_sigma);
  note += fmt::format(" (median {}).", with_unit(statistics::median(sigma), c.plan.unit));
  note += c.pass.offsets.groups > 1 ? fmt::format(" {} groups of frames without common sky; their levels are not tied.", c.pass.offsets.groups) : "";
  return note + fmt::format(" {} compared.", run::plural(c.pass.offsets.pairs.size(), "overlap")) + marks;
}

std::string found_note(const Content& c) {
  std::vector<std::string> parts;
  for (const auto& [name, count, fatal] : c.found) parts.push_back(fmt::format("{} {}{}", name, std::accumulate(count.begin(), count.end(), std::int64_t{0}), fatal ? "" : " (not rejected)"));
  return parts.empty() ? "" : " Pixels found by scheme: " + text::join(parts, ", ") + "; some by several.";
}

/// Frames with fewer stars than a caveat needs are not shown: their medians say little.
void star_plots(Html& h, const Content& c) {
  if (std::ranges::none_of(c.stars.frames, &FrameStars::shown)) return;
  const auto places = star_position_plot(c.plan, c.pass, c.stars), fluxes = star_flux_plot(c.plan, c.pass, c.stars);
  run::plot_card(h, "Star positions", places.plot,
            fmt::format("How far each frame's stars lie from where the others have them (median of those of {} stars that are in it, with standard error). A frame in the warning colour may have a wrong pointing.", c.stars.stars) + places.marks);
  run::plot_card(h, "Star fluxes", fluxes.plot, fmt::format("Fluxes of each frame's stars over those of all frames (median with standard error), within {}.", picture::angle_text(c.stars.aperture_arcsec)) + fluxes.marks);
}

void plots(Html& h, const Content& c) {
  h.element("h2", "Frame by frame").open("div", {{"class", "plots"}});
  if (c.options.background.method != background::Method::none && !c.pass.offsets.pairs.empty()) {
    const auto p = offset_plot(c.plan, c.pass);
    run::plot_card(h, "Background offsets", p.plot, offsets_note(c, p.marks));
  }
  if (c.options.input.scale_noise) {
    const auto p = noise_plot(c.plan, c.pass);
    run::plot_card(h, "Noise against expectation", p.plot, "Noise measured in the sky over the stated uncertainty; uncertainties were multiplied by it. 1 is a perfect noise model." + p.marks);
  }
  if (c.options.rejection.schemes() != 0) {
    const auto p = rejection_plot(c.plan, c.pass, c.rejected);
    run::plot_card(h, "Rejected pixels", p.plot, "Pixels found to be outliers among the values all frames give. A frame far above the others deserves a look." + found_note(c) + p.marks);
  }
  star_plots(h, c);
  run::plot_card(h, "Coverage", depth_plot(c.figures), fmt::format("How much of the covered sky is how deep; median {}.", run::plural(static_cast<std::size_t>(c.figures.median_depth()), "frame")) + (c.figures.depth[0] ? " 0 stands for less than half a frame." : ""));
  h.close();
}

void star_losses(Html& h, const Content& c) {
  if (c.losses.bins.empty()) return;
  h.element("h2", "Rejection in stars").open("div", {{"class", "card wide"}}).open("table").row({c.losses.ab ? "AB magnitude" : "Magnitude", "Peak over noise", "Stars", "Frame pixels in cores", "Rejected", "Rejected, %"}, 1, "th");
  for (const auto& b : c.losses.bins)
    h.row({number_text(b.from) + " – " + number_text(b.to), number_text(b.signal_to_noise, 0), std::to_string(b.stars), fmt::format("{:.0f}", b.pixels), std::to_string(b.rejected),
           number_text(b.percent(), 2)},
          1);
  h.close().element("p", fmt::format("Cores of the mosaic's local maxima, by the light within {}″{}. Of all pixels {} % were rejected: where stars lose much more, they were taken for hits.",
                                     number_text(c.losses.aperture_arcsec, 1), c.losses.ab ? "" : ", −2.5 lg of the sum of pixels (zero point 0)", number_text(c.losses.percent_of_all, 2)), {{"class", "note"}}).close();
}

void frames(Html& h, const Content& c) {
  const auto shown = std::min(c.plan.frames.size(), run::most_lines);
  h.open("details").element("summary", "Inputs: " + run::plural(c.plan.frames.size(), "frame"));
  std::vector<std::string> heads{"", "Frame", "Exposure, s", "Weight", "Offset", "±", "Noise scale", "Rejected, %"};
  const bool with_stars = std::ranges::any_of(c.stars.frames, [](const FrameStars& s) { return s.covered > 0; });
  if (with_stars) heads.insert(heads.end(), {"Stars", "East, \"", "North, \"", "Star flux"});
  for (const auto& found : c.found) heads.push_back("By " + found.scheme);
  h.open("div", {{"class", "wide"}}).open("table").row(heads, 2, "th");
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& file = c.plan.frames[i];
    const auto& f = c.pass.frames[i];
    const auto path = report::shortened(file.label(), 160);
    if (!f.usable) {
      std::vector<std::string> cells{std::to_string(i + 1), path, number_text(file.exposure_s), "not used"};
      cells.resize(heads.size());
      h.row(cells, 2);
      continue;
    }
    std::vector<std::string> cells{std::to_string(i + 1), path, number_text(file.exposure_s), number_text(f.weight), number_text(f.offset), number_text(f.offset_sigma, 2), number_text(f.noise_scale),
                                   number_text(100 * rejected_fraction(c.plan, c.pass, c.rejected, i), 2)};
    if (with_stars) {
      const auto& s = c.stars.frames[i];
      cells.insert(cells.end(), {std::to_string(s.count), number_text(s.east, 2), number_text(s.north, 2), number_text(s.flux_ratio, 4)});
    }
    for (const auto& found : c.found) cells.push_back(std::to_string(found.count[i]));
    h.row(cells, 2);
  }
  h.close().close();
  if (shown < c.plan.frames.size()) h.element("p", fmt::format("and {} more: header_list.tbl and offsets.tbl have all of them", c.plan.frames.size() - shown), {{"class", "note"}});
  h.close();
}

}  // namespace

void write_report(const run::RunRecord& run, const Plan& plan, const FramePass& pass, const TileStore& store, const FrameMasks& masks, const StarLosses& losses, const Repeatability& stars, const MosaicOptions& options,
                  const param::OptionSet& settings, run::OutputFolder& folder, run::Recorder& context) {
  context.stage("writing report", 1);
  Content c{run, plan, pass, stars, options, settings, folder, context, masks.count(options.rejection.fatal()), found_by_scheme(masks, options.rejection), losses, sky_figures(plan, store, options.products.pictures)};
  Html h;
  h.open("main");
  head(h, c);
  summary(h, c);
  run::caveat_section(h, c.recorder.caveats());
  pictures(h, c);
  plots(h, c);
  star_losses(h, c);
  frames(h, c);
  run::finish_report(h, title_of(c), settings, folder, run, context);
  context.step(1);
}

}  // namespace tessera::pipeline

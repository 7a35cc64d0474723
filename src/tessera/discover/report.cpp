#include "tessera/discover/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/picture/marked.h"
#include "tessera/picture/sky_marks.h"
#include "tessera/report/svg.h"
#include "tessera/run/report_page.h"
#include "tessera/run/sky_figure.h"

namespace tessera::discover {
namespace {

using report::Html;
using report::number_text;

constexpr int picture_side = 900, longest_side = 1600;
constexpr double ring_arcsec = 18;

picture::PictureOptions look() {
  picture::PictureOptions options;
  options.title = "All channels together", options.unit = "σ of a source on that pixel";
  return options;
}

picture::Preview preview_of(const Image<float>& image, int side) {
  picture::PreviewBuilder builder{image.box().width(), image.box().height(), side};
  for (int y = 0; y < image.box().height(); ++y) builder.add_row(y, image.row(y));
  return builder.finish();
}

double ring_radius(const ReportParts& p) { return std::max(2.5, ring_arcsec / (3600 * std::abs(p.plan.setting.grid.cdelt2_deg))); }

std::string flux_text(double flux, double error) { return std::isfinite(flux) ? fmt::format("{} ± {} µJy", number_text(flux), number_text(error, 2)) : std::string{"–"}; }

std::string place_text(const ReportParts& p, const Detection& d) {
  const auto sky = p.plan.setting.sky.pixel_to_sky({d.x, d.y});
  return fmt::format("{} {}", picture::right_ascension_text(sky.ra_deg), picture::declination_text(sky.dec_deg));
}

double wavelength(const ReportParts& p, int plane) { return p.plan.planes[static_cast<std::size_t>(p.set.planes[static_cast<std::size_t>(plane)])].channel.centre_um; }

void tiles(Html& h, const ReportParts& p) {
  using run::summary_tile;
  const auto& g = p.plan.setting.grid;
  const double side = 3600 * std::abs(g.cdelt2_deg);
  const auto many = std::ranges::count_if(p.found, [](const Detection& d) { return d.seen >= 2; });
  h.open("div", {{"class", "tiles"}});
  summary_tile(h, "Sources", std::to_string(p.found.size()), fmt::format("above {:g} σ; {} are seen in two channels or more", p.options.threshold, many));
  summary_tile(h, "Channels", std::to_string(p.set.planes.size()), "with an exposure");
  summary_tile(h, "Frames", std::to_string(p.plan.frames.size()), fmt::format("of {} show the region", p.plan.files.size()));
  summary_tile(h, "Size", fmt::format("{} × {}", picture::angle_text(g.width * side), picture::angle_text(g.height * side)), fmt::format("{} × {} pixels", g.width, g.height));
  h.close();
}

void detection_image(Html& h, const ReportParts& p) {
  const auto preview = preview_of(p.combined, picture_side);
  auto figure = run::sky_figure("detection", preview, look());
  figure.large = true;
  const auto& grid = p.plan.setting.grid;
  run::add_sky_marks(figure, grid.wcs(), grid.width, grid.height);
  const double across = preview.pixels.box().width() * preview.factor;
  for (std::size_t i = 0; i < p.found.size(); ++i) {
    const auto& d = p.found[i];
    figure.rings.push_back({(d.x + 0.5) / across, (d.y + 0.5) / across, ring_radius(p) / across, fmt::format("{}: {:.1f} σ, {}", i + 1, d.significance, flux_text(d.flux, d.flux_error))});
  }
  figure.caption += "The image that sources are found on, asinh stretch; a ring about each detection, its number under the pointer. Click to enlarge.";
  figure.full_picture = "detection.png";
  h.open("div", {{"class", "pictures"}}).add(report::sky_figure(figure)).close();
}

void spectrum_card(Html& h, const ReportParts& p, std::size_t i) {
  const auto& d = p.found[i];
  report::Points points;
  std::vector<const PlaneValue*> order;
  for (const auto& v : d.values)
    if (std::isfinite(v.flux)) order.push_back(&v);
  std::ranges::stable_sort(order, {}, [&](const PlaneValue* v) { return wavelength(p, v->plane); });
  for (const auto* v : order) {
    points.x.push_back(wavelength(p, v->plane)), points.y.push_back(v->flux), points.low.push_back(v->flux - v->flux_error), points.high.push_back(v->flux + v->flux_error);
    points.marked.push_back(v->significance < p.options.channel_sigma);
    points.names.push_back(fmt::format("channel {}, {:.4f} µm: {}, {:.1f} σ", p.set.channels[static_cast<std::size_t>(v->plane)], wavelength(p, v->plane), flux_text(v->flux, v->flux_error), v->significance));
  }
  h.open("section", {{"class", "card"}, {"id", fmt::format("s{}", i + 1)}}).element("h3", fmt::format("{} – {}", i + 1, place_text(p, d)));
  if (points.x.empty()) h.element("p", "No channel has pixels that tell its flux.", {{"class", "note"}});
  else h.add(report::point_plot(points, {.x_label = "Wavelength, µm", .y_label = "Flux density", .unit = "µJy", .reference = 0, .description = fmt::format("Quick-look spectrum of source {}", i + 1)}));
  h.element("p", fmt::format("{:.1f} σ in all; seen in {} of {} channels. In the second colour: below {:g} σ.", d.significance, d.seen, d.with_data, p.options.channel_sigma), {{"class", "note"}}).close();
}

void table(Html& h, const ReportParts& p) {
  h.element("h2", "Sources").open("div", {{"class", "card wide"}}).open("table").row({"Number", "Place", "σ", "Channels seen", "with data", "Brightest", "Mean flux"}, 2, "th");
  for (std::size_t i = 0; i < std::min(p.found.size(), most_rows); ++i) {
    const auto& d = p.found[i];
    h.row({fmt::format("{}", i + 1), place_text(p, d), fmt::format("{:.1f}", d.significance), std::to_string(d.seen), std::to_string(d.with_data), d.brightest < 0 ? "–" : fmt::format("{:.3f} µm", wavelength(p, d.brightest)), flux_text(d.flux, d.flux_error)}, 2);
  }
  h.close();
  if (p.found.size() > most_rows) h.element("p", fmt::format("and {} more; detections.fits has all", p.found.size() - most_rows), {{"class", "note"}});
  h.close();
}

}  // namespace

void draw_detections(const ReportParts& p, run::OutputFolder& folder) {
  std::vector<picture::Circle> circles;
  for (const auto& d : p.found) circles.push_back({d.x, d.y, ring_radius(p)});
  auto options = look();
  options.title = fmt::format("{} detections above {:g} σ, all channels together", p.found.size(), p.options.threshold);
  options.unit = "σ";
  picture::write_marked_png(preview_of(p.combined, longest_side), p.plan.setting.grid, options, circles, folder.product("detection.png"));
}

void write_report(const ReportParts& p, run::OutputFolder& folder, run::Recorder& context) {
  context.stage("writing report", 1);
  Html h;
  const auto& g = p.plan.setting.grid;
  const auto centre = p.plan.setting.sky.pixel_to_sky(wcs::PixelPoint{(g.width - 1) / 2.0, (g.height - 1) / 2.0});
  const std::string title = fmt::format("Sources about {} {}", picture::right_ascension_text(centre.ra_deg), picture::declination_text(centre.dec_deg));
  h.open("main").open("header").element("h1", title).element("p", "SPHEREx spectral images, all channels together, without a list", {{"class", "lead"}}).close();
  tiles(h, p);
  run::caveat_section(h, context.caveats());
  detection_image(h, p);
  if (p.measured) h.open("p").element("a", "Spectra fitted on the native pixels", {{"href", "spectra/report.html"}}).text(" are the fluxes for use; those below are a quick look.").close();
  else h.element("p", "Fluxes are a quick look at the cube's planes; --measure fits the native pixels.", {{"class", "note"}});
  if (!p.found.empty()) {
    table(h, p);
    h.element("h2", "Quick-look spectra");
    for (std::size_t i = 0; i < std::min(p.found.size(), most_spectra); ++i) spectrum_card(h, p, i);
    if (p.found.size() > most_spectra) h.element("p", fmt::format("The {} most significant of {}; quicklook.fits has all.", most_spectra, p.found.size()), {{"class", "note"}});
  }
  run::finish_report(h, title, p.settings, folder, p.run, context);
  context.step(1);
}

}  // namespace tessera::discover

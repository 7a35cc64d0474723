#include "tessera/cube/cube_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/base/files.h"
#include "tessera/picture/sky_marks.h"
#include "tessera/report/svg.h"
#include "tessera/run/report_page.h"

namespace tessera::cube {
namespace {

using report::Html;
using report::number_text;

constexpr std::size_t most_lines = 200;

void tiles(Html& h, const CubePlan& plan, const std::vector<PlaneLook>& looks) {
  const auto& g = plan.setting.grid;
  const auto with_data = std::ranges::count_if(looks, [](const PlaneLook& l) { return l.coverage > 0; });
  long strips = 0;
  for (const auto& f : plan.frames) strips += static_cast<long>(f.strips.size());
  using run::summary_tile;
  const double side = 3600 * g.cdelt2_deg;
  h.open("div", {{"class", "tiles"}});
  summary_tile(h, "Size", fmt::format("{} × {}", picture::angle_text(g.width * side), picture::angle_text(g.height * side)), fmt::format("{} × {} pixels of {}", g.width, g.height, picture::angle_text(side)));
  summary_tile(h, "Planes", fmt::format("{}", plan.planes.size()), fmt::format("{} with data", with_data));
  summary_tile(h, "Frames", fmt::format("{}", plan.frames.size()), fmt::format("of {}; {} show other sky or channels, {} left out", plan.files.size(), plan.elsewhere, plan.left_out.size()));
  summary_tile(h, "Strips", fmt::format("{}", strips), "exposures of single channels in the cube");
  h.close();
}

/// Marks over wavelength of a number per plane.
report::Points marks(const CubePlan& plan, const std::vector<double>& values) {
  report::Points points;
  std::vector<std::size_t> order;
  for (std::size_t z = 0; z < plan.planes.size(); ++z)
    if (std::isfinite(values[z])) order.push_back(z);
  std::ranges::stable_sort(order, {}, [&](std::size_t z) { return plan.planes[z].channel.centre_um; });
  for (const auto z : order) {
    points.x.push_back(plan.planes[z].channel.centre_um), points.y.push_back(values[z]);
    points.names.push_back(fmt::format("{}, {:.4f} µm: {}", plan.planes[z].name, plan.planes[z].channel.centre_um, number_text(values[z])));
  }
  return points;
}

void plots(Html& h, const CubePlan& plan, const std::vector<PlaneLook>& looks) {
  std::vector<double> exposures, depth, level, coverage;
  for (std::size_t z = 0; z < looks.size(); ++z) {
    exposures.push_back(static_cast<double>(plan.exposures[z]));
    depth.push_back(looks[z].depth), level.push_back(looks[z].level), coverage.push_back(100 * looks[z].coverage);
  }
  h.element("h2", "Plane by plane").open("div", {{"class", "plots"}});
  run::plot_card(h, "Exposures", report::point_plot(marks(plan, exposures), {.x_label = "wavelength, µm", .y_label = "strips on the target", .from_zero = true}), "Planes with none have no data.");
  run::plot_card(h, "Coverage", report::point_plot(marks(plan, coverage), {.x_label = "wavelength, µm", .y_label = "pixels with data", .unit = "%", .from_zero = true}), "Where it is small, stripes and cut stars are to be expected.");
  run::plot_card(h, "Noise", report::point_plot(marks(plan, depth), {.x_label = "wavelength, µm", .y_label = "median σ of a pixel", .unit = "MJy/sr", .from_zero = true}), "From VARIANCE; neighbouring pixels are correlated.");
  run::plot_card(h, "Level", report::point_plot(marks(plan, level), {.x_label = "wavelength, µm", .y_label = "median of the plane", .unit = "MJy/sr", .reference = 0}), "What zodiacal light and airglow leave, and the sky's own light.");
  h.close();
}

void picture_card(Html& h, const std::string& title, const std::string& name, const std::string& words, run::OutputFolder& folder) {
  if (std::ranges::find(folder.products(), name) == folder.products().end()) return;
  h.element("h2", title).open("figure").single("img", {{"src", report::png_url(files::read(folder.product(name)))}, {"alt", title}, {"style", "max-width:100%"}});
  h.element("figcaption", words).close();
}

void left_out(Html& h, const CubePlan& plan) {
  if (plan.left_out.empty()) return;
  h.element("h2", "Left out").open("div", {{"class", "card wide"}}).open("table").row({"Frame", "Why"}, 99, "th");
  for (std::size_t i = 0; i < std::min(plan.left_out.size(), most_lines); ++i) h.row({report::shortened(plan.left_out[i].path, 90), plan.left_out[i].reason});
  h.close();
  if (plan.left_out.size() > most_lines) h.element("p", fmt::format("and {} more; exposures.tbl lists all", plan.left_out.size() - most_lines), {{"class", "note"}});
  h.close();
}

}  // namespace

void write_cube_report(const run::RunRecord& run, const CubePlan& plan, const std::vector<PlaneLook>& looks, const param::OptionSet& settings, run::OutputFolder& folder, run::Recorder& context) {
  context.stage("writing report", 1);
  Html h;
  const auto& g = plan.setting.grid;
  const auto centre = plan.setting.sky.pixel_to_sky(wcs::PixelPoint{(g.width - 1) / 2.0, (g.height - 1) / 2.0});
  const std::string title = fmt::format("Spectral cube about {} {}", picture::right_ascension_text(centre.ra_deg), picture::declination_text(centre.dec_deg));
  h.open("main").open("header").element("h1", title).element("p", "SPHEREx spectral images, strip by strip, as one cube", {{"class", "lead"}}).close();
  tiles(h, plan, looks);
  run::caveat_section(h, context.caveats());
  picture_card(h, "Colours", "rgb.png", "Means of thirds of the planes with data: the longest wavelengths red, the shortest blue. Where planes are missing, colours mislead.", folder);
  picture_card(h, "Planes", "contact_sheet.png", "Each plane stretched for itself; planes/ has them large.", folder);
  plots(h, plan, looks);
  left_out(h, plan);
  run::finish_report(h, title, settings, folder, run, context);
  context.step(1);
}

}  // namespace tessera::cube

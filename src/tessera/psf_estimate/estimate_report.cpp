#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/core/statistics.h"
#include "tessera/picture/bare.h"
#include "tessera/psf_estimate/estimate_private.h"
#include "tessera/report/figure.h"
#include "tessera/report/svg.h"
#include "tessera/run/report_page.h"

namespace tessera::psf_estimate {
namespace {

using report::Html;
using report::number_text;

constexpr std::size_t most_marks = 2000;

template <class T>
report::SkyFigure figure(const std::string& id, const std::string& title, const std::string& caption, const Image<T>& pixels, double scale, picture::Stretch stretch, int enlarged = 4) {
  const int width = pixels.box().width(), height = pixels.box().height();
  picture::PreviewBuilder builder{width * enlarged, height * enlarged, 4000};
  std::vector<float> row(static_cast<std::size_t>(width * enlarged));
  for (int y = 0; y < height * enlarged; ++y) {
    for (int x = 0; x < width * enlarged; ++x) row[static_cast<std::size_t>(x)] = static_cast<float>(scale * static_cast<double>(pixels(x / enlarged, y / enlarged)));
    builder.add_row(y, row);
  }
  picture::PictureOptions options;
  options.stretch = stretch, options.palette = picture::Palette::viridis;
  auto bare = picture::draw_bare(builder.finish(), options);
  report::SkyFigure f;
  f.id = id, f.png = std::move(bare.png), f.width = bare.width, f.height = bare.height, f.title = title, f.caption = caption;
  f.colours.assign(bare.colours.begin(), bare.colours.end());
  for (auto& tick : bare.ticks) f.ticks.emplace_back(tick.position, std::move(tick.label));
  return f;
}

}  // namespace

void Estimation::add_quality_plot(report::Html& h) const {
  const std::string flux_label = "lg flux, " + images_.front().unit.name;
  std::vector<std::pair<double, std::pair<double, bool>>> stars;
  if (by_stamps()) {
    for (const Stamp& s : stamps_)
      if (s.flux > 0 && s.sigma_pix > 0) stars.push_back({std::log10(s.flux), {s.sigma_pix, s.status != StarStatus::used}});
  } else {
    for (const Star& s : stars_)
      if (s.flux > 0 && s.pixels > 3 && s.chi2 > 0) stars.push_back({std::log10(s.flux), {std::log10(s.chi2 / static_cast<double>(s.pixels - 3)), !s.used()}});
  }
  if (stars.empty()) return;
  std::stable_sort(stars.begin(), stars.end());
  report::Points quality;
  for (const auto& [f, c] : stars) quality.x.push_back(f), quality.y.push_back(c.first), quality.marked.push_back(c.second);
  if (by_stamps()) run::plot_card(h, "Stamps", report::point_plot(quality, {.x_label = flux_label, .y_label = "σ of the Gaussian, pixels"}), "In the warning colour: not used.");
  else
    run::plot_card(h, "Stars", report::point_plot(quality, {.x_label = flux_label, .y_label = "lg χ² per degree of freedom", .reference = 0.0}), "In the warning colour: not used. A rise with brightness: the response is not the same for all stars, or detectors are not linear.");
}

void Estimation::write_report(const EffectiveTable& table, run::OutputFolder& folder) {
  Html h;
  const auto& samples = table.samples.front();
  const int n = table.samples_per_pixel, half = samples.box().width() / 2, half_y = samples.box().height() / 2;
  const double peak = samples(half, half_y), along_y = static_cast<double>(n) / table.samples_y();
  const auto radius = [&](int x, int y) { return std::hypot(x - half, along_y * (y - half_y)); };  // in samples along x
  const bool stamps = by_stamps();
  h.open("main").open("header").element("h1", "Point response of " + report::shortened(mosaic_.image.path.filename().string() + (images_.size() > 1 ? "'s frames" : ""), 100)).element("p", fmt::format("{} image{}, {}", images_.size(), images_.size() == 1 ? "" : "s", images_.front().file->filter), {{"class", "lead"}}).close();
  using run::summary_tile;
  double worst = 0;
  for (int y = 0; y <= 2 * half_y; ++y)
    for (int x = 0; x <= 2 * half; ++x)
      if (radius(x, y) <= n * table.radius_pix) worst = std::max(worst, table.sigma(x, y) / peak);
  std::vector<double> off;
  for (const auto& s : shifts_) off.push_back(std::hypot(s.dx, s.dy));
  h.open("div", {{"class", "tiles"}});
  if (stamps) summary_tile(h, "Stamps", std::to_string(used_stars()), fmt::format("of {}, {} stars on {} images", stamps_.size(), sources_.size(), images_.size()));
  else summary_tile(h, "Stars", std::to_string(used_stars()), fmt::format("of {} chosen, on {} images", stars_.size(), images_.size()));
  summary_tile(h, "Full width", number_text(table.fwhm_pix, 4), "pixels at half maximum, the pixel included");
  summary_tile(h, "Table", fmt::format("{} × {}", 2 * half + 1, 2 * half_y + 1), fmt::format("{}{} samples per pixel, radius {} pixels", n, table.samples_per_pixel_y > 0 ? fmt::format(" × {}", table.samples_per_pixel_y) : "", number_text(table.radius_pix)));
  summary_tile(h, stamps ? "Scatter" : "Error", number_text(100 * worst) + " %", stamps ? "of the peak, between stamps, where it is greatest" : "of the peak, 1σ, where it is greatest");
  if (!stamps) summary_tile(h, "χ²", number_text(table.chi2 / static_cast<double>(std::max(1L, table.pixels))), fmt::format("per pixel of {}; {} clipped", table.pixels, table.clipped));
  if (!stamps) summary_tile(h, "Frames", number_text(statistics::median(off)), "pixels off their WCS, median");
  h.close();
  run::caveat_section(h, recorder_.caveats());
  h.open("div", {{"class", "pictures"}});
  auto response = figure("response", "Response", "Share of the peak, asinh stretch; pixels are the detector's, the pixel's response included.", samples, 1 / peak, picture::Stretch::asinh);
  response.large = true;
  h.add(report::sky_figure(response));
  h.add(report::sky_figure(figure("sigma", stamps ? "Scatter of the stamps" : "Its error", stamps ? "Standard deviation of the stamps, share of the peak." : "1σ, share of the peak: leaving out an eighth of the stars in turn.", table.sigma, 1 / peak, picture::Stretch::linear)));
  h.add(report::sky_figure(figure("coverage", "Coverage", stamps ? "Stamps per sample." : "Pixels of stars per sample. Stripes: dithers and positions leave phases out.", table.coverage, 1, picture::Stretch::linear)));
  constexpr int picture_side = 240;
  if (!phases_.median.empty())
    h.add(report::sky_figure(figure("phase", "Residuals by pixel phase", "Light of the 3 × 3 pixels about stars that the table leaves, share of the star's, median by where in its pixel the star lies. A pattern: sensitivity changes within pixels, or the table is wrong; noise has none.",
                                    phases_.median, 1, picture::Stretch::linear, picture_side / phases_.median.box().width())));
  h.close();
  h.element("h2", "Profile").open("div", {{"class", "plots"}});
  report::Points profile, encircled;
  std::vector<double> light(static_cast<std::size_t>(n * table.radius_pix) + 2, 0.0);
  std::vector<std::pair<double, double>> radial;
  for (int y = 0; y <= 2 * half_y; ++y)
    for (int x = 0; x <= 2 * half; ++x) {
      const double r = radius(x, y);
      if (r > n * table.radius_pix) continue;
      if (samples(x, y) > 1e-6 * peak) radial.emplace_back(r / n, std::log10(samples(x, y) / peak));
      light[static_cast<std::size_t>(std::ceil(r))] += samples(x, y) * along_y / (n * n);
    }
  std::stable_sort(radial.begin(), radial.end());
  for (const auto& [r, v] : radial) profile.x.push_back(r), profile.y.push_back(v);
  std::size_t per = 1;
  profile = report::thinned(std::move(profile), most_marks, per);
  run::plot_card(h, "Radial profile", report::point_plot(profile, {.x_label = "distance from the star, pixels", .y_label = "lg share of the peak"}), "All samples: what is not a line is not round.");
  double sum = 0;
  for (std::size_t r = 0; r < light.size(); ++r) {
    sum += light[r];
    encircled.x.push_back(static_cast<double>(r) / n), encircled.y.push_back(sum);
  }
  run::plot_card(h, "Encircled light", report::point_plot(encircled, {.x_label = "radius, pixels", .y_label = "share", .from_zero = true, .reference = 1.0}), "Of the flux within the table's radius, which counts as all of it.");
  if (!phases_.median.empty()) {
    report::Points by_distance;
    std::vector<std::pair<double, double>> order;
    for (std::size_t i = 0; i < phases_.share.size(); ++i) order.emplace_back(phases_.distance[i], 100 * phases_.share[i]);
    std::stable_sort(order.begin(), order.end());
    for (const auto& [d, v] : order) by_distance.x.push_back(d), by_distance.y.push_back(v);
    by_distance = report::thinned(std::move(by_distance), most_marks, per);
    run::plot_card(h, "Residuals by distance from the pixel's centre", report::point_plot(by_distance, {.x_label = "star from the centre of its pixel, pixels", .y_label = "light left in 3 × 3 pixels, %", .reference = 0.0}),
                        "A slope: stars in the middle of a pixel and in its corner do not have the same response. The table holds what depends on the distance from the star alone.");
  }
  add_quality_plot(h);
  h.close();
  run::finish_report(h, "Point response", settings_, folder, clock_.record, recorder_);
}

}  // namespace tessera::psf_estimate

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/extraction/report_private.h"
#include "tessera/joint_fit/source_model.h"
#include "tessera/picture/bare.h"
#include "tessera/picture/sky_marks.h"
#include "tessera/report/svg.h"

namespace tessera::extraction {
namespace {

using report::Html;
using report::number_text;

constexpr std::size_t most_worst = 12;

Box box_about(const photometry::Sight& s, int side) {
  const int cx = static_cast<int>(std::lround(s.x)), cy = static_cast<int>(std::lround(s.y)), half = side / 2;
  return {cx - half, cy - half, cx + half + 1, cy + half + 1};
}

/// χ² of the pixels of a window, over their number.
double mean_chi2(const joint_fit::FitImage& image, Box window, const Image<float>& model) {
  double sum = 0;
  int n = 0;
  for (int y = window.y0; y < window.y1; ++y)
    for (int x = window.x0; x < window.x1; ++x) {
      if (!image.good(x, y)) continue;
      const double d = static_cast<double>(image.value(x, y)) - static_cast<double>(model(x, y));
      sum += d * d / static_cast<double>(image.variance(x, y) + (image.photons.empty() ? 0.0F : image.photons(x, y) * std::max(0.0F, model(x, y))));
      ++n;
    }
  return n > 0 ? sum / n : -1;
}

/// Data, model and what is left beside one another, on one scale; without data between them and where pixels are bad or beyond the edge.
picture::BarePicture strip(const joint_fit::FitImage& image, Box window, const Image<float>& model, const std::string& unit) {
  constexpr float none = std::numeric_limits<float>::quiet_NaN();
  const int side = window.width();
  picture::Preview preview;
  preview.pixels = Image<float>{Box{0, 0, 3 * side + 2, window.height()}, none};
  preview.full_width = preview.pixels.box().width(), preview.full_height = window.height();
  const Box seen = intersection(window, image.box());
  for (int y = seen.y0; y < seen.y1; ++y)
    for (int x = seen.x0; x < seen.x1; ++x) {
      const int i = x - window.x0, j = y - window.y0;
      preview.pixels(side + 1 + i, j) = model(x, y);
      if (!image.good(x, y)) continue;
      preview.pixels(i, j) = image.value(x, y);
      preview.pixels(2 * side + 2 + i, j) = image.value(x, y) - model(x, y);
    }
  picture::PictureOptions options;
  options.unit = unit;
  return picture::draw_bare(preview, options);
}

/// The frame whose pixels of this source the fit meets worst.
void cut_out(Html& h, const ReportParts& p, const joint_fit::Source& s, double chi2, const joint_fit::SourceLists& lists) {
  const photometry::Sight* worst = nullptr;
  double most = -1;
  for (const auto& sight : s.sights) {
    const auto& whole = p.images[static_cast<std::size_t>(sight.frame)];
    const Box window = intersection(box_about(sight, p.fit.window), whole.box());
    if (window.empty()) continue;
    const joint_fit::FitImage image = whole.window(window);
    const Image<float> model = lists.model(image, static_cast<std::size_t>(sight.frame));
    if (const double of = mean_chi2(image, window, model); of > most) most = of, worst = &sight;
  }
  if (!worst) return;
  const auto& whole = p.images[static_cast<std::size_t>(worst->frame)];
  const Box window = box_about(*worst, std::max(p.fit.window, 2 * static_cast<int>(std::ceil(3 * p.fwhm_pix)) + 1));
  const joint_fit::FitImage image = whole.window(intersection(window, whole.box()));
  const Image<float> model = lists.model(image, static_cast<std::size_t>(worst->frame));
  const auto picture = strip(image, window, model, whole.file->unit);
  const long number = static_cast<long>(&s - p.sources.data()) + 1;
  h.open("figure").single("img", {{"class", "crisp"}, {"src", report::png_url(picture.png)}, {"width", std::to_string(picture.width)}, {"height", std::to_string(picture.height)}, {"alt", fmt::format("source {}: data, model and residual", number)}});
  h.open("div", {{"class", "names"}}).element("span", "data").element("span", "model").element("span", "residual").close();
  h.element("figcaption", fmt::format("{}: S/N {}, χ²/dof {}; {}", number, number_text(snr_of(s)), number_text(chi2), report::shortened(whole.file->label().substr(whole.file->label().rfind('/') + 1), 40))).close();
}

}  // namespace

void worst_section(Html& h, const ReportParts& p) {
  std::vector<const joint_fit::Source*> order;
  for (const joint_fit::Source& s : p.sources)
    if (s.pixels > 3 && snr_of(s) > 5) order.push_back(&s);
  const auto chi2 = [](const joint_fit::Source* s) { return s->chi2 / (s->pixels - (s->forced ? 1.0 : 3.0)); };
  std::stable_sort(order.begin(), order.end(), [&](const joint_fit::Source* a, const joint_fit::Source* b) { return chi2(a) > chi2(b); });
  if (order.empty()) return;
  order.resize(std::min(order.size(), most_worst));
  h.element("h2", "Worst fits").open("div", {{"class", "card wide"}}).open("table").row({"Number", "Position", "Flux", "S/N", "χ²/dof, own pixels", "Fitted with", "Frames", "Bad pixels", "Status"}, 2, "th");
  for (const joint_fit::Source* s : order) {
    const auto at = s->position();
    h.row({std::to_string(s - p.sources.data() + 1), picture::right_ascension_text(at.ra_deg) + " " + picture::declination_text(at.dec_deg), number_text(s->flux, 4), number_text(snr_of(*s)), number_text(chi2(s)),
           std::to_string(s->members - 1), std::to_string(s->frames), std::to_string(s->bad_pixels), std::to_string(static_cast<int>(s->status))},
          2);
  }
  h.close().element("p", "Sources above 5σ whose own pixels the fit meets worst: blends that were not taken apart, galaxies, hits, stars beyond the response's linear range. Below each on the image that it is met worst on, less the "
                         "background, one asinh scale for all three.", {{"class", "note"}}).close();
  const joint_fit::SourceLists lists{p.images.size(), p.sources};
  h.open("div", {{"class", "cuts"}, {"style", "margin-top:1rem"}});
  for (const joint_fit::Source* s : order) cut_out(h, p, *s, chi2(s), lists);
  h.close();
}

}  // namespace tessera::extraction

#include "tessera/spectrum/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "tessera/base/text.h"
#include "tessera/io/remote.h"
#include "tessera/picture/bare.h"
#include "tessera/report/svg.h"
#include "tessera/run/report_page.h"

namespace tessera::spectrum {
namespace {

using report::Html;
using report::number_text;

constexpr float no_data = std::numeric_limits<float>::quiet_NaN();
constexpr int gap = 2;  // pixels between cut-out, model and residual

/// Cut-out, model and what is left, the background taken off all three, side by side on one scale.
std::string pixels_png(const Inspection& pixels) {
  const Box box = pixels.image.box();
  const int w = box.width(), h = box.height();
  picture::Preview preview{Image<float>{3 * w + 2 * gap, h, no_data}, 1, 3 * w + 2 * gap, h};
  const auto sky = static_cast<float>(pixels.sky);
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) {
      const float v = pixels.image(box.x0 + x, box.y0 + y), m = pixels.model(box.x0 + x, box.y0 + y);
      preview.pixels(x, y) = v - sky;
      preview.pixels(x + w + gap, y) = m - sky;
      preview.pixels(x + 2 * (w + gap), y) = v - m;
    }
  if (std::ranges::none_of(preview.pixels.pixels(), [](float v) { return std::isfinite(v); })) return {};
  picture::PictureOptions options;
  options.palette = picture::Palette::viridis, options.stretch = picture::Stretch::linear;
  return picture::draw_bare(preview, options).png;
}

std::string flag_text(const Measurement& m) {
  std::vector<std::string> words;
  auto rest = m.flags;
  for (const auto& name : spherex::decode(m.flags)) {
    const int bit = std::countr_zero(rest);
    rest &= rest - 1;
    words.push_back(bit < flag_bits ? fmt::format("{} ({} px)", name, m.flagged[static_cast<std::size_t>(bit)]) : name);
  }
  return words.empty() ? "none" : text::join(words, ", ");
}

std::string short_text(const Measurement& m) { return fmt::format("{:.4f} µm: {} ± {} µJy", m.wavelength_um, number_text(m.flux), number_text(m.flux_error, 2)); }

void point_card(Html& h, const ReportParts& p, const Measurement& m, const std::string& id, const std::string& back) {
  const auto& frame = p.measured.frames[static_cast<std::size_t>(m.frame)];
  h.open("figure", {{"class", "point"}, {"id", id}}).open("h3").text(short_text(m) + " ").element("a", "×", {{"href", "#" + back}, {"title", "close"}}).close();
  if (const auto png = pixels_png(*m.pixels_kept); !png.empty()) {
    h.single("img", {{"class", "crisp"}, {"src", report::png_url(png)}, {"alt", "cut-out, model and residual"}});
    h.open("div", {{"class", "names"}}).element("span", "cut-out less background").element("span", "model").element("span", "residual").close();
  }
  h.open("table");
  h.row({"Flags", fmt::format("{}: {}", m.flags, flag_text(m))});
  h.row({"fit_ql", number_text(m.quality)});
  h.row({"Background", fmt::format("{} µJy per pixel, {}", number_text(m.sky), m.sky_side > 0 ? fmt::format("from {} pixels of {} × {}", m.sky_pixels, m.sky_side, m.sky_side) : std::string{"fitted, or none"})});
  h.row({"In the fit", fmt::format("{} source{}, {} pixels; largest correlation {}", m.fitted, m.fitted == 1 ? "" : "s", m.pixels, number_text(m.correlation, 2))});
  h.row({"Exposure", fmt::format("{} D{}, MJD {:.5f}, pixel ({:.2f}, {:.2f})", frame.observation, frame.detector, frame.mjd, m.x + 1, m.y + 1)});
  h.close().close();
}

void spectrum_card(Html& h, const ReportParts& p, std::size_t source) {
  const auto some = p.measured.of(source);
  const Source& s = p.measured.sources[source];
  report::Points points;
  std::vector<const Measurement*> kept;
  for (const auto& m : some) {
    const bool there = std::isfinite(m.flux) && m.pixels_kept;
    points.x.push_back(m.wavelength_um), points.y.push_back(m.flux), points.low.push_back(m.flux - m.flux_error), points.high.push_back(m.flux + m.flux_error);
    points.marked.push_back(!usable(m, p.options)), points.names.push_back(short_text(m));
    points.links.push_back(there ? fmt::format("#p{}-{}", source + 1, kept.size() + 1) : "");
    if (there) kept.push_back(&m);
  }
  int detector = 0;
  for (const auto& [channel, mean] : measured_channels(p.measured, source, p.options)) {
    if (detector != 0 && channel.detector != detector) points.line_x.push_back(mean.wavelength_um), points.line_y.push_back(std::nan(""));
    detector = channel.detector;
    points.line_x.push_back(mean.wavelength_um), points.line_y.push_back(mean.flux);
  }
  const std::string id = fmt::format("s{}", source + 1);
  h.open("section", {{"class", "card"}, {"id", id}}).element("h3", fmt::format("{} – RA {:.5f}°, Dec {:+.5f}°{}", report::shortened(s.label, 60), s.sky.ra_deg, s.sky.dec_deg, s.extended ? ", Sérsic" : ""));
  h.add(report::point_plot(points, {.x_label = "Wavelength, µm", .y_label = "Flux density", .unit = "µJy", .unmarked_range = true, .description = fmt::format("Spectrum of {}: {} measurements", s.label, some.size())}));
  h.element("p", fmt::format("{} measurements. Bars: 1 σ; in the second colour: with CONTAINS_BAD_PIXEL or FIT_ERROR, at the edge where they lie beyond it; line: means of channels. {}", some.size(),
                             kept.size() == some.size() ? std::string{"A click on a point shows its pixels."} : fmt::format("A click shows the pixels of {} of them.", kept.size())), {{"class", "note"}});
  for (std::size_t i = 0; i < kept.size(); ++i) point_card(h, p, *kept[i], fmt::format("p{}-{}", source + 1, i + 1), id);
  h.close();
}

void summary(Html& h, const ReportParts& p) {
  const auto measured = std::ranges::count_if(p.measured.counts, [](std::size_t n) { return n > 0; });
  h.open("div", {{"class", "tiles"}});
  run::summary_tile(h, "Sources", std::to_string(p.measured.sources.size()), fmt::format("{} with a measurement", measured));
  run::summary_tile(h, "Measurements", std::to_string(p.measured.total()), fmt::format("{} of them do not count in means", p.measured.not_used));
  run::summary_tile(h, "Frames", std::to_string(p.measured.frames.size()), fmt::format("{} hold a source", std::ranges::count_if(p.measured.on_frame, [](auto n) { return n > 0; })));
  if (const auto traffic = io::remote_traffic(); traffic.requests > 0)
    run::summary_tile(h, "Fetched", text::format_bytes(static_cast<double>(traffic.fetched_bytes)), fmt::format("of {} in {} requests", text::format_bytes(static_cast<double>(traffic.file_bytes)), traffic.requests));
  h.close();
}

}  // namespace

std::int64_t inspection_stride(std::size_t sources, std::size_t frames) {
  const std::size_t points = std::min(sources, most_shown_sources) * frames;
  return static_cast<std::int64_t>(std::max<std::size_t>(1, (points + most_shown_points - 1) / most_shown_points));
}

void write_report(const ReportParts& p, run::OutputFolder& folder, run::Recorder& context) {
  context.stage("writing report", 1);
  Html h;
  h.open("main").open("header").element("h1", "SPHEREx spectra").element("p", "Forced photometry of listed sources on spectral images", {{"class", "lead"}}).close();
  summary(h, p);
  run::caveat_section(h, context.caveats());
  h.element("h2", "Spectra");
  std::size_t shown = 0, left = 0;
  for (std::size_t s = 0; s < p.measured.sources.size(); ++s) {
    if (p.measured.counts[s] == 0) continue;
    if (shown < most_shown_sources) p.blocks.show(s), spectrum_card(h, p, s), ++shown;
    else ++left;
  }
  if (left > 0) h.element("p", fmt::format("{} more sources are in the tables.", left), {{"class", "note"}});
  run::finish_report(h, "SPHEREx spectra", p.settings, folder, p.run, context);
  context.step(1);
}

}  // namespace tessera::spectrum

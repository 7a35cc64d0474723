#include "tessera/report/figure.h"

#include <fmt/format.h>

#include <algorithm>

namespace tessera::report {
namespace {

constexpr double canvas = 1000;  // width of the layer over the picture
constexpr std::size_t gradient_stops = 17;
constexpr double widest_letter = 0.028;  // of the narrowest colour bar

std::string arrow(double x, double y, const std::pair<double, double>& direction, const char* name) {
  const double length = 70, dx = direction.first * length, dy = -direction.second * length;
  return fmt::format("<path d=\"M{:.0f} {:.0f}l{:.1f} {:.1f}\"/><text class=\"mid\" x=\"{:.0f}\" y=\"{:.0f}\">{}</text>", x, y, dx, dy, x + 1.35 * dx, y + 1.35 * dy + 12, name);
}

/// Compass at the lower right, scale bar at the lower left; light with a dark rim, so that they are seen on any sky.
std::string sky_layer(const SkyFigure& f) {
  const double height = canvas * f.height / f.width;
  if (height < 240) return "";
  std::string s = fmt::format("<svg class=\"marks\" viewBox=\"0 0 {} {:.0f}\" aria-hidden=\"true\">", canvas, height);
  if (f.scale_bar > 0) {
    const double length = canvas * f.scale_bar, y = height - 40;
    s += fmt::format("<path d=\"M40 {0:.0f}v16m0 -8h{1:.1f}m0 -8v16\"/><text x=\"40\" y=\"{2:.0f}\">{3}</text>", y - 8, length, y - 30, escape(f.scale_label));
  }
  if (f.compass) s += arrow(canvas - 130, height - 130, f.compass->first, "N") + arrow(canvas - 130, height - 130, f.compass->second, "E");
  for (const auto& r : f.rings)
    s += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"><title>{}</title></circle>", canvas * r.x, height - canvas * r.y, canvas * r.radius, escape(r.name));
  return s + "</svg>";
}

std::string gradient(const std::vector<std::uint32_t>& colours) {
  std::string s = "linear-gradient(to right";
  for (std::size_t i = 0; i < gradient_stops; ++i) s += fmt::format(",#{:06x}", colours[i * (colours.size() - 1) / (gradient_stops - 1)] & 0xFFFFFFu);
  return s + ")";
}

std::string colour_bar(const SkyFigure& f) {
  if (f.colours.empty()) return "";
  std::string s = fmt::format("<div class=\"bar\"><div class=\"ramp\" style=\"background:{}\"></div><div class=\"ticks\">", gradient(f.colours));
  double free_from = -1;
  for (const auto& [place, label] : f.ticks) {
    const double half = 0.5 * widest_letter * static_cast<double>(label.size()) + 0.01;
    if (place - half < free_from) continue;  // no room for this label beside the one before
    s += fmt::format("<span style=\"left:{:.2f}%\">{}</span>", 100 * std::clamp(place, 0.02, 0.98), escape(label));
    free_from = place + half;
  }
  return s + fmt::format("</div><div class=\"unit\">{}</div></div>\n", escape(f.unit));
}

}  // namespace

Markup sky_figure(const SkyFigure& f) {
  std::string s = fmt::format("<figure class=\"sky{}\" id=\"{}\">\n<h3>{}</h3>\n", f.large ? " large" : "", escape(f.id), escape(f.title));
  s += fmt::format("<a class=\"back\" href=\"#{0}-small\" aria-label=\"back to the page\">×</a><a class=\"frame\" id=\"{0}-small\" href=\"#{0}\" "
                   "style=\"aspect-ratio:{1}/{2};max-width:min(100%,{3:.1f}vh)\">",
                   escape(f.id), f.width, f.height, 82.0 * f.width / f.height);
  s += fmt::format("<img class=\"{}\" alt=\"{}\" width=\"{}\" height=\"{}\" src=\"{}\"/>", f.width < 600 ? "crisp" : "smooth", escape(f.title), f.width, f.height, png_url(f.png));
  s += (f.large ? sky_layer(f) : "") + "</a>\n" + colour_bar(f);
  s += fmt::format("<figcaption>{}", escape(f.caption));
  if (!f.full_picture.empty()) s += fmt::format(" <a href=\"{}\">{}</a>", link_to(f.full_picture), escape(f.full_picture));
  return {s + "</figcaption>\n</figure>\n"};
}

}  // namespace tessera::report

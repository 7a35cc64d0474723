#include "tessera/report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace tessera::report {
namespace {

// Drawn in these units; the page scales it to its width, so that 13 units of letters stay legible on a phone.
constexpr double width = 480, height = 250, font = 13;
constexpr double top = 30, bottom = 212, right = 468;
constexpr std::size_t most_named = 200;  // more marks than this are one path without names
constexpr std::size_t most_runs = 200;   // that still are told apart

/// From values to places of the drawing.
struct Frame {
  Axis x, y;
  double left = 40;
  double px(double v) const { return left + (v - x.low) / (x.high - x.low) * (right - left); }
  double py(double v) const { return bottom - (v - y.low) / (y.high - y.low) * (bottom - top); }
};

double text_width(const std::string& s) {
  return 0.58 * font * static_cast<double>(std::ranges::count_if(s, [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
}

Frame make_frame(const Axis& x, const Axis& y) {
  Frame f{x, y};
  double labels = 0;
  for (const auto& t : y.ticks) labels = std::max(labels, text_width(t.label));
  f.left = std::clamp(labels + 12, 28.0, 120.0);
  return f;
}

std::string begin(const PlotOptions& options) {
  return fmt::format("<svg class=\"plot\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", width, height, escape(options.description));
}

std::string axes(const Frame& f, const PlotOptions& options) {
  std::string s;
  for (const auto& t : f.y.ticks) {
    s += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}H{}\"/>", f.left, f.py(t.value), right);
    s += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"end\">{}</text>\n", f.left - 6, f.py(t.value) + 0.35 * font, escape(t.label));
  }
  for (const auto& t : f.x.ticks) {
    s += fmt::format("<path class=\"axis\" d=\"M{:.1f} {}v4\"/>", f.px(t.value), bottom);
    s += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"mid\">{}</text>\n", f.px(t.value), bottom + 5 + font, escape(t.label));
  }
  s += fmt::format("<path class=\"axis\" d=\"M{:.1f} {}H{}\"/>\n", f.left, bottom, right);
  const auto unit = unit_text(f.y.exponent, options.unit);
  s += fmt::format("<text x=\"2\" y=\"{}\" class=\"label\">{}</text>", font + 1, escape(options.y_label + (unit.empty() ? "" : ", " + unit)));
  const auto x_unit = unit_text(f.x.exponent, "");
  s += fmt::format("<text x=\"{}\" y=\"{}\" class=\"label end\">{}</text>\n", right, height - 4, escape(options.x_label + (x_unit.empty() ? "" : ", " + x_unit)));
  return s;
}

std::string reference_line(const Frame& f, double value) {
  if (!std::isfinite(value) || value < f.y.low || value > f.y.high) return "";
  return fmt::format("<path class=\"reference\" d=\"M{:.1f} {:.1f}H{}\"/>\n", f.left, f.py(value), right);
}

std::pair<double, double> range_of(const Points& p, const PlotOptions& options) {
  double low = INFINITY, high = -INFINITY;
  const auto take = [&](double v) {
    if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  };
  const bool all = !options.unmarked_range || std::ranges::find(p.marked, 0) == p.marked.end();
  for (std::size_t i = 0; i < p.y.size(); ++i) {
    if (!all && p.marked[i] != 0) continue;
    take(p.y[i]);
    if (!p.low.empty()) take(p.low[i]), take(p.high[i]);
  }
  take(options.reference);
  if (options.from_zero) return {0, high > 0 ? 1.06 * high : high};
  const double room = 0.05 * (high - low);
  return {low - room, high + room};
}

/// Paths are short: a mark without length gets its size from the round caps of the stroke.
std::string marks(const Frame& f, const Points& p, bool marked) {
  std::string bars, dots;
  for (std::size_t i = 0; i < p.y.size(); ++i) {
    if (!std::isfinite(p.y[i]) || (!p.marked.empty() && p.marked[i] != 0) != marked) continue;
    if (!p.low.empty() && std::isfinite(p.low[i]) && std::isfinite(p.high[i]) && p.high[i] > p.low[i])
      bars += fmt::format("M{:.1f} {:.1f}V{:.1f}", f.px(p.x[i]), f.py(p.low[i]), f.py(p.high[i]));
    dots += fmt::format("M{:.1f} {:.1f}h0", f.px(p.x[i]), f.py(p.y[i]));
  }
  std::string s;
  const char* kind = marked ? " marked" : "";
  const char* size = p.y.size() > most_named ? " small" : "";
  if (!bars.empty()) s += fmt::format("<path class=\"bar{}{}\" d=\"{}\"/>\n", kind, size, bars);
  if (!dots.empty()) s += fmt::format("<path class=\"dot{}{}\" d=\"{}\"/>\n", kind, size, dots);
  return s;
}

/// Circles that are not seen and carry the names the pointer shows.
std::string names(const Frame& f, const Points& p) {
  std::string s;
  if (p.names.empty() || (p.y.size() > most_named && p.links.empty())) return s;
  for (std::size_t i = 0; i < p.y.size(); ++i) {
    const bool link = !p.links.empty() && !p.links[i].empty();
    if (!std::isfinite(p.y[i]) || (!link && p.y.size() > most_named)) continue;
    const auto circle = fmt::format("<circle class=\"name\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"7\"><title>{}</title></circle>", f.px(p.x[i]), f.py(p.y[i]), escape(p.names[i]));
    s += link ? fmt::format("<a href=\"{}\">{}</a>\n", escape(p.links[i]), circle) : circle + "\n";
  }
  return s;
}

std::string curve(const Frame& f, const Points& p) {
  std::string d;
  bool joined = false;
  for (std::size_t i = 0; i < p.line_x.size(); ++i) {
    const bool there = std::isfinite(p.line_x[i]) && std::isfinite(p.line_y[i]);
    if (there) d += fmt::format("{}{:.1f} {:.1f}", joined ? 'L' : 'M', f.px(p.line_x[i]), f.py(p.line_y[i]));
    joined = there;
  }
  return d.empty() ? d : fmt::format("<path class=\"curve\" d=\"{}\"/>\n", d);
}

double middle_of(std::vector<double> values) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty()) return NAN;
  std::ranges::sort(values);
  return 0.5 * (values[(values.size() - 1) / 2] + values[values.size() / 2]);
}

/// Numbers of frames and the like, or edges halfway between them: ticks between whole numbers would mean nothing.
bool counted(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double v) { return std::abs(2 * v - std::round(2 * v)) < 1e-9; });
}

}  // namespace

Points thinned(Points p, std::size_t most, std::size_t& per_point) {
  const std::size_t n = p.y.size();
  per_point = n <= most ? 1 : (n + most_runs - 1) / most_runs;
  if (per_point == 1) return p;
  Points out;
  for (std::size_t first = 0; first < n; first += per_point) {
    const std::size_t last = std::min(n, first + per_point);
    double low = INFINITY, high = -INFINITY;
    std::uint8_t marked = 0;
    for (std::size_t i = first; i < last; ++i) {
      low = std::fmin(low, p.low.empty() ? p.y[i] : std::fmin(p.low[i], p.y[i]));  // fmin and fmax pass over NaN
      high = std::fmax(high, p.high.empty() ? p.y[i] : std::fmax(p.high[i], p.y[i]));
      marked |= p.marked.empty() ? std::uint8_t{0} : p.marked[i];
    }
    const auto part = [&](const std::vector<double>& v) { return std::vector<double>(v.begin() + static_cast<std::ptrdiff_t>(first), v.begin() + static_cast<std::ptrdiff_t>(last)); };
    out.x.push_back(middle_of(part(p.x))), out.y.push_back(middle_of(part(p.y)));
    out.low.push_back(low), out.high.push_back(high), out.marked.push_back(marked);
  }
  return out;
}

Markup point_plot(const Points& given, const PlotOptions& options) {
  const auto [low, high] = range_of(given, options);
  Points points = given;
  if (options.unmarked_range && low < high)
    for (auto* ends : {&points.y, &points.low, &points.high})
      for (double& v : *ends) v = std::isfinite(v) ? std::clamp(v, low, high) : v;
  double first = INFINITY, last = -INFINITY;
  for (const double x : points.x) first = std::min(first, x), last = std::max(last, x);
  const double margin = last > first ? 0.02 * (last - first) : 0.5;
  Frame f = make_frame(make_axis(first - margin, last + margin, 6, counted(points.x)), make_axis(low, high, 5));
  return {begin(options) + axes(f, options) + reference_line(f, options.reference) + curve(f, points) + marks(f, points, false) + marks(f, points, true) + names(f, points) + "</svg>\n"};
}

Markup bar_plot(const std::vector<double>& edges, const std::vector<double>& heights, const PlotOptions& options) {
  const double highest = heights.empty() ? 1 : *std::ranges::max_element(heights);
  Frame f = make_frame(edges.empty() ? Axis{} : make_axis(edges.front(), edges.back(), 6, counted(edges)), make_axis(0, highest > 0 ? 1.06 * highest : 1, 5));
  std::string s = begin(options) + axes(f, options);
  for (std::size_t i = 0; i < heights.size() && i + 1 < edges.size(); ++i) {
    if (!(heights[i] > 0)) continue;
    const double x0 = f.px(edges[i]), x1 = f.px(edges[i + 1]), gap = x1 - x0 > 6 ? 1 : 0;
    s += fmt::format("<path class=\"column\" d=\"M{:.1f} {}V{:.2f}H{:.1f}V{}z\"/>\n", x0 + gap, bottom, f.py(heights[i]), x1 - gap, bottom);
  }
  return {s + "</svg>\n"};
}

}  // namespace tessera::report

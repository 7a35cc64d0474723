#include "tessera/picture/spectrum_plot.h"

#include <cairo-svg.h>
#include <cairo.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/picture/display_scale.h"

namespace tessera::picture {
namespace {

constexpr int width = 1100, height = 620;
constexpr double left = 110, right = 30, top = 60, bottom = 80, font = 17;

struct Release {
  void operator()(cairo_t* p) const { cairo_destroy(p); }
  void operator()(cairo_surface_t* p) const { cairo_surface_destroy(p); }
};
using Surface = std::unique_ptr<cairo_surface_t, Release>;
using Painter = std::unique_ptr<cairo_t, Release>;

struct Range {
  double low = INFINITY, high = -INFINITY;
  void add(double v) {
    if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  }
  void widen(double part) {
    if (!(low <= high)) low = 0, high = 1;
    const double more = high > low ? part * (high - low) : std::max(std::abs(high) * part, 1e-30);
    low -= more, high += more;
  }
};

Range x_range(const SpectrumPlot& p) {
  Range r;
  for (std::size_t i = 0; i < p.x.size(); ++i) r.add(p.x[i] - (p.x_half.empty() ? 0 : p.x_half[i])), r.add(p.x[i] + (p.x_half.empty() ? 0 : p.x_half[i]));
  r.widen(.03);
  return r;
}

/// Zero, the points, and their errors as far as they do not dwarf the points.
Range y_range(const SpectrumPlot& p) {
  Range points;
  for (const bool all : {false, true}) {  // marked ones only where there is nothing else
    for (std::size_t i = 0; i < p.y.size(); ++i)
      if (all || p.marked.empty() || !p.marked[i]) points.add(p.y[i]);
    if (points.low <= points.high) break;
  }
  points.add(0);
  Range r = points;
  const double most = points.high > points.low ? points.high - points.low : INFINITY;
  for (std::size_t i = 0; i < p.y.size(); ++i) {
    if (p.y_err.empty() || (!p.marked.empty() && p.marked[i]) || !(p.y_err[i] < most)) continue;
    r.add(p.y[i] - p.y_err[i]), r.add(p.y[i] + p.y_err[i]);
  }
  r.widen(.05);
  return r;
}

/// Multiples of 1, 2 or 5 · 10ⁿ within the range, about `wanted` of them, each with its label.
std::vector<Tick> even_ticks(Range r, int wanted) {
  const double rough = (r.high - r.low) / wanted, power = std::pow(10, std::floor(std::log10(rough))), part = rough / power;
  const double step = power * (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10);
  const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 12);
  const bool large = std::max(std::abs(r.low), std::abs(r.high)) >= 1e7 || step < 1e-6;
  std::vector<Tick> ticks;
  for (double k = std::ceil(r.low / step); k * step <= r.high; ++k) ticks.push_back({k * step, large ? fmt::format("{:.3g}", k * step) : fmt::format("{:.{}f}", k == 0 ? 0.0 : k * step, decimals)});
  return ticks;
}

class Canvas {
 public:
  Canvas(cairo_t* cairo, Range x, Range y) : cairo_{cairo}, x_{x}, y_{y} {}
  double at_x(double v) const { return left + (v - x_.low) / (x_.high - x_.low) * (width - left - right); }
  double at_y(double v) const { return height - bottom - (v - y_.low) / (y_.high - y_.low) * (height - top - bottom); }
  void colour(std::uint32_t rgb) const { cairo_set_source_rgb(cairo_, (rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0); }
  void segment(double xa, double ya, double xb, double yb, double thick) const {
    cairo_set_line_width(cairo_, thick);
    cairo_move_to(cairo_, xa, ya);
    cairo_line_to(cairo_, xb, yb);
    cairo_stroke(cairo_);
  }
  void text(const std::string& words, double x, double y, double align, double size = font) const {
    cairo_select_font_face(cairo_, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cairo_, size);
    cairo_text_extents_t e;
    cairo_text_extents(cairo_, words.c_str(), &e);
    cairo_move_to(cairo_, x - align * e.x_advance, y);
    cairo_show_text(cairo_, words.c_str());
  }
  void axes(const SpectrumPlot& p) const {
    colour(0x1a1a1a);
    for (const auto& t : even_ticks(x_, 10)) {
      segment(at_x(t.value), height - bottom, at_x(t.value), height - bottom + 6, 1.2);
      text(t.label, at_x(t.value), height - bottom + 8 + font, .5);
    }
    for (const auto& t : even_ticks(y_, 6)) {
      segment(left - 6, at_y(t.value), left, at_y(t.value), 1.2);
      text(t.label, left - 10, at_y(t.value) + .36 * font, 1);
    }
    text(p.x_label, (left + width - right) / 2, height - 16, .5);
    text(p.title, left, top - 22, 0, 1.15 * font);
    cairo_save(cairo_);
    cairo_translate(cairo_, 26, (top + height - bottom) / 2);
    cairo_rotate(cairo_, -std::numbers::pi / 2);
    text(p.y_label, 0, 0, .5);
    cairo_restore(cairo_);
    cairo_set_line_width(cairo_, 1.2);
    cairo_rectangle(cairo_, left, top, width - left - right, height - top - bottom);
    cairo_stroke(cairo_);
  }
  void line(const SpectrumPlot& p) const {
    bool down = false;
    colour(0xd1700f);
    cairo_set_line_width(cairo_, 1.6);
    for (std::size_t i = 0; i < p.line_x.size(); ++i) {
      const bool there = std::isfinite(p.line_y[i]);
      if (there && down) cairo_line_to(cairo_, at_x(p.line_x[i]), at_y(p.line_y[i]));
      if (there && !down) cairo_move_to(cairo_, at_x(p.line_x[i]), at_y(p.line_y[i]));
      down = there;
    }
    cairo_stroke(cairo_);
  }
  void points(const SpectrumPlot& p, bool marked) const {
    colour(marked ? 0xb9bec6 : 0x1f4e9c);
    for (std::size_t i = 0; i < p.x.size(); ++i) {
      if (!std::isfinite(p.x[i]) || !std::isfinite(p.y[i]) || marked != (!p.marked.empty() && p.marked[i])) continue;
      const double x = at_x(p.x[i]), y = at_y(p.y[i]);
      if (!p.y_err.empty() && std::isfinite(p.y_err[i])) segment(x, at_y(p.y[i] - p.y_err[i]), x, at_y(p.y[i] + p.y_err[i]), 1.1);
      if (!p.x_half.empty() && std::isfinite(p.x_half[i])) segment(at_x(p.x[i] - p.x_half[i]), y, at_x(p.x[i] + p.x_half[i]), y, 1.1);
      cairo_arc(cairo_, x, y, 3.2, 0, 2 * std::numbers::pi);
      marked ? cairo_stroke(cairo_) : cairo_fill(cairo_);
    }
  }

 private:
  cairo_t* cairo_;
  Range x_, y_;
};

cairo_status_t append(void* target, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(target)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

void draw(cairo_surface_t* surface, const SpectrumPlot& plot) {
  const Painter painter{cairo_create(surface)};
  cairo_t* cairo = painter.get();
  cairo_set_source_rgb(cairo, 1, 1, 1);
  cairo_paint(cairo);
  const Canvas canvas{cairo, x_range(plot), y_range(plot)};
  cairo_save(cairo);
  cairo_rectangle(cairo, left, top, width - left - right, height - top - bottom);
  cairo_clip(cairo);
  canvas.colour(0xc8ccd2);
  canvas.segment(left, canvas.at_y(0), width - right, canvas.at_y(0), 1);
  canvas.points(plot, true);
  canvas.line(plot);
  canvas.points(plot, false);
  cairo_restore(cairo);
  canvas.axes(plot);
}

void check(cairo_status_t status, const std::filesystem::path& path) {
  if (status != CAIRO_STATUS_SUCCESS) throw SystemError{fmt::format("{}: the picture could not be drawn ({})", path.string(), cairo_status_to_string(status))};
}

}  // namespace

void write_spectrum_png(const SpectrumPlot& plot, const std::filesystem::path& path) {
  const Surface surface{cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height)};
  draw(surface.get(), plot);
  std::string png;
  check(cairo_surface_write_to_png_stream(surface.get(), append, &png), path);
  files::write_atomic(path, png);
}

void write_spectrum_svg(const SpectrumPlot& plot, const std::filesystem::path& path) {
  std::string svg;
  const Surface surface{cairo_svg_surface_create_for_stream(append, &svg, width, height)};
  draw(surface.get(), plot);
  cairo_surface_finish(surface.get());
  check(cairo_surface_status(surface.get()), path);
  files::write_atomic(path, svg);
}

}  // namespace tessera::picture

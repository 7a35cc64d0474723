#include <cairo.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "tessera/base/files.h"
#include "tessera/picture/display_scale.h"
#include "tessera/picture/marked.h"
#include "tessera/picture/palette.h"
#include "tessera/picture/picture.h"
#include "tessera/picture/sky_marks.h"

namespace tessera::picture {
namespace {

constexpr int wanted_side = 900;   // small images are enlarged by whole factors up to this
constexpr int largest_zoom = 64;
constexpr int least_bar_height = 160;
constexpr double letter_room = 1.3;  // of the font size, beyond an arrow's tip

struct Release {
  void operator()(cairo_t* p) const { cairo_destroy(p); }
  void operator()(cairo_surface_t* p) const { cairo_surface_destroy(p); }
};
using Surface = std::unique_ptr<cairo_surface_t, Release>;
using Painter = std::unique_ptr<cairo_t, Release>;

/// Text in one font size, black, baseline at y; knows how wide it will be.
class Pen {
 public:
  Pen(cairo_t* cairo, double size) : cairo_{cairo} {
    cairo_select_font_face(cairo, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cairo, size);
  }
  double width(const std::string& text) const {
    cairo_text_extents_t e;
    cairo_text_extents(cairo_, text.c_str(), &e);
    return e.x_advance;
  }
  /// `align` 0: x is the left end, 0.5: the middle, 1: the right end.
  void write(const std::string& text, double x, double y, double align = 0) const {
    cairo_set_source_rgb(cairo_, 0.1, 0.1, 0.1);
    cairo_move_to(cairo_, x - align * width(text), y);
    cairo_show_text(cairo_, text.c_str());
  }
  /// Reads upwards, centred on (x, y).
  void write_upwards(const std::string& text, double x, double y) const {
    cairo_save(cairo_);
    cairo_translate(cairo_, x, y);
    cairo_rotate(cairo_, -std::numbers::pi / 2);
    write(text, 0, 0, 0.5);
    cairo_restore(cairo_);
  }
  /// The text, its end replaced by … when it is wider than `room`.
  std::string fitted(std::string text, double room) const {
    if (width(text) <= room) return text;
    while (!text.empty() && width(text + "…") > room) {
      while (text.size() > 1 && (static_cast<unsigned char>(text.back()) & 0xc0u) == 0x80u) text.pop_back();  // UTF-8 continuation bytes
      text.pop_back();
    }
    return text + "…";
  }

 private:
  cairo_t* cairo_;
};

/// What is said below the image.
struct Legend {
  std::optional<Compass> directions;
  ScaleBar bar;
  double bar_length = 0;  // picture pixels
  std::vector<std::string> lines;
};

Legend make_legend(const Preview& preview, const wcs::Grid& grid, double picture_per_pixel, double room) {
  Legend legend;
  legend.lines.push_back(fmt::format("{} × {} pixels", preview.full_width, preview.full_height));
  if (preview.factor > 1) legend.lines.back() += fmt::format(", drawn {0} × {0} averaged", preview.factor);
  const auto wcs = grid.wcs();
  const wcs::PixelPoint middle{0.5 * (preview.full_width - 1), 0.5 * (preview.full_height - 1)};
  const auto sky = wcs.pixel_to_sky(middle);
  const auto jacobian = wcs.jacobian(middle);
  if (!std::isfinite(sky.ra_deg) || !std::isfinite(jacobian[0] + jacobian[1] + jacobian[2] + jacobian[3])) return legend;
  legend.directions = compass(jacobian);
  const double across = 3600 * std::hypot(jacobian[0], jacobian[2]), up = 3600 * std::hypot(jacobian[1], jacobian[3]);
  legend.bar = scale_bar(room * across / picture_per_pixel);
  legend.bar_length = legend.bar.arcsec / across * picture_per_pixel;
  legend.lines.insert(legend.lines.begin(), fmt::format("centre {} {} (ICRS)", right_ascension_text(sky.ra_deg), declination_text(sky.dec_deg)));
  legend.lines.push_back(fmt::format("{} × {}, pixel {}", angle_text(preview.full_width * across), angle_text(preview.full_height * up),
                                     angle_text(wcs.pixel_scale_arcsec(middle))));
  return legend;
}

/// Where things stand on the canvas; every text has a strip of its own.
struct Layout {
  int zoom = 1;
  int image_width = 0, image_height = 0, bar_height = 0;
  double font = 14, title_font = 18, margin = 24;
  double image_x = 0, image_y = 0, bar_x = 0, bar_width = 0, legend_y = 0, compass_radius = 0, legend_room = 0;
  int width = 0, height = 0;
};

int zoom_of(const Preview& preview) {
  const Box box = preview.pixels.box();
  return preview.factor > 1 ? 1 : std::clamp(wanted_side / std::max(box.width(), box.height()), 1, largest_zoom);
}

Layout make_layout(const Preview& preview, const PictureOptions& options, const std::vector<Tick>& ticks, cairo_t* cairo) {
  const Box box = preview.pixels.box();
  Layout l;
  l.zoom = zoom_of(preview);
  l.image_width = box.width() * l.zoom;
  l.image_height = box.height() * l.zoom;
  l.bar_height = std::max(l.image_height, least_bar_height);
  l.font = std::clamp(0.017 * std::max(l.image_width, l.image_height), 14.0, 26.0);
  l.title_font = 1.3 * l.font;
  l.margin = 1.5 * l.font;
  l.image_x = l.margin;
  l.image_y = options.title.empty() ? l.margin : l.margin + 1.7 * l.title_font;
  double labels = 0;
  const Pen pen{cairo, l.font};
  for (const auto& t : ticks) labels = std::max(labels, pen.width(t.label));
  // Three lines of text and the compass need this much below the narrowest image.
  const double least_width = 28 * l.font;
  l.bar_width = 1.6 * l.font;
  l.bar_x = l.image_x + l.image_width + l.font;
  const double right = l.bar_x + l.bar_width + 0.8 * l.font + labels + (options.unit.empty() ? 0 : 2.0 * l.font) + l.margin;
  l.width = static_cast<int>(std::ceil(std::max(right, least_width + 2 * l.margin)));
  l.compass_radius = 2.6 * l.font;
  l.legend_y = l.image_y + l.bar_height + 1.2 * l.font;
  l.height = static_cast<int>(std::ceil(l.legend_y + 7.4 * l.font + 0.5 * l.margin));  // scale bar and three lines
  l.legend_room = std::max(6 * l.font, 0.25 * l.image_width);
  return l;
}

void draw_pixels(cairo_t* cairo, const Preview& preview, const DisplayScale& scale, Palette palette, const Layout& l) {
  const Box box = preview.pixels.box();
  const auto colours = colour_table(palette);
  const std::uint32_t empty = no_data_colour(palette);
  const Surface picture{cairo_image_surface_create(CAIRO_FORMAT_RGB24, box.width(), box.height())};
  cairo_surface_flush(picture.get());
  auto* bytes = cairo_image_surface_get_data(picture.get());
  const int stride = cairo_image_surface_get_stride(picture.get());
  for (int y = 0; y < box.height(); ++y) {
    auto* out = reinterpret_cast<std::uint32_t*>(bytes + static_cast<std::ptrdiff_t>(box.height() - 1 - y) * stride);  // y upwards
    const auto row = preview.pixels.row(y);
    for (std::size_t x = 0; x < row.size(); ++x)
      out[x] = std::isfinite(row[x]) ? colours[static_cast<std::size_t>(std::lround(255 * std::clamp(scale.position(static_cast<double>(row[x])), 0.0, 1.0)))] : empty;
  }
  cairo_surface_mark_dirty(picture.get());
  cairo_save(cairo);
  cairo_translate(cairo, std::round(l.image_x), std::round(l.image_y));
  cairo_scale(cairo, l.zoom, l.zoom);
  cairo_set_source_surface(cairo, picture.get(), 0, 0);
  cairo_pattern_set_filter(cairo_get_source(cairo), CAIRO_FILTER_NEAREST);
  cairo_paint(cairo);
  cairo_restore(cairo);
}

/// Light circles with a dark rim, seen on any sky.
void draw_circles(cairo_t* cairo, std::span<const Circle> circles, const Preview& preview, const Layout& l) {
  cairo_save(cairo);
  cairo_rectangle(cairo, l.image_x, l.image_y, l.image_width, l.image_height);
  cairo_clip(cairo);
  const double scale = static_cast<double>(l.zoom) / preview.factor;
  for (const auto& c : circles) {
    const double x = std::round(l.image_x) + (c.x + 0.5) * scale, y = std::round(l.image_y) + l.image_height - (c.y + 0.5) * scale, r = std::max(5.0, c.radius * scale);
    for (const auto& [width, shade] : {std::pair{4.0, 0.0}, {2.0, 1.0}}) {
      cairo_set_source_rgb(cairo, shade, 0.75 * shade, 0.1 * shade);
      cairo_set_line_width(cairo, width);
      cairo_new_sub_path(cairo);
      cairo_arc(cairo, x, y, r, 0, 2 * std::numbers::pi);
      cairo_stroke(cairo);
    }
  }
  cairo_restore(cairo);
}

void frame_rectangle(cairo_t* cairo, double x, double y, double width, double height) {
  cairo_set_source_rgb(cairo, 0.2, 0.2, 0.2);
  cairo_set_line_width(cairo, 1);
  cairo_rectangle(cairo, std::round(x) - 0.5, std::round(y) - 0.5, std::round(width) + 1, std::round(height) + 1);
  cairo_stroke(cairo);
}

void draw_colour_bar(cairo_t* cairo, const DisplayScale& scale, const std::vector<Tick>& ticks, const PictureOptions& options, const Layout& l) {
  const auto colours = colour_table(options.palette);
  const double x = std::round(l.bar_x), y = std::round(l.image_y);
  for (int k = 0; k < l.bar_height; ++k) {
    const auto c = colours[static_cast<std::size_t>(std::lround(255.0 * k / (l.bar_height - 1)))];
    cairo_set_source_rgb(cairo, (c >> 16 & 255u) / 255.0, (c >> 8 & 255u) / 255.0, (c & 255u) / 255.0);
    cairo_rectangle(cairo, x, y + l.bar_height - 1 - k, std::round(l.bar_width), 1);
    cairo_fill(cairo);
  }
  frame_rectangle(cairo, x, y, l.bar_width, l.bar_height);
  const Pen pen{cairo, l.font};
  const double right = x + std::round(l.bar_width);
  double labels = 0, free_below = INFINITY;
  for (const auto& t : ticks) {
    const double place = std::clamp(y + l.bar_height * (1 - scale.position(t.value)), y, y + l.bar_height);
    cairo_set_source_rgb(cairo, 0.2, 0.2, 0.2);
    cairo_move_to(cairo, right, std::round(place) - 0.5);
    cairo_line_to(cairo, right + 0.4 * l.font, std::round(place) - 0.5);
    cairo_stroke(cairo);
    if (place > free_below) continue;  // no room for this label above the last one
    pen.write(t.label, right + 0.7 * l.font, place + 0.36 * l.font);
    free_below = place - 1.3 * l.font;
    labels = std::max(labels, pen.width(t.label));
  }
  if (!options.unit.empty()) pen.write_upwards(pen.fitted(options.unit, l.bar_height), right + 0.7 * l.font + labels + 1.5 * l.font, y + 0.5 * l.bar_height);
}

void draw_arrow(cairo_t* cairo, double x, double y, const Direction& d, double length, const std::string& name, const Pen& pen, double font) {
  const double dx = d.x, dy = -d.y;  // the canvas counts downwards
  const double tip_x = x + length * dx, tip_y = y + length * dy, head = 0.22 * length;
  cairo_set_source_rgb(cairo, 0.1, 0.1, 0.1);
  cairo_set_line_width(cairo, std::max(1.5, 0.1 * font));
  cairo_move_to(cairo, x, y);
  cairo_line_to(cairo, tip_x - 0.8 * head * dx, tip_y - 0.8 * head * dy);
  cairo_stroke(cairo);
  cairo_move_to(cairo, tip_x, tip_y);
  cairo_line_to(cairo, tip_x - head * (dx + 0.45 * dy), tip_y - head * (dy - 0.45 * dx));
  cairo_line_to(cairo, tip_x - head * (dx - 0.45 * dy), tip_y - head * (dy + 0.45 * dx));
  cairo_close_path(cairo);
  cairo_fill(cairo);
  pen.write(name, tip_x + 0.75 * font * dx, tip_y + 0.75 * font * dy + 0.36 * font, 0.5);
}

/// Left to right: compass, scale bar above the lines of text.
void draw_legend(cairo_t* cairo, const Legend& legend, const Layout& l) {
  const Pen pen{cairo, l.font};
  const double reach = l.compass_radius * 0.75 + letter_room * l.font;
  double x = l.image_x;
  if (legend.directions) {
    // Centred in its square by the room the two arrows and the corner between them take.
    const auto& [n, e] = *legend.directions;
    const auto middle = [](double a, double b) { return 0.5 * (std::max({a, b, 0.0}) + std::min({a, b, 0.0})); };
    const double cx = x + reach - l.compass_radius * middle(n.x, e.x), cy = l.legend_y + reach - l.compass_radius * middle(-n.y, -e.y);
    draw_arrow(cairo, cx, cy, n, l.compass_radius, "N", pen, l.font);
    draw_arrow(cairo, cx, cy, e, l.compass_radius, "E", pen, l.font);
    x += 2 * reach + l.font;
  }
  double y = l.legend_y + 1.4 * l.font;
  if (legend.bar_length > 0) {
    cairo_set_source_rgb(cairo, 0.1, 0.1, 0.1);
    cairo_set_line_width(cairo, std::max(2.0, 0.15 * l.font));
    const double middle = y - 0.35 * l.font, tick = 0.35 * l.font;
    cairo_move_to(cairo, x, middle - tick);
    cairo_line_to(cairo, x, middle + tick);
    cairo_move_to(cairo, x, middle);
    cairo_line_to(cairo, x + legend.bar_length, middle);
    cairo_move_to(cairo, x + legend.bar_length, middle - tick);
    cairo_line_to(cairo, x + legend.bar_length, middle + tick);
    cairo_stroke(cairo);
    pen.write(legend.bar.label, x + legend.bar_length + 0.7 * l.font, y);
    y += 2.0 * l.font;
  }
  for (const auto& line : legend.lines) {
    pen.write(pen.fitted(line, l.width - l.margin - x), x, y);
    y += 1.6 * l.font;
  }
}

cairo_status_t append(void* target, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(target)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

Painter make_painter(cairo_surface_t* surface) {
  Painter painter{cairo_create(surface)};
  cairo_font_options_t* font = cairo_font_options_create();
  cairo_font_options_set_antialias(font, CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(font, CAIRO_HINT_STYLE_SLIGHT);
  cairo_font_options_set_hint_metrics(font, CAIRO_HINT_METRICS_OFF);
  cairo_set_font_options(painter.get(), font);
  cairo_font_options_destroy(font);
  return painter;
}

}  // namespace

void write_png(const Preview& preview, const wcs::Grid& grid, const PictureOptions& options, const std::filesystem::path& path) { write_marked_png(preview, grid, options, {}, path); }

void write_marked_png(const Preview& preview, const wcs::Grid& grid, const PictureOptions& options, std::span<const Circle> circles, const std::filesystem::path& path) {
  if (preview.pixels.box().empty()) throw UsageError{fmt::format("{}: there is no pixel to draw", path.string())};
  const auto scale = choose_scale(preview.pixels.pixels(), options);
  const Surface scratch{cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1, 1)};
  const auto measuring = make_painter(scratch.get());
  const int bar = std::max(preview.pixels.box().height() * zoom_of(preview), least_bar_height);
  const auto ticks = choose_ticks(scale, bar < 300 ? 4 : 7, options.integer_levels);
  const Layout layout = make_layout(preview, options, ticks, measuring.get());

  const Surface surface{cairo_image_surface_create(CAIRO_FORMAT_RGB24, layout.width, layout.height)};
  const auto painter = make_painter(surface.get());
  cairo_t* cairo = painter.get();
  cairo_set_source_rgb(cairo, 1, 1, 1);
  cairo_paint(cairo);
  if (!options.title.empty()) {
    const Pen pen{cairo, layout.title_font};
    pen.write(pen.fitted(options.title, layout.width - 2 * layout.margin), layout.margin, layout.margin + layout.title_font);
  }
  draw_pixels(cairo, preview, scale, options.palette, layout);
  draw_circles(cairo, circles, preview, layout);
  frame_rectangle(cairo, layout.image_x, layout.image_y, layout.image_width, layout.image_height);
  draw_colour_bar(cairo, scale, ticks, options, layout);
  draw_legend(cairo, make_legend(preview, grid, static_cast<double>(layout.zoom) / preview.factor, layout.legend_room), layout);

  std::string png;
  const auto status = cairo_surface_write_to_png_stream(surface.get(), append, &png);
  if (status != CAIRO_STATUS_SUCCESS) throw SystemError{fmt::format("{}: the picture could not be drawn ({})", path.string(), cairo_status_to_string(status))};
  files::write_atomic(path, png);
}

}  // namespace tessera::picture

#include "tessera/picture/contact_sheet.h"

#include <cairo.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "tessera/base/files.h"
#include "tessera/picture/display_scale.h"
#include "tessera/picture/palette.h"

namespace tessera::picture {
namespace {

constexpr int gap = 8, label_height = 18, margin = 20, title_height = 34;
constexpr double font = 11, title_font = 17;

struct Release {
  void operator()(cairo_t* p) const { cairo_destroy(p); }
  void operator()(cairo_surface_t* p) const { cairo_surface_destroy(p); }
};
using Surface = std::unique_ptr<cairo_surface_t, Release>;
using Painter = std::unique_ptr<cairo_t, Release>;

void write(cairo_t* cairo, const std::string& text, double x, double y, double size) {
  cairo_select_font_face(cairo, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo, size);
  cairo_set_source_rgb(cairo, .1, .1, .1);
  cairo_move_to(cairo, x, y);
  cairo_show_text(cairo, text.c_str());
}

/// The pixels, as large as their cell, in its middle.
void draw(cairo_t* cairo, const Preview& preview, const PictureOptions& options, double x, double y) {
  const Box box = preview.pixels.box();
  const auto scale = choose_scale(preview.pixels.pixels(), options);
  const auto colours = colour_table(options.palette);
  const Surface picture{cairo_image_surface_create(CAIRO_FORMAT_RGB24, box.width(), box.height())};
  cairo_surface_flush(picture.get());
  auto* bytes = cairo_image_surface_get_data(picture.get());
  const int stride = cairo_image_surface_get_stride(picture.get());
  for (int row = 0; row < box.height(); ++row) {
    auto* out = reinterpret_cast<std::uint32_t*>(bytes + static_cast<std::ptrdiff_t>(box.height() - 1 - row) * stride);  // y upwards
    const auto values = preview.pixels.row(row);
    for (std::size_t i = 0; i < values.size(); ++i)
      out[i] = std::isfinite(values[i]) ? colours[static_cast<std::size_t>(std::lround(255 * std::clamp(scale.position(static_cast<double>(values[i])), 0.0, 1.0)))] : no_data_colour(options.palette);
  }
  cairo_surface_mark_dirty(picture.get());
  const double zoom = static_cast<double>(sheet_cell) / std::max(box.width(), box.height());
  cairo_save(cairo);
  cairo_translate(cairo, std::round(x + (sheet_cell - zoom * box.width()) / 2.0), std::round(y + (sheet_cell - zoom * box.height()) / 2.0));
  cairo_scale(cairo, zoom, zoom);
  cairo_set_source_surface(cairo, picture.get(), 0, 0);
  cairo_pattern_set_filter(cairo_get_source(cairo), zoom < 3 ? CAIRO_FILTER_BILINEAR : CAIRO_FILTER_NEAREST);  // few pixels are shown as they are
  cairo_paint(cairo);
  cairo_restore(cairo);
}

cairo_status_t append(void* target, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(target)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

}  // namespace

void write_contact_sheet(const std::vector<SheetItem>& items, int columns, const std::string& title, const PictureOptions& options, const std::filesystem::path& path) {
  if (items.empty() || columns < 1) throw UsageError{fmt::format("{}: a contact sheet needs pictures", path.string())};
  const int across = std::min(columns, static_cast<int>(items.size())), down = (static_cast<int>(items.size()) + across - 1) / across;
  const int cell_height = sheet_cell + label_height + gap;
  const Surface surface{cairo_image_surface_create(CAIRO_FORMAT_RGB24, 2 * margin + across * (sheet_cell + gap) - gap, 2 * margin + title_height + down * cell_height - gap)};
  const Painter painter{cairo_create(surface.get())};
  cairo_t* cairo = painter.get();
  cairo_set_source_rgb(cairo, 1, 1, 1);
  cairo_paint(cairo);
  write(cairo, title, margin, margin + title_font, title_font);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const double x = margin + static_cast<double>(static_cast<int>(i) % across) * (sheet_cell + gap), y = margin + title_height + static_cast<double>(static_cast<int>(i) / across) * cell_height;
    const auto pixels = items[i].preview.pixels.pixels();
    if (std::ranges::any_of(pixels, [](float v) { return std::isfinite(v); })) draw(cairo, items[i].preview, options, x, y);
    cairo_set_source_rgb(cairo, .75, .75, .75);
    cairo_set_line_width(cairo, 1);
    cairo_rectangle(cairo, x - .5, y - .5, sheet_cell + 1, sheet_cell + 1);
    cairo_stroke(cairo);
    cairo_save(cairo);
    cairo_rectangle(cairo, x, y + sheet_cell, sheet_cell + gap / 2.0, label_height);
    cairo_clip(cairo);
    write(cairo, items[i].label, x, y + sheet_cell + 13, font);
    cairo_restore(cairo);
  }
  std::string png;
  const auto status = cairo_surface_write_to_png_stream(surface.get(), append, &png);
  if (status != CAIRO_STATUS_SUCCESS) throw SystemError{fmt::format("{}: the picture could not be drawn ({})", path.string(), cairo_status_to_string(status))};
  files::write_atomic(path, png);
}

}  // namespace tessera::picture

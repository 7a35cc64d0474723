#include "tessera/images/rgb.h"

#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/core/statistics.h"
#include "tessera/io/fits.h"
#include "tessera/picture/lupton.h"
#include "tessera/picture/png_stream.h"
#include "tessera/reproject/area.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::images {
namespace {

constexpr int band_rows = 64, block_columns = 256;
constexpr double same_place = 1e-3;      // pixels: grids that differ by less are one
constexpr double auto_stretch = 25;      // noise of the mean image: then one sigma is 11 of 255
constexpr std::int64_t samples_wanted = 400000;

/// One of the three: its pixels on the grid of the first.
class Layer {
 public:
  Layer(const std::filesystem::path& path, const Layer* first) : file_{path} {
    const auto found = file_.first_image();
    if (!found) throw DataError{fmt::format("{}: no image in it", path.string())};
    hdu_ = *found;
    const auto& axes = file_.hdus()[static_cast<std::size_t>(hdu_)].axes;
    box_ = {0, 0, static_cast<int>(axes[0]), static_cast<int>(axes[1])};
    const Header header = file_.header(hdu_);
    if (wcs::SkyWcs::present(header)) wcs_ = wcs::SkyWcs::from_header(header, path.string());
    if (first) join(*first);
  }
  Box box() const { return box_; }
  const std::filesystem::path& path() const { return file_.path(); }

  /// Pixels of `block`, a part of the first image's box; NaN where there is none. Safe from many threads.
  Image<float> read(Box block) {
    if (!to_this_) {
      const std::lock_guard lock{mutex_};
      return file_.read_float(hdu_, block);
    }
    Image<float> out{block, NAN};
    const Box window = reproject::needed_window(*to_this_, block, box_);
    if (window.empty()) return out;
    Frame frame{window};
    {
      const std::lock_guard lock{mutex_};
      frame.value = file_.read_float(hdu_, window);
    }
    for (std::size_t i = 0; i < frame.value.pixels().size(); ++i) {
      const bool good = std::isfinite(frame.value.pixels()[i]);
      frame.good.pixels()[i] = good;
      frame.variance.pixels()[i] = good;
      if (!good) frame.value.pixels()[i] = 0;
    }
    Resampled resampled{block};
    reproject::area_overlap(frame.view(), *to_this_, resampled.view());
    for (std::size_t i = 0; i < out.pixels().size(); ++i)
      if (resampled.coverage.pixels()[i] > 0) out.pixels()[i] = resampled.value.pixels()[i];
    return out;
  }

  /// Pixels from rows and columns all over the image, for its level and noise.
  std::vector<float> sample() {
    const auto step = static_cast<int>(std::max(1.0, std::sqrt(static_cast<double>(box_.area()) / static_cast<double>(samples_wanted))));
    std::vector<float> values;
    for (int y = box_.y0 + step / 2; y < box_.y1; y += step) {
      const auto row = file_.read_float(hdu_, Box{0, y, box_.x1, y + 1});
      for (int x = step / 2; x < box_.x1; x += step)
        if (std::isfinite(row(x, y))) values.push_back(row(x, y));
    }
    if (values.empty()) throw DataError{fmt::format("{}: no pixel of it has a value", path().string())};
    return values;
  }

 private:
  void join(const Layer& first) {
    if (!wcs_ || !first.wcs_) {
      if (box_ == first.box_) return;
      throw DataError{fmt::format("{}: {} × {} pixels, but {} has {} × {}; images of different grids need a WCS each", path().string(), box_.width(), box_.height(), first.path().string(),
                                  first.box_.width(), first.box_.height())};
    }
    const auto exact = wcs::plane_to_plane(*first.wcs_, *wcs_);
    if (box_ == first.box_ && one_grid(*exact)) return;
    to_this_ = wcs::approximate(exact, first.box_);
    if (reproject::needed_window(*to_this_, first.box_, box_).empty()) throw DataError{fmt::format("{} and {} show no common sky", path().string(), first.path().string())};
  }
  bool one_grid(const wcs::PixelMap& map) const {
    const double right = box_.x1 - 1, top = box_.y1 - 1;
    const std::array<double, 5> x{0, right, 0, right, right / 2}, y{0, 0, top, top, top / 2};
    std::array<double, 5> u{}, v{};
    map.apply(x, y, u, v);
    for (std::size_t i = 0; i < x.size(); ++i)
      if (!(std::hypot(u[i] - x[i], v[i] - y[i]) < same_place)) return false;
    return true;
  }

  io::FitsFile file_;
  int hdu_ = 0;
  Box box_;
  std::optional<wcs::SkyWcs> wcs_;
  wcs::PixelMapPtr to_this_;
  std::mutex mutex_;
};

/// One number for all or three, for red, green and blue; nothing for "auto".
std::optional<std::array<double, 3>> three(const std::string& text, std::string_view option) {
  if (text::lower(text::trim(text)) == "auto") return std::nullopt;
  std::vector<double> values;
  std::string plain{text};
  for (char& c : plain)
    if (c == ',') c = ' ';
  for (const auto& word : text::split(plain, ' ')) {
    if (word.empty()) continue;
    const auto value = text::to_double(word);
    if (value && std::isfinite(*value)) values.push_back(*value);
    else values.resize(4);
  }
  if (values.size() == 1) return std::array{values[0], values[0], values[0]};
  if (values.size() == 3) return std::array{values[0], values[1], values[2]};
  throw UsageError{fmt::format("{} '{}': expected auto, one number, or three for red, green and blue", option, text)};
}

picture::LuptonScale choose_scale(std::array<std::unique_ptr<Layer>, 3>& layers, const RgbOptions& options) {
  picture::LuptonScale scale;
  scale.q = options.q;
  scale.stretch = options.stretch;
  const auto minimum = three(options.minimum, "rgb.minimum"), factor = three(options.scale, "rgb.scale");
  std::array<double, 3> level{}, noise{1, 1, 1};
  if (!minimum || !factor || options.stretch == 0)
    for (std::size_t k = 0; k < 3; ++k) {
      const auto values = layers[k]->sample();
      level[k] = statistics::median(values);
      const double sigma = statistics::mad_sigma(values);
      noise[k] = sigma > 0 ? sigma : 1;
    }
  double variance = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    scale.minimum[k] = minimum ? (*minimum)[k] : level[k];
    scale.factor[k] = factor ? (*factor)[k] : 1 / noise[k];
    variance += std::pow(scale.factor[k] * noise[k] / 3, 2);
  }
  if (options.stretch == 0) scale.stretch = auto_stretch * std::sqrt(variance);
  if (!(scale.stretch > 0)) throw UsageError{"rgb.stretch: a number above 0 was expected (all of rgb.scale is 0)"};
  return scale;
}

std::string describe_scale(const picture::LuptonScale& s) {
  return fmt::format("minimum {:.6g},{:.6g},{:.6g}; scale {:.6g},{:.6g},{:.6g}; stretch {:.6g}; Q {:.6g}", s.minimum[0], s.minimum[1], s.minimum[2], s.factor[0], s.factor[1], s.factor[2],
                     s.stretch, s.q);
}

}  // namespace

void describe(param::Schema<RgbOptions>& s) {
  s.field(&RgbOptions::minimum, "minimum", "Value shown black, of all three images or \"R,G,B\"; auto: the median of each.").flag("minimum").placeholder("V[,V,V]");
  s.field(&RgbOptions::scale, "scale", "Factor for each image after its minimum is taken off; auto: one over its noise (from the median deviation).").flag("scale").placeholder("V[,V,V]");
  s.field(&RgbOptions::stretch, "stretch", "Mean of the three scaled values that is shown at 97 of 255 (for Q = 8); 0: 25 times its noise.").at_least(0).flag("stretch");
  s.field(&RgbOptions::q, "q", "Softening: larger values show faint and bright sources with less contrast between them.").range(0, 1e10).flag("q");
}

void make_rgb(const std::array<std::filesystem::path, 3>& images, const RgbOptions& options, const std::filesystem::path& out, run::Context& context) {
  std::array<std::unique_ptr<Layer>, 3> layers;
  for (std::size_t k = 0; k < 3; ++k) layers[k] = std::make_unique<Layer>(images[k], k ? layers[0].get() : nullptr);
  const auto scale = choose_scale(layers, options);
  const Box whole = layers[0]->box();
  context.log(run::Level::info, describe_scale(scale));
  picture::RgbPng png{out, whole.width(), whole.height(), "tessera rgb (Lupton et al. 2004): " + describe_scale(scale)};
  const int bands = (whole.height() + band_rows - 1) / band_rows, blocks = (whole.width() + block_columns - 1) / block_columns;
  const auto width = static_cast<std::size_t>(whole.width());
  std::vector<std::uint8_t> rgb(3 * width * band_rows);
  context.stage("drawing", bands);
  for (int band = bands - 1; band >= 0; --band) {  // FITS rows rise, those of a picture fall
    const int y0 = band * band_rows, y1 = std::min(whole.y1, y0 + band_rows);
    context.pool().for_each(blocks, [&](std::int64_t i) {
      const int x0 = static_cast<int>(i) * block_columns;
      const Box block{x0, y0, std::min(whole.x1, x0 + block_columns), y1};
      const std::array pixels{layers[0]->read(block), layers[1]->read(block), layers[2]->read(block)};
      for (int y = y0; y < y1; ++y)
        picture::lupton({pixels[0].row(y), pixels[1].row(y), pixels[2].row(y)}, scale,
                        std::span{rgb}.subspan(3 * (static_cast<std::size_t>(y - y0) * width + static_cast<std::size_t>(x0)), 3 * static_cast<std::size_t>(block.width())));
    });
    for (int y = y1 - 1; y >= y0; --y) png.add_row(std::span{rgb}.subspan(3 * static_cast<std::size_t>(y - y0) * width, 3 * width));
    context.step();
  }
  png.close();
}

}  // namespace tessera::images

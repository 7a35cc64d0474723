#include "tessera/joint_fit/fit_image.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "tessera/background/frame_sky.h"
#include "tessera/core/statistics.h"

namespace tessera::joint_fit {
namespace {

constexpr double sr_in_arcsec2 = 4.25451702961522e10;
constexpr double bright = 10;             // sigma above the sky: there the variance tells of photons
constexpr std::size_t least_bright = 20;
constexpr double noisy = 2;

}  // namespace

FluxUnit flux_unit(const std::string& unit) {
  constexpr std::string_view per_arcsec2 = "/arcsec2";
  if (unit == "MJy/sr") return {"uJy", 1e12, FluxUnit::Area::steradian};
  if (unit.ends_with(per_arcsec2)) return {unit.substr(0, unit.size() - per_arcsec2.size()), 1, FluxUnit::Area::arcsec2};
  return {unit, 1, FluxUnit::Area::pixel};
}

bool ResponseCut::keeps(double dx, double dy) const {
  const double r = std::hypot(dx, dy);
  return !(outer > 0 && r > outer) && !(hole > 0 && r < hole) && !(box_x > 0 && std::abs(dx) > box_x / 2) && !(box_y > 0 && std::abs(dy) > box_y / 2);
}

double FitImage::value_of_unit_flux(double x, double y) const {
  if (unit.area == FluxUnit::Area::pixel) return 1 / unit.factor;
  const double sr = file->wcs.pixel_area_sr({x, y});
  return 1 / (unit.factor * (unit.area == FluxUnit::Area::steradian ? sr : sr * sr_in_arcsec2));
}

FitImage FitImage::geometry() const {
  FitImage other;
  other.file = file, other.psf = psf, other.unit = unit, other.cut_response = cut_response, other.mjd = mjd, other.saturated = saturated, other.stored = stored;
  if (correlation) other.correlation = correlation->copy();
  return other;
}

FitImage FitImage::window(Box part) const {
  FitImage other = geometry();
  other.stored.reset();
  other.value = Image<float>{part}, other.variance = Image<float>{part}, other.good = Image<std::uint8_t>{part};
  if (stored ? stored->has_photons : !photons.empty()) other.photons = Image<float>{part, stored ? stored->photons : 0.0F};
  const int width = box().width();
  std::vector<float> rows(stored ? 2 * static_cast<std::size_t>(width) : 0);
  for (int y = part.y0; y < part.y1; ++y) {
    if (stored) stored->file->read(rows, stored->at + static_cast<std::int64_t>(y - box().y0) * 2 * width);
    for (int x = part.x0; x < part.x1; ++x) {
      const auto i = static_cast<std::size_t>(x - box().x0);
      other.value(x, y) = stored ? rows[i] : value(x, y);
      other.variance(x, y) = stored ? rows[i + static_cast<std::size_t>(width)] : variance(x, y);
      other.good(x, y) = stored ? other.variance(x, y) > 0 : good(x, y);
      if (!stored && !photons.empty()) other.photons(x, y) = photons(x, y);
    }
  }
  return other;
}

void FitImage::store(std::shared_ptr<const run::ScratchFile> to, std::int64_t at) {
  const Box all = box();
  const auto width = static_cast<std::size_t>(all.width());
  std::vector<float> rows(2 * width);
  for (int y = all.y0; y < all.y1; ++y) {
    for (std::size_t i = 0; i < width; ++i) {
      const int x = all.x0 + static_cast<int>(i);
      rows[i] = good(x, y) ? value(x, y) : 0.0F;
      rows[i + width] = good(x, y) ? variance(x, y) : 0.0F;
    }
    to->write(rows, at + static_cast<std::int64_t>(y - all.y0) * 2 * all.width());
  }
  stored = StoredPixels{std::move(to), at, !photons.empty(), photons.empty() ? 0.0F : photons.pixels()[0]};
  value = {}, variance = {}, good = {}, photons = {}, model = {}, light = {};
}

Frame FitImage::cut(Box part, const Image<float>& own) const {
  Frame frame{part};
  const Image<float>& lit = light.empty() ? model : light;
  for (int y = part.y0; y < part.y1; ++y)
    for (int x = part.x0; x < part.x1; ++x) {
      if (!good(x, y)) continue;
      frame.good(x, y) = 1;
      frame.value(x, y) = value(x, y) - (model(x, y) - own(x, y));
      frame.variance(x, y) = variance(x, y) + (photons.empty() ? 0.0F : photons(x, y) * std::max(0.0F, lit(x, y)));
    }
  return frame;
}

std::vector<std::pair<int, int>> saturated_pixels(const FrameView& frame, const instrument::FrameFile& file, double limit) {
  std::vector<std::pair<int, int>> pixels;
  const double saturation = limit != 0 ? limit : file.saturation;
  if (!(saturation > 0)) return pixels;
  const Box box = frame.box();
  for (int y = box.y0; y < box.y1; ++y) {
    const auto factor = instrument::unit_factors(file, y);
    for (int x = box.x0; x < box.x1; ++x)
      if (frame.good(x, y) && static_cast<double>(frame.value(x, y)) >= saturation * factor[static_cast<std::size_t>(x)]) pixels.push_back({x, y});
  }
  return pixels;
}

void mask_saturated(FitImage& image, std::vector<std::pair<int, int>> pixels) {
  for (const auto& [x, y] : pixels) image.good(x, y) = 0, image.value(x, y) = 0, image.variance(x, y) = 0;
  image.saturated = std::move(pixels);
}

void smooth_noise(const FrameView& frame, const Image<float>& coverage, const Image<std::uint8_t>& sources, Image<float>& sky, Image<float>& photons) {
  const Box box = frame.box();
  const auto depth = [&](int x, int y) { return coverage.empty() ? 1.0F : coverage(x, y); };
  // The variance of one frame, where there is nothing but sky.
  Frame alone{box};
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x)
      if (frame.good(x, y) && !sources(x, y) && depth(x, y) > 0) {
        alone.value(x, y) = frame.variance(x, y) * depth(x, y);
        alone.variance(x, y) = 1;
        alone.good(x, y) = 1;
      }
  sky = background::frame_sky(alone.view(), {});
  std::vector<float> slopes;
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      if (!frame.good(x, y) || !(depth(x, y) > 0)) continue;
      const float v = frame.value(x, y);
      if (v > static_cast<float>(bright) * std::sqrt(frame.variance(x, y))) slopes.push_back((frame.variance(x, y) * depth(x, y) - sky(x, y)) / v);
    }
  const float slope = slopes.size() < least_bright ? 0.0F : static_cast<float>(std::max(0.0, statistics::median_inplace(std::span<float>{slopes})));
  photons.reshape(box);
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      const float stated = frame.variance(x, y), d = depth(x, y);
      photons(x, y) = d > 0 ? slope / d : 0;
      if (!frame.good(x, y)) {
        sky(x, y) = 0;
        continue;
      }
      const float smooth = d > 0 && sky(x, y) > 0 ? sky(x, y) / d : stated;
      const float explained = smooth + photons(x, y) * std::max(0.0F, frame.value(x, y));
      sky(x, y) = stated > static_cast<float>(noisy) * explained ? stated : smooth;
    }
}

}  // namespace tessera::joint_fit

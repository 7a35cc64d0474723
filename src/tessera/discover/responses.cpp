#include "tessera/discover/responses.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "tessera/base/error.h"
#include "tessera/io/fits.h"

namespace tessera::discover {
namespace {

/// A box of `width` cells along one axis, centred: where the number is even its two outer cells count half.
Image<double> spread(const Image<double>& image, int width, int step_x, int step_y) {
  Image<double> out{image.box()};
  const int half = width / 2;
  for (int y = 0; y < image.box().y1; ++y)
    for (int x = 0; x < image.box().x1; ++x) {
      double sum = 0;
      for (int k = -half; k <= half; ++k) {
        const int u = x + k * step_x, v = y + k * step_y;
        if (image.box().contains(u, v)) sum += image(u, v) * (width % 2 == 0 && std::abs(k) == half ? 0.5 : 1.0);
      }
      out(x, y) = sum / width;
    }
  return out;
}

std::optional<psf::PsfModel> response_of(const cube::CubeFrame& f, const cube::StripUse& use, double cube_pixel_arcsec) {
  const auto& layout = f.frame.psf();
  if (layout.zones.empty()) return std::nullopt;
  const wcs::PixelPoint middle{0.5 * (use.in_frame.x0 + use.in_frame.x1 - 1), 0.5 * (use.in_frame.y0 + use.in_frame.y1 - 1)};
  const auto zone = layout.nearest(middle.x + f.frame.x_offset(), middle.y + f.frame.y_offset());
  const std::size_t wanted[] = {zone};
  const auto cells = f.frame.read_psfs(io::FitsFile{f.frame.path()}, wanted);
  if (cells.front().box().empty()) return std::nullopt;
  // Once for the detector's pixel, which an EPSF holds already, and once more as resampling by area lays each pixel's light evenly over its square.
  const int spreads = layout.kind == spherex::PsfLayout::Kind::epsf ? 1 : 2;
  const Image<double> samples = round_response(cells.front(), layout.oversample, spreads);
  psf::Meaning meaning;
  meaning.samples_per_pixel_x = meaning.samples_per_pixel_y = layout.oversample * cube_pixel_arcsec / f.frame.sky().pixel_scale_arcsec(middle);
  meaning.centre_x = 0.5 * (samples.box().x1 - 1), meaning.centre_y = 0.5 * (samples.box().y1 - 1);
  meaning.response = psf::Response::density;
  return psf::PsfModel::constant(psf::PointResponse{samples, meaning});
}

}  // namespace

Image<double> round_response(const Image<float>& cells, int oversample, int spreads) {
  const Box box = cells.box();
  Image<double> image{box};
  for (std::size_t i = 0; i < cells.pixels().size(); ++i) image.pixels()[i] = static_cast<double>(cells.pixels()[i]);
  for (int k = 0; k < spreads; ++k) image = spread(spread(image, oversample, 1, 0), oversample, 0, 1);
  const double cx = 0.5 * (box.x1 - 1), cy = 0.5 * (box.y1 - 1);
  const auto rings = static_cast<std::size_t>(std::ceil(std::hypot(cx, cy))) + 2;
  std::vector<double> sum(rings), weight(rings);
  for (int y = 0; y < box.y1; ++y)
    for (int x = 0; x < box.x1; ++x) {
      const double r = std::hypot(x - cx, y - cy), t = r - std::floor(r);
      const auto k = static_cast<std::size_t>(r);
      sum[k] += (1 - t) * image(x, y), weight[k] += 1 - t;
      sum[k + 1] += t * image(x, y), weight[k + 1] += t;
    }
  for (std::size_t k = 0; k < rings; ++k)
    if (weight[k] > 0) sum[k] /= weight[k];
  for (int y = 0; y < box.y1; ++y)
    for (int x = 0; x < box.x1; ++x) {
      const double r = std::hypot(x - cx, y - cy), t = r - std::floor(r);
      const auto k = static_cast<std::size_t>(r);
      image(x, y) = (1 - t) * sum[k] + t * sum[k + 1];
    }
  return image;
}

std::map<int, psf::PsfModel> channel_responses(const cube::CubePlan& plan, double fwhm_arcsec) {
  const double pixel = 3600 * std::abs(plan.setting.grid.cdelt2_deg);
  std::map<int, psf::PsfModel> responses;
  std::map<int, std::string> without;
  for (const auto& f : plan.frames)
    for (const auto& use : f.strips) {
      if (responses.contains(use.channel)) continue;
      if (fwhm_arcsec > 0) {
        psf::ProfileOptions gaussian;
        gaussian.fwhm_pix = fwhm_arcsec / pixel;
        responses.emplace(use.channel, psf::PsfModel::analytic(gaussian));
      } else if (auto response = response_of(f, use, pixel)) {
        responses.emplace(use.channel, std::move(*response));
      } else {
        without.emplace(use.channel, f.frame.path().string());
      }
    }
  for (const auto& [channel, path] : without)
    if (!responses.contains(channel)) throw DataError{fmt::format("{}: no PSF for channel {}, nor in the other exposures of that channel; give --fwhm to find sources with a Gaussian", path, channel)};
  return responses;
}

spectrum::ZoneResponse zone_response(const spherex::SpectralFrame& frame, const io::FitsFile& file, std::size_t zone, double fwhm_arcsec) {
  if (fwhm_arcsec > 0) {
    constexpr int oversample = 5;
    constexpr double reach = 1.7;  // FWHM: a part of 10⁻⁵ lies beyond
    const double fwhm = oversample * fwhm_arcsec / frame.sky().pixel_scale_arcsec({0.5 * frame.box().x1, 0.5 * frame.box().y1});
    const int half = std::max(2 * oversample, static_cast<int>(std::ceil(reach * fwhm)));
    Image<float> samples{Box{0, 0, 2 * half + 1, 2 * half + 1}};
    double sum = 0;
    for (int y = -half; y <= half; ++y)
      for (int x = -half; x <= half; ++x) sum += std::exp(-4 * std::log(2.0) * (x * x + y * y) / (fwhm * fwhm));
    for (int y = -half; y <= half; ++y)
      for (int x = -half; x <= half; ++x) samples(x + half, y + half) = static_cast<float>(std::exp(-4 * std::log(2.0) * (x * x + y * y) / (fwhm * fwhm)) / sum);
    return spectrum::ZoneResponse::from_epsf(samples, oversample);
  }
  const std::size_t wanted[] = {zone};
  const auto cells = frame.read_psfs(file, wanted);
  if (cells.front().box().empty()) return {};
  if (frame.psf().kind == spherex::PsfLayout::Kind::epsf) return spectrum::ZoneResponse::from_epsf(cells.front(), frame.psf().oversample);
  return spectrum::ZoneResponse::from_cells(cells.front(), frame.psf().oversample, spectrum::Placement::exact);
}

}  // namespace tessera::discover

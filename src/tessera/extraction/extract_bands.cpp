#include <fmt/format.h>

#include <cmath>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/detect/combine.h"
#include "tessera/extraction/input_images.h"

namespace tessera::extraction {
namespace {

constexpr double same_place = 0.1;  // pixels

namespace fs = std::filesystem;

/// Pixels of one grid: their corners and middle lie at the same places.
void refuse_other_grid(const instrument::FrameFile& band, const instrument::FrameFile& first) {
  const auto refuse = [&](const std::string& what) {
    throw DataError{fmt::format("{}: {}; bands that sources are found on together need the pixels of {} (make them with --grid {})", band.label(), what, first.label(), first.image.path.string())};
  };
  if (band.box() != first.box()) refuse(fmt::format("{} × {} pixels, not {} × {}", band.width, band.height, first.width, first.height));
  for (const double u : {0.0, 0.5, 1.0})
    for (const double v : {0.0, 0.5, 1.0}) {
      const wcs::PixelPoint at{u * (first.width - 1), v * (first.height - 1)};
      const auto there = band.wcs.sky_to_pixel(first.wcs.pixel_to_sky(at));
      if (!(std::hypot(there.x - at.x, there.y - at.y) < same_place)) refuse(fmt::format("pixel ({:.0f}, {:.0f}) lies elsewhere on the sky", at.x, at.y));
    }
}

}  // namespace

void InputImages::detect_on_bands() {
  const auto& o = options_.detection;
  if (o.bands.empty()) return;
  if (o.image != DetectionImage::significance) throw UsageError{"detection.bands needs detection.image = significance"};
  if (options_.injection.number > 0) throw UsageError{"injection adds sources to one band only: leave detection.bands out"};
  if (!o.band_psfs.empty() && o.band_psfs.size() != o.bands.size()) throw UsageError{fmt::format("detection.band_psfs names {} point responses for {} bands", o.band_psfs.size(), o.bands.size())};
  ExtractOptions how = mosaic_options();
  how.detection.coverage.clear();
  std::vector<Image<float>> significance;
  significance.push_back(std::move(found_.filtered));
  for (std::size_t k = 0; k < o.bands.size(); ++k) {
    const fs::path path = files::is_folder(o.bands[k]) ? fs::path{o.bands[k]} / "mosaic.fits" : fs::path{o.bands[k]};
    OpenedImage band = open_image({path, {}, {}, -1, {}, {}}, how, profiles_, context_);
    refuse_other_grid(band.file, mosaic_);
    files_.insert(files_.end(), band.read.begin(), band.read.end());
    add_files(band.file);
    const auto psf = o.band_psfs.empty() ? detection_psf_ : detection_response(o.band_psfs[k]);
    significance.push_back(find_sources(std::move(band.frame), band.coverage, psf, how, true, context_).filtered);
  }
  detect_on(found_, detect::combined_significance(significance), options_);
}

}  // namespace tessera::extraction

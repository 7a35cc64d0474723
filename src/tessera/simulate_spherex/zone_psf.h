/// simulate_spherex/zone_psf.h — the response of one PSF zone on cells of a tenth of a pixel, and light spread by it over pixels.
#pragma once
#include <array>
#include <cmath>
#include <vector>

#include "tessera/core/image.h"
#include "tessera/simulate_spherex/detector.h"

namespace tessera::simulate_spherex {

inline constexpr int psf_cells = 101, psf_oversample = 10;  ///< a side of the grid; cells per pixel

/// A PSF constant over each cell, of unit sum, centred on cell (50, 50).
class ZonePsf {
 public:
  /// Two round Gaussians made elliptical by `stretch` along `angle_rad`, the wider one with 15 % of the light; cells farther than `reach` from the middle are 0.
  ZonePsf(double fwhm_pix, double stretch, double angle_rad, int reach = psf_cells / 2);
  const Image<float>& cells() const { return cells_; }
  /// Fraction of the light that falls on [x0, x1) × [y0, y1), pixels from the source's place: exact for the cells.
  double fraction(double x0, double x1, double y0, double y1) const;
  /// Adds light · fraction on each pixel of `image` within reach of (x, y); light(px, py) is that of a pixel. Places that are not finite add nothing.
  template <class Light>
  void add_to(View<double> image, double x, double y, const Light& light) const;

 private:
  double below(double cell_x, double cell_y) const;  // light on cells left of and below a point
  Image<float> cells_;
  std::vector<double> sums_;  // of the cells left of and below each corner
};

/// The PSFs of a detector's zones: FWHM from 4.6″ at 0.75 µm to 6.9″ at 5 µm, stretched by up to 8 % away from the middle of the detector.
class ZonePsfs {
 public:
  ZonePsfs(const Detector& detector, int columns, int rows, int reach = psf_cells / 2);
  const spherex::PsfLayout& layout() const { return layout_; }
  const ZonePsf& zone(std::size_t i) const { return psfs_[i]; }
  /// That of the nearest zone.
  const ZonePsf& at(double x, double y) const { return psfs_[layout_.nearest(x, y)]; }
  double median_fwhm_arcsec() const;

 private:
  spherex::PsfLayout layout_;
  std::vector<ZonePsf> psfs_;
  std::vector<double> fwhm_arcsec_;
};

template <class Light>
void ZonePsf::add_to(View<double> image, double x, double y, const Light& light) const {
  constexpr double half = psf_cells / 2.0 / psf_oversample;
  const Box all = image.box();
  if (!(x > all.x0 - 20 && x < all.x1 + 20 && y > all.y0 - 20 && y < all.y1 + 20)) return;
  const auto first = [](double v) { return static_cast<int>(std::ceil(v - half - .5)); };
  const auto last = [](double v) { return static_cast<int>(std::floor(v + half + .5)); };
  const Box reached = intersection(all, {first(x), first(y), last(x) + 1, last(y) + 1});
  // Light below and left of the pixels' corners, two rows of them at a time.
  std::array<double, 2 * (psf_cells / psf_oversample + 4)> corners{};
  constexpr std::size_t row = corners.size() / 2;
  const auto fill = [&](std::size_t start, int py) {
    for (int px = reached.x0; px <= reached.x1; ++px)
      corners[start + static_cast<std::size_t>(px - reached.x0)] = below((px - .5 - x) * psf_oversample + psf_cells / 2.0, (py - .5 - y) * psf_oversample + psf_cells / 2.0);
  };
  if (reached.empty()) return;
  fill(row * static_cast<std::size_t>(reached.y0 & 1), reached.y0);
  for (int py = reached.y0; py < reached.y1; ++py) {
    const std::size_t low = row * static_cast<std::size_t>(py & 1), high = row - low;
    fill(high, py + 1);
    for (int px = reached.x0; px < reached.x1; ++px) {
      const auto i = static_cast<std::size_t>(px - reached.x0);
      image(px, py) += light(px, py) * (corners[high + i + 1] - corners[high + i] - corners[low + i + 1] + corners[low + i]);
    }
  }
}

}  // namespace tessera::simulate_spherex

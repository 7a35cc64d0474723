/// joint_fit/fit_image.h — one image that sources are fitted on, a frame or a mosaic: its pixels less the sky, what their noise is made of, its place on the sky.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/core/noise_correlation.h"
#include "tessera/instrument/frame_file.h"
#include "tessera/psf/psf_model.h"
#include "tessera/run/scratch_file.h"

namespace tessera::joint_fit {

/// Fluxes in what unit, and from pixel values how: flux = Σ value · area · factor.
struct FluxUnit {
  enum class Area { steradian, arcsec2, pixel };
  std::string name;              ///< "uJy", "electron", …
  double factor = 1;
  Area area = Area::pixel;
};
/// MJy/sr gives uJy; "X/arcsec2" X; any other unit the sum over pixels in that unit.
FluxUnit flux_unit(const std::string& image_unit);

/// Where the pixels of an image lie that memory does not hold: rows of value and variance in turn, variance 0 where bad.
struct StoredPixels {
  std::shared_ptr<const run::ScratchFile> file;
  std::int64_t at = 0;           ///< floats from its beginning
  bool has_photons = false;
  float photons = 0;             ///< of every pixel
};

/// What of a response counts, by where pixel centres lie from the source; image pixels, 0: all of it. MOPEX guide 6.6.4.
struct ResponseCut {
  double outer = 0, hole = 0;    ///< radii: beyond the first and within the second nothing does
  double box_x = 0, box_y = 0;   ///< sides of a box about the source
  bool any() const { return outer > 0 || hole > 0 || box_x > 0 || box_y > 0; }
  bool keeps(double dx, double dy) const;
};

struct FitImage {
  const instrument::FrameFile* file = nullptr;
  const psf::PsfModel* psf = nullptr;
  FluxUnit unit;
  ResponseCut cut_response;
  Image<float> value;            ///< less the sky; 0 where bad
  Image<float> variance;         ///< without photons of sources when `photons` counts them, else all of it; 0 where bad
  Image<std::uint8_t> good;
  Image<float> photons;          ///< variance per value of a source; empty: in `variance` already
  Image<float> model;            ///< of all sources as they stand
  Image<float> light;            ///< of them as they stood when their photons' noise was last counted; empty: `model`
  std::optional<NoiseCorrelation> correlation;  ///< of a resampled image's pixels
  double mjd = 0;                ///< of its start; 0: unknown
  std::vector<std::pair<int, int>> saturated;   ///< pixels, which are not good

  std::optional<StoredPixels> stored;           ///< then the planes are empty

  /// The same without pixels.
  FitImage geometry() const;
  /// The same with the pixels of `part`, from memory or the file; without a model.
  FitImage window(Box part) const;
  /// Writes the planes to `file` and gives their memory back. `photons` must be the same everywhere, as they are on frames.
  void store(std::shared_ptr<const run::ScratchFile> file, std::int64_t at);

  /// Of the pixels; of the whole image where none are in memory.
  Box box() const { return value.empty() ? file->box() : value.box(); }
  /// Pixel value of unit flux at (x, y).
  double value_of_unit_flux(double x, double y) const;
  /// Pixels of `box` less the models of all sources but those whose part is given, `own` (on the same box), with the variance that goes with `light`, or else the whole model.
  Frame cut(Box box, const Image<float>& own) const;
};

/// Pixels at or above the saturation of the file (`limit` in its unit; 0: what its header says; below: none), by rows.
std::vector<std::pair<int, int>> saturated_pixels(const FrameView& frame, const instrument::FrameFile& file, double limit);
/// Takes those pixels out of the fit.
void mask_saturated(FitImage& image, std::vector<std::pair<int, int>> pixels);

/// Splits the variance of `frame` (sources on a sky of level 0) into that of the sky around, smooth over some thirty pixels, and what the photons of sources add. Pixels noisier than twice
/// what both explain keep their own. `coverage`: number of frames in each pixel, by which the variance goes down; empty: all alike. `sources`: 1 on pixels that are no sky.
/// The photons' part is read off the bright pixels (median of excess variance over excess value), 0 when there are too few.
void smooth_noise(const FrameView& frame, const Image<float>& coverage, const Image<std::uint8_t>& sources, Image<float>& sky, Image<float>& photons);

}  // namespace tessera::joint_fit

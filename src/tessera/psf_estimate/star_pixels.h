/// psf_estimate/star_pixels.h — what an estimate is made from: the pixels around stars, and what is known of the stars.
#pragma once
#include <string>
#include <vector>

#include "tessera/core/box.h"

namespace tessera::psf_estimate {

/// One star on one image.
struct StarPixels {
  int star = 0, image = 0;
  double x = 0, y = 0;                        ///< where the star lies for u = v = 0, pixels of the image
  double x_u = 1, x_v = 0, y_u = 0, y_v = 1;  ///< pixels per unit of the coordinates common to all images
  double scale = 1;                           ///< pixel value of unit flux
  Box window;
  std::vector<float> value, variance, photons;  ///< rows of the window; variance without the star's own photons, 0: not to be used; photons: variance per value of the star
  bool used = true;
  int taken = 0;          ///< pixels that are not to be used because others' light is on them
};

/// Why a star does not count. The order is that of the table's texts.
enum class StarStatus { used = 1, left_out = 0, misfit = -1, no_pixels = -2, moved = -3, narrow_or_wide = -4, outliers = -5 };
const char* status_text(StarStatus status);

struct Star {
  double u = 0, v = 0;   ///< from the start, in the common coordinates
  double flux = 0;
  double flux_error = 0, u_error = 0, v_error = 0;
  StarStatus status = StarStatus::used;
  double chi2 = 0;       ///< of its pixels
  long pixels = 0;
  double width = 0;      ///< the guide's method: σ of the Gaussian fitted to it, pixels
  bool used() const { return status == StarStatus::used; }
};

/// An image, as far as it takes part.
struct ImageShift {
  double dx = 0, dy = 0;           ///< stars lie so much further than their positions and the WCS say, pixels
  double width = 0, height = 0;    ///< of the whole image
};

}  // namespace tessera::psf_estimate

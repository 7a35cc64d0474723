/// simulate/transients.h — light that is on the sky of one exposure only: satellite trails and a moving object.
#pragma once
#include "tessera/core/image.h"
#include "tessera/param/schema.h"
#include "tessera/simulate/camera.h"
#include "tessera/simulate/psf.h"
#include "tessera/simulate/random.h"
#include "tessera/simulate/stack.h"

namespace tessera::simulate {

struct TransientOptions {
  double trail_fraction = 0;              // of the frames
  double trail_e = 1000;                  // electrons per pixel of length
  double mover_flux_ujy = 0;              // 0: none
  double mover_rate_arcsec_h = 100;
  double mover_pa_deg = 60;               // direction of motion, east of north
};
void describe(param::Schema<TransientOptions>& s);

/// A line across the whole frame.
struct Trail {
  double x = 0, y = 0, angle = 0;         ///< a point of it, pixels; direction from +x, radians
};
/// The trail of a frame, or none: drawn from its stream.
bool draw_trail(const TransientOptions& options, Box frame, Random random, Trail& trail);
/// Adds `per_pixel` electrons per pixel of length, spread across by a normal profile as wide as the PSF.
void add_trail(View<double> electrons, const Trail& trail, double per_pixel, double fwhm_pix);

/// Where the moving object is at the middle of an exposure: through the middle of the field at the middle of the stack.
wcs::SkyPoint mover_position(const TransientOptions& options, const StackOptions& stack, double mjd_from_middle);

}  // namespace tessera::simulate

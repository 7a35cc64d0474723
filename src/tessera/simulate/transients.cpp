#include "tessera/simulate/transients.h"

#include <cmath>
#include <numbers>

namespace tessera::simulate {

void describe(param::Schema<TransientOptions>& s) {
  s.field(&TransientOptions::trail_fraction, "trail_fraction", "Fraction of the frames that a satellite crosses.").range(0, 1);
  s.field(&TransientOptions::trail_e, "trail_e", "Brightness of a trail, per pixel of length.").unit("electron").at_least(0);
  s.field(&TransientOptions::mover_flux_ujy, "mover_flux_ujy", "Flux of an object that moves through the middle of the field; 0 for none.").unit("uJy").at_least(0);
  s.field(&TransientOptions::mover_rate_arcsec_h, "mover_rate_arcsec_h", "Its rate; it stands still during an exposure.").unit("arcsec/h").at_least(0);
  s.field(&TransientOptions::mover_pa_deg, "mover_pa_deg", "Direction of its motion, east of north.").unit("deg").range(-360, 360);
}

bool draw_trail(const TransientOptions& o, Box frame, Random random, Trail& trail) {
  if (!(random.uniform() < o.trail_fraction)) return false;
  trail.x = random.uniform(frame.x0, frame.x1);
  trail.y = random.uniform(frame.y0, frame.y1);
  trail.angle = random.uniform(0, std::numbers::pi);
  return true;
}

void add_trail(View<double> electrons, const Trail& trail, double per_pixel, double fwhm_pix) {
  // A line through square pixels: the pixel's own width enters as its second moment.
  const double sigma = std::hypot(fwhm_pix / std::sqrt(8 * std::numbers::ln2), std::sqrt(1.0 / 12));
  const double norm = per_pixel / (sigma * std::sqrt(2 * std::numbers::pi)), s = std::sin(trail.angle), c = std::cos(trail.angle);
  for (int y = electrons.box().y0; y < electrons.box().y1; ++y)
    for (int x = electrons.box().x0; x < electrons.box().x1; ++x)
      if (const double d = (s * (x - trail.x) - c * (y - trail.y)) / sigma; std::abs(d) < 6) electrons(x, y) += norm * std::exp(-d * d / 2);
}

wcs::SkyPoint mover_position(const TransientOptions& o, const StackOptions& stack, double mjd_from_middle) {
  const double moved = o.mover_rate_arcsec_h / 3600 * 24 * mjd_from_middle;
  return displaced({stack.ra_deg, stack.dec_deg}, std::abs(moved), moved < 0 ? o.mover_pa_deg + 180 : o.mover_pa_deg);
}

}  // namespace tessera::simulate

// The options of sky, noise and defects, declared once.
#include "tessera/simulate/exposure.h"

namespace tessera::simulate {

void describe(param::Schema<SkyOptions>& s) {
  s.field(&SkyOptions::level, "level", "Surface brightness of the sky in the middle of the field.").unit("MJy/sr").range(-1e6, 1e6);
  s.field(&SkyOptions::gradient, "gradient", "Rise of the sky per degree.").unit("MJy/sr/deg").range(-1e6, 1e6);
  s.field(&SkyOptions::gradient_pa_deg, "gradient_pa_deg", "Direction in which the sky rises, east of north.").unit("deg").range(-360, 360);
  s.field(&SkyOptions::nebula_peak, "nebula_peak", "Peak of a round Gaussian nebula; 0 for none.").unit("MJy/sr").range(-1e6, 1e6);
  s.field(&SkyOptions::nebula_fwhm_arcsec, "nebula_fwhm_arcsec", "Full width at half maximum of the nebula (many pixels: it is sampled at pixel centres).")
      .unit("arcsec").range(1e-3, 1e6);
  s.field(&SkyOptions::nebula_east_arcsec, "nebula_east_arcsec", "Place of the nebula east of the middle of the field.").unit("arcsec").range(-1e6, 1e6);
  s.field(&SkyOptions::nebula_north_arcsec, "nebula_north_arcsec", "Place of the nebula north of the middle of the field.").unit("arcsec").range(-1e6, 1e6);
}

void describe(param::Schema<NoiseOptions>& s) {
  s.field(&NoiseOptions::photon, "photon", "Poisson noise of sky, stars and hot pixels; false for none.");
  s.field(&NoiseOptions::read, "read", "Read noise; false for none.");
  s.field(&NoiseOptions::subtracted_sky, "subtracted_sky", "Sky that was taken off by a dark or sky frame: adds its photon noise only.")
      .unit("MJy/sr").range(0, 1e6);
  s.field(&NoiseOptions::uncertainty_from, "uncertainty_from", "Uncertainty plane from the expected counts, or from the observed "
                                                               "ones as a pipeline would.")
      .choices({{"expected", UncertaintyFrom::expected}, {"observed", UncertaintyFrom::observed}});
  s.field(&NoiseOptions::uncertainty_scale, "uncertainty_scale", "Factor by which the uncertainty plane is wrong; 1 is right.").range(1e-3, 1e3);
}

void describe(param::Schema<DefectOptions>& s) {
  s.field(&DefectOptions::cosmic_fraction, "cosmic_fraction", "Fraction of pixels hit by cosmic rays in each frame.").range(0, 0.5);
  s.field(&DefectOptions::cosmic_length_max_pix, "cosmic_length_max_pix", "Longest track; lengths have density 1/length from 1 pixel on.")
      .unit("pixel").range(1, 1000);
  s.field(&DefectOptions::cosmic_min_e, "cosmic_min_e", "Least charge per pixel of path.").unit("electron").range(1e-3, 1e12);
  s.field(&DefectOptions::cosmic_max_e, "cosmic_max_e", "Largest charge per pixel of path.").unit("electron").range(1e-3, 1e12);
  s.field(&DefectOptions::cosmic_slope, "cosmic_slope", "Charges per pixel of path have density to minus this power.").range(-5, 10);
  s.field(&DefectOptions::cosmic_masked, "cosmic_masked", "Flag the cosmic rays in the mask plane, as a perfect single-frame detector would.");
  s.field(&DefectOptions::dead_fraction, "dead_fraction", "Fraction of dead pixels, the same in all frames, flagged in the mask.").range(0, 0.4);
  s.field(&DefectOptions::hot_fraction, "hot_fraction", "Fraction of hot pixels, the same in all frames, flagged in the mask.").range(0, 0.4);
  s.field(&DefectOptions::hot_e, "hot_e", "Dark electrons of a hot pixel per exposure.").unit("electron").range(0, 1e12);
  s.field(&DefectOptions::unmasked_fraction, "unmasked_fraction", "Fraction of the hot pixels that the mask plane does not know of.").range(0, 1);
  s.field(&DefectOptions::dead_value, "dead_value", "What a dead pixel holds: NaN, or zero.")
      .choices({{"nan", DeadPixels::nan}, {"zero", DeadPixels::zero}});
  s.field(&DefectOptions::full_well_e, "full_well_e", "Electrons at which a pixel saturates: clipped and flagged; 0 for never.")
      .unit("electron").range(0, 1e12);
}

}  // namespace tessera::simulate

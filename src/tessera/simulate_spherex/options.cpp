#include "tessera/simulate_spherex/options.h"

namespace tessera::simulate_spherex {

void describe(param::Schema<SurveyOptions>& s) {
  s.field(&SurveyOptions::bands, "bands", "Detectors 1 to 6 that write files. 1 and 4, 2 and 5, 3 and 6 look at the same sky at the same time.")
      .each_of({"1", "2", "3", "4", "5", "6"}).flag("bands").placeholder("1,2,…");
  s.field(&SurveyOptions::size, "size", "Active pixels along a side of a detector: 2040 as in flight, less for a detector with the same wavelengths on fewer pixels of 6.15 arcsec.")
      .unit("pixel").range(64, 2040).flag("size");
  s.field(&SurveyOptions::groups, "groups", "Target groups of each pair of detectors and survey: 6 let every detector see the middle of the field in all its strips.")
      .range(1, 10000).flag("groups");
  s.field(&SurveyOptions::exposures, "exposures", "Exposures of a target group, one and a third strip apart.").range(1, 4);
  s.field(&SurveyOptions::surveys, "surveys", "Surveys, half a year apart: the field is seen upside down in every second one.").range(1, 8).flag("surveys");
  s.field(&SurveyOptions::position_angle_deg, "position_angle_deg", "Direction of the y axis (wavelengths fall along it) in the first survey, east of north.").unit("deg").range(-360, 360);
  s.field(&SurveyOptions::jitter_arcsec, "jitter_arcsec", "Normal scatter of the pointing per axis; headers have the true one.").unit("arcsec").range(0, 60);
  s.field(&SurveyOptions::distortion, "distortion", "Strength of the distortion; 1: displacements of about 7 pixels of 2040 at the corners.").range(0, 3);
  s.field(&SurveyOptions::mjd_start, "mjd_start", "Middle of the first exposure; 0: when the field stands 90 degrees from the Sun after 2025-05-01.").unit("d").range(0, 200000);
  s.field(&SurveyOptions::layout, "layout", "How files are laid out: quick release 2 with a PSF cube, or the newer one with a table EPSF, packed FLAGS and MSKN cards.")
      .choices({{"qr2", FileLayout::quick_release_2}, {"epsf", FileLayout::epsf}});
  s.field(&SurveyOptions::psf_cards, "psf_cards", "Places of PSF zones as they are, or with x and y exchanged as releases up to 6.5.5 wrote them (layout qr2).")
      .choices({{"right", PsfCards::right}, {"exchanged", PsfCards::exchanged}});
  s.field(&SurveyOptions::ramps, "ramps", "Make each ramp read by read and fit its slope, instead of drawing slopes with the noise that follows: 75 times the work.");
  s.field(&SurveyOptions::full, "full", "All kinds of sources and defects: those of [spherex_sources], [spherex_defects], the nebula, the helium line and the moving object that are 0 or false take usual values.")
      .flag("full");
}

void describe(param::Schema<SkyOptions>& s) {
  s.field(&SkyOptions::level, "level", "Constant sky besides the zodiacal light, of the same brightness at all wavelengths.").unit("MJy/sr").range(-1e6, 1e6);
  s.field(&SkyOptions::zodi, "zodi", "Zodiacal light by the model of Kelsall et al. 1998, also written as plane ZODI; false: none, and ZODI is zero.");
  s.field(&SkyOptions::helium, "helium", "Peak of the airglow line of helium at 1.083 um where it falls in the middle of a bandpass.").unit("MJy/sr").range(0, 1e6);
  s.field(&SkyOptions::nebula_peak, "nebula_peak", "Peak of a round Gaussian nebula in the middle of the field, the same at all wavelengths.").unit("MJy/sr").range(0, 1e6);
  s.field(&SkyOptions::nebula_fwhm_arcsec, "nebula_fwhm_arcsec", "Full width at half maximum of the nebula (many pixels: it is sampled at pixel centres).").unit("arcsec").range(1, 1e6);
  s.field(&SkyOptions::nebula_line, "nebula_line", "Peak of the nebula in an emission line, where the line falls in the middle of a bandpass.").unit("MJy/sr").range(0, 1e6);
  s.field(&SkyOptions::nebula_line_um, "nebula_line_um", "Wavelength of that line.").unit("um").range(0.7, 5.1);
}

void describe(param::Schema<ExtraSources>& s) {
  s.field(&ExtraSources::galaxy_fraction, "galaxy_fraction", "Fraction of drawn sources that are galaxies: Sersic index 0.5 to 6, half-light radius 1 to 20 arcsec. (--full: 0.2)").range(0, 1);
  s.field(&ExtraSources::pair_flux_ujy, "pair_flux_ujy", "Flux at 2 um of the brighter of two stars near the middle of the field; 0 for none. (--full: 800)").unit("uJy").range(0, 1e12);
  s.field(&ExtraSources::pair_separation_arcsec, "pair_separation_arcsec", "Distance of the other one, of half the flux.").unit("arcsec").range(0, 600);
  s.field(&ExtraSources::bright_flux_ujy, "bright_flux_ujy", "Flux at 2 um of one bright star in a quarter of the field; 0 for none. (--full: 600000)").unit("uJy").range(0, 1e12);
}

void describe(param::Schema<DefectOptions>& s) {
  s.field(&DefectOptions::nonfunc_fraction, "nonfunc_fraction", "Pixels that see no light, flagged NONFUNC. (--full: 0.001)").range(0, 0.4);
  s.field(&DefectOptions::hot_fraction, "hot_fraction", "Pixels of high dark current, which is subtracted, flagged HOT. (--full: 0.003)").range(0, 0.4);
  s.field(&DefectOptions::cold_fraction, "cold_fraction", "Pixels that answer to a tenth to a half of the light, which the gain does not know, flagged COLD. (--full: 0.001)").range(0, 0.4);
  s.field(&DefectOptions::cosmic_fraction, "cosmic_fraction", "Pixels hit by cosmic rays in each frame; some are flagged TRANSIENT or OUTLIER, some not at all. (--full: 0.002)").range(0, 0.5);
  s.field(&DefectOptions::lost_fraction, "lost_fraction", "Pixels of each frame that are NaN, without a flag. (--full: 5e-5)").range(0, 0.5);
  s.field(&DefectOptions::full_well_e, "full_well_e", "Charge at which ramps end: brighter pixels are flagged OVERFLOW and fitted with fewer reads; 0 for never. (--full: 50000)").unit("electron").range(0, 1e12);
  s.field(&DefectOptions::persistence, "persistence", "Charge trapped in the exposure before is released, flagged PERSIST above 0.1 electrons/s. (--full: true)");
  s.field(&DefectOptions::dichroic, "dichroic", "Detectors 3 and 4 lose light at the edge of the dichroic, flagged DICHROIC below one half. (--full: true)");
  s.field(&DefectOptions::full_sample, "full_sample", "A block of 34 x 8 pixels is flagged FULLSAMPLE. (--full: true)");
  s.field(&DefectOptions::ghost_share, "ghost_share", "Part of the light of sources above 3000 uJy that a reflection lays on a disc opposite of the detector's middle, flagged GHOST. (--full: 0.005)").range(0, 1);
  s.field(&DefectOptions::bloom_share, "bloom_share", "Part of the charge above full_well_e that goes to the four pixels beside, flagged BLOOM. (--full: 0.02)").range(0, 1);
  s.field(&DefectOptions::crosstalk_share, "crosstalk_share", "Part of a pixel's slope that appears in the same place of the two outputs beside its own, flagged CROSSTALK. (--full: 0.0002)").range(0, 1);
  s.field(&DefectOptions::satellite_rate, "satellite_rate", "Trails of satellites in a frame: the whole part always, one more with the chance that is left; flagged STREAK, its halo SATELLITE_HALO. (--full: 0.2)").range(0, 100);
  s.field(&DefectOptions::satellite_peak, "satellite_peak", "Brightness of a trail in its middle; its halo has 2 per cent of it.").unit("MJy/sr").range(0, 1e6);
  s.field(&DefectOptions::snowball_rate, "snowball_rate", "Snowballs in a frame, likewise: 30000 electrons in each pixel of a disc at once, flagged SNOWBALL, and around it HALO. (--full: 0.3)").range(0, 1000);
}

}  // namespace tessera::simulate_spherex

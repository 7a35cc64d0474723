/// simulate_spherex/options.h — what may be asked of simulated SPHEREx spectral images.
#pragma once
#include <string>
#include <vector>

#include "tessera/param/schema.h"

namespace tessera::simulate_spherex {

enum class FileLayout { quick_release_2, epsf };
enum class PsfCards { right, exchanged };

/// Which exposures are made, and how their files are laid out.
struct SurveyOptions {
  std::vector<std::string> bands{"1", "2", "3", "4", "5", "6"};
  int size = 256;
  int groups = 1, exposures = 4, surveys = 1;
  double position_angle_deg = 24;
  double jitter_arcsec = 0.15;
  double distortion = 1;
  double mjd_start = 0;  // 0: when the field stands 90 degrees from the Sun
  FileLayout layout = FileLayout::quick_release_2;
  PsfCards psf_cards = PsfCards::right;
  bool ramps = false;
  bool full = false;
};
void describe(param::Schema<SurveyOptions>& s);

/// Light besides the sources of the shared section.
struct SkyOptions {
  double level = 0;
  bool zodi = true;
  double helium = 0;
  double nebula_peak = 0, nebula_fwhm_arcsec = 200, nebula_line = 0, nebula_line_um = 1.2822;
};
void describe(param::Schema<SkyOptions>& s);

/// Sources besides plain stars.
struct ExtraSources {
  double galaxy_fraction = 0;  // of the drawn sources
  double pair_flux_ujy = 0, pair_separation_arcsec = 6;
  double bright_flux_ujy = 0;
};
void describe(param::Schema<ExtraSources>& s);

/// What is wrong with pixels; all of it is told in the truth.
struct DefectOptions {
  double nonfunc_fraction = 0, hot_fraction = 0, cold_fraction = 0;
  double cosmic_fraction = 0;
  double lost_fraction = 0;
  double full_well_e = 0;  // 0: never
  bool persistence = false, dichroic = false, full_sample = false;
  double ghost_share = 0, bloom_share = 0, crosstalk_share = 0;
  double satellite_rate = 0, satellite_peak = 20, snowball_rate = 0;  // rates: of a frame
};
void describe(param::Schema<DefectOptions>& s);

}  // namespace tessera::simulate_spherex

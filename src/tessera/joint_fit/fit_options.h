/// joint_fit/fit_options.h — how sources are fitted.
#pragma once
#include "tessera/param/schema.h"
#include "tessera/photometry/psf_fit.h"

namespace tessera::joint_fit {

enum class Positions { automatic, free, fixed };
/// Where fit.window is 0: from the response, alike for all; from the light of each detection (MOPEX's Fit Radius).
enum class WindowFrom { response, light };
enum class FitNoise { smooth, planes };
enum class SnrRule { fit, peak, core, gain };
enum class SnrNoise { rule, stated, sky };

struct FitOptions {
  bool skip = false;
  int window = 0;                     // frame pixels; 0: from the width of the response
  int window_y = 0;                   // 0: as window
  WindowFrom window_from = WindowFrom::response;
  Positions positions = Positions::automatic;
  double max_shift = 2;               // frame pixels
  double max_shift_y = 0;             // 0: as max_shift, and along east and north
  double saturation = 0;              // image units; 0: the header's, below: none
  photometry::FitBackground background = photometry::FitBackground::none;
  photometry::Minimiser minimiser = photometry::Minimiser::levenberg;
  FitNoise noise = FitNoise::smooth;
  SnrRule snr = SnrRule::fit;
  SnrNoise snr_noise = SnrNoise::rule;
  double snr_gain = 0;                // electrons per unit of the image, of one frame
  double group_distance = 2;          // full widths
  double group_radius = 0;            // arcsec; 0: group_distance
  double max_chi2 = 0;                // per degree of freedom; 0: any
  int max_sources = 1;                // of a group that has more than that
  double chi2_gain = 1;               // per degree of freedom
  int edge = 0;                       // frame pixels
  int max_group = 25;
  int max_rounds = 40;
  double tolerance = 1e-3;            // σ
  bool per_frame = false;
  bool covariance = false;
};
void describe(param::Schema<FitOptions>& s);

}  // namespace tessera::joint_fit

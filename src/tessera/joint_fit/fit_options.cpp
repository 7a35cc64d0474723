#include "tessera/joint_fit/fit_options.h"

namespace tessera::joint_fit {

void describe(param::Schema<FitOptions>& s) {
  using O = FitOptions;
  s.field(&O::skip, "skip", "Fit nothing: apertures at the positions found or listed alone (status 0). A list then needs no point response.").namelist("", "run_sourcestimate");
  s.field(&O::window, "window", "Side of the square of pixels fitted around each source, odd (even ones become the next); 0: about 3.2 full widths of the response.").range(0, 999).unit("pixel").namelist("SOURCESTIMATE", "Fitting_Area_X");
  s.field(&O::window_y, "window_y", "Height of that window where it is a rectangle, fit.window its width; 0: a square.").range(0, 999).unit("pixel").namelist("SOURCESTIMATE", "Fitting_Area_Y");
  s.field(&O::window_from, "window_from", "What the window follows from where fit.window and fit.window_y are 0: the response, alike for all sources; or the light of each detection, as far as it exceeds the noise, nearer side counted twice (MOPEX's Fit Radius).")
      .choices({{"response", WindowFrom::response}, {"light", WindowFrom::light}}).namelist("", "run_fit_radius");
  s.field(&O::positions, "positions", "Positions are fitted, or fixed (forced photometry); automatic: fixed for a list of sources, else fitted.")
      .choices({{"automatic", Positions::automatic}, {"free", Positions::free}, {"fixed", Positions::fixed}}).namelist("", "aponly_fixed");
  s.field(&O::max_shift, "max_shift", "A fitted position stays this near to where it began, along the east and along the north.").range(0.01, 100).unit("pixel").namelist("SOURCESTIMATE", "MaxShift_X");
  s.field(&O::max_shift_y, "max_shift_y", "Where given, limits count along the axes of the image that sources are found on (the mosaic, or the image that is fitted alone): fit.max_shift along x, this along y; 0: as fit.max_shift says.").range(0, 100).unit("pixel").namelist("SOURCESTIMATE", "MaxShift_Y");
  s.field(&O::saturation, "saturation", "Pixels of frames at or above this value are saturated and not fitted, so that a star is fitted on its wings; 0: what the header says; -1: none. In units of the file.").at_least(-1);
  s.field(&O::background, "background", "A constant fitted under each group of sources beside them: none, one, or one for each frame.")
      .choices({{"none", photometry::FitBackground::none}, {"common", photometry::FitBackground::common}, {"per_frame", photometry::FitBackground::per_frame}}).namelist("SOURCESTIMATE", "Background_Fit");
  s.field(&O::minimiser, "minimiser", "How positions are sought: Levenberg-Marquardt on analytic gradients, or a simplex as MOPEX has it (fluxes linear at each position).")
      .choices({{"levenberg", photometry::Minimiser::levenberg}, {"simplex", photometry::Minimiser::simplex}});
  s.field(&O::snr, "snr", "What the column snr is: flux over its error from the fit; or by MOPEX's rules on the image that sources are found on: the peak pixel's noise times the response's volume over that under the peak (0), the noise in a box as wide as the response's core (1), the same with the source's photons by snr_gain (2).")
      .choices({{"fit", SnrRule::fit}, {"peak", SnrRule::peak}, {"core", SnrRule::core}, {"gain", SnrRule::gain}}).namelist("SOURCESTIMATE", "Use_Photerr_for_SNR");
  s.field(&O::snr_noise, "snr_noise", "Noise for MOPEX's rules: rule = that of the sky for peak and gain, stated uncertainties for core; or one of them for all.")
      .choices({{"rule", SnrNoise::rule}, {"stated", SnrNoise::stated}, {"sky", SnrNoise::sky}}).namelist("", "use_data_unc_for_fitted_SNR");
  s.field(&O::snr_gain, "snr_gain", "Electrons per unit of the image of one frame, for snr = gain.").at_least(0).namelist("SOURCESTIMATE", "Gain_for_SNR");
  s.field(&O::noise, "noise", "Variance of pixels in the fit: smooth = that of the sky around plus the fitted sources' own photons (not those that happened to arrive, which would bias fluxes), or the uncertainty planes as they are.")
      .choices({{"smooth", FitNoise::smooth}, {"planes", FitNoise::planes}});
  s.field(&O::group_distance, "group_distance", "Sources nearer than this are fitted together.").range(0, 100).unit("FWHM");
  s.field(&O::group_radius, "group_radius", "The same as an angle, instead of fit.group_distance; 0: that one.").range(0, 3600).unit("arcsec").namelist("SOURCESTIMATE", "Angular_Distance");
  s.field(&O::max_chi2, "max_chi2", "A fit with more χ² per degree of freedom than this has status -6; 0: none has.").at_least(0).namelist("SOURCESTIMATE", "Chi_Threshold");
  s.field(&O::max_sources, "max_sources", "MOPEX's active deblending: sources fitted together with more χ² per degree of freedom than fit.max_chi2 get one more, and again until they have less or are so many; 1: none is tried.").range(1, 100).namelist("SOURCESTIMATE", "Max_Number_PS");
  s.field(&O::chi2_gain, "chi2_gain", "A source tried so stays when it takes more than this off χ² per degree of freedom.").at_least(0).namelist("SOURCESTIMATE", "Chi2_Improvement");
  s.field(&O::edge, "edge", "Images that have a source this near to their edge are not used for it; 0: all that have a pixel of its window.").range(0, 10000).unit("pixel").namelist("SOURCESTIMATE", "N_Edge");
  s.field(&O::max_group, "max_group", "Larger groups are cut into overlapping blocks of about so many sources, which are fitted in turn until none moves.").range(1, 1000);
  s.field(&O::max_rounds, "max_rounds", "Rounds over all groups, each with the models of all others taken off, at most.").range(1, 1000);
  s.field(&O::tolerance, "tolerance", "Rounds end when no flux or position moves by more than this share of its error.").range(1e-6, 1).unit("sigma");
  s.field(&O::covariance, "covariance", "Write covariance.fits: covariance and correlation of the fluxes of every two sources that were fitted together.");
  s.field(&O::per_frame, "per_frame", "Write light_curve.fits: the flux of each source in each frame, at the position found.");
}

}  // namespace tessera::joint_fit

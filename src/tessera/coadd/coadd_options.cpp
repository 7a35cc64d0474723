#include "tessera/coadd/coadd_options.h"

#include <utility>

namespace tessera::coadd {
namespace {

constexpr std::pair<const char*, Weighting> weightings[] = {{"automatic", Weighting::automatic},
                                                            {"coverage", Weighting::coverage},
                                                            {"sky_variance", Weighting::sky_variance},
                                                            {"exposure", Weighting::exposure},
                                                            {"sigma", Weighting::sigma}};

}  // namespace

std::string_view to_string(Weighting weighting) {
  for (const auto& [name, value] : weightings)
    if (value == weighting) return name;
  return "?";
}

void describe(param::Schema<CoaddOptions>& s) {
  s.field(&CoaddOptions::method, "method",
          "How the frames' values of a pixel become one: weighted mean; median; clipped = weighted mean without the values far from the median; "
          "minimum = the value nearest to zero. Median and minimum do not conserve the flux of stars.")
      .choices({{"mean", Method::mean}, {"median", Method::median}, {"clipped", Method::clipped}, {"minimum", Method::minimum}});
  s.field(&CoaddOptions::weights, "weights",
          "Weights of mean and clipped: coverage alone; coverage over the sky variance of the frame; the latter only when exposures or noise differ "
          "(automatic); coverage times exposure time; coverage over each pixel's own variance (sigma), which makes bright sources too faint.")
      .choices({std::begin(weightings), std::end(weightings)})
      .namelist("", "sigma_weighted_coadd")
      .namelist("MOSAICCOADDIN", "INTEG_TIME_KWD")
      .swarp("COMBINE_TYPE");
  s.field(&CoaddOptions::min_coverage, "min_coverage", "Pixels covered by this many frames or fewer become NaN.").at_least(0).unit("frames");
  s.field(&CoaddOptions::clip_sigma, "clip_sigma", "Method clipped leaves out values further than this from the median.").unit("sigma").at_least(1).swarp("CLIP_SIGMA");
  s.field(&CoaddOptions::clip_gradient, "clip_gradient",
          "Fraction of the steepest step to a neighbouring pixel that a value may deviate beside the noise before method clipped leaves it out, so that stars keep their cores.")
      .at_least(0);
}

}  // namespace tessera::coadd

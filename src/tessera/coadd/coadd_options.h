/// coadd/coadd_options.h — how the values that the frames of a stack give for one output pixel become one.
#pragma once
#include <string_view>

#include "tessera/param/schema.h"

namespace tessera::coadd {

enum class Method { mean, median, clipped, minimum };
enum class Weighting { automatic, coverage, sky_variance, exposure, sigma };

std::string_view to_string(Weighting weighting);
/// Whether the method knows weights: the median and the minimum take every value alike.
constexpr bool weighted(Method method) { return method == Method::mean || method == Method::clipped; }

struct CoaddOptions {
  Method method = Method::mean;
  Weighting weights = Weighting::automatic;
  double min_coverage = 0.0;
  double clip_sigma = 4.0;
  double clip_gradient = 0.8;
};
void describe(param::Schema<CoaddOptions>& s);

}  // namespace tessera::coadd

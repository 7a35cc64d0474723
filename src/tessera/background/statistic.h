/// background/statistic.h — one number for many sky values: the statistics of Roman's skymatch.
#pragma once
#include <vector>

#include "tessera/background/background_options.h"

namespace tessera::background {

/// mean; median; midpt: the median of a histogram of bins 0.1 σ wide, interpolated inside its bin; mode: where the density of the
/// values, smoothed by a Gaussian of σ n^(−1/7), is highest (Parzen 1962). `weighted` counts as mean. NaN without values.
/// A histogram's highest bin, as for the pixels of a frame, would follow the noise of some hundred cells.
double sky_statistic(std::vector<double> values, Statistic statistic);

/// Variance of the statistic over that of the mean, for normal values: 1; π/2 for median and midpt; for the mode it grows as n^(3/7).
double statistic_inefficiency(Statistic statistic, long n);

}  // namespace tessera::background

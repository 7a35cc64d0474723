/// pipeline/correlation.h — the correlation of the mosaic's noise, measured from the weights that made it on a sample of blocks of output
/// pixels. The sample depends on the plan alone, so the result does not depend on tiles, threads or memory.
#pragma once
#include <optional>
#include <vector>

#include "tessera/core/noise_correlation.h"
#include "tessera/io/fits.h"
#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/frame_pass.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {

/// One block of the sample.
struct CorrelationSample {
  Box block;
  double coverage = 0;         ///< mean, in frames
  double right = 0, up = 0;    ///< ρ of the next pixel along x and along y
  double large_aperture = 1;   ///< σ of a large aperture's sum over that of independent pixels
};

struct MeasuredCorrelation {
  std::optional<NoiseCorrelation> mean;    ///< empty: not asked for, or no pixel has noise
  std::vector<CorrelationSample> samples;
  double frames = 1;                       ///< mean coverage of the samples
};

/// Resamples a sample of blocks once more, from frames without what was rejected. Of more than 24 frames on a block 24 are taken, of wide kernels 8, other ones on every block. ρ(d) is the
/// mean of Cov(p, p+d) over blocks, each over the block's mean variance and weighted by its coverage, divided by that of U_p U_{p+d}.
/// Where an output pixel takes too many frame pixels, from the shape of the method's weights (reproject/wide_pixels.h), without samples. Clipped values are taken as kept. For medians see correlation_of_median();
/// of the minimum nothing is measured: which frame is chosen hangs on the noise.
MeasuredCorrelation measure_correlation(const Plan& plan, const FramePass& pass, const FrameMasks& masks, const MosaicOptions& options, FrameCache& cache, run::Context& context);

/// The correlation of the medians of n frames' values with a correlation r within each frame. To first order r/k_n for every n, k_n the median's variance times n, as the
/// mean's covariance with the median is its variance; without end (2/π) arcsin r, the quadrants of the bivariate normal; r itself of one or two values. In between
/// the rest goes over from r⁴ to that of the arcsine as 3/n: right to 0.01 against draws (tests/pipeline/correlation_test.cpp).
double correlation_of_median(double r, std::size_t n);
/// `mean` as it is of the median of the same values.
MeasuredCorrelation median_of(const MeasuredCorrelation& mean);

/// Adds the extensions CORRELATION (image) and CORRELATION_SAMPLES (table); nothing when `noise` is empty.
void add_correlation(const MeasuredCorrelation& noise, io::FitsWriter& writer);

/// What add_correlation() wrote. Throws DataError when the file has none.
NoiseCorrelation read_correlation(const io::FitsFile& file);

}  // namespace tessera::pipeline

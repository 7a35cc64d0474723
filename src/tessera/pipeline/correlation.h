/// pipeline/correlation.h — the correlation of the mosaic's noise, measured from the weights that made it on a sample of blocks of output
/// pixels. The sample depends on the plan alone, so the result does not depend on tiles, threads or memory.
#pragma once
#include <optional>
#include <vector>

#include "tessera/core/noise_correlation.h"
#include "tessera/io/fits.h"
#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/frame_pass.h"

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
};

/// Resamples a sample of blocks once more, from frames without what was rejected. Of more than 24 frames on a block 24 are taken, of wide kernels 8. ρ(d) is the
/// mean of Cov(p, p+d) over blocks, each over the block's mean variance and weighted by its coverage, divided by that of U_p U_{p+d}.
/// Median and minimum mosaics are taken as means, and clipped values as kept.
MeasuredCorrelation measure_correlation(const Plan& plan, const FramePass& pass, const FrameMasks& masks, const MosaicOptions& options, FrameCache& cache, Context& context);

/// Adds the extensions CORRELATION (image) and CORRELATION_SAMPLES (table); nothing when `noise` is empty.
void add_correlation(const MeasuredCorrelation& noise, io::FitsWriter& writer);

/// What add_correlation() wrote. Throws DataError when the file has none.
NoiseCorrelation read_correlation(const io::FitsFile& file);

}  // namespace tessera::pipeline

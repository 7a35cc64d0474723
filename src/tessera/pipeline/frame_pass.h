/// pipeline/frame_pass.h — what needs whole frames: noise scale, sky variance, sky cells for background matching, checksums; then
/// the one solve for all offsets. Keeps small things only.
#pragma once
#include <string>
#include <vector>

#include "tessera/background/offsets.h"
#include "tessera/pipeline/context.h"
#include "tessera/pipeline/frame_cache.h"
#include "tessera/pipeline/plan.h"

namespace tessera::pipeline {

/// What the later passes know of one frame.
struct FrameState {
  wcs::PixelMapPtr output_to_frame, frame_to_output;
  bool usable = true;             ///< false: no good pixel, or off the grid
  double good_fraction = 0;
  double noise_scale = 1;         ///< σ_true / σ_given; the variance is multiplied by its square
  double sky_variance = 0;        ///< after scaling
  double weight = 1;
  double zodi = 0;                ///< zodiacal light that is subtracted
  double offset = 0, offset_sigma = 0;
  std::vector<double> surface;    ///< coefficients of the surface that is subtracted, the first 0 as it is `offset`; empty: none
  int group = 0;
  bool offset_outlier = false;
  outlier::Clusters radhits, detections, light;   ///< by the radhit and the dual scheme, when asked for
};

struct FramePass {
  std::vector<FrameState> frames;
  background::OffsetSolution offsets;
  background::MosaicError background_error;                     ///< what the offsets' errors do to the mosaic
  std::vector<background::CellMap> cells;                       ///< with their zodiacal light subtracted; empty unless asked for
  coadd::Weighting weighting = coadd::Weighting::coverage;  ///< what automatic came to
};

/// `keep_cells`: leave the sky cells in the result.
FramePass run_frame_pass(const Plan& plan, const MosaicOptions& options, FrameCache& cache, Context& context, bool keep_cells = false);

}  // namespace tessera::pipeline

/// pipeline/frame_pass.h — what needs whole frames: noise scale, sky variance, sky cells for background matching, checksums; then
/// the one solve for all offsets. Keeps small things only.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/background/offsets.h"
#include "tessera/pipeline/frame_cache.h"
#include "tessera/pipeline/plan.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {

/// What the later passes know of one frame.
struct FrameState {
  wcs::PixelMapPtr output_to_frame, frame_to_output;
  bool usable = true;             ///< false: no good pixel, off the grid, or not readable
  std::string lost;               ///< why it could not be read, with input.on_bad_frame = skip
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

/// What measuring gives of one frame alone; its maps are made anew where they are wanted (place_frame).
struct MeasuredFrame {
  FrameState state;
  std::optional<background::CellMap> cells;
};

/// Frames measured before: by a run that was interrupted, or by other processes. Safe from many threads.
class FrameRecords {
 public:
  virtual ~FrameRecords() = default;
  virtual std::optional<MeasuredFrame> find(std::size_t frame) = 0;
  virtual void keep(std::size_t frame, const MeasuredFrame& measured) = 0;
};

/// The maps between a frame and the output. They depend on the plan alone.
void place_frame(const Plan& plan, std::size_t frame, FrameState& state);
/// Throws DataError when the frame cannot be read, or has no good pixel, unless input.on_bad_frame = skip.
MeasuredFrame measure_frame(const Plan& plan, const MosaicOptions& options, std::size_t frame, FrameCache& cache);
/// Of all frames on the grid, in parallel, or those in `wanted`; what `records` has is not measured again, and what is measured is kept there.
/// `take` gets each; called for different frames at once.
void measure_frames(const Plan& plan, const MosaicOptions& options, std::span<const std::size_t> wanted, FrameCache& cache, FrameRecords* records, run::Context& context,
                    const std::function<void(std::size_t, MeasuredFrame)>& take);

/// From what was measured of all frames to offsets, weights and caveats. Needs of plan.frames no more than name, size and exposure.
void settle_frames(const Plan& plan, const MosaicOptions& options, std::span<const background::CellMap> cells, FramePass& pass, run::Context& context);

/// `keep_cells`: leave the sky cells in the result.
FramePass run_frame_pass(const Plan& plan, const MosaicOptions& options, FrameCache& cache, run::Context& context, bool keep_cells = false, FrameRecords* records = nullptr);

}  // namespace tessera::pipeline

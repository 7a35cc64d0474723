/// pipeline/backgrounds.h — what is subtracted from each frame: zodiacal light, the offset or surface that matching found or a table
/// brings; and what its error does to the mosaic.
#pragma once
#include <filesystem>
#include <span>
#include <vector>

#include "tessera/background/offsets.h"
#include "tessera/pipeline/frame_pass.h"
#include "tessera/pipeline/plan.h"

namespace tessera::pipeline {

/// Refuses what headers alone show cannot be done: zodiacal light that a header does not state, or in another unit.
void check_background(const Plan& plan, const MosaicOptions& options);

/// Zodiacal light to subtract from a frame; 0 when that was not asked for.
double zodiacal_light(const instrument::FrameFile& frame, const MosaicOptions& options);

/// Offsets and surfaces of a table: by its column filename, where it has one, else its rows in the order of the frames (as MOPEX
/// numbers them). Every frame stands alone as to its error: a table tells no covariance. `zodi`: zodiacal light
/// is subtracted, as it must be for a table that was made so. Throws DataError naming what does not fit.
background::OffsetSolution read_offsets(const Plan& plan, const std::filesystem::path& path, bool zodi);

/// Matches, or reads options.background.offsets; fills the frames' offsets and `pass.background_error`.
void settle_backgrounds(const Plan& plan, const MosaicOptions& options, std::span<const background::CellMap> cells, FramePass& pass);
/// Once weights are known: the error of the offsets in the mosaic, over a sample of cells.
void measure_background_error(std::span<const background::CellMap> cells, FramePass& pass);

/// Subtracts the surface of a frame, but for its constant, from its resampled pixels. A pixel's result depends on its place alone.
void subtract_surface(const FrameState& state, Box frame, int order, const ResampledView& part);
/// The same from a window of the frame's own pixels.
void subtract_surface(const FrameState& state, Box frame, int order, View<float> window);

/// Adds to the variance of a coadd that of the offsets: Σ_ij w_i w_j Cov_ij / (Σ w)². `stack`: frames on the tile (each on all of it), `frame`
/// their numbers, `touched` what of the tile each can touch. A median counts frames alike.
void add_background_error(const Plan& plan, const FramePass& pass, coadd::Method method, std::span<const ResampledView> stack, std::span<const std::size_t> frame,
                          std::span<const Box> touched, View<float> uncertainty);

}  // namespace tessera::pipeline

/// pipeline/rmask_mosaic.h — mosaic_rmask.fits: the frames' rejection masks on the output grid.
#pragma once
#include <filesystem>

#include "tessera/core/header.h"
#include "tessera/io/fits.h"
#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/frame_pass.h"

namespace tessera::pipeline {

/// The primary HDU holds the OR of the bits of every frame pixel that overlaps the output pixel; extension FATAL the number of frames with a rejected
/// pixel there, and one extension per scheme used the number of frames in which it found one. `header`: of a product on the grid.
void write_rmask_mosaic(const Plan& plan, const FramePass& pass, const FrameMasks& masks, const outlier::RejectionOptions& asked, const Header& header,
                        io::FitsWriter::Compression compression, const std::filesystem::path& path);

}  // namespace tessera::pipeline

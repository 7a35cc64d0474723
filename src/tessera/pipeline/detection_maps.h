/// pipeline/detection_maps.h — the detection maps of the dual scheme as products and as input: Detect/NAME_detmap.fits, the number of its cluster in every pixel
/// of a frame, 0 elsewhere (MOPEX guide 5.6.9).
#pragma once
#include <filesystem>

#include "tessera/outlier/clusters.h"
#include "tessera/pipeline/frame_pass.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::pipeline {

/// A map as clusters of a frame of `width` × `height` pixels. Numbers need not be without gaps. Throws DataError naming the file that is not there, of another size, or no map.
outlier::Clusters read_detection_map(const std::filesystem::path& path, int width, int height);

/// The maps of all usable frames.
std::vector<run::ProductRecord> write_detection_maps(const Plan& plan, const FramePass& pass, run::OutputFolder& folder, run::Context& context);

}  // namespace tessera::pipeline

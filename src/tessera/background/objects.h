/// background/objects.h — stars, galaxies and hits of one frame, so that its sky can be averaged without them.
#pragma once
#include "tessera/background/background_options.h"
#include "tessera/background/frame_sky.h"
#include "tessera/core/frame.h"

namespace tessera::background {

/// Good pixels brighter (or fainter) than options.object_threshold σ against the local sky, grown by one. σ is √variance · noise_scale; a noise_scale that is not a positive
/// number counts as 1.
Image<std::uint8_t> mask_objects(const FrameView& frame, double noise_scale, const BackgroundOptions& options, const FrameSkyOptions& sky = {});

}  // namespace tessera::background

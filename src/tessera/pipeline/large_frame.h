/// pipeline/large_frame.h — measuring a frame that memory cannot hold: in bands of rows, read twice, with the bits of one that is held.
#pragma once
#include <optional>

#include "tessera/background/cells.h"
#include "tessera/pipeline/frame_cache.h"
#include "tessera/pipeline/frame_pass.h"

namespace tessera::pipeline {

/// Whether a frame is measured in bands, because all of it and what measuring takes do not fit beside the cache.
bool measured_in_bands(const instrument::FrameFile& frame, const MosaicOptions& options, const FrameCache& cache);
/// Memory that measuring takes, in bands or not, beside the cache.
std::int64_t measuring_bytes(const instrument::FrameFile& frame, const MosaicOptions& options, const FrameCache& cache);

/// Good fraction, noise and sky variance into `state`, whose maps are there; the sky cells when backgrounds are matched (without zodiacal light
/// taken off). Throws SystemError when an option needs the whole frame at once.
std::optional<background::CellMap> measure_large(const Plan& plan, const MosaicOptions& options, std::size_t frame, FrameCache& cache, FrameState& state);

}  // namespace tessera::pipeline

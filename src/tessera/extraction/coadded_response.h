/// extraction/coadded_response.h — the mean point response of a mosaic, from that of its frames.
#pragma once
#include <vector>

#include "tessera/instrument/frame_file.h"
#include "tessera/psf/psf_model.h"

namespace tessera::extraction {

/// The response of a coadd of `frames` on the mosaic, in the orientations of all frames; `psf` in the middle of a frame counts for all of it.
psf::PsfModel coadded_response(const psf::PsfModel& psf, const instrument::FrameFile& mosaic, const std::vector<instrument::FrameFile>& frames);

}  // namespace tessera::extraction
